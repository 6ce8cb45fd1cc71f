"""Signing in by QR code, with captcha and code, and by token, against the simulated cloud."""

from __future__ import annotations

import asyncio
from base64 import b64decode
import logging
import re
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
import pytest

from custom_components.mi_camera.cloud import CloudUnavailable, qr_login
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from custom_components.mi_camera.flow_forms import (
    CONF_CAPTCHA,
    CONF_CODE,
    CONF_PASS_TOKEN,
    CONF_QR_CODE,
    CONF_USER_ID,
)
from simulator.cloud import CloudDevice, Outage
from simulator.cloud.api import ApiError
from simulator.cloud.challenges import EMAIL, PHONE

from .conftest import settle
from .home import OTHER_USERNAME, PASSWORD, REGION, USERNAME, Home

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

LOGIN = {CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD}


class Flow:
    """A flow of the hub or of an account, as a user leads it."""

    def __init__(self, hass: HomeAssistant, entry: MiCameraConfigEntry | None = None) -> None:
        self.hass = hass
        self.entry = entry
        self.manager: Any = (
            hass.config_entries.flow if entry is None else hass.config_entries.subentries
        )
        self.now: Any = None

    async def begin(self, *steps: str) -> Flow:
        handler = DOMAIN if self.entry is None else (self.entry.entry_id, SUBENTRY_ACCOUNT)
        self.now = await self.manager.async_init(handler, context={"source": SOURCE_USER})
        for step in steps:
            await self.say(next_step_id=step)
        return self

    async def say(self, **given: Any) -> Any:
        self.now = await self.manager.async_configure(self.now["flow_id"], given)
        return self.now

    async def soon(self, test: Callable[[], bool]) -> None:
        """Wait until the flow is where it should be; look at it as the frontend does."""
        async with asyncio.timeout(30):
            while not test():
                await asyncio.sleep(0.02)
                self.now = await self.manager.async_configure(self.now["flow_id"])

    @property
    def at(self) -> tuple[str | None, str | None]:
        """The step shown, and what is said to be wrong."""
        return self.now.get("step_id"), (self.now.get("errors") or {}).get("base")

    @property
    def form(self) -> dict[str, Any]:
        """The fields of the form shown."""
        return {str(key): value for key, value in self.now["data_schema"].schema.items()}

    def captcha(self) -> bytes:
        kind, _, data = self.now["description_placeholders"]["picture"].partition(",")
        assert kind == "data:image/png;base64"
        return b64decode(data)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr_login, "PAUSE", 0.05)


def scans() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "mi_camera QR code"]


# -- QR code -------------------------------------------------------------------------------


async def test_scanning_a_code_sets_everything_up(ready: HomeAssistant, home: Home) -> None:
    flow = await Flow(ready).begin("qr")
    assert flow.at == ("qr", None)
    text = flow.form[CONF_QR_CODE].config["data"]
    assert text.startswith(f"{home.cloud.url}/longPolling/login?ticket=")
    assert flow.now["description_placeholders"] == {"url": text}
    await flow.say()
    assert flow.now["type"] is FlowResultType.SHOW_PROGRESS
    assert flow.now["progress_action"] == "scan"
    # Asking again changes nothing.
    await flow.say()
    assert flow.now["type"] is FlowResultType.SHOW_PROGRESS
    assert home.cloud.accounts.scan()
    await flow.soon(lambda: flow.at == ("cameras", None))
    assert not scans()
    # Only the region with cameras is left to be taken.
    await flow.say(cameras=[str(home.cameras[0].spec.did)])
    assert flow.now["type"] is FlowResultType.CREATE_ENTRY
    entry = flow.now["result"]
    await settle(ready)
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    assert account.title == "Xiaomi 2000000001"
    assert account.data["region"] == REGION
    assert home.cloud.accounts.password_logins == 0
    await ready.config_entries.async_remove(entry.entry_id)


