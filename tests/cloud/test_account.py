"""The account client against the simulated cloud over real sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
import pytest

from custom_components.mi_camera.cloud import (
    AccountSession,
    CaptchaRequired,
    CloudApiError,
    CloudUnavailable,
    InvalidCredentials,
    Listing,
    NotAllowed,
    SessionExpired,
    VerificationRequired,
    XiaomiAccount,
    transport as transport_module,
)
from simulator.cloud import LoginDemand, Outage
from tests.cloud.conftest import DID, PASSWORD, TOKEN, USER, Cloud, Kept, always

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.cloud.account import ServiceSession

PUBLIC = bytes(range(32))


async def test_log_in_and_list(account: XiaomiAccount, kept: Kept) -> None:
    session = await account.login(USER, PASSWORD)
    assert account.session is session
    assert kept.sessions == [session]
    assert session.user_id == "2000000001"
    camera, lamp = await account.devices()
    assert (camera.did, camera.model, camera.name) == (
        str(DID),
        "chuangmi.camera.046c04",
        "Nursery",
    )
    assert (camera.local_ip, camera.token, camera.online) == ("127.0.44.201", TOKEN, True)
    assert camera.is_camera
    assert not lamp.is_camera
    assert lamp.token is None


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody@example.com", PASSWORD)])
async def test_wrong_password(account: XiaomiAccount, user: str, password: str) -> None:
    with pytest.raises(InvalidCredentials):
        await account.login(user, password)
    assert account.session is None


async def test_captcha(account: XiaomiAccount, cloud: Cloud) -> None:
    cloud.server.accounts.demand = LoginDemand.CAPTCHA
    with pytest.raises(CaptchaRequired) as caught:
        await account.login(USER, PASSWORD)
    assert caught.value.url == f"{cloud.server.url}/pass/getCode?icodeType=login"
    assert "http" not in str(caught.value) + repr(caught.value)
    await account.login(USER, PASSWORD)


async def test_verification(account: XiaomiAccount, cloud: Cloud) -> None:
    cloud.server.accounts.demand = LoginDemand.VERIFICATION
    with pytest.raises(VerificationRequired) as caught:
        await account.login(USER, PASSWORD)
    assert caught.value.url is not None
    assert "/identity/authStart" in caught.value.url
    assert "http" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("outage", list(Outage))
async def test_cloud_down(account: XiaomiAccount, cloud: Cloud, outage: Outage) -> None:
    await cloud.server.set_outage(outage)
    with pytest.raises(CloudUnavailable):
        await account.login(USER, PASSWORD)
    await cloud.server.set_outage(None)
    await account.login(USER, PASSWORD)
    await cloud.server.set_outage(outage)
    with pytest.raises(CloudUnavailable):
        await account.devices()
    await cloud.server.set_outage(None)
    assert len(await account.devices()) == 2
    assert cloud.server.logins == 1


async def test_garbage(account: XiaomiAccount, cloud: Cloud) -> None:
    cloud.server.garbage = True
    with pytest.raises(CloudUnavailable):
        await account.login(USER, PASSWORD)
    cloud.server.garbage = False
    await account.login(USER, PASSWORD)
    cloud.server.garbage = True
    for _ in range(5):
        with pytest.raises(CloudUnavailable):
            await account.devices()


async def test_slow_cloud(
    account: XiaomiAccount, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    cloud.server.slow = 1.0
    with pytest.raises(CloudUnavailable, match="TimeoutError"):
        await account.login(USER, PASSWORD)


async def test_expired_token_is_renewed_in_silence(
    account: XiaomiAccount, cloud: Cloud, kept: Kept
) -> None:
    first = await account.login(USER, PASSWORD)
    cloud.server.accounts.expire_service_tokens()
    assert len(await account.devices()) == 2
    assert cloud.server.accounts.silent_logins == 1
    assert kept.sessions == [first, account.session]
    assert account.session is not None
    assert account.session.service_token != first.service_token
    assert account.session.device_id == first.device_id
    assert account.session.pass_token == first.pass_token


async def test_new_pass_token_is_kept(account: XiaomiAccount, cloud: Cloud, kept: Kept) -> None:
    first = await account.login(USER, PASSWORD)
    cloud.server.accounts.rotate_pass_tokens = True
    for _ in range(3):
        cloud.server.accounts.expire_service_tokens()
        await account.devices()
    assert cloud.server.accounts.silent_logins == 3
    assert kept.sessions[-1] is account.session
    assert account.session is not None
    assert account.session.pass_token != first.pass_token


async def test_one_renewal_for_all_who_need_it(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    cloud.server.accounts.expire_service_tokens()
    cloud.server.slow = 0.05
    lists = await asyncio.gather(*(account.devices() for _ in range(8)))
    assert all(len(devices) == 2 for devices in lists)
    assert cloud.server.accounts.silent_logins == 1


async def test_session_that_cannot_be_renewed(
    account: XiaomiAccount, cloud: Cloud, kept: Kept
) -> None:
    await account.login(USER, PASSWORD)
    cloud.server.accounts.expire_service_tokens()
    cloud.server.accounts.revoke_pass_tokens()
    results = await asyncio.gather(*(account.devices() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, SessionExpired) for result in results)
    requests = cloud.server.requests
    with pytest.raises(SessionExpired):
        await account.devices()
    assert cloud.server.requests == requests  # the cloud is not asked in vain again
    await account.login(USER, PASSWORD)
    assert len(await account.devices()) == 2
    assert len(kept.sessions) == 2
    assert kept.sessions[0].device_id == kept.sessions[1].device_id


async def test_cloud_down_while_renewing(account: XiaomiAccount, cloud: Cloud) -> None:
    first = await account.login(USER, PASSWORD)
    cloud.server.accounts.expire_service_tokens()
    real = cloud.server.accounts.redeem
    cloud.server.accounts.rotate_pass_tokens = True
    cloud.server.accounts.redeem = lambda ticket: None  # type: ignore[method-assign]
    with pytest.raises(CloudUnavailable):
        await account.devices()
    # The new pass token is not lost with the failed last step.
    assert account.session is not None
    assert account.session.pass_token != first.pass_token
    cloud.server.accounts.redeem = real  # type: ignore[method-assign]
    assert len(await account.devices()) == 2


async def test_stored_session(
    account: XiaomiAccount, cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    stored = (await account.login(USER, PASSWORD)).as_dict()
    again = XiaomiAccount(http, cloud.endpoints, "de", AccountSession.from_dict(stored))
    assert len(await again.devices()) == 2
    cloud.server.accounts.expire_service_tokens()
    assert len(await again.devices()) == 2
    assert cloud.server.accounts.password_logins == 1


async def test_not_signed_in(account: XiaomiAccount) -> None:
    with pytest.raises(SessionExpired):
        await account.devices()


async def test_unknown_region(cloud: Cloud, http: aiohttp.ClientSession) -> None:
    with pytest.raises(ValueError, match="region"):
        XiaomiAccount(http, cloud.endpoints, "atlantis")


async def test_closed_http_session(cloud: Cloud, http: aiohttp.ClientSession) -> None:
    account = XiaomiAccount(http, cloud.endpoints, "de")
    await http.close()
    with pytest.raises(CloudUnavailable):
        await account.login(USER, PASSWORD)


async def test_miss_vendor(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    vendor = await account.miss_vendor(str(DID), PUBLIC, allowed=always)
    assert vendor.vendor == 4
    assert vendor.device_public == cloud.keys.device_public(DID)
    assert cloud.keys.check(DID, PUBLIC, vendor.sign)
    with pytest.raises(CloudApiError, match="Permit Deny"):
        await account.miss_vendor("4711", PUBLIC, allowed=always)


async def test_rpc(account: XiaomiAccount, cloud: Cloud) -> None:
    await account.login(USER, PASSWORD)
    info = await account.rpc(str(DID), "miIO.info", [], allowed=always)
    assert isinstance(info, dict)
    assert info["model"] == "chuangmi.camera.046c04"
    with pytest.raises(CloudApiError) as caught:
        await account.rpc(str(DID), "no_such_method", [], allowed=always)
    assert caught.value.code == -32601
    cloud.online = False
    with pytest.raises(CloudApiError, match="offline"):
        await account.rpc(str(DID), "miIO.info", [], allowed=always)
    with pytest.raises(ValueError, match="did"):
        await account.rpc("../../x", "miIO.info", [], allowed=always)


async def test_miot(account: XiaomiAccount, cloud: Cloud) -> None:
    did = str(DID)
    await account.login(USER, PASSWORD)
    on, missing = await account.miot_get(did, [(2, 1), (99, 1)], allowed=always)
    assert (on["siid"], on["piid"], on["code"], on["value"]) == (2, 1, 0, True)
    assert missing["code"] == -704040003
    (item,) = await account.miot_set(did, {(2, 1): False}, allowed=always)
    assert item["code"] == 0
    assert not cloud.state.power
    assert await account.miot_action(did, 4, 1, allowed=always) == []
    with pytest.raises(CloudApiError) as wrong:
        await account.miot_action(did, 4, 1, ["too many"], allowed=always)
    assert wrong.value.code == -704220035
    cloud.online = False
    (item,) = await account.miot_get(did, [(2, 1)], allowed=always)
    assert item["code"] == -704042011


async def test_secrets_stay_out_of_texts(
    account: XiaomiAccount, cloud: Cloud, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = ""
    await account.login(USER, PASSWORD)
    texts += repr(await account.devices())
    vendor = await account.miss_vendor(str(DID), PUBLIC, allowed=always)
    texts += repr(vendor)
    cloud.server.accounts.expire_service_tokens()
    await account.devices()
    for password in ("wr0ng-password", PASSWORD):
        cloud.server.accounts.demand = LoginDemand.VERIFICATION
        with pytest.raises((InvalidCredentials, VerificationRequired)) as refused:
            await account.login(USER, password)
        texts += repr(refused.value) + str(refused.value)
    cloud.server.accounts.demand = None
    cloud.server.accounts.expire_service_tokens()
    await cloud.server.set_outage(Outage.REFUSED)
    with pytest.raises(CloudUnavailable) as down:
        await account.devices()
    assert down.value.__cause__ is None
    texts += repr(down.value) + repr(account) + repr(kept.sessions) + caplog.text
    secrets = {PASSWORD, "wr0ng-password", vendor.sign, TOKEN.hex(), repr(TOKEN)[2:-1]}
    for session in kept.sessions:
        secrets |= {session.pass_token, session.service_token, session.ssecurity}
    for secret in secrets:
        assert secret not in texts


type Call = Callable[[XiaomiAccount, Callable[[], bool]], Awaitable[object]]

CALLS: list[Call] = [
    lambda account, allowed: account.miss_vendor(str(DID), PUBLIC, allowed=allowed),
    lambda account, allowed: account.rpc(str(DID), "miIO.info", [], allowed=allowed),
    lambda account, allowed: account.miot_get(str(DID), [(2, 1)], allowed=allowed),
    lambda account, allowed: account.miot_set(str(DID), {(2, 1): True}, allowed=allowed),
    lambda account, allowed: account.miot_action(str(DID), 4, 1, allowed=allowed),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("left", range(5))
async def test_each_request_of_a_call_is_asked_about(
    account: XiaomiAccount,
    cloud: Cloud,
    call: Call,
    left: int,
) -> None:
    """A refused token makes four requests of one: nothing is sent after the leave has gone."""
    await account.login(USER, PASSWORD)
    accounts = cloud.server.accounts
    accounts.expire_service_tokens()
    accounts.rotate_pass_tokens = True
    real, redeemed = accounts.redeem, 0

    def redeem(ticket: str) -> ServiceSession | None:
        nonlocal redeemed
        redeemed += 1
        return real(ticket)

    accounts.redeem = redeem  # type: ignore[method-assign]

    def sent() -> int:
        return cloud.server.requests + accounts.silent_logins + redeemed

    def allowed() -> bool:
        return sent() < left

    if left == 4:
        await call(account, allowed)
    else:
        with pytest.raises(NotAllowed):
            await call(account, allowed)
    assert sent() == left
    # What there was of the log-in is not lost: the call works as soon as it is allowed.
    await call(account, always)
    assert accounts.password_logins == 1


async def test_one_that_may_not_ask_any_more_ends_no_call_of_another(
    account: XiaomiAccount, cloud: Cloud
) -> None:
    await account.login(USER, PASSWORD)
    cloud.server.accounts.expire_service_tokens()
    cloud.server.slow = 0.05
    hidden, shown, listed = await asyncio.gather(
        account.rpc(str(DID), "miIO.info", [], allowed=lambda: not cloud.server.requests),
        account.rpc(str(DID), "miIO.info", [], allowed=always),
        account.devices(),
        return_exceptions=True,
    )
    assert isinstance(hidden, NotAllowed)
    assert isinstance(shown, dict)
    assert isinstance(listed, Listing)
    assert cloud.server.accounts.silent_logins == 1
