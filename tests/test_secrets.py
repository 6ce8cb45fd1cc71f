"""No error's text holds a secret: kinds of errors are provoked with real secrets in play.

The run of a whole Home Assistant is in `tests/e2e/test_secrets.py`.
"""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import replace
import hashlib
import inspect
import json
import os
import re
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from homeassistant.config_entries import SOURCE_USER
import pytest

from custom_components.mi_camera.cloud import (
    AccountSession,
    CloudEndpoints,
    CloudError,
    Method,
    SignIn,
    XiaomiAccount,
)
from custom_components.mi_camera.cloud.login import AccountLogin
from custom_components.mi_camera.cloud.transport import Transport
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import CameraDevice, MiioEndpoint, MiioError
from custom_components.mi_camera.device.packet import read_hello
from custom_components.mi_camera.exceptions import session_error, translated
from custom_components.mi_camera.miss import (
    Command,
    MissClient,
    MissError,
    MissKeys,
    Timing,
    new_client_key,
)
from custom_components.mi_camera.miss.dialers import dial_for
from simulator.cloud import Outage

from .home import ADDRESSES, PASSWORD, REGION, USERNAME
from .miss.fake import make_keys
from .miss.peer import MiniPeer
from .secret_forms import Belongs, Search, Secret, misplaced

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from homeassistant.core import HomeAssistant

    from .home import Home

MISTYPED = "open-sesamy"
PEER = f"{ADDRESSES}.60"