async def test_a_code_scanned_before_anything_is_pressed(ready: HomeAssistant, home: Home) -> None:
    flow = await Flow(ready).begin("qr")
    assert home.cloud.accounts.scan()
    async with asyncio.timeout(5):
        await asyncio.wait(scans())
    await flow.say()
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_a_code_that_nobody_scans_is_replaced(ready: HomeAssistant, home: Home) -> None:
    home.cloud.accounts.challenges.qr_seconds = 1.0
    home.cloud.accounts.challenges.poll_seconds = 0.1
    flow = await Flow(ready).begin("qr")
    # Nothing may come between: on a busy machine the first code is over before the next step.
    home.cloud.accounts.challenges.qr_seconds = 60.0
    first = flow.form[CONF_QR_CODE].config["data"]
    await flow.say()
    await flow.soon(lambda: flow.at == ("qr", "qr_expired"))
    assert flow.form[CONF_QR_CODE].config["data"] != first
    await flow.say()
    assert home.cloud.accounts.scan()
    await flow.soon(lambda: flow.at == ("cameras", None))
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_flow_that_is_left_asks_no_more(
    ready: HomeAssistant, home: Home, waiting: bool
) -> None:
    flow = await Flow(ready).begin("qr")
    if waiting:
        await flow.say()
    assert len(scans()) == 1
    ready.config_entries.flow.async_abort(flow.now["flow_id"])
    await asyncio.sleep(0.05)
    assert not scans()


async def test_a_flow_that_is_left_while_a_code_is_fetched(
    ready: HomeAssistant, home: Home
) -> None:
    home.cloud.slow = 0.2
    flow = await Flow(ready).begin()
    asking = asyncio.create_task(flow.say(next_step_id="qr"))
    await asyncio.sleep(0.1)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])
    with pytest.raises(UnknownFlow):
        await asking
    assert not scans()


async def test_a_flow_left_in_another_window_is_in_nobodys_way(
    ready: HomeAssistant, home: Home
) -> None:
    left = await Flow(ready).begin("qr")
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    await flow.say(cameras=[str(home.cameras[0].spec.did)])
    assert flow.now["type"] is FlowResultType.CREATE_ENTRY
    await settle(ready)
    assert not scans()
    with pytest.raises(UnknownFlow):
        await left.say()
    await ready.config_entries.async_remove(flow.now["result"].entry_id)


async def test_no_code_can_be_had_and_then_it_can(ready: HomeAssistant, home: Home) -> None:
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    flow = await Flow(ready).begin("qr")
    assert flow.at == ("qr", "cannot_connect")
    assert flow.form == {}
    await home.cloud.set_outage(None)
    await flow.say()
    assert flow.at == ("qr", None)
    # A page that is loaded again shows the same code, and one task asks.
    text = flow.form[CONF_QR_CODE].config["data"]
    flow.now = await flow.manager.async_configure(flow.now["flow_id"])
    assert flow.form[CONF_QR_CODE].config["data"] == text
    assert len(scans()) == 1
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_an_account_without_cameras_cannot_begin(ready: HomeAssistant, home: Home) -> None:
    flow = await Flow(ready).begin("qr")
    assert home.cloud.accounts.scan(username=OTHER_USERNAME)
    await flow.say()
    await flow.soon(lambda: flow.at == ("region", "no_cameras"))
    await flow.say(**{CONF_REGION: "sg"})
    assert flow.at == ("region", "no_cameras")
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    await flow.say()
    assert flow.at == ("region", "cannot_connect")
    await home.cloud.set_outage(None)
    home.cloud.add_device(
        OTHER_USERNAME, CloudDevice.camera(home.cameras[0].spec, home.cameras[0].miio.methods)
    )
    await flow.say()
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


# -- captcha and code ------------------------------------------------------------------------


async def test_captcha_then_code_wrong_and_right(ready: HomeAssistant, home: Home) -> None:
    accounts = home.cloud.accounts
    accounts.captcha = accounts.verification = accounts.captcha_before_code = True
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    assert flow.at == ("captcha", None)
    first = flow.captcha()
    await flow.say(**{CONF_CAPTCHA: "WRONG"})
    assert flow.at == ("captcha", "wrong_captcha")
    assert flow.captcha() != first
    await flow.say(**{CONF_CAPTCHA: accounts.challenges.captcha.lower()})
    assert flow.now["type"] is FlowResultType.MENU
    assert flow.now["menu_options"] == ["email", "phone"]
    await flow.say(next_step_id="email")
    # The account may want a captcha before it sends a code, too.
    assert flow.at == ("captcha", None)
    assert not accounts.challenges.codes
    await flow.say(**{CONF_CAPTCHA: "WRONG"})
    assert flow.at == ("captcha", "wrong_captcha")
    await flow.say(**{CONF_CAPTCHA: accounts.challenges.captcha})
    assert flow.at == ("code", None)
    assert flow.now["description_placeholders"] == {"receiver": "de***@example.com"}
    right = accounts.challenges.codes["email"]
    for wrong in ("000000" if right != "000000" else "000001", "12&_flag=4", ""):
        await flow.say(**{CONF_CODE: wrong})
        assert flow.at == ("code", "wrong_code")
    await flow.say(**{CONF_CODE: f" {right} "})
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


