"""A sign-in step by step: against the simulated cloud, and against one that means ill."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from aiohttp import web
import pytest

from custom_components.mi_camera.cloud import (
    AccountSession,
    BackOff,
    Captcha,
    CloudApiError,
    CloudError,
    CloudUnavailable,
    CodeSent,
    InvalidCredentials,
    Method,
    QrCodeExpired,
    SessionExpired,
    SignIn,
    TooManyAttempts,
    VerificationWanted,
    WrongCode,
    XiaomiAccount,
    back_off,
    qr_login,
)
from custom_components.mi_camera.cloud.sign_in import MAX_PICTURE
from simulator.cloud import LoginDemand, Outage
from simulator.cloud.challenges import EMAIL, MAX_CODES
from tests.cloud.conftest import PASSWORD, USER, Cloud, Kept
from tests.cloud.test_hostile import FIRST, SECRET, page, welcome

if TYPE_CHECKING:
    import aiohttp

    from tests.cloud.conftest import Scripted

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr_login, "PAUSE", 0.05)


@pytest.fixture
def sign_in(cloud: Cloud, http: aiohttp.ClientSession) -> SignIn:
    return SignIn(http, cloud.endpoints)


@pytest.fixture
def ill(scripted: Scripted, http: aiohttp.ClientSession) -> SignIn:
    """A sign-in to a cloud that means ill."""
    return SignIn(http, scripted.endpoints)


# -- as it should be --------------------------------------------------------------------------


async def test_password(sign_in: SignIn) -> None:
    session = await sign_in.password(USER, PASSWORD)
    assert isinstance(session, AccountSession)
    assert session.user_id == "2000000001"


async def test_captcha_code_wrong_and_right(
    sign_in: SignIn, cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    accounts = cloud.server.accounts
    accounts.captcha = accounts.verification = accounts.captcha_before_code = True
    for wrong in ("", "WRONG"):
        step = await sign_in.password(USER, PASSWORD)
        assert isinstance(step, Captcha)
        assert step.media_type == "image/png"
        step = await sign_in.answer_captcha(wrong)
        assert isinstance(step, Captcha)
    step = await sign_in.answer_captcha(accounts.challenges.captcha)
    assert step == VerificationWanted((Method.EMAIL, Method.PHONE))
    assert isinstance(await sign_in.send_code(Method.PHONE), Captcha)
    step = await sign_in.answer_captcha(accounts.challenges.captcha)
    assert step == CodeSent(Method.PHONE, "+49 ******123")
    with pytest.raises(WrongCode):
        await sign_in.check_code("xxxx")
    # Whoever changes their mind gets another code, another way.
    assert isinstance(await sign_in.send_code(Method.EMAIL), Captcha)
    step = await sign_in.answer_captcha(accounts.challenges.captcha)
    assert step == CodeSent(Method.EMAIL, "de***@example.com")
    with pytest.raises(WrongCode):
        await sign_in.check_code("xxxx")
    session = await sign_in.check_code(accounts.challenges.codes["email"])
    assert session.user_id == "2000000001"
    account = XiaomiAccount(http, cloud.endpoints, "de", session)
    assert len(await account.devices()) == 2
    # What it gave is worth as much as a password's: it renews itself.
    accounts.expire_service_tokens()
    assert len(await account.devices()) == 2
    assert accounts.password_logins == 0


async def test_too_many_passwords_and_codes(sign_in: SignIn, cloud: Cloud) -> None:
    accounts = cloud.server.accounts
    accounts.block_after = 2
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            await sign_in.password(USER, "wrong")
    with pytest.raises(TooManyAttempts):
        await sign_in.password(USER, PASSWORD)
    accounts.unblock()
    accounts.verification, accounts.ways = True, (EMAIL,)
    await sign_in.password(USER, PASSWORD)
    for _ in range(MAX_CODES):
        await sign_in.send_code(Method.EMAIL)
    with pytest.raises(TooManyAttempts):
        await sign_in.send_code(Method.EMAIL)
    with pytest.raises(SessionExpired):
        await sign_in.send_code(Method.PHONE)


async def test_steps_out_of_turn(sign_in: SignIn) -> None:
    with pytest.raises(SessionExpired):
        await sign_in.answer_captcha("x")
    with pytest.raises(SessionExpired):
        await sign_in.send_code(Method.EMAIL)
    with pytest.raises(SessionExpired):
        await sign_in.check_code("123456")


async def test_qr_code(sign_in: SignIn, cloud: Cloud, http: aiohttp.ClientSession) -> None:
    code = await sign_in.qr_code()
    assert code.text.startswith(cloud.server.url)
    assert code.lifetime == 120
    cloud.server.accounts.challenges.poll_seconds = 0.05
    waiting = asyncio.create_task(sign_in.scanned(code))
    await asyncio.sleep(0.3)
    # The cloud may be away for a moment.
    await cloud.server.set_outage(Outage.REFUSED)
    await asyncio.sleep(0.2)
    await cloud.server.set_outage(None)
    assert not waiting.done()
    # The page the code leads to is one to press a button on.
    async with http.get(code.text) as response:
        assert "Sign in" in await response.text()
    async with http.post(code.text) as response:
        assert response.status == 200
    session = await waiting
    assert len(await XiaomiAccount(http, cloud.endpoints, "de", session).devices()) == 2
    async with http.post(code.text) as response:
        assert response.status == 410


async def test_pass_token(sign_in: SignIn, cloud: Cloud, http: aiohttp.ClientSession) -> None:
    first = await sign_in.password(USER, PASSWORD)
    assert isinstance(first, AccountSession)
    other = SignIn(http, cloud.endpoints, "another-device-1")
    session = await other.pass_token(first.user_id, first.pass_token)
    assert session.device_id == "another-device-1"
    for user_id, token in ((first.user_id, "x"), ("1", first.pass_token), ("a;b", "c"), ("", "")):
        with pytest.raises(SessionExpired):
            await other.pass_token(user_id, token)


async def test_sign_ins_outlive_the_cloud(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Any
) -> None:
    from simulator.cloud import Account, SimCloud
    from simulator.keys import KeyBook

    memory = tmp_path / "cloud.json"
    sessions = []
    for _ in range(3):
        accounts = [Account(username=USER, password=PASSWORD)]
        server = SimCloud("127.0.44.203", 0, accounts, KeyBook(), memory=memory)
        await server.start()
        try:
            endpoints = type(cloud.endpoints).from_mapping(
                {"account": server.url, "api": server.url}
            )
            if not sessions:
                session = await SignIn(http, endpoints).password(USER, PASSWORD)
                assert isinstance(session, AccountSession)
                sessions.append(session)
            account = XiaomiAccount(http, endpoints, "de", sessions[0])
            assert not await account.devices()
            assert server.accounts.silent_logins == 0
        finally:
            await server.stop()
    assert memory.stat().st_mode & 0o077 == 0
    # A file that is none costs only what it remembered.
    memory.write_text("[")
    assert SimCloud("127.0.44.203", 0, [], KeyBook(), memory=memory)


async def test_nothing_secret_in_texts(
    sign_in: SignIn, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.mi_camera")
    accounts = cloud.server.accounts
    accounts.captcha = accounts.verification = True
    told = repr(await sign_in.password(USER, PASSWORD)) + repr(sign_in)
    told += repr(await sign_in.answer_captcha(accounts.challenges.captcha))
    await sign_in.send_code(Method.EMAIL)
    with pytest.raises(WrongCode) as wrong:
        await sign_in.check_code("99999999")
    code = accounts.challenges.codes["email"]
    told += repr(sign_in._verification) + repr(wrong.value)
    session = await sign_in.check_code(code)
    qr = await sign_in.qr_code()
    told += repr(session) + repr(qr) + repr(sign_in) + caplog.text
    for secret in (
        PASSWORD,
        f"'{code}'",
        "99999999",
        session.pass_token,
        session.service_token,
        session.ssecurity,
        qr.text,
    ):
        assert secret not in told


# -- a cloud that means ill -----------------------------------------------------------------------


def answering(scripted: Scripted, **pages: Any) -> None:
    """Answer by the last part of the path; a function gets the request."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = pages.get(request.path.rpartition("/")[2], FIRST)
        if callable(body):
            body = body(request)
        return body if isinstance(body, web.Response) else page(body)

    scripted.answer = answer


