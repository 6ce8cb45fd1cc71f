"""Cameras that others share, in whatever region, and what happens when they share no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera import new_cameras
from custom_components.mi_camera.camera_config import CameraConfig
from custom_components.mi_camera.cloud import CloudApiError, CloudUnavailable
from custom_components.mi_camera.cloud.device_calls import DeviceCalls
from custom_components.mi_camera.cloud.devices import CloudDevice as Listed
from custom_components.mi_camera.cloud.homes import Listing
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from custom_components.mi_camera.flow_forms import CONF_CAMERAS
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.sign_in import async_list_cameras
from simulator.camera import SimCamera
from simulator.cloud import CloudDevice

from .conftest import image_soon, settle
from .home import OTHER_USERNAME, PASSWORD, REGION, USERNAME, Home, spec
from .test_casting import until
from .test_config_flow import LOGIN, answer, answer_subentry, begin, begin_subentry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

VENDOR = "/v2/device/miss_get_vendor"


@pytest.fixture
async def friends(ready: HomeAssistant, home: Home) -> AsyncGenerator[SimCamera]:
    """A camera that is somebody else's, on this network."""
    camera = SimCamera(spec(3, model="chuangmi.camera.ipc019", name="Garden"), home.keys)
    await camera.start()
    home.cloud.add_device(OTHER_USERNAME, CloudDevice.camera(camera.spec, camera.miio.methods))
    yield camera
    await camera.stop()