@pytest.mark.parametrize(("way", "name"), [(EMAIL, "email"), (PHONE, "phone")])
async def test_where_there_is_one_way_to_send_a_code_it_is_taken(
    ready: HomeAssistant, home: Home, way: int, name: str
) -> None:
    accounts = home.cloud.accounts
    accounts.verification, accounts.ways = True, (way,)
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    assert flow.at == ("code", None)
    await flow.say(**{CONF_CODE: accounts.challenges.codes[name]})
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_too_many_codes(ready: HomeAssistant, home: Home) -> None:
    accounts = home.cloud.accounts
    accounts.verification, accounts.ways = True, (PHONE,)
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    for _ in range(5):
        await flow.say(**{CONF_CODE: "abcd"})
        assert flow.at == ("code", "wrong_code")
    await flow.say(**{CONF_CODE: accounts.challenges.codes["phone"]})
    assert flow.at == ("account", "blocked")
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_the_cloud_goes_down_in_the_middle(ready: HomeAssistant, home: Home) -> None:
    accounts = home.cloud.accounts
    accounts.captcha = True
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    await home.cloud.set_outage(Outage.REFUSED)
    await flow.say(**{CONF_CAPTCHA: accounts.challenges.captcha})
    assert flow.at == ("account", "cannot_connect")
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


@pytest.mark.parametrize("step", ["captcha", "code", "email", "region", "scan", "scanned"])
async def test_a_step_out_of_turn_leads_back(ready: HomeAssistant, home: Home, step: str) -> None:
    """Nothing in a user's reach does this; a flow handler is told what step it is at."""
    flow = await Flow(ready).begin("account")
    handler = ready.config_entries.flow._progress[flow.now["flow_id"]]
    result = await getattr(handler, f"async_step_{step}")()
    assert result["step_id"] == ("qr" if step in {"region", "scan", "scanned"} else "account")
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


# -- token --------------------------------------------------------------------------------------


async def test_signing_in_by_token(ready: HomeAssistant, home: Home) -> None:
    account = next(iter(home.cloud.accounts._accounts.values()))
    token = home.cloud.accounts._new_pass_token(account, "a browser")
    flow = await Flow(ready).begin("token")
    assert flow.at == ("token", None)
    for bad in ({CONF_PASS_TOKEN: "wrong"}, {CONF_PASS_TOKEN: "a;b=c"}, {CONF_USER_ID: "77"}):
        await flow.say(**{CONF_USER_ID: "2000000001", CONF_PASS_TOKEN: token} | bad)
        assert flow.at == ("token", "session_expired")
        assert token not in str(flow.now)
    await flow.say(**{CONF_USER_ID: "2000000001", CONF_PASS_TOKEN: token, CONF_REGION: REGION})
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


# -- accounts that are there, or come later -------------------------------------------------------