FOREIGN = ("https://evil.test/x", "//evil.test/x", "http://127.0.44.200/x", "http://[::1", "\\x")


@pytest.mark.parametrize("address", FOREIGN)
async def test_a_captcha_elsewhere_is_not_fetched(
    ill: SignIn, scripted: Scripted, address: str
) -> None:
    answering(
        scripted,
        serviceLoginAuth2={"code": 87001, "captchaUrl": address},
        x=web.Response(body=b"GIF9"),
    )
    with pytest.raises(CloudUnavailable):
        await ill.password("user", "password")


@pytest.mark.parametrize(
    "picture",
    [
        {"body": PNG + bytes(MAX_PICTURE)},
        {"body": b"<html>"},
        {"body": b""},
        {"body": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "content_type": "image/png"},
        {"body": PNG, "status": 404},
        {"body": PNG, "status": 302, "headers": {"Location": "https://evil.test/"}},
    ],
    ids=["huge", "html", "empty", "svg", "missing", "elsewhere"],
)
async def test_a_captcha_that_is_none(
    ill: SignIn, scripted: Scripted, picture: dict[str, Any]
) -> None:
    answering(
        scripted,
        serviceLoginAuth2={"code": 87001, "captchaUrl": "/pass/getCode"},
        getCode=lambda request: web.Response(**picture),
    )
    with pytest.raises(CloudUnavailable):
        await ill.password("user", "password")


