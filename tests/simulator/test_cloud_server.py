"""The simulated cloud, asked over real connections."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from hypothesis import given, strategies as st
import pytest

from simulator.camera.miio_methods import MiioMethods
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.cloud import Account, CloudDevice, LoginDemand, Outage, SimCloud
from simulator.cloud.signing import (
    OpenedRequest,
    SignatureError,
    hmac_signature,
    open_request,
    rc4,
    sha1_signature,
    sign_nonce,
)
from simulator.keys import KeyBook

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ADDRESS = "127.0.41.2"
DEMO = Account(username="demo@example.com", password="open-sesame")
OTHER = Account(username="other@example.com", password="other", user_id="2000000002")
TOKEN = bytes(range(16))
DEVICE_LIST = "/v2/home/device_list_page"


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def camera(did: int, model: str) -> tuple[CloudDevice, CameraState]:
    spec = CameraSpec(
        did=did,
        model=model,
        name=f"Camera {did}",
        scene="kitchen",
        address="127.0.41.3",
        mac="50:ec:50:00:00:01",
        token=TOKEN,
    )
    state = CameraState(spec)
    return CloudDevice.camera(spec, MiioMethods(spec, state)), state


@dataclass
class House:
    """A cloud with two accounts and their cameras."""

    cloud: SimCloud
    keys: KeyBook
    clock: Clock
    http: aiohttp.ClientSession
    state: CameraState
    device: CloudDevice

    async def step1(self, **cookies: str) -> dict[str, Any]:
        url = f"{self.cloud.url}/pass/serviceLogin"
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        query = {"sid": "xiaomiio", "_json": "true"}
        async with self.http.get(url, params=query, headers=headers) as response:
            return parsed(await response.text())

    async def step2(
        self, sign: str, account: Account = DEMO, *, password: str | None = None, **more: str
    ) -> tuple[int, Any]:
        digest = hashlib.md5((password or account.password).encode()).hexdigest().upper()
        form = {
            "sid": "xiaomiio",
            "_json": "true",
            "qs": "%3Fsid%3Dxiaomiio%26_json%3Dtrue",
            "_sign": sign,
            "callback": f"{self.cloud.url}/sts",
            "user": account.username,
            "hash": digest,
            **more,
        }
        url = f"{self.cloud.url}/pass/serviceLoginAuth2"
        headers = {"Cookie": "deviceId=abcdefghijklmnop"}
        async with self.http.post(url, data=form, headers=headers) as response:
            text = await response.text()
            return response.status, parsed(text) if response.status == 200 else text

    async def sts(self, location: str) -> Session | None:
        async with self.http.get(location) as response:
            if response.status != 200:
                return None
            cookies = response.cookies
            return Session(cookies["userId"].value, cookies["serviceToken"].value, b"", "")

    async def login(self, account: Account = DEMO) -> Session:
        """Log in by password, all steps."""
        _, answer = await self.step2((await self.step1())["_sign"], account)
        assert answer["code"] == 0
        session = await self.sts(answer["location"])
        assert session is not None
        assert session.user_id == str(answer["userId"]) == account.user_id
        ssecurity = base64.b64decode(answer["ssecurity"])
        return Session(session.user_id, session.service_token, ssecurity, answer["passToken"])

    async def post(
        self, session: Session, path: str, form: dict[str, str], base: str = ""
    ) -> tuple[int, bytes]:
        url = f"{self.cloud.url}{base}/app{path}"
        headers = {"Cookie": f"userId={session.user_id}; serviceToken={session.service_token}"}
        async with self.http.post(url, data=form, headers=headers) as response:
            return response.status, await response.read()

    async def ask(self, session: Session, path: str, data: object, base: str = "") -> Any:
        """The whole answer in the encrypted form, or the status if it is not 200."""
        form, key = sealed(session.ssecurity, path, {"data": json.dumps(data)})
        status, body = await self.post(session, path, form, base)
        if status != 200:
            return status
        return json.loads(rc4(key, base64.b64decode(body, validate=True)))

    async def result(self, session: Session, path: str, data: object) -> Any:
        answer = await self.ask(session, path, data)
        assert answer["code"] == 0, answer
        assert answer["message"] == "ok"
        return answer["result"]


@dataclass
class Session:
    """What a client keeps."""

    user_id: str
    service_token: str
    ssecurity: bytes
    pass_token: str


@pytest.fixture
async def house(socket_enabled: None) -> AsyncGenerator[House]:
    keys, clock = KeyBook(), Clock()
    cloud = SimCloud(ADDRESS, 0, [DEMO, OTHER], keys, clock=clock)
    device, state = camera(1001001001, "chuangmi.camera.ipc019")
    cloud.add_device(DEMO.username, device)
    plug = CloudDevice(did="1001001099", model="chuangmi.plug.m1", name="Plug", mac="")
    cloud.add_device(DEMO.username, plug)
    cloud.add_device(OTHER.username, camera(1001001009, "isa.camera.hlc7")[0])
    await cloud.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield House(cloud, keys, clock, http, state, device)
    await cloud.stop()


def parsed(text: str) -> dict[str, Any]:
    prefix = "&&&START&&&"
    assert text.startswith(prefix)
    answer = json.loads(text[len(prefix) :])
    assert isinstance(answer, dict)
    return answer


def new_nonce() -> bytes:
    return os.urandom(8) + int(time.time() // 60).to_bytes(4, "big")


def sealed(ssecurity: bytes, path: str, plain: dict[str, str]) -> tuple[dict[str, str], bytes]:
    """Form fields of the encrypted form, and the key."""
    nonce = new_nonce()
    key = sign_nonce(ssecurity, nonce)
    plain = {**plain, "rc4_hash__": sha1_signature(path, plain, key)}
    form = {name: base64.b64encode(rc4(key, v.encode())).decode() for name, v in plain.items()}
    form["signature"] = sha1_signature(path, form, key)
    return {**form, "_nonce": base64.b64encode(nonce).decode()}, key


# --- signing ---


def test_known_vector() -> None:
    ssecurity = bytes(range(16))
    nonce = bytes(range(0xA0, 0xA8)) + (28000000).to_bytes(4, "big")
    key = sign_nonce(ssecurity, nonce)
    assert base64.b64encode(key) == b"M+c27QGRjXQoYBcZHGrk0GFBYVtxJgXw/q83oTaP+2Y="
    path = DEVICE_LIST
    assert sha1_signature(path, {"data": "{}"}, key) == "5BI97BzHk9p/DHyTh/n44LV7FT0="
    form = {
        "data": "oyM=",
        "rc4_hash__": "7Rzbq+Hr+Q7Y4TUPPE/zKhAJpQVmqPZok5qpxw==",
        "signature": "bkZcLuXv0iOBkraJQ6Z6hng2EL8=",
        "_nonce": "oKGio6SlpqcBqz8A",
    }
    opened = open_request(form, path, ssecurity)
    assert opened.encrypted
    assert opened.parameters == {"data": "{}"}
    assert opened.seal(b'{"code":0,"message":"ok","result":{}}') == (
        b"o3zx/bLMoXyD9GdNHXT5Hx9D6Qtwi8t9+ezrn88r5h2+SMz9fg=="
    )


@given(st.text(max_size=60), st.binary(min_size=16, max_size=16))
def test_encrypted_form_opens(data: str, ssecurity: bytes) -> None:
    form, key = sealed(ssecurity, "/x", {"data": data, "more": "1"})
    opened = open_request({**form, "ssecurity": "ignored"}, "/x", ssecurity)
    assert opened == OpenedRequest({"data": data, "more": "1"}, encrypted=True, signed_nonce=key)


@given(st.sampled_from(["data", "rc4_hash__", "signature", "_nonce"]), st.text(max_size=20))
def test_any_changed_field_is_noticed(name: str, value: str) -> None:
    form, _ = sealed(TOKEN, "/x", {"data": "{}"})
    if form[name] != value:
        with pytest.raises(SignatureError):
            open_request({**form, name: value}, "/x", TOKEN)


def test_other_path_secret_or_hash_is_noticed() -> None:
    form, key = sealed(TOKEN, "/x", {"data": "{}"})
    with pytest.raises(SignatureError):
        open_request(form, "/y", TOKEN)
    with pytest.raises(SignatureError):
        open_request(form, "/x", bytes(16))
    # Signed rightly around a hash of something else.
    form["rc4_hash__"] = base64.b64encode(rc4(key, b"wrong")).decode()
    fields = {name: form[name] for name in ("data", "rc4_hash__")}
    form["signature"] = sha1_signature("/x", fields, key)
    with pytest.raises(SignatureError, match="rc4_hash__"):
        open_request(form, "/x", TOKEN)


def test_secrets_stay_out_of_reprs() -> None:
    opened = open_request(sealed(TOKEN, "/x", {"data": "{}"})[0], "/x", TOKEN)
    assert "signed_nonce" not in repr(opened)
    assert "open-sesame" not in repr(DEMO)
    assert TOKEN.hex() not in repr(camera(1, "m")[0])


# --- log-in ---


async def test_password_login(house: House) -> None:
    first = await house.step1(deviceId="abcdefghijklmnop")
    assert first["code"] == 70016
    assert first["callback"] == f"{house.cloud.url}/sts"
    assert {"qs", "_sign", "sid", "location"} <= first.keys()
    session = await house.login()
    devices = await house.result(session, DEVICE_LIST, {})
    assert [device["did"] for device in devices["list"]] == ["1001001001", "1001001099"]
    assert house.cloud.logins == 1
    assert house.cloud.accounts.failed_logins == 0


async def test_wrong_password_or_user(house: House) -> None:
    for account, password in ((DEMO, "wrong"), (Account(username="x", password="y"), "y")):
        status, answer = await house.step2(
            (await house.step1())["_sign"], account, password=password
        )
        assert status == 200
        assert answer["code"] == 70016
        assert answer["result"] == "error"
        assert not {"ssecurity", "passToken"} & answer.keys()
    assert house.cloud.logins == 0
    assert house.cloud.accounts.failed_logins == 2


async def test_sign_and_callback_are_checked(house: House) -> None:
    assert await house.step2("made-up") == (400, "invalid _sign")
    sign = (await house.step1())["_sign"]
    for callback in ("http://evil.example/sts", ""):
        assert await house.step2(sign, callback=callback) == (400, "invalid callback")
    assert await house.step2(sign, sid="other") == (400, "invalid sid")
    status, answer = await house.step2(sign, callback="https://sts.api.io.mi.com/sts")
    assert status == 200
    assert answer["location"].startswith("https://sts.api.io.mi.com/sts?")
    assert await house.step2(sign) == (400, "invalid _sign")


async def test_captcha_and_verification_can_be_told_apart(house: House) -> None:
    accounts = house.cloud.accounts
    accounts.demand = LoginDemand.CAPTCHA
    _, answer = await house.step2((await house.step1())["_sign"])
    assert answer["code"] == 87001
    assert answer["captchaUrl"].startswith("/pass/getCode")
    accounts.demand = LoginDemand.VERIFICATION
    _, answer = await house.step2((await house.step1())["_sign"], password="wrong")
    assert answer["code"] == 70016
    _, answer = await house.step2((await house.step1())["_sign"])
    assert answer["code"] == 0
    assert "/identity/authStart?" in answer["notificationUrl"]
    assert not answer["location"]
    assert not {"ssecurity", "passToken"} & answer.keys()
    assert (house.cloud.logins, accounts.demands) == (0, 2)
    await house.login()  # asked once only


async def test_location_is_good_once_and_for_a_minute(house: House) -> None:
    _, answer = await house.step2((await house.step1())["_sign"])
    assert await house.sts(answer["location"]) is not None
    assert await house.sts(answer["location"]) is None
    _, answer = await house.step2((await house.step1())["_sign"])
    house.clock.now += 61
    assert await house.sts(answer["location"]) is None
    assert await house.sts(f"{house.cloud.url}/sts") is None


async def test_service_token_is_not_quoted(house: House) -> None:
    session = await house.login()
    assert session.service_token.endswith("//vwAQ==")
    _, answer = await house.step2((await house.step1())["_sign"])
    async with house.http.get(answer["location"]) as response:
        headers = response.headers.getall("Set-Cookie")
    (token,) = (header for header in headers if header.startswith("serviceToken="))
    assert '"' not in token


async def test_silent_login(house: House) -> None:
    session = await house.login()
    cookies = {"userId": session.user_id, "passToken": session.pass_token}
    answer = await house.step1(**cookies, deviceId="abcdefghijklmnop")
    assert answer["code"] == 0
    assert answer["passToken"] == session.pass_token
    assert base64.b64decode(answer["ssecurity"]) != session.ssecurity
    renewed = await house.sts(answer["location"])
    assert renewed is not None
    renewed.ssecurity = base64.b64decode(answer["ssecurity"])
    assert await house.result(renewed, DEVICE_LIST, {})
    # The old secret does not fit the new token.
    renewed.ssecurity = session.ssecurity
    assert await house.ask(renewed, DEVICE_LIST, {}) == 401
    assert (house.cloud.accounts.password_logins, house.cloud.accounts.silent_logins) == (1, 1)


async def test_silent_login_needs_all_of_its_cookies(house: House) -> None:
    session = await house.login()
    good = {"userId": session.user_id, "passToken": session.pass_token}
    # Public clients sign in with the token of another client, under a device id of their own.
    assert (await house.step1(**good, deviceId="another"))["code"] == 0
    for name in good:
        assert (await house.step1(**{**good, name: "other"}))["code"] == 70016
        assert (await house.step1(**{k: v for k, v in good.items() if k != name}))["code"] == 70016
    house.cloud.accounts.rotate_pass_tokens = True
    answer = await house.step1(**good)
    assert answer["passToken"] != session.pass_token
    assert (await house.step1(**good))["code"] == 70016
    assert (await house.step1(**{**good, "passToken": answer["passToken"]}))["code"] == 0
    house.cloud.accounts.revoke_pass_tokens()
    assert (await house.step1(**{**good, "passToken": answer["passToken"]}))["code"] == 70016


async def test_service_token_expires(house: House) -> None:
    session = await house.login()
    assert await house.result(session, "/v2/message/v2/check_new_msg", {}) == {"new_msg": False}
    house.clock.now += 3 * 86400 + 1
    assert await house.ask(session, "/v2/message/v2/check_new_msg", {}) == 401
    session = await house.login()
    house.cloud.accounts.expire_service_tokens()
    assert await house.ask(session, "/v2/message/v2/check_new_msg", {}) == 401


async def test_refusal_is_plain_json(house: House) -> None:
    session = await house.login()
    form, _ = sealed(session.ssecurity, DEVICE_LIST, {"data": "{}"})
    wrong = Session(session.user_id, "wrong", session.ssecurity, "")
    status, body = await house.post(wrong, DEVICE_LIST, form)
    assert (status, json.loads(body)["message"]) == (401, "auth err")
    wrong = Session("2000000002", session.service_token, session.ssecurity, "")
    assert (await house.post(wrong, DEVICE_LIST, form))[0] == 401
    status, body = await house.post(session, DEVICE_LIST, {**form, "signature": "AAAA"})
    assert (status, json.loads(body)["message"]) == (401, "invalid signature")


async def test_what_is_remembered_is_bounded(house: House) -> None:
    for _ in range(150):
        await house.step1()
    accounts = house.cloud.accounts
    for _ in range(100):
        sign = parsed("&&&START&&&" + json.dumps(accounts.service_login("xiaomiio", {}, "").body))
        reply = accounts.password_login(
            {
                "sid": "xiaomiio",
                "_sign": sign["_sign"],
                "callback": "/sts",
                "user": DEMO.username,
                "hash": hashlib.md5(DEMO.password.encode()).hexdigest().upper(),
            },
            {},
            "",
        )
        query = parse_qs(urlsplit(str(reply.body["location"])).query)
        assert accounts.redeem(query["auth"][0]) is not None
    sizes = [accounts._signs, accounts._tickets, accounts._pass_tokens, accounts._sessions]
    assert max(len(store) for store in sizes) <= 64


# --- device API ---


async def test_device_list(house: House) -> None:
    session = await house.login()
    entry = (await house.result(session, DEVICE_LIST, {}))["list"][0]
    assert entry["did"] == "1001001001"
    assert entry["model"] == "chuangmi.camera.ipc019"
    assert entry["token"] == TOKEN.hex()
    assert entry["localip"] == "127.0.41.3"
    assert entry["mac"] == "50:EC:50:00:00:01"
    assert entry["isOnline"] is True
    house.device.online = lambda: False
    older = await house.result(session, "/home/device_list", {"getVirtualModel": True})
    assert older["list"][0]["isOnline"] is False


async def test_regions(house: House) -> None:
    session = await house.login()
    for region, count in (("de", 2), ("cn", 0), ("sg", 0)):
        answer = await house.ask(session, DEVICE_LIST, {}, f"/{region}")
        assert len(answer["result"]["list"]) == count
    assert await house.ask(session, DEVICE_LIST, {}, "/xx") == 404
    key = {"did": "1001001001", "app_pubkey": "00" * 32, "support_vendors": "TUTK_CS2_MTP"}
    answer = await house.ask(session, "/v2/device/miss_get_vendor", key, "/cn")
    assert answer["code"] != 0


async def test_older_plain_form(house: House) -> None:
    session = await house.login()
    for signed_path in (DEVICE_LIST, f"/app{DEVICE_LIST}"):
        nonce = base64.b64encode(new_nonce()).decode()
        key = sign_nonce(session.ssecurity, base64.b64decode(nonce))
        fields = {"data": "{}"}
        signature = hmac_signature(signed_path, fields, key, nonce)
        form = {**fields, "signature": signature, "_nonce": nonce}
        status, body = await house.post(session, DEVICE_LIST, form)
        assert status == 200
        assert len(json.loads(body)["result"]["list"]) == 2
        assert (await house.post(session, DEVICE_LIST, {**form, "data": "[]"}))[0] == 401


async def test_keys_for_pictures(house: House) -> None:
    session = await house.login()
    public = os.urandom(32)
    ask = {"did": "1001001001", "app_pubkey": public.hex(), "support_vendors": "TUTK_CS2_MTP"}
    result = await house.result(session, "/v2/device/miss_get_vendor", ask)
    assert result["vendor"]["vendor"] == 4
    assert result["public_key"] == house.keys.device_public(1001001001).hex()
    assert house.keys.check(1001001001, public, result["sign"])
    house.keys.rotate(1001001001)
    assert not house.keys.check(1001001001, public, result["sign"])
    again = await house.result(session, "/v2/device/miss_get_vendor", ask)
    assert house.keys.check(1001001001, public, again["sign"])
    assert again["public_key"] != result["public_key"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"did": "42"}, "Permit Deny"),
        ({"did": "1001001009"}, "Permit Deny"),
        ({"did": "1001001099"}, "Permit Deny"),
        ({"did": None}, "Permit Deny"),
        ({"did": ["1001001001"]}, "Permit Deny"),
        ({"support_vendors": "TUTK_MTP"}, "no available vendor support"),
        ({"support_vendors": 4}, "no available vendor support"),
        ({"app_pubkey": "00" * 31}, "data type error"),
        ({"app_pubkey": "zz" * 32}, "data type error"),
        ({"app_pubkey": None}, "data type error"),
    ],
)
async def test_no_keys(house: House, change: dict[str, Any], message: str) -> None:
    session = await house.login()
    ask = {"did": "1001001001", "app_pubkey": "00" * 32, "support_vendors": "TUTK_CS2_MTP"}
    answer = await house.ask(session, "/v2/device/miss_get_vendor", {**ask, **change})
    assert answer["code"] != 0
    assert answer["message"] == message
    assert answer["result"] is None


async def test_rpc(house: House) -> None:
    session = await house.login()
    path = "/home/rpc/1001001001"
    off = {"id": 1, "method": "set_power", "params": ["off"]}
    assert await house.result(session, path, off) == ["ok"]
    assert not house.state.power
    assert house.state.rpc_count == 0  # nothing went to the miio port
    get = {"id": 2, "method": "get_prop", "params": ["power", "light"]}
    assert await house.result(session, path, get) == ["off", "on"]
    assert (await house.ask(session, path, {"method": "nonsense"}))["code"] == -32601
    assert (await house.ask(session, path, {"method": 1}))["code"] != 0
    assert (await house.ask(session, "/home/rpc/1001001009", off))["message"] == "Permit Deny"
    assert (await house.ask(session, "/home/rpc/1001001099", off))["message"] == "device offline"
    house.device.online = lambda: False
    assert (await house.ask(session, path, off))["message"] == "device offline"


async def test_miot_properties(house: House) -> None:
    session = await house.login()
    items = [
        {"did": "1001001001", "siid": 2, "piid": 1},
        {"did": "1001001001", "siid": 9, "piid": 9},
        {"did": "1001001009", "siid": 2, "piid": 1},
    ]
    first, second, third = await house.result(session, "/miotspec/prop/get", {"params": items})
    assert (first["did"], first["iid"], first["code"], first["value"]) == (
        *("1001001001", "0.2.1", 0, True),
    )
    assert second["code"] == -704040003
    assert third["code"] == -704040001
    assert "value" not in second | third
    changes = [
        {"did": "1001001001", "siid": 2, "piid": 1, "value": False},
        {"did": "1001001001", "siid": 2, "piid": 1, "value": "off"},
        {"did": "1001001001", "siid": 4, "piid": 1, "value": 1},
    ]
    result = await house.result(session, "/miotspec/prop/set", {"params": changes})
    assert [item["code"] for item in result] == [0, -704220043, -704030023]
    assert not house.state.power
    house.device.online = lambda: False
    (offline,) = await house.result(session, "/miotspec/prop/get", {"params": items[:1]})
    assert offline["code"] == -704042011
    for wrong in ({}, {"params": 1}, {"params": [1]}, {"params": [{}] * 101}):
        assert (await house.ask(session, "/miotspec/prop/get", wrong))["code"] == -8
    nothing = {"params": [{"did": "1001001001"}]}
    house.device.online = lambda: True
    assert (await house.ask(session, "/miotspec/prop/get", nothing))["code"] == -8


async def test_miot_action(house: House) -> None:
    session = await house.login()
    eject = {"did": "1001001001", "siid": 4, "aiid": 2, "in": []}
    result = await house.result(session, "/miotspec/action", {"params": eject})
    assert (result["code"], result["out"]) == (0, [])
    assert house.state.properties["sdcard_status"] == 5
    for change, code in (
        ({"aiid": 9}, -704040005),
        ({"in": [1]}, -704220035),
        ({"did": "4"}, -704040001),
    ):
        result = await house.result(session, "/miotspec/action", {"params": {**eject, **change}})
        assert result["code"] == code
    assert (await house.ask(session, "/miotspec/action", {"params": [eject]}))["code"] == -8


async def test_requests_are_counted(house: House) -> None:
    session = await house.login()
    assert house.cloud.requests == 0
    await house.result(session, DEVICE_LIST, {})
    await house.ask(session, "/no/such/path", {})
    await house.ask(session, "/home/rpc/5", {})
    session.service_token = "wrong"
    await house.ask(session, DEVICE_LIST, {})
    assert house.cloud.requests == 4
    assert house.cloud.requests_by_path == {DEVICE_LIST: 2, "other": 1, "/home/rpc": 1}


@pytest.mark.parametrize(
    "data",
    ["[]", "{", "null", "1", pytest.param("[" * 5000, id="deep"), ""],
)
async def test_data_that_is_no_object(house: House, data: str) -> None:
    session = await house.login()
    form, key = sealed(session.ssecurity, DEVICE_LIST, {"data": data})
    status, body = await house.post(session, DEVICE_LIST, form)
    assert status == 200
    assert json.loads(rc4(key, base64.b64decode(body)))["code"] == -8


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"x" * 70000, "application/x-www-form-urlencoded", 413),
        (b"\xff\xff=1", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 100, "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
    ids=["long", "no text", "many fields", "json", "empty"],
)
async def test_hostile_forms(house: House, body: bytes, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type}
    url = f"{house.cloud.url}/pass/serviceLoginAuth2"
    async with house.http.post(url, data=body, headers=headers) as response:
        assert response.status == status


# --- knobs ---


async def test_connections_refused_and_back(house: House) -> None:
    session = await house.login()
    await house.cloud.set_outage(Outage.REFUSED)
    with pytest.raises(aiohttp.ClientError):
        await house.result(session, DEVICE_LIST, {})
    async with aiohttp.ClientSession() as fresh:
        with pytest.raises(aiohttp.ClientConnectorError):
            await fresh.get(house.cloud.url)
    await house.cloud.set_outage(Outage.REFUSED)
    await house.cloud.set_outage(None)
    assert await house.result(session, DEVICE_LIST, {})


async def test_unavailable(house: House) -> None:
    session = await house.login()
    await house.cloud.set_outage(Outage.UNAVAILABLE)
    assert await house.ask(session, DEVICE_LIST, {}) == 503
    await house.cloud.set_outage(None)
    assert await house.result(session, DEVICE_LIST, {})


async def test_garbage_and_slowness(house: House) -> None:
    session = await house.login()
    house.cloud.garbage = True
    form, _ = sealed(session.ssecurity, DEVICE_LIST, {"data": "{}"})
    status, body = await house.post(session, DEVICE_LIST, form)
    assert status == 200
    with pytest.raises(ValueError):  # noqa: PT011
        json.loads(body)
    house.cloud.garbage = False
    house.cloud.slow = 0.2
    before = time.monotonic()
    assert await house.result(session, DEVICE_LIST, {})
    assert time.monotonic() - before >= 0.19


async def test_stops_in_the_middle_of_a_slow_answer(house: House) -> None:
    house.cloud.slow = 30
    with contextlib.suppress(TimeoutError):
        async with house.http.get(house.cloud.url, timeout=aiohttp.ClientTimeout(0.1)):
            pytest.fail("answered")
    before = time.monotonic()
    await house.cloud.stop()
    assert time.monotonic() - before < 2


async def test_address_taken(house: House) -> None:
    second = SimCloud(ADDRESS, house.cloud.port, [DEMO], house.keys)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()
