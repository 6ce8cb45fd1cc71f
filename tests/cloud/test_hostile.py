"""A cloud that is not what it should be."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from aiohttp import web
import pytest

from custom_components.mi_camera.cloud import (
    AccountSession,
    CaptchaRequired,
    CloudApiError,
    CloudError,
    CloudUnavailable,
    InvalidCredentials,
    SessionExpired,
    VerificationRequired,
    XiaomiAccount,
)
from custom_components.mi_camera.cloud.login import MAX_REDIRECTS
from custom_components.mi_camera.cloud.transport import LARGE, SMALL
from simulator.cloud.signing import open_request
from tests.cloud.conftest import always

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from tests.cloud.conftest import Scripted

SECRET = base64.b64encode(bytes(range(16))).decode()
SESSION = AccountSession(
    user_id="1", pass_token="pass", ssecurity=SECRET, service_token="service", device_id="device"
)
FIRST = {"_sign": "s", "qs": "q", "callback": "c", "sid": "xiaomiio", "code": 70016}


def welcome(location: str, **changed: object) -> dict[str, object]:
    return {
        "code": 0,
        "userId": 1,
        "cUserId": "enc",
        "passToken": "pass",
        "ssecurity": SECRET,
        "location": location,
        **changed,
    }


def page(body: object) -> web.Response:
    return web.Response(text="&&&START&&&" + json.dumps(body))


def logging_in(
    scripted: Scripted, second: object, last: Callable[[web.Request], web.Response] | None = None
) -> None:
    """Serve the steps of a log-in; `second` answers the password."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/pass/serviceLogin":
            return page(FIRST)
        if request.path == "/pass/serviceLoginAuth2":
            return page(second)
        assert last is not None
        return last(request)

    scripted.answer = answer