async def test_a_captcha_without_an_address(ill: SignIn, scripted: Scripted) -> None:
    answering(scripted, serviceLoginAuth2={"code": 87001})
    with pytest.raises(CloudUnavailable):
        await ill.password("user", "password")


@pytest.mark.parametrize(
    "address", [*FOREIGN, "", "/identity/list", "/fe/service/identity/other", 7]
)
async def test_a_verification_elsewhere_is_not_begun(
    ill: SignIn, scripted: Scripted, address: object
) -> None:
    answering(scripted, serviceLoginAuth2={"code": 81003, "notificationUrl": address})
    with pytest.raises(CloudUnavailable):
        await ill.password("user", "password")
    assert len(scripted.requests) == 2


def verifying(scripted: Scripted, **pages: Any) -> None:
    answering(
        scripted,
        **{
            "serviceLoginAuth2": {
                "code": 0,
                "notificationUrl": "/fe/service/identity/authStart?context=c",
            },
            "list": {"code": 2, "options": [8]},
            "verifyEmail": {"code": 0, "maskedEmail": "a*@b"},
            "sendEmailTicket": {"code": 0},
            **pages,
        },
    )


@pytest.mark.parametrize(
    "listed",
    [
        {},
        {"options": "8"},
        {"options": [1, 2, [8], None]},
        {"flag": 3},
        {"flag": [8]},
        {"flag": {}},
        web.Response(text="<html>"),
        web.Response(status=302, headers={"Location": "/"}),
    ],
)
async def test_a_verification_without_a_known_way(
    ill: SignIn, scripted: Scripted, listed: object
) -> None:
    verifying(scripted, list=lambda request: listed)
    with pytest.raises(CloudUnavailable):
        await ill.password("user", "password")