@pytest.fixture
async def garden(
    hass: HomeAssistant, home: Home, friends: SimCamera, entry: MiCameraConfigEntry
) -> CameraCoordinator:
    """The same camera, shared with this home's account and added from it."""
    home.cloud.homes.share_home(OTHER_USERNAME, USERNAME)
    result = await begin_subentry(hass, entry, SUBENTRY_CAMERA)
    result = await answer_subentry(hass, result, {"next_step_id": "from_account"})
    did = str(friends.spec.did)
    (field,) = result["data_schema"].schema.values()
    (offered,) = field.config["options"]
    assert offered["value"] == did
    assert offered["label"].startswith("Garden")
    result = await answer_subentry(hass, result, {CONF_CAMERAS: [did]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    return camera_of(entry, did)


def camera_of(entry: MiCameraConfigEntry, did: str) -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.did == did)


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None
    return found.state


@pytest.mark.parametrize("single", [False, True])
async def test_signing_in_offers_what_others_share(
    ready: HomeAssistant, home: Home, friends: SimCamera, single: bool
) -> None:
    did = str(friends.spec.did)
    result = await answer(ready, await begin(ready, "account"), LOGIN)
    own = {str(camera.spec.did) for camera in home.cameras}
    assert set(result["data_schema"]({})[CONF_CAMERAS]) == own
    ready.config_entries.flow.async_abort(result["flow_id"])
    if single:
        home.cloud.homes.share_device(OTHER_USERNAME, did, USERNAME)
    else:
        home.cloud.homes.share_home(OTHER_USERNAME, USERNAME)
    result = await answer(ready, await begin(ready, "account"), LOGIN)
    assert set(result["data_schema"]({})[CONF_CAMERAS]) == own | {did}
    result = await answer(ready, result, {CONF_CAMERAS: [did]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    await settle(ready)
    # It is controlled and shows its picture as one's own would.
    assert state(ready, "camera.garden") == "idle"
    assert await image_soon(ready, "camera.garden")
    assert home.cloud.requests_by_path[VENDOR] == 1
    await ready.config_entries.async_remove(entry.entry_id)


async def test_cameras_in_two_regions_are_all_there(
    ready: HomeAssistant, home: Home, friends: SimCamera
) -> None:
    """One sign-in finds them, and each is asked about where it is listed."""
    device = CloudDevice.camera(friends.spec, friends.miio.methods)
    device.region = "sg"
    home.cloud.add_device(USERNAME, device)
    login = {CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD}
    result = await answer(ready, await begin(ready, "account"), login)
    chosen = result["data_schema"]({})[CONF_CAMERAS]
    assert len(chosen) == 3
    result = await answer(ready, result, {CONF_CAMERAS: chosen})
    entry = result["result"]
    await settle(ready)
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    # That of most cameras.
    assert account.data[CONF_REGION] == REGION
    regions = {
        subentry.title: subentry.data[CONF_REGION]
        for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA)
    }
    assert regions == {"Kitchen": REGION, "Porch": REGION, "Garden": "sg"}
    assert await image_soon(ready, "camera.garden")
    hub = entry.runtime_data
    garden = camera_of(entry, str(friends.spec.did))
    assert [one.region for one in hub.accounts_of(garden.config)] == ["sg"]
    owner = hub.events.account_of(garden)
    assert owner is not None
    assert owner[1].region == "sg"
    # The daily look goes to both, and misses none.
    asked = home.cloud.requests
    assert await hub.new_cameras.async_look()
    assert home.cloud.requests == asked + 4
    assert not any(one.gate.holds for one in hub.cameras.values())
    await ready.config_entries.async_remove(entry.entry_id)


async def test_a_camera_of_another_region_can_be_added_later(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, friends: SimCamera
) -> None:
    """The account was set up with one region; whoever looks for more looks in all."""
    device = CloudDevice.camera(friends.spec, friends.miio.methods)
    device.region = "us"
    home.cloud.add_device(USERNAME, device)
    result = await begin_subentry(hass, entry, SUBENTRY_CAMERA)
    result = await answer_subentry(hass, result, {"next_step_id": "from_account"})
    result = await answer_subentry(hass, result, {CONF_CAMERAS: [device.did]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert camera_of(entry, device.did).config.region == "us"
    assert state(hass, "camera.garden") == "idle"


async def test_an_account_removed_while_another_is_asked_is_asked_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    second = ConfigSubentry(
        data=first.data, subentry_type=SUBENTRY_ACCOUNT, title="Second", unique_id="second"
    )
    hass.config_entries.async_add_subentry(entry, second)
    await settle(hass)
    ask, asked = new_cameras.async_list_cameras, 0

    async def removed(account: Any, *asked_for: Any) -> Any:
        nonlocal asked
        asked += 1
        found = await ask(account, *asked_for)
        hass.config_entries.async_remove_subentry(entry, second.subentry_id)
        return found

    monkeypatch.setattr(new_cameras, "async_list_cameras", removed)
    assert len(entry.runtime_data.accounts) == 2
    listed = await new_cameras.async_listed(entry.runtime_data)
    assert (asked, listed.accounts) == (1, {first.unique_id})
    assert len(listed.devices) == 2


def test_a_stored_region_is_one_or_none() -> None:
    stored = CameraConfig("1", "a", "a.camera.b", "192.168.1.2", "00" * 16, region="sg").as_dict()
    assert CameraConfig.parse(stored).region == "sg"
    del stored["region"]
    assert CameraConfig.parse(stored).region is None
    with pytest.raises(ValueError, match="region"):
        CameraConfig.parse({**stored, "region": "mars"})


# -- shared no more ------------------------------------------------------------------------------


async def test_a_camera_that_is_unshared_ends_and_comes_back_when_it_is_shared_again(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    friends: SimCamera,
    garden: CameraCoordinator,
) -> None:
    hub, did = entry.runtime_data, str(friends.spec.did)
    issues = ir.async_get(hass)
    assert await image_soon(hass, "camera.garden")
    assert hub.keys.get(did) is not None
    look = hub.new_cameras.async_look
    assert await look()
    assert not garden.gate.holds

    home.cloud.homes.unshare(OTHER_USERNAME, USERNAME)
    assert await look()
    await settle(hass)
    assert garden.gate.holds == {Hold.UNLISTED}
    assert hub.keys.get(did) is None
    assert state(hass, "camera.garden") == "unavailable"
    assert state(hass, "camera.kitchen") == "idle"
    assert garden.refusal().translation_key == "camera_unlisted"
    issue = issues.async_get_issue(DOMAIN, f"unlisted_{did}")
    assert issue is not None
    assert issue.translation_placeholders == {"camera": "Garden"}
    await until(lambda: not friends.media_connections)
    # Not a packet goes to it, and the cloud is not asked about it again.
    asked, calls = home.cloud.requests_by_path[VENDOR], friends.rpc_count
    await garden.async_refresh()
    assert await look()
    assert friends.rpc_count == calls
    assert home.cloud.requests_by_path[VENDOR] == asked

    home.cloud.homes.share_device(OTHER_USERNAME, did, USERNAME)
    assert await look()
    await settle(hass)
    assert not garden.gate.holds
    assert issues.async_get_issue(DOMAIN, f"unlisted_{did}") is None
    await until(lambda: state(hass, "camera.garden") == "idle")
    assert await image_soon(hass, "camera.garden")


async def test_an_administrator_removes_it_in_repairs(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    friends: SimCamera,
    garden: CameraCoordinator,
    hass_client: ClientSessionGenerator,
) -> None:
    did = str(friends.spec.did)
    home.cloud.homes.unshare(OTHER_USERNAME, USERNAME)
    assert await entry.runtime_data.new_cameras.async_look()
    assert await async_setup_component(hass, "repairs", {})
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    response = await client.post(url, json={"handler": DOMAIN, "issue_id": f"unlisted_{did}"})
    flow = await response.json()
    assert flow["description_placeholders"] == {"camera": "Garden"}
    assert len(entry.runtime_data.cameras) == 3
    response = await client.post(f"{url}/{flow['flow_id']}", json={})
    assert (await response.json())["type"] == "create_entry"
    await settle(hass)
    assert len(entry.runtime_data.cameras) == 2
    assert er.async_get(hass).async_get("camera.garden") is None
    assert ir.async_get(hass).async_get_issue(DOMAIN, f"unlisted_{did}") is None


async def test_an_issue_goes_with_the_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, garden: CameraCoordinator
) -> None:
    home.cloud.homes.unshare(OTHER_USERNAME, USERNAME)
    assert await entry.runtime_data.new_cameras.async_look()
    issue_id = f"unlisted_{garden.config.did}"
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is not None
    hass.config_entries.async_remove_subentry(entry, garden.subentry_id)
    await settle(hass)
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is None


async def test_a_list_alone_proves_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    garden: CameraCoordinator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cloud lists nothing, but gives keys; or it lists but a part; or says something else."""
    look = entry.runtime_data.new_cameras.async_look
    homes = home.cloud.homes
    seen, listed = homes.seen, homes.listed
    monkeypatch.setattr(homes, "listed", lambda _account, _region: [])
    assert await look()
    homes.unshare(OTHER_USERNAME, USERNAME)
    for error in (CloudApiError(-8, "asleep"), CloudUnavailable("away")):

        async def refuse(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        for account in entry.runtime_data.accounts.values():
            monkeypatch.setattr(account, "miss_vendor", refuse)
        assert await look()
    monkeypatch.undo()
    monkeypatch.setattr(homes, "seen", lambda account, region: {} if account else seen)
    monkeypatch.setattr(homes, "homes", lambda *_: ["no object"])
    home.cloud._api._lists["/v2/homeroom/gethome_merged"] = homes.homes
    assert len(listed(homes._accounts[USERNAME], REGION)) == 2
    assert await look()
    await settle(hass)
    assert not any(one.gate.holds for one in entry.runtime_data.cameras.values())
    assert not ir.async_get(hass).issues.keys() & {(DOMAIN, f"unlisted_{garden.config.did}")}


async def test_nothing_is_asked_about_a_hidden_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, garden: CameraCoordinator
) -> None:
    """Its own gate holds for this question too; the answer comes when it is shown again."""
    home.cloud.homes.unshare(OTHER_USERNAME, USERNAME)
    hub = entry.runtime_data
    await hub.kill_switch.async_hide(garden.config.did)
    asked = home.cloud.requests_by_path[VENDOR]
    assert await hub.new_cameras.async_look()
    assert home.cloud.requests_by_path[VENDOR] == asked
    assert garden.gate.holds == {Hold.PRIVACY}
    await hub.kill_switch.async_engage()
    assert not await hub.new_cameras.async_look()
    assert home.cloud.requests_by_path[VENDOR] == asked


async def test_one_that_is_listed_again_comes_back_though_a_list_is_incomplete(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    garden: CameraCoordinator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = entry.runtime_data.new_cameras.async_look
    home.cloud.homes.unshare(OTHER_USERNAME, USERNAME)
    assert await look()
    assert garden.gate.holds == {Hold.UNLISTED}
    home.cloud.homes.share_device(OTHER_USERNAME, garden.config.did, USERNAME)
    listed = new_cameras.async_listed

    async def part(*args: Any, **more: Any) -> Any:
        answer = await listed(*args, **more)
        answer.complete = False
        return answer

    monkeypatch.setattr(new_cameras, "async_listed", part)
    await look()
    assert not garden.gate.holds


async def test_the_switch_ends_a_search_between_two_pages(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call, switch = DeviceCalls._call, hass.data[DATA_KILL_SWITCH]

    async def then_off(self: DeviceCalls, path: str, *args: Any, **more: Any) -> Any:
        answer = await call(self, path, *args, **more)
        if path == "/v2/home/device_list_page":
            await switch.async_engage()
        return answer

    monkeypatch.setattr(DeviceCalls, "_call", then_off)
    asked = home.cloud.requests_by_path["/v2/homeroom/gethome_merged"]
    assert not await entry.runtime_data.new_cameras.async_look()
    assert home.cloud.requests_by_path["/v2/homeroom/gethome_merged"] == asked


async def test_what_two_regions_list_with_different_tokens_is_left_out() -> None:
    def listing(region: str, token: bytes) -> Listing:
        device = Listed(
            "5000000003", "chuangmi.camera.ipc019", "x", None, "10.0.0.7", token, True, region
        )
        return Listing((device,), True)

    lists = {"cn": listing("cn", b"e" * 16), "de": listing("de", b"o" * 16)}

    def at(region: str) -> Any:
        async def devices(_: Any) -> Listing:
            return lists[region]

        return SimpleNamespace(devices=devices)

    account: Any = SimpleNamespace(at=at)
    found = await async_list_cameras(account, ("cn", "de"))
    assert (found.cameras, found.complete) == ((), False)
    lists["de"] = listing("de", b"e" * 16)
    found = await async_list_cameras(account, ("cn", "de"))
    assert [one.region for one in found.cameras] == ["cn"]
    assert found.complete