def api(scripted: Scripted, body: bytes, status: int = 200, *, seal: bool = False) -> None:
    """Answer every API request with this body; silent log-ins fail."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/app"):
            return page(FIRST)
        sent = body
        if seal:
            form = {name: str(value) for name, value in (await request.post()).items()}
            opened = open_request(form, request.path.removeprefix("/app"), bytes(range(16)))
            sent = opened.seal(body)
        return web.Response(body=sent, status=status)

    scripted.answer = answer


@pytest.fixture
def account(scripted: Scripted, http: aiohttp.ClientSession) -> XiaomiAccount:
    return XiaomiAccount(http, scripted.endpoints, "de", SESSION)


def with_tokens(request: web.Request) -> web.Response:
    response = web.Response(text="ok")
    response.headers.add("Set-Cookie", "serviceToken=tok/en=; Path=/")
    return response


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        ({"code": 70002}, InvalidCredentials),
        ({"code": 20003}, InvalidCredentials),
        ({"code": 87001}, CaptchaRequired),
        ({"code": 70016, "captchaUrl": "/x"}, CaptchaRequired),
        ({"code": 81003}, VerificationRequired),
        ({"code": 0, "notificationUrl": "https://account.xiaomi.com/x"}, VerificationRequired),
        pytest.param({"code": 12345, "desc": "blocked\n" + "x" * 500}, CloudApiError, id="other"),
        ({"code": "0"}, CloudUnavailable),
        ({"code": [0]}, CloudUnavailable),
        ({"code": None}, CloudUnavailable),
        ([1], CloudUnavailable),
        (None, CloudUnavailable),
        (welcome("https://evil.test/sts"), CloudUnavailable),
        (welcome("http://127.0.44.203/sts"), CloudUnavailable),
        (welcome(""), CloudUnavailable),
        ({**welcome(""), "location": [1]}, CloudUnavailable),
    ],
)
async def test_second_step(
    scripted: Scripted, account: XiaomiAccount, second: object, kind: type[CloudError]
) -> None:
    logging_in(scripted, second)
    with pytest.raises(kind) as caught:
        await account.login("user", "password")
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 200
    assert account.session is SESSION


async def test_a_redirect_that_is_no_address(scripted: Scripted, account: XiaomiAccount) -> None:
    logging_in(
        scripted,
        welcome(f"{scripted.url}/sts"),
        lambda request: web.Response(status=302, headers={"Location": "http://[::1"}),
    )
    with pytest.raises(CloudUnavailable):
        await account.login("user", "password")


@pytest.mark.parametrize(
    "changed",
    [
        {"ssecurity": None},
        {"ssecurity": "AAAA"},
        {"ssecurity": "§"},
        {"passToken": None},
        {"passToken": "a;b=c"},
        pytest.param({"passToken": "x" * 5000}, id="long"),
        {"userId": True},
        {"userId": {}},
    ],
)
async def test_incomplete_log_in(
    scripted: Scripted, account: XiaomiAccount, changed: dict[str, object]
) -> None:
    logging_in(scripted, welcome(f"{scripted.url}/sts", **changed), with_tokens)
    with pytest.raises(CloudUnavailable):
        await account.login("user", "password")
    assert account.session is SESSION


async def test_no_service_token(scripted: Scripted, account: XiaomiAccount) -> None:
    logging_in(scripted, welcome(f"{scripted.url}/sts"), lambda request: web.Response(text="ok"))
    with pytest.raises(CloudUnavailable, match="service_token"):
        await account.login("user", "password")


async def test_redirects_are_followed_and_their_cookies_kept(
    scripted: Scripted, account: XiaomiAccount
) -> None:
    pragma = json.dumps({"ssecurity": base64.b64encode(b"other" * 3).decode()})

    def last(request: web.Request) -> web.Response:
        if request.path == "/sts":
            response = web.Response(status=302, headers={"Location": "/sts2?x=%2F"})
            response.headers.add("Set-Cookie", "passToken=newer; Path=/")
            response.headers.add("Set-Cookie", 'serviceToken="quo/ted="; Path=/')
            return response
        assert request.raw_path == "/sts2?x=%2F"
        assert request.cookies["passToken"] == "newer"
        assert "password" not in str(request.headers)
        return web.Response(headers={"Extension-Pragma": pragma})

    logging_in(scripted, welcome(f"{scripted.url}/sts"), last)
    session = await account.login("user", "password")
    assert session.pass_token == "newer"
    assert session.service_token == "quo/ted="
    assert session.secret == b"other" * 3


async def test_endless_redirects(scripted: Scripted, account: XiaomiAccount) -> None:
    logging_in(
        scripted,
        welcome(f"{scripted.url}/sts"),
        lambda request: web.Response(status=302, headers={"Location": "/sts"}),
    )
    with pytest.raises(CloudUnavailable):
        await account.login("user", "password")
    assert len(scripted.requests) == 2 + MAX_REDIRECTS


async def test_redirect_to_a_foreign_server(scripted: Scripted, account: XiaomiAccount) -> None:
    logging_in(
        scripted,
        welcome(f"{scripted.url}/sts"),
        lambda request: web.Response(status=302, headers={"Location": "http://127.0.44.203/"}),
    )
    with pytest.raises(CloudUnavailable, match="foreign"):
        await account.login("user", "password")


@pytest.mark.parametrize("pragma", ["{", "[]", '{"ssecurity": 7}'])
async def test_odd_pragma(scripted: Scripted, account: XiaomiAccount, pragma: str) -> None:
    def last(request: web.Request) -> web.Response:
        return web.Response(headers={"Extension-Pragma": pragma})

    logging_in(scripted, welcome(f"{scripted.url}/sts"), last)
    with pytest.raises(CloudUnavailable):
        await account.login("user", "password")


async def test_first_step_redirected(scripted: Scripted, account: XiaomiAccount) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://127.0.44.203/"})

    scripted.answer = answer
    with pytest.raises(CloudUnavailable, match="302"):
        await account.login("user", "password")
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b'{"code":3,"message":"auth err"}', 200, SessionExpired),
        (b'{"code":2,"message":"?"}', 200, SessionExpired),
        (b'{"code":-1,"message":"SERVICETOKEN_EXPIRED"}', 200, SessionExpired),
        (b"", 401, SessionExpired),
        (b'{"code":-8,"message":"data type error"}', 200, CloudApiError),
        (b'{"code":0,"message":"ok","result":{"list":[]}}', 200, CloudUnavailable),
        (b'{"code":"0"}', 200, CloudUnavailable),
        (b'{"code":null}', 200, CloudUnavailable),
        (b"{", 200, CloudUnavailable),
        (b"", 200, CloudUnavailable),
        (b"[]", 200, CloudUnavailable),
        (b"\xff\xfe", 200, CloudUnavailable),
        (b"AAAA", 200, CloudUnavailable),
        pytest.param(b"x" * (LARGE + 1), 200, CloudUnavailable, id="large"),
        pytest.param(b'{"a":' * 100_000, 200, CloudUnavailable, id="deep"),
        (b"", 404, CloudUnavailable),
        (b"", 302, CloudUnavailable),
        (b'{"code":3}', 503, CloudUnavailable),
    ],
)
async def test_api_answers_in_the_clear(
    scripted: Scripted, account: XiaomiAccount, body: bytes, status: int, kind: type[CloudError]
) -> None:
    api(scripted, body, status)
    with pytest.raises(kind) as caught:
        await account.devices()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code":0,"result":{"list":"x"}}', CloudUnavailable),
        (b'{"code":0,"message":7}', CloudUnavailable),
        (b'{"code":2,"message":"some other meaning"}', CloudApiError),
        (b'{"code":-1,"message":"auth err"}', SessionExpired),
        (b'{"code":-1,"message":null}', CloudApiError),
        (b'{"result":{}}', CloudUnavailable),
        pytest.param(b"[" * 50_000, CloudUnavailable, id="deep"),
        (b"no json", CloudUnavailable),
    ],
)
async def test_sealed_api_answers(
    scripted: Scripted, account: XiaomiAccount, body: bytes, kind: type[CloudError]
) -> None:
    api(scripted, body, seal=True)
    with pytest.raises(kind) as caught:
        await account.devices()
    assert type(caught.value) is kind


async def test_small_answers_stay_small(scripted: Scripted, account: XiaomiAccount) -> None:
    big = b'{"code":0,"result":"' + b"x" * SMALL + b'"}'
    api(scripted, big, seal=True)
    with pytest.raises(CloudUnavailable, match="large"):
        await account.rpc("1", "m", [], allowed=always)


@pytest.mark.parametrize("result", ["null", "7", "[]", '{"code":"x"}', "{}"])
async def test_odd_results(scripted: Scripted, account: XiaomiAccount, result: str) -> None:
    api(scripted, f'{{"code":0,"result":{result}}}'.encode(), seal=True)
    with pytest.raises(CloudUnavailable):
        await account.miot_action("1", 2, 1, allowed=always)
    if result != "[]":
        with pytest.raises(CloudUnavailable):
            await account.miot_get("1", [(2, 1)], allowed=always)
    with pytest.raises(CloudUnavailable):
        await account.miss_vendor("1", bytes(32), allowed=always)


async def test_odd_items_and_outputs(scripted: Scripted, account: XiaomiAccount) -> None:
    api(scripted, b'{"code":0,"result":[1,null,{"code":0}]}', seal=True)
    assert await account.miot_get("1", [(2, 1)], allowed=always) == [{"code": 0}]
    api(scripted, b'{"code":0,"result":{"code":0,"out":"x"}}', seal=True)
    assert await account.miot_action("1", 2, 1, allowed=always) == []
    api(scripted, b'{"code":0,"result":{"code":1,"out":["url"]}}', seal=True)
    assert await account.miot_action("1", 2, 1, allowed=always) == ["url"]


async def test_token_refused_even_after_renewal(scripted: Scripted, account: XiaomiAccount) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/pass/serviceLogin":
            return page(welcome(f"{scripted.url}/sts"))
        return with_tokens(request) if request.path == "/sts" else web.Response(status=401)

    scripted.answer = answer
    with pytest.raises(SessionExpired):
        await account.devices()
    assert [request.path for request in scripted.requests] == [
        "/app/v2/home/device_list_page",
        "/pass/serviceLogin",
        "/sts",
        "/app/v2/home/device_list_page",
    ]
    with pytest.raises(SessionExpired):
        await account.devices()
    assert len(scripted.requests) == 4


async def test_silent_log_in_of_somebody_else(scripted: Scripted, account: XiaomiAccount) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/pass/serviceLogin":
            return page(welcome(f"{scripted.url}/sts", userId=2))
        return web.Response(status=401)

    scripted.answer = answer
    with pytest.raises(SessionExpired):
        await account.devices()
    assert account.session is SESSION


async def test_what_is_sent(scripted: Scripted, account: XiaomiAccount) -> None:
    api(scripted, b'{"code":0,"result":{"list":[]}}', seal=True)
    assert not await account.devices()
    request = scripted.requests[0]
    assert request.method == "POST"
    assert request.path == "/app/v2/home/device_list_page"
    assert request.cookies == {
        "userId": "1",
        "serviceToken": "service",
        "yetAnotherServiceToken": "service",
    }
    assert request.headers["Accept-Encoding"] == "identity"