async def test_the_flag_alone_names_the_way(ill: SignIn, scripted: Scripted) -> None:
    verifying(scripted, list={"code": 2, "flag": 4})
    assert await ill.password("user", "password") == VerificationWanted((Method.PHONE,))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": "0"}, CloudUnavailable),
        ({}, CloudUnavailable),
        ([], CloudUnavailable),
        ({"code": 70022}, TooManyAttempts),
        ({"code": 12, "desc": "x" * 5000}, CloudApiError),
        ({"code": 0, "captchaUrl": "https://evil.test/x"}, CloudUnavailable),
    ],
)
async def test_a_code_that_is_not_sent(
    ill: SignIn, scripted: Scripted, answer: object, kind: type[CloudError]
) -> None:
    verifying(scripted, sendEmailTicket=answer)
    await ill.password("user", "password")
    with pytest.raises(kind) as caught:
        await ill.send_code(Method.EMAIL)
    assert len(str(caught.value)) < 200


async def test_what_is_shown_of_the_receiver_is_harmless(ill: SignIn, scripted: Scripted) -> None:
    hostile = "![x](https://evil.test/x)<script>\n" + "y" * 500
    verifying(scripted, verifyEmail={"code": 0, "maskedEmail": hostile})
    await ill.password("user", "password")
    step = await ill.send_code(Method.EMAIL)
    assert isinstance(step, CodeSent)
    assert len(step.masked) <= 64
    assert not set("![]()<>/:\n") & set(step.masked)


@pytest.mark.parametrize(
    "location", ["https://evil.test/sts", "", "http://127.0.44.200/sts", "javascript:1"]
)
async def test_a_right_code_that_leads_elsewhere(
    ill: SignIn, scripted: Scripted, location: str
) -> None:
    def verify(request: web.Request) -> object:
        return {"code": 0, "location": location} if request.method == "POST" else {"code": 0}

    verifying(scripted, verifyEmail=verify)
    await ill.password("user", "password")
    await ill.send_code(Method.EMAIL)
    with pytest.raises(CloudUnavailable):
        await ill.check_code("123456")


def cookies(*pairs: str, **more: Any) -> web.Response:
    response = web.Response(**more)
    for pair in pairs:
        response.headers.add("Set-Cookie", f"{pair}; Path=/")
    return response


def verified(scripted: Scripted, end: Any, **pages: Any) -> None:
    """Let a code be right, and ``end`` be what its location answers."""

    def verify(request: web.Request) -> object:
        where = f"{scripted.url}/identity/result/check"
        return {"code": 0, "location": where} if request.method == "POST" else {"code": 0}

    verifying(scripted, verifyEmail=verify, check=end, **pages)


async def finish(sign_in: SignIn) -> AccountSession:
    await sign_in.password("user", "password")
    await sign_in.send_code(Method.EMAIL)
    return await sign_in.check_code("123456")


async def test_a_verification_that_gives_a_pass_token_only(ill: SignIn, scripted: Scripted) -> None:
    def first(request: web.Request) -> object:
        if request.cookies.get("passToken") != "new":
            return FIRST
        return welcome(f"{scripted.url}/sts", passToken="new")

    verified(
        scripted,
        lambda request: cookies("userId=1", "passToken=new"),
        serviceLogin=first,
        sts=lambda request: cookies("serviceToken=tok"),
    )
    session = await finish(ill)
    assert (session.user_id, session.pass_token, session.service_token) == ("1", "new", "tok")
    assert session.ssecurity == SECRET


async def test_a_verification_whose_pass_token_is_not_good(ill: SignIn, scripted: Scripted) -> None:
    verified(scripted, lambda request: cookies("userId=1", "passToken=new"))
    with pytest.raises(CloudUnavailable):
        await finish(ill)


