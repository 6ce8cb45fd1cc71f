"""The cloud's answers: signed and sealed, in the clear, and those of the account service."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from custom_components.mi_camera.cloud import PRODUCTION
from custom_components.mi_camera.cloud.account import XiaomiAccount
from custom_components.mi_camera.cloud.devices import MAX_DEVICES, parse_devices, parse_vendor
from custom_components.mi_camera.cloud.errors import CloudError
from custom_components.mi_camera.cloud.session import AccountSession
from custom_components.mi_camera.cloud.signing import SignedRequest
from custom_components.mi_camera.cloud.transport import Response

from ..target import Target, ensure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from ..target import Feed

_SECRET = bytes(range(16))
_SESSION = AccountSession("57", "pass", base64.b64encode(_SECRET).decode(), "service", "device")

_DEVICES = {
    "code": 0,
    "message": "ok",
    "result": {
        "list": [
            {
                "did": "1001",
                "model": "chuangmi.camera.021a04",
                "name": "Kitchen",
                "mac": "00:00:5E:00:53:57",
                "localip": "192.0.2.7",
                "token": "00" * 16,
                "isOnline": True,
                "extra": {"token": "11" * 16},
            }
        ],
        "share_home_list": [{"id": "5", "uid": 6}],
        "device_info": [{"did": 1002, "model": "isa.camera.hlc7"}],
        "has_more": True,
        "max_did": "1001",
    },
}
_VENDOR = {
    "code": 0,
    "result": {
        "public_key": "22" * 32,
        "sign": "33" * 32,
        "vendor": {"vendor": 4, "vendor_params": {"p2p_id": "X", "support_encrypt": 1}},
    },
}
_ITEMS = {"code": 0, "result": [{"siid": 2, "piid": 1, "code": 0, "value": True}]}
_ACTION = {"code": 0, "result": {"code": 0, "out": [1]}}
_ERRORS = ({"code": 3, "message": "auth err"}, {"code": -704042011, "message": "offline"})
_LOGIN = {
    "code": 0,
    "location": "https://sts.api.io.mi.com/sts?d=1",
    "ssecurity": base64.b64encode(_SECRET).decode(),
    "userId": 57,
    "cUserId": "c",
    "passToken": "pass",
    "qs": "%3Fsid%3Dxiaomiio",
    "_sign": "s",
    "callback": "https://sts.api.io.mi.com/sts",
    "captchaUrl": None,
    "notificationUrl": "",
}


class _Answers:
    """Stands in for the HTTP transport: every request gets the same answer."""

    def __init__(self, response: Callable[[Mapping[str, str] | None], Response]) -> None:
        self._response = response

    def while_allowed(self, _allowed: Callable[[], bool]) -> _Answers:
        return self

    async def get(self, *_: object, **__: object) -> Response:
        return self._response(None)

    async def post(
        self, _url: str, _cookies: object, form: Mapping[str, str], **_: object
    ) -> Response:
        return self._response(form)


def _account(response: Callable[[Mapping[str, str] | None], Response]) -> Any:
    account: Any = XiaomiAccount(cast("aiohttp.ClientSession", None), PRODUCTION, "de", _SESSION)
    account._transport = _Answers(response)
    return account


def _calls(account: Any) -> None:
    for call in (
        account.devices(),
        account.miss_vendor("1001", bytes(32), allowed=_always),
        account.miot_get("1001", [(2, 1)], allowed=_always),
        account.miot_action("1001", 2, 1, allowed=_always),
    ):
        _attempt(call)


def _always() -> bool:
    return True


def _attempt(call: Any) -> None:
    try:
        # In a loop of its own: some of it sets itself a time.
        with asyncio.Runner() as runner:
            runner.run(call)
    except CloudError as error:
        ensure(len(str(error)) < 400, "an error has a short text")


def _sealed() -> Feed:
    """Take inputs of the plain text of the device API's answer."""

    def feed(data: bytes) -> None:
        def answer(form: Mapping[str, str] | None) -> Response:
            body = data
            if form is not None and "_nonce" in form:
                nonce = base64.b64decode(form["_nonce"])
                key = hashlib.sha256(_SECRET + nonce).digest()
                # The cipher is its own inverse.
                body = base64.b64encode(SignedRequest({}, key).open(base64.b64encode(data)))
            return Response(200, body, {}, None, None)

        _calls(_account(answer))

    return feed


def _clear() -> Feed:
    """Take inputs of the bytes on the wire."""

    def feed(data: bytes) -> None:
        _calls(_account(lambda _form: Response(200, data, {}, None, None)))

    return feed


def _login() -> Feed:
    """Take inputs of the account service's answer, which also stands in a header."""

    def feed(data: bytes) -> None:
        text = data.decode("latin-1")
        cookies = {"serviceToken": text[:64], "cUserId": text[64:128]}

        def answer(_form: object) -> Response:
            return Response(302 if len(data) % 2 else 200, data, cookies, text[-200:], text)

        _attempt(_account(answer).login("user", "password"))
        account = _account(answer)
        _attempt(account._renewed(account.session, account._transport))

    return feed


def _lists() -> Feed:
    """Take inputs of a result, in JSON."""

    def feed(data: bytes) -> None:
        try:
            reply = json.loads(data)
        except ValueError, RecursionError:
            return
        result = reply.get("result") if isinstance(reply, dict) else reply
        try:
            devices = parse_devices(result)
            ensure(len(devices) <= MAX_DEVICES, "a bounded list")
            for device in devices:
                ensure(device.name.isprintable() and len(device.name) <= 128, "a fit name")
                ensure(device.token is None or len(device.token) == 16, "a token")
        except CloudError:
            pass
        try:
            vendor = parse_vendor(result)
        except CloudError:
            return
        ensure(len(vendor.device_public) == 32 and vendor.sign.isprintable(), "a key, a sign")

    return feed


def _bodies(*values: object, prefix: bytes = b"") -> list[tuple[bytes]]:
    return [(prefix + json.dumps(value).encode(),) for value in values]


_ALL = (_DEVICES, _VENDOR, _ITEMS, _ACTION, *_ERRORS)

TARGETS = (
    Target("cloud-sealed", lambda: _bodies(*_ALL), _sealed, json=True, weight=2),
    Target("cloud-clear", lambda: _bodies(*_ALL), _clear, json=True),
    Target(
        "cloud-login",
        lambda: _bodies(_LOGIN, *_ERRORS, prefix=b"&&&START&&&"),
        _login,
        json=True,
        weight=2,
    ),
    Target("cloud-lists", lambda: _bodies(*_ALL), _lists, json=True),
)