class Provoked:
    """The errors met so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self.errors: list[Exception] = []

    async def by(self, call: Awaitable[object], *kinds: str) -> None:
        """Take down the error of a call, which must be of one of these kinds."""
        with pytest.raises((CloudError, MiioError, MissError)) as caught:
            await call
        assert type(caught.value).__name__ in kinds
        self.errors.append(caught.value)

    @property
    def kinds(self) -> set[type]:
        """What kinds there were."""
        return {type(err) for err in self.errors}

    @property
    def texts(self) -> dict[str, str]:
        """All that a log could show of them."""
        return {
            f"{number} {type(err).__name__}": "\n".join(
                [
                    str(err),
                    repr(err),
                    repr(err.args),
                    *traceback.format_exception(err),
                    *traceback.format_exception(_shown(err)),
                ]
            )
            for number, err in enumerate(self.errors)
        }


def _shown(err: Exception) -> Exception:
    """Return what a user is shown instead."""
    if isinstance(err, MissError):
        return session_error(err, "Kitchen")
    assert isinstance(err, CloudError | MiioError)
    return translated(err, "Kitchen")


def kinds_of(base: type) -> set[type]:
    """Return all kinds of an error, itself included."""
    return {base}.union(*(kinds_of(one) for one in base.__subclasses__()))


def secrets_of(home: Home) -> list[Secret]:
    """Return all secrets of the simulated cloud and cameras."""
    found = [Secret("password", PASSWORD), Secret("password", MISTYPED)]
    for ledger in (home.keys.ledger, home.cloud.accounts.ledger):
        told = ledger.told()
        found += [Secret(kind, one) for kind, many in told["texts"].items() for one in many]
        for kind, many in told["bytes"].items():
            found += [Secret(kind, bytes.fromhex(one)) for one in many]
    return found + [Secret("miio token", camera.spec.token) for camera in home.cameras]


async def cloud_errors(home: Home, http: aiohttp.ClientSession, met: Provoked) -> None:
    """Sign in, be asked, be refused, lose the session, find nobody there."""
    cloud, accounts = home.cloud, home.cloud.accounts
    endpoints = CloudEndpoints.from_mapping({"account": cloud.url, "api": f"{cloud.url}/app"})
    kept: list[AccountSession] = []
    account = XiaomiAccount(http, endpoints, REGION, on_session=kept.append)
    login = AccountLogin(Transport(http), endpoints)
    await met.by(account.login(USERNAME, MISTYPED), "InvalidCredentials")
    accounts.captcha = True
    await met.by(login.password(USERNAME, PASSWORD, "device"), "CaptchaRequired")
    accounts.captcha, accounts.verification = False, True
    await met.by(login.password(USERNAME, PASSWORD, "device"), "VerificationRequired")
    sign_in = SignIn(http, endpoints)
    await sign_in.password(USERNAME, PASSWORD)
    await sign_in.send_code(Method.EMAIL)
    wrong = "000000" if accounts.challenges.codes["email"] != "000000" else "000001"
    await met.by(sign_in.check_code(wrong), "WrongCode")
    accounts.verification = False
    accounts.block_after = 0
    await met.by(account.login(USERNAME, PASSWORD), "TooManyAttempts")
    accounts.block_after = 20
    qr = SignIn(http, endpoints)
    code = await qr.qr_code()
    await met.by(qr.scanned(replace(code, lifetime=0.0)), "QrCodeExpired")

    session = await account.login(USERNAME, PASSWORD)
    did = str(home.cameras[0].spec.did)
    public = new_client_key()[1]
    await account.miss_vendor(did, public, allowed=lambda: True)
    await met.by(account.miss_vendor(did, public, allowed=lambda: False), "NotAllowed")
    await met.by(account.miss_vendor("999", public, allowed=lambda: True), "CloudApiError")
    await met.by(
        sign_in.pass_token(session.user_id, session.pass_token[:-4] + "AAA="), "SessionExpired"
    )
    # A secret that does not fit the token, as after a renewal that was lost.
    other = base64.b64encode(os.urandom(16)).decode()
    torn = XiaomiAccount(http, endpoints, REGION, replace(session, ssecurity=other))
    accounts.revoke_pass_tokens()
    await met.by(torn.devices(), "SessionExpired", "CloudUnavailable")
    accounts.expire_service_tokens()
    await met.by(account.devices(), "SessionExpired")
    cloud.garbage = True
    await met.by(account.login(USERNAME, PASSWORD), "CloudUnavailable")
    cloud.garbage = False
    for outage in Outage:
        await cloud.set_outage(outage)
        await met.by(account.login(USERNAME, PASSWORD), "CloudUnavailable")
    await cloud.set_outage(None)


async def device_errors(home: Home, met: Provoked) -> None:
    """Ask cameras with the right token and the wrong one, for what there is not."""
    kitchen = home.cameras[0]
    host, token, model = kitchen.spec.address, kitchen.spec.token, kitchen.spec.model
    endpoint = MiioEndpoint()
    await endpoint.open()

    async def ask(method: str, params: object, **changes: object) -> object:
        wanted = {"allowed": lambda: True, "timeout": 10.0, "attempts": 1, **changes}
        used = wanted.pop("token", token)
        return await endpoint.request(host, used, method, params, **wanted)  # type: ignore[arg-type]

    await met.by(ask("get_prop", ["power"], token=bytes(16), timeout=0.2), "MiioTimeout")
    await met.by(ask("no_such_method", [token.hex()]), "MiioDeviceError", "MiioUnsupported")
    await met.by(ask("get_prop", ["power"], did=1), "MiioWrongDevice")
    await met.by(ask("get_prop", ["power"], allowed=lambda: False), "MiioNotAllowed")
    await met.by(ask("x" * 70_000, []), "MiioError")
    device = CameraDevice(endpoint, host, token, model)
    await met.by(
        device.set_properties({"no-such:property": 1}, allowed=lambda: True), "MiioUnsupported"
    )
    kitchen.miio.knobs.errors = [(-10000, "general")]
    await met.by(ask("get_prop", ["power"]), "MiioDeviceError")
    with pytest.MonkeyPatch.context() as patch:
        answer = {"result": token.hex()}
        patch.setattr(kitchen.miio.methods, "reply", lambda *_: dict(answer))
        await met.by(device.info(allowed=lambda: True), "MiioBadReply")
    await endpoint.close()
    await met.by(ask("get_prop", ["power"]), "MiioClosed")

    async def read() -> None:
        read_hello(token * 2)

    await met.by(read(), "PacketError")


@asynccontextmanager
async def session(
    keys: MissKeys, reply: float = 10.0, **answers: object
) -> AsyncGenerator[MissClient]:
    """Give a client and another end that behaves as told."""
    peer = MiniPeer(PEER, keys=keys, **answers)  # type: ignore[arg-type]
    async with peer.running():
        client = MissClient(
            PEER,
            keys,
            on_frame=lambda _frame: None,
            on_closed=lambda _end: None,
            transports=("udp",),
            timing=Timing(reply=reply),
        )
        try:
            yield client
        finally:
            await client.close()


async def session_errors(keys: MissKeys, met: Provoked) -> None:
    """Log in to what refuses, hangs up, talks rubbish, does not answer, is not there."""
    for welcome, kind in {
        b'{"result":"failed","code":3}': "MissRefused",
        b'{"result":"failed","code":15}': "MissBusy",
        json.dumps({"sign": keys.sign}).encode(): "MissRefused",
        keys.sign.encode(): "MissProtocolError",
    }.items():
        async with session(keys, welcome=welcome) as client:
            await met.by(client.connect(), kind)
    async with session(keys, hangs_up=True) as client:
        await met.by(client.connect(), "MissClosed")
    async with session(keys, welcome=None) as client:
        await met.by(client.connect(0.3), "MissUnreachable")
    answer = {int(Command.SPEAKER_START_REQ): b"\x05\0\0\0"}
    async with session(keys, answers=answer) as client:
        await client.connect()
        await met.by(client.start_speaker(), "MissSpeakerRefused")
    async with session(keys, reply=0.2) as client:
        await client.connect()
        await met.by(client.request(Command.DEVINFO_REQ), "MissUnanswered")

    async def dial() -> None:
        dial_for(replace(keys, vendor=99, peer_id=keys.sign[:20]))

    await met.by(dial(), "MissUnsupported")


FIXED_TEXT = {"MissWrongKey"}
"""Kinds that are raised in one place and with one text."""


async def test_no_text_of_an_error_holds_a_secret(home: Home) -> None:
    met = Provoked()
    async with aiohttp.ClientSession() as http:
        await cloud_errors(home, http, met)
    await device_errors(home, met)
    keys = make_keys()
    sign = home.keys.sign(home.cameras[0].spec.did, keys.client_public)
    keys = replace(keys, sign=sign)
    await session_errors(keys, met)

    secrets = [*secrets_of(home), Secret("client key", keys.client_private)]
    assert len({one.kind for one in secrets}) > 12
    search = Search(secrets)
    assert search.in_all(met.texts) == []
    # Whoever asks an error gets no more than its text tells.
    missed = {
        kind
        for base in (CloudError, MiioError, MissError)
        for kind in kinds_of(base) - met.kinds - {base}
        if re.match(r"custom_components\.mi_camera\.(cloud|device|miss)\.", kind.__module__)
        and len(inspect.signature(kind.__init__).parameters) > 1
        and kind.__name__ not in FIXED_TEXT
    }
    assert missed == set()


async def test_a_flow_answers_without_what_it_has_stored(ready: HomeAssistant, home: Home) -> None:
    """Home Assistant sends the answer to the browser as it is, but for `data`."""
    flows = ready.config_entries.flow
    step = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    step = await flows.async_configure(step["flow_id"], {"next_step_id": "account"})
    step = await flows.async_configure(
        step["flow_id"], {"username": USERNAME, "password": PASSWORD, "region": REGION}
    )
    step = await flows.async_configure(step["flow_id"], step["data_schema"]({}))  # type: ignore[misc]
    entry = step["result"]
    assert len(entry.subentries) == 3
    told = {key: value for key, value in step.items() if key not in {"data", "context", "result"}}
    assert Search(secrets_of(home)).in_all({"answer": repr(told)}) == []
    await ready.async_block_till_done()
    await ready.config_entries.async_remove(entry.entry_id)


WORDS = "Sesam, öffne dich! <&/+=%7>"
RAW = bytes(range(0x80, 0x90))


@pytest.mark.parametrize(
    "text",
    [
        WORDS,
        quote(WORDS),
        quote(WORDS, safe=""),
        json.dumps({"password": WORDS}),
        repr({"password": WORDS}),
        f"Basic {base64.b64encode(f'demo:{WORDS}'.encode()).decode()}",
        f"Basic {base64.b64encode(f'a:{WORDS}!'.encode()).decode()}",
        hashlib.md5(WORDS.encode(), usedforsecurity=False).hexdigest().upper(),
        hashlib.sha256(WORDS.encode()).hexdigest(),
        WORDS.encode().hex(),
    ],
)
def test_a_text_is_found_in_all_its_forms(text: str) -> None:
    search = Search([Secret("password", WORDS)])
    assert search.in_("log", f"before {text} after")
    assert not search.in_("log", f"before {text[:3]} after")


@pytest.mark.parametrize(
    "text",
    [
        RAW.hex(),
        RAW.hex(":").upper(),
        repr(RAW),
        str(list(RAW)),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(b"1" + RAW).decode(),
        b"\0" + RAW,
    ],
)
def test_bytes_are_found_in_all_their_forms(text: str | bytes) -> None:
    assert Search([Secret("token", RAW)]).in_("file", text)


def test_a_code_is_found_where_it_stands_alone() -> None:
    search = Search([Secret("code", "123456")])
    for text in ("code=123456", '"123456"', "123456"):
        assert search.in_("log", text)
    for text in ("18:46:42.123456", "1234567", "0123456", "a123456f"):
        assert not search.in_("log", text)
    (found,) = search.in_("log", "the code is 123456, they say")
    assert "123456" not in found.beside
    assert not re.search("123456", repr(search.secrets))
    assert misplaced([found], [Belongs("log", "code", "test")]) == []
    assert misplaced([found], [Belongs("lo", "code", "test"), Belongs("log", "cod", "")]) == [found]