@pytest.mark.parametrize("skip", ["/sts", "https://evil.test/sts", ""])
async def test_a_page_about_the_phone_number_is_left_out(
    ill: SignIn, scripted: Scripted, skip: str
) -> None:
    where = f"{scripted.url}{skip}" if skip.startswith("/") else skip
    secret = json.dumps({"ssecurity": SECRET})
    verified(
        scripted,
        lambda request: cookies(
            "userId=1",
            "passToken=new",
            status=302,
            headers={"Location": f"/confirm?skipUrl={where}", "Extension-Pragma": secret},
        ),
        confirm=lambda request: web.Response(text="<html>"),
        sts=lambda request: cookies("serviceToken=tok"),
    )
    if skip == "/sts":
        assert (await finish(ill)).service_token == "tok"
    else:
        with pytest.raises(CloudUnavailable):
            await finish(ill)


@pytest.mark.parametrize("where", ["check", "list"])
async def test_a_flood_of_cookies(ill: SignIn, scripted: Scripted, where: str) -> None:
    number = iter(range(10**6))

    def flood(request: web.Request) -> web.Response:
        pairs = [f"c{next(number)}=x" for _ in range(40)]
        if where == "list":
            return cookies(*pairs, text=json.dumps({"code": 2, "options": [8]}))
        return cookies(*pairs, status=302, headers={"Location": "/identity/result/check"})

    if where == "list":
        verifying(scripted, list=flood)
    else:
        verified(scripted, flood)
    with pytest.raises(CloudUnavailable, match="too many cookies"):
        await finish(ill)


GOOD_FIRST = {**FIRST, "location": "/fe/service/login?callback=c"}
GOOD_QR = {"code": 0, "loginUrl": "{url}/q", "lp": "{url}/lp", "timeout": 1}


@pytest.mark.parametrize(
    "changed",
    [
        *({name: address} for name in ("loginUrl", "lp") for address in (*FOREIGN, "", None, 7)),
        {"loginUrl": "{url}/" + "x" * 2000},
        {"loginUrl": "{url}/\n"},
        {"loginUrl": "{url}/x)![](https://evil.test/x"},
        {"loginUrl": "{url}/x <b>"},
    ],
)
async def test_a_qr_code_that_leads_elsewhere(
    ill: SignIn, scripted: Scripted, changed: dict[str, Any]
) -> None:
    answer = {
        name: value.replace("{url}", scripted.url) if isinstance(value, str) else value
        for name, value in {**GOOD_QR, **changed}.items()
    }
    answering(scripted, serviceLogin=GOOD_FIRST, loginUrl=answer)
    with pytest.raises(CloudUnavailable):
        await ill.qr_code()


@pytest.mark.parametrize("location", [*FOREIGN[:3], "http://[::1"])
async def test_a_log_in_page_elsewhere(ill: SignIn, scripted: Scripted, location: str) -> None:
    answering(scripted, serviceLogin={**FIRST, "location": location})
    with pytest.raises(CloudUnavailable):
        await ill.qr_code()


@pytest.mark.parametrize(
    ("seconds", "lifetime"),
    [(60, 60), (10**30, 300), (0, 120), (-5, 120), (True, 120), ("9", 120), (None, 120)],
)
async def test_how_long_a_qr_code_lasts(
    ill: SignIn, scripted: Scripted, seconds: object, lifetime: float
) -> None:
    answer = {"loginUrl": f"{scripted.url}/q", "lp": f"{scripted.url}/lp", "timeout": seconds}
    answering(scripted, serviceLogin=GOOD_FIRST, loginUrl=answer)
    assert (await ill.qr_code()).lifetime == lifetime


@pytest.mark.parametrize(
    "poll",
    [
        {"code": 0},
        {"code": 0, "passToken": "x"},
        {"code": 0, "location": "https://account.xiaomi.com/"},
        [],
        web.Response(text="<html>"),
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "https://evil.test/"}),
    ],
)
async def test_a_poll_that_never_says_anything_ends(
    ill: SignIn, scripted: Scripted, poll: object
) -> None:
    answer = {"loginUrl": f"{scripted.url}/q", "lp": f"{scripted.url}/lp", "timeout": 1}
    answering(scripted, serviceLogin=GOOD_FIRST, loginUrl=answer, lp=lambda request: poll)
    code = await ill.qr_code()
    with pytest.raises(QrCodeExpired):
        await ill.scanned(code)
    # However quickly it answers, it is not asked much more than once per pause.
    assert len(scripted.requests) < 2 + 25