async def test_another_account_by_qr_code(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    flow = await Flow(hass, entry).begin("qr")
    assert home.cloud.accounts.scan()
    await flow.say()
    await flow.soon(lambda: flow.now["type"] is FlowResultType.ABORT)
    assert flow.now["reason"] == "already_configured"
    assert len(entry.get_subentries_of_type(SUBENTRY_ACCOUNT)) == 1

    flow = await Flow(hass, entry).begin("qr")
    assert home.cloud.accounts.scan(username=OTHER_USERNAME)
    await flow.say()
    await flow.soon(lambda: flow.at == ("region", "no_cameras"))
    await flow.say(**{CONF_REGION: "de"})
    assert flow.now["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert len(entry.get_subentries_of_type(SUBENTRY_ACCOUNT)) == 2
    assert len(entry.get_subentries_of_type(SUBENTRY_CAMERA)) == 2


async def test_an_account_with_cameras_in_two_regions(
    ready: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = home.cloud._api.answer

    def everywhere(account: Any, region: str, path: str, data: Any) -> Any:
        return answer(account, "de" if region == "cn" else region, path, data)

    monkeypatch.setattr(home.cloud._api, "answer", everywhere)
    # A camera that two regions list is offered once.
    for region in ({}, {CONF_REGION: "cn"}):
        flow = await Flow(ready).begin("account")
        await flow.say(**LOGIN, **region)
        assert flow.at == ("cameras", None)
        assert len(flow.form["cameras"].config["options"]) == 2
        ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_signing_in_again_by_qr_code(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    before = account.data["session"]
    entry.async_start_reauth(hass, data={"subentry_id": account.subentry_id})
    await hass.async_block_till_done()
    flow = Flow(hass)
    (flow.now,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    await flow.say(next_step_id="qr")
    assert home.cloud.accounts.scan(username=OTHER_USERNAME)
    await flow.say()
    await flow.soon(lambda: flow.at == ("qr", "other_account"))
    assert home.cloud.accounts.scan()
    await flow.say()
    await flow.soon(lambda: flow.now["type"] is FlowResultType.ABORT)
    assert flow.now["reason"] == "reauth_successful"
    await settle(hass)
    after = entry.subentries[account.subentry_id].data["session"]
    assert after["pass_token"] != before["pass_token"]
    # It goes on looking like the same client.
    assert after["device_id"] == before["device_id"]


async def test_an_account_removed_while_it_is_signed_in_to_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    entry.async_start_reauth(hass, data={"subentry_id": account.subentry_id})
    await hass.async_block_till_done()
    flow = Flow(hass)
    (flow.now,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    await flow.say(next_step_id="account")
    hass.config_entries.async_remove_subentry(entry, account.subentry_id)
    await settle(hass)
    await flow.say(**LOGIN)
    assert flow.now["reason"] == "account_removed"


async def test_one_region_that_is_away_hides_no_other(
    ready: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = home.cloud._api.answer

    def away(account: Any, region: str, path: str, data: Any) -> Any:
        if region == "us":
            raise ApiError(-1, "away")
        return answer(account, region, path, data)

    monkeypatch.setattr(home.cloud._api, "answer", away)
    flow = await Flow(ready).begin("account")
    await flow.say(**LOGIN)
    assert flow.at == ("cameras", None)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])


async def test_renewals_that_fail_are_remembered_over_a_reload(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    accounts = home.cloud.accounts
    accounts.expire_service_tokens()
    accounts.redeem = lambda ticket: None  # type: ignore[method-assign]

    async def ask() -> Any:
        (account,) = entry.runtime_data.accounts.values()
        return await account.devices()

    def stored() -> Any:
        (subentry,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
        return subentry.data.get("back_off")

    assert stored() is None
    for _ in range(4):
        with pytest.raises(CloudUnavailable):
            await ask()
    assert accounts.silent_logins == 2
    assert stored()["failures"] == 2
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    with pytest.raises(CloudUnavailable):
        await ask()
    assert accounts.silent_logins == 2
    del accounts.redeem
    # Whoever signs in again does not wait.
    (subentry,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    entry.async_start_reauth(hass, data={"subentry_id": subentry.subentry_id})
    await hass.async_block_till_done()
    flow = Flow(hass)
    (flow.now,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    await flow.say(next_step_id="account")
    await flow.say(**LOGIN)
    assert flow.now["reason"] == "reauth_successful"
    await settle(hass)
    assert stored() is None
    assert len(await ask()) == 2


async def test_nothing_secret_of_a_sign_in_is_logged_or_shown(
    ready: HomeAssistant, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("custom_components.mi_camera").setLevel(logging.DEBUG)
    accounts = home.cloud.accounts
    accounts.captcha = accounts.verification = True
    accounts.ways = (EMAIL,)
    flow = await Flow(ready).begin("account")
    shown = [str(await flow.say(**LOGIN))]
    captcha = accounts.challenges.captcha
    shown.append(str(await flow.say(**{CONF_CAPTCHA: captcha})))
    code = accounts.challenges.codes["email"]
    handler = ready.config_entries.flow._progress[flow.now["flow_id"]]
    shown.append(repr(vars(handler)) + repr(handler._sign_in))
    shown.append(str(await flow.say(**{CONF_CODE: code})))
    assert flow.at == ("cameras", None)
    session = handler._session
    told = "".join(shown) + "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("custom_comp")
    )
    secrets = {PASSWORD, code, session.pass_token, session.service_token, session.ssecurity}
    for secret in secrets:
        assert not re.search(rf"(?<![0-9]){re.escape(secret)}(?![0-9])", told)
    ready.config_entries.flow.async_abort(flow.now["flow_id"])
