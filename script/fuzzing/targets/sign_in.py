"""Pages of a sign-in: QR codes and whether one was scanned, codes by e-mail or phone, pictures."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast

from custom_components.mi_camera.cloud import PRODUCTION, Method, SignIn
from custom_components.mi_camera.cloud.errors import CloudError
from custom_components.mi_camera.cloud.qr_login import MAX_LIFETIME, QrCode, QrLogin
from custom_components.mi_camera.cloud.transport import Response
from custom_components.mi_camera.cloud.verification import START, Verification, VerificationSteps

from ..target import Target, ensure
from .miio import drive

if TYPE_CHECKING:
    import aiohttp

    from custom_components.mi_camera.cloud.sign_in import Captcha
    from custom_components.mi_camera.cloud.transport import Transport

    from ..target import Feed

_ACCOUNT = PRODUCTION.account
_BEGIN = {"code": 70016, "_sign": "s", "location": f"{_ACCOUNT}/fe/service/login?sid=xiaomiio"}
_CODE = {
    "code": 0,
    "loginUrl": f"{_ACCOUNT}/longPolling/login?ticket=t",
    "lp": f"{_ACCOUNT}/lp/s?k=t",
    "timeout": 120,
    "location": f"{_ACCOUNT}/fe/service/login?sid=xiaomiio",
}
_SCANNED = {
    "code": 0,
    "location": "https://sts.api.io.mi.com/sts?d=1",
    "ssecurity": base64.b64encode(bytes(range(16))).decode(),
    "userId": 57,
    "passToken": "pass",
}
_NOT_YET = {"code": 70016, "result": "error", "desc": "timeout"}
_WAYS = {"code": 2, "flag": 8, "options": [8, 4]}
_MASKED = {"code": 0, "maskedEmail": "de***@example.com", "maskedPhone": "+49 ******123"}
_WRONG = {"code": 70014, "desc": "wrong"}
_SENT = {"code": 0, "result": "ok", "location": f"{_ACCOUNT}/identity/result/check?context=c"}
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class _Pages:
    """Stands in for the HTTP transport: every page is the same."""

    def __init__(self, data: bytes) -> None:
        text = data.decode("latin-1")
        self._response = Response(200, data, {"ick": text[:80]}, text[-100:], text)

    async def get(self, *_: object, **__: object) -> Response:
        return self._response

    async def post(self, *_: object, **__: object) -> Response:
        return self._response


def _pages(data: bytes) -> Transport:
    return cast("Transport", _Pages(data))


def _attempt[T](call: Any) -> T | None:
    try:
        found: T = drive(call)
    except CloudError as error:
        ensure(len(str(error)) < 400, "an error has a short text")
        return None
    return found


def _qr() -> Feed:
    def feed(data: bytes) -> None:
        login = QrLogin(_pages(data), PRODUCTION)
        code: QrCode | None = _attempt(login.code("device"))
        if code is not None:
            ensure(code.text.startswith("https://") and len(code.text) <= 2048, "an address")
            ensure(code.poll.host is not None and code.poll.scheme == "https", "asked by https")
            ensure(0 < code.lifetime <= MAX_LIFETIME, "a bounded time")

    return feed


def _scan() -> Feed:
    def feed(data: bytes) -> None:
        login = QrLogin(_pages(data), PRODUCTION)
        first = _attempt(login.code("device"))
        code = first or QrCode("https://example.com", PRODUCTION.own("/lp/s"), 1.0)  # type: ignore[arg-type]
        # The second look at the clock is after the code's time.
        times = iter((0.0, 0.0, 0.0))
        waiting = login.scanned(code, "device", lambda: next(times, 1e6))
        try:
            welcome = _finish(waiting)
        except CloudError:
            return
        ensure(bool(welcome.location and welcome.pass_token), "all that is needed")

    return feed


def _finish(waiting: Any) -> Any:
    """Run what rests for no time at all between two questions."""
    try:
        for _ in range(10):
            waiting.send(None)
    except StopIteration as end:
        return end.value
    waiting.close()
    raise RuntimeError("it asks on")


def _codes() -> Feed:
    def feed(data: bytes) -> None:
        steps = VerificationSteps(_pages(data), PRODUCTION)
        notice = f"{_ACCOUNT}{START}?sid=xiaomiio&context=c"
        for address in (data.decode("latin-1"), notice):
            made: Verification | None = _attempt(steps.begin(address, {"deviceId": "d"}))
            ensure(made is None or 0 < len(made.methods) <= 2, "ways that are known")
        made = Verification((Method.EMAIL,), {})
        masked: str | None = _attempt(steps.masked(made, Method.EMAIL))
        ensure(masked is None or (masked.isprintable() and len(masked) <= 128), "to be shown")
        _attempt(steps.send(made, Method.PHONE, "captcha"))
        _attempt(steps.check(made, Method.EMAIL, "123456"))
        ensure(len(made.cookies) <= 64, "a bounded number of cookies")

    return feed


def _captcha() -> Feed:
    def feed(data: bytes) -> None:
        sign_in: Any = SignIn(cast("aiohttp.ClientSession", None), PRODUCTION)
        sign_in._transport = _pages(data)
        found: Captcha | None = _attempt(sign_in._picture("/pass/getCode", {}))
        if found is not None:
            ensure(found.media_type.startswith("image/"), "a picture")
        _attempt(sign_in._picture(data.decode("latin-1"), {}))

    return feed


def _bodies(*values: object) -> list[tuple[bytes]]:
    return [(b"&&&START&&&" + json.dumps(value).encode(),) for value in values]


TARGETS = (
    Target("sign-in-qr", lambda: _bodies(_CODE, _BEGIN), _qr, json=True),
    Target("sign-in-scan", lambda: _bodies(_CODE | _SCANNED, _SCANNED, _NOT_YET), _scan, json=True),
    Target(
        "sign-in-codes",
        lambda: _bodies(_WAYS, _MASKED, _WRONG, _SENT),
        _codes,
        json=True,
        weight=2,
    ),
    Target("sign-in-captcha", lambda: [(_PNG,), (b"\xff\xd8\xff",), (b"GIF89a",)], _captcha),
)