async def test_a_scan_that_leads_elsewhere(ill: SignIn, scripted: Scripted) -> None:
    answer = {"loginUrl": f"{scripted.url}/q", "lp": f"{scripted.url}/lp", "timeout": 9}
    answering(
        scripted, serviceLogin=GOOD_FIRST, loginUrl=answer, lp=welcome("https://evil.test/sts")
    )
    with pytest.raises(CloudUnavailable):
        await ill.scanned(await ill.qr_code())


# -- no storm of log-ins -----------------------------------------------------------------------------


def test_a_back_off_grows_and_ends() -> None:
    state, now, waits = BackOff(), 1000.0, []
    for _ in range(30):
        state = state.failed(now)
        waits.append(state.seconds(now))
        now += state.seconds(now)
        assert BackOff.parse(state.as_dict()) == state
    assert waits[:4] == [0, 30, 60, 120]
    assert waits[-1] == back_off.LONGEST
    assert waits == sorted(waits)
    # A clock that was wrong when it was stored does not wait for ever.
    assert state.seconds(0.0) == 0.0
    assert BackOff().failed(0.0, expired=True).seconds(0.0) == back_off.FIRST


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"failures": -1, "until": 1},
        {"failures": 21, "until": 1},
        {"failures": "1", "until": 1},
        {"failures": 1, "until": "1"},
        {"failures": 1, "until": float("nan")},
        {"failures": 1, "until": float("inf")},
        {"failures": 1},
    ],
)
def test_a_damaged_back_off_is_none(stored: object) -> None:
    assert BackOff.parse(stored) == BackOff()


async def test_renewals_that_fail_come_more_and_more_seldom(
    account: XiaomiAccount, cloud: Cloud, http: aiohttp.ClientSession, kept: Kept
) -> None:
    session = await account.login(USER, PASSWORD)
    accounts = cloud.server.accounts
    accounts.expire_service_tokens()
    accounts.redeem = lambda ticket: None  # type: ignore[method-assign]
    now, told = 1000.0, []

    def again() -> XiaomiAccount:
        return XiaomiAccount(
            http,
            cloud.endpoints,
            "de",
            session,
            kept.sessions.append,
            back_off=told[-1] if told else None,
            on_back_off=told.append,
            clock=lambda: now,
        )

    client = again()
    for number in range(60):
        # Also whoever is started again all the time waits.
        if number % 2:
            client = again()
        with pytest.raises(CloudUnavailable):
            await client.devices()
        now += 10
    # 590 seconds: at 0, 10, 40, 100, 220 and 460.
    assert accounts.silent_logins == 6
    assert told[-1].failures == 6
    del accounts.redeem
    now += 3600
    assert len(await client.devices()) == 2
    assert told[-1] == BackOff() == client.back_off


async def test_a_session_that_has_ended_is_not_tried_at_every_start(
    account: XiaomiAccount, cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    session = await account.login(USER, PASSWORD)
    accounts = cloud.server.accounts
    accounts.expire_service_tokens()
    accounts.revoke_pass_tokens()
    told: list[BackOff] = []
    for _ in range(5):
        client = XiaomiAccount(
            http,
            cloud.endpoints,
            "de",
            session,
            back_off=told[-1] if told else None,
            on_back_off=told.append,
        )
        with pytest.raises(SessionExpired):
            await client.devices()
    assert len(told) == 1
    assert told[0].expired
    cloud.server.accounts.demand = LoginDemand.CAPTCHA
