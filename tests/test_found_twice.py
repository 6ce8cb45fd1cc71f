"""A camera that was added by its address and is listed by an account is one camera."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_ZEROCONF, ConfigEntryState, ConfigSubentry
from homeassistant.const import CONF_HOST, CONF_MODEL, CONF_NAME, CONF_TOKEN
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera import known_cameras as module
from custom_components.mi_camera.camera_config import CONF_ACCOUNT, CONF_DID, CONF_MAC, CameraConfig
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from custom_components.mi_camera.discovery import Found
from custom_components.mi_camera.flow_forms import CONF_CAMERAS, camera_data, new_subentry
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.gate_record import GateRecordError
from custom_components.mi_camera.gate_store import GateStore
from custom_components.mi_camera.known_cameras import KnownCameras, async_make_listed, known_cameras
from custom_components.mi_camera.sign_in import FormError
from simulator.camera import SimCamera
from simulator.cloud import CloudDevice

from .conftest import image_soon, settle
from .home import OTHER_USERNAME, PASSWORD, REGION, USERNAME, Home, spec
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

SHORT = 0xFFFFFFFF


@pytest.fixture
async def third(ready: HomeAssistant, home: Home) -> AsyncGenerator[SimCamera]:
    """A camera that no account lists yet."""
    camera = SimCamera(spec(3), home.keys)
    await camera.start()
    yield camera
    await camera.stop()


async def begin(hass: HomeAssistant, entry: MiCameraConfigEntry, kind: str, step: str) -> Any:
    flows = hass.config_entries.subentries
    result = await flows.async_init((entry.entry_id, kind), context={"source": "user"})
    return await answer(hass, result, {"next_step_id": step})


async def answer(hass: HomeAssistant, result: Any, data: dict[str, Any]) -> Any:
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], data)
    await settle(hass)
    return result


async def add_by_address(hass: HomeAssistant, entry: MiCameraConfigEntry, camera: SimCamera) -> Any:
    form = await begin(hass, entry, SUBENTRY_CAMERA, "address")
    told = {CONF_HOST: camera.spec.address, CONF_TOKEN: camera.spec.token.hex()}
    return await answer(hass, form, told | {CONF_NAME: "Garden"})


def list_it(home: Home, camera: SimCamera, username: str = USERNAME, **changes: Any) -> None:
    device = CloudDevice.camera(camera.spec, camera.miio.methods)
    home.cloud.add_device(username, replace(device, **changes))


def stored(entry: MiCameraConfigEntry, did: int) -> ConfigSubentry:
    (one,) = (
        one for one in entry.get_subentries_of_type(SUBENTRY_CAMERA) if one.unique_id == str(did)
    )
    return one


def devices(hass: HomeAssistant, entry: MiCameraConfigEntry, did: int) -> list[str]:
    every = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return [one.id for one in every if (DOMAIN, str(did)) in one.identifiers]


async def test_from_the_account_it_becomes_whole_and_stays_one(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    result = await add_by_address(hass, entry, third)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    did, short = third.spec.did, third.spec.did & SHORT
    assert did != short
    before = stored(entry, short)
    hass.config_entries.async_update_subentry(
        entry, before, data={**before.data, "sound": False}, title="Behind the house"
    )
    entities = er.async_get(hass)
    entities.async_update_entity("camera.garden", new_entity_id="camera.by_the_pond")
    await settle(hass)
    names = {
        one.entity_id: one.unique_id.removeprefix(f"{short}-")
        for one in er.async_entries_for_config_entry(entities, entry.entry_id)
        if one.config_subentry_id == before.subentry_id
    }
    assert names["camera.by_the_pond"] == "0"
    (device,) = devices(hass, entry, short)
    # One that is hidden is so under any name, and at any time.
    kill_switch = entry.runtime_data.kill_switch
    await kill_switch.async_hide(str(short))

    # Listed now, it is not offered as new, and whoever announces it whole tells nothing new.
    list_it(home, third)
    assert await entry.runtime_data.new_cameras.async_look()
    await settle(hass)
    told = Found(str(did), None, third.spec.model, third.spec.address, "x")
    assert told.is_camera(before)
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert not [one for one in flows if one["context"]["source"] != SOURCE_ZEROCONF]

    result = await begin(hass, entry, SUBENTRY_CAMERA, "from_account")
    assert result["step_id"] == "from_account"
    result = await answer(hass, result, {CONF_CAMERAS: [str(did)]})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "camera_listed")
    assert result["description_placeholders"] == {"camera": "Behind the house"}
    assert entry.state is ConfigEntryState.LOADED

    after = stored(entry, did)
    assert after.subentry_id == before.subentry_id
    assert after.title == "Behind the house"
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    assert after.data[CONF_ACCOUNT] == account.unique_id
    assert (after.data["sound"], after.data[CONF_DID]) == (False, str(did))
    now = {
        one.entity_id: one.unique_id
        for one in er.async_entries_for_config_entry(entities, entry.entry_id)
        if one.config_subentry_id == after.subentry_id
    }
    assert {entity_id: now[entity_id] for entity_id in names} == {
        entity_id: f"{did}-{name}" for entity_id, name in names.items()
    }
    # What only an account gives is there too.
    assert f"{did}-detection" in now.values()
    assert devices(hass, entry, did) == [device]
    assert not devices(hass, entry, short)

    assert kill_switch.holds_of(str(did)) == {Hold.PRIVACY}
    assert str(did) in kill_switch.record.hidden
    assert str(short) in kill_switch.record.hidden
    later = dt_util.utcnow() + timedelta(seconds=module.FORGET_AFTER + 1)
    async_fire_time_changed(hass, later)
    await until(lambda: str(short) not in kill_switch.record.hidden, 30)
    assert kill_switch.holds_of(str(did)) == {Hold.PRIVACY}
    await kill_switch.async_show(str(did))
    await settle(hass)
    # With its whole did the cloud gives its keys, and so there are pictures.
    assert await image_soon(hass, "camera.by_the_pond", 30)

    result = await begin(hass, entry, SUBENTRY_CAMERA, "from_account")
    assert result["reason"] == "no_cameras"


async def test_the_account_comes_later(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    await add_by_address(hass, entry, third)
    kill_switch = entry.runtime_data.kill_switch
    short = str(third.spec.did & SHORT)
    kill_switch.async_violation(short, "relay of lens 0")
    list_it(home, third, OTHER_USERNAME)
    result = await begin(hass, entry, SUBENTRY_ACCOUNT, "account")
    result = await answer(
        hass, result, {"username": OTHER_USERNAME, "password": PASSWORD, "region": REGION}
    )
    result = await answer(hass, result, result["data_schema"]({}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(entry.get_subentries_of_type(SUBENTRY_ACCOUNT)) == 2
    one = stored(entry, third.spec.did)
    assert (one.data[CONF_ACCOUNT], one.title) == ("77", "Garden")
    assert kill_switch.holds_of(str(third.spec.did)) == {Hold.QUARANTINE}
    assert kill_switch.record.quarantined[str(third.spec.did)] == "relay of lens 0"
    assert len(entry.runtime_data.cameras) == 3


async def test_one_that_was_added_while_the_account_was_asked_stays_one(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    list_it(home, third, OTHER_USERNAME)
    result = await begin(hass, entry, SUBENTRY_ACCOUNT, "account")
    result = await answer(
        hass, result, {"username": OTHER_USERNAME, "password": PASSWORD, "region": REGION}
    )
    assert result["step_id"] == "cameras"
    device = CloudDevice.camera(third.spec, third.miio.methods)
    data = CameraConfig(
        did=str(third.spec.did),
        name="Meanwhile",
        model=device.model,
        host=third.spec.address,
        token=third.spec.token.hex(),
        mac=third.spec.mac,
        account="77",
    )
    assert hass.config_entries.async_add_subentry(entry, new_subentry(camera_data(data)))
    await settle(hass)
    result = await answer(hass, result, result["data_schema"]({}))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert stored(entry, third.spec.did).title == "Meanwhile"
    assert len(entry.runtime_data.cameras) == 3


async def test_by_its_address_an_account_s_camera_is_there_already(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    result = await add_by_address(hass, entry, home.cameras[0])
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_who_is_announced_with_another_upper_half_is_no_second_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    known = home.cameras[0].spec
    name = f"{known.model.replace('.', '-')}_miio{known.did + (1 << 40)}._miio._udp.local."
    address = ip_address(known.address)
    said = ZeroconfServiceInfo(address, [address], 54321, "x.local.", "_miio._udp.local.", name, {})
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=said)
    result = await flows.async_configure(result["flow_id"], {})
    assert result["step_id"] == "discovered_camera"
    told = {CONF_HOST: known.address, CONF_TOKEN: known.token.hex()}
    result = await flows.async_configure(result["flow_id"], told)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await settle(hass)
    assert len(entry.runtime_data.cameras) == 2


async def test_it_stays_as_it_was_if_its_holds_cannot_be_saved(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    third: SimCamera,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add_by_address(hass, entry, third)
    short = third.spec.did & SHORT
    kill_switch = entry.runtime_data.kill_switch
    await kill_switch.async_hide(str(short))
    camera = CameraConfig.parse(
        {**stored(entry, short).data, CONF_DID: str(third.spec.did), CONF_ACCOUNT: "77"}
    )

    async def full(_self: GateStore, _line: Any) -> None:
        raise GateRecordError

    monkeypatch.setattr(GateStore, "write", full)
    with pytest.raises(FormError, match="gate_not_saved"):
        await async_make_listed(hass, entry, stored(entry, short), camera)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("camera.garden") is not None
    assert kill_switch.holds_of(str(short)) == {Hold.PRIVACY}
    assert not kill_switch.gate.is_open or not kill_switch.camera_gate(str(short)).is_open

    async def stays(_entry_id: str) -> bool:
        return False

    list_it(home, third)
    list_it(home, third, OTHER_USERNAME)
    listed = await begin(hass, entry, SUBENTRY_CAMERA, "from_account")
    new = await begin(hass, entry, SUBENTRY_ACCOUNT, "account")
    new = await answer(
        hass, new, {"username": OTHER_USERNAME, "password": PASSWORD, "region": REGION}
    )
    monkeypatch.setattr(hass.config_entries, "async_unload", stays)
    for form in (listed, new):
        result = await answer(hass, form, {CONF_CAMERAS: [camera.did]})
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "hub_not_loaded")
    monkeypatch.undo()
    assert known_cameras(entry).stored(camera) is stored(entry, short)


# -- which two are one ---------------------------------------------------------------------------

CAMERA = CameraConfig("5000000003", "Garden", "chuangmi.camera.ipc019", "10.0.0.7", "ab" * 16)
LOW = str(5_000_000_003 & SHORT)
MAC = "02:00:00:00:50:03"


@pytest.mark.parametrize(
    ("changes", "listed", "same"),
    [
        ({}, {}, True),
        ({CONF_DID: LOW}, {}, True),
        ({CONF_DID: LOW, CONF_TOKEN: "AB" * 16}, {}, True),
        ({CONF_DID: LOW, CONF_MODEL: "chuangmi.camera.ipc019e"}, {}, True),
        ({CONF_DID: LOW, CONF_TOKEN: "cd" * 16}, {}, False),
        ({CONF_DID: "7"}, {}, False),
        ({CONF_DID: "7", CONF_MAC: MAC}, {"mac": MAC.replace(":", "").upper()}, True),
        ({CONF_DID: "7", CONF_MAC: MAC, CONF_MODEL: "isa.camera.hlc7"}, {"mac": MAC}, False),
        ({CONF_DID: "7", CONF_MAC: "00:00:00:00:00:00"}, {"mac": "000000000000"}, False),
        # What is another account's already, a MAC alone does not make this one's.
        ({CONF_DID: "7", CONF_MAC: MAC, CONF_ACCOUNT: "88"}, {"mac": MAC}, False),
        ({CONF_DID: "7", CONF_MAC: 5}, {"mac": MAC}, False),
        ({CONF_DID: "damaged", CONF_MAC: MAC}, {"mac": MAC}, False),
    ],
)
def test_which_two_are_one(changes: dict[str, Any], listed: dict[str, Any], same: bool) -> None:
    data = CAMERA.as_dict() | changes
    one = ConfigSubentry(
        data=MappingProxyType(data),
        subentry_type=SUBENTRY_CAMERA,
        title="Garden",
        unique_id=data[CONF_DID],
    )
    known = KnownCameras([one])
    camera = replace(CAMERA, account="77", **listed)
    assert (known.stored(camera) is one) is same
    # Nothing is known of an account yet, so adding it from there is worth while.
    assert known.may_add(camera)
    assert (camera.did in known) is (one.unique_id == camera.did)


def test_what_is_announced_whole_is_known_by_its_low_half() -> None:
    def subentry(**changes: Any) -> ConfigSubentry:
        data = CAMERA.as_dict() | changes
        return ConfigSubentry(
            data=MappingProxyType(data),
            subentry_type=SUBENTRY_CAMERA,
            title="Garden",
            unique_id=data[CONF_DID],
        )

    found = Found(CAMERA.did, None, CAMERA.model, "10.0.0.7", "x")
    assert found.is_camera(subentry(did=LOW))
    assert found.is_camera(subentry(did=LOW, mac=MAC))
    assert not replace(found, mac="02:00:00:00:50:04").is_camera(subentry(did=LOW, mac=MAC))
    assert not found.is_camera(subentry(did=LOW, account="77"))
    assert not replace(found, did=MAC).is_camera(subentry(did=LOW))
    assert not replace(found, did=None, mac=MAC).is_camera(subentry(did=LOW))
