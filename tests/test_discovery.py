"""Cameras that are found by themselves: what is offered, what is added, what is never done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from ipaddress import ip_address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import (
    SOURCE_DHCP,
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_REAUTH,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigSubentry,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_TOKEN
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.loader import async_get_dhcp, async_get_zeroconf
from homeassistant.setup import async_setup_component
from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera import (
    discovery_steps,
    hub as hub_module,
    new_cameras,
    relocation,
    sign_in,
)
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT, SUBENTRY_CAMERA
from custom_components.mi_camera.device import CameraDevice
from custom_components.mi_camera.discovery import Found
from custom_components.mi_camera.flow_forms import CONF_CAMERAS
from simulator.camera import SimCamera
from simulator.camera.miio import MiioServer
from simulator.cloud import CloudDevice, Outage

from .conftest import set_up, settle
from .home import ADDRESSES, USERNAME, Home, spec
from .test_camera import poll
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import WebSocketGenerator

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from simulator.camera import CameraSpec

NEW_ADDRESS = f"{ADDRESSES}.99"
LIAR_ADDRESS = f"{ADDRESSES}.98"
FIELDS = {"account": USERNAME}


@pytest.fixture(autouse=True)
def packets(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every datagram that a camera gets at its miio port; other tests' broadcasts are not heard."""
    got: list[bytes] = []
    receive = MiioServer.receive

    def heard(self: MiioServer, data: bytes, address: tuple[str, int]) -> None:
        got.append(data)
        receive(self, data, address)

    def deaf(_self: MiioServer, _data: bytes, _address: tuple[str, int]) -> None:
        """Be in a network that broadcasts do not reach."""

    monkeypatch.setattr(MiioServer, "receive", heard)
    monkeypatch.setattr(MiioServer, "_receive_broadcast", deaf)
    return got


@pytest.fixture(autouse=True)
def _without_broadcasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras are in another network here, so that only what is discovered leads to them."""

    async def nowhere(_hass: HomeAssistant) -> set[str]:
        return set()

    monkeypatch.setattr(hub_module, "async_get_ipv4_broadcast_addresses", nowhere)
    monkeypatch.setattr(relocation, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(relocation, "CameraDevice", partial(CameraDevice, timeout=0.5))


@pytest.fixture
async def third(ready: HomeAssistant, home: Home) -> AsyncGenerator[SimCamera]:
    """A camera that was switched on after the first set-up."""
    camera = SimCamera(spec(3, model="chuangmi.camera.ipc019"), home.keys)
    await camera.start()
    yield camera
    await camera.stop()


def mdns(camera: CameraSpec, host: str | None = None, **changes: Any) -> ZeroconfServiceInfo:
    address = ip_address(host or camera.address)
    values: dict[str, Any] = {
        "ip_address": address,
        "ip_addresses": [address],
        "port": 54321,
        "hostname": "camera.local.",
        "type": "_miio._udp.local.",
        "name": f"{camera.model.replace('.', '-')}_miio{camera.did}._miio._udp.local.",
        "properties": {"epoch": "1", "mac": camera.mac.replace(":", "")},
    }
    return ZeroconfServiceInfo(**values | changes)


def dhcp(camera: CameraSpec, host: str | None = None, hostname: str | None = None) -> Any:
    return DhcpServiceInfo(
        ip=host or camera.address,
        hostname=camera.model.replace(".", "_") if hostname is None else hostname,
        macaddress=camera.mac.replace(":", "").lower(),
    )


async def discover(hass: HomeAssistant, source: str, info: Any) -> Any:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": source}, data=info
    )
    await settle(hass)
    return result


async def answer(hass: HomeAssistant, result: Any, data: dict[str, Any]) -> Any:
    result = await hass.config_entries.flow.async_configure(result["flow_id"], data)
    await settle(hass)
    return result


def listed(home: Home, camera: SimCamera, **changes: Any) -> CloudDevice:
    device = replace(CloudDevice.camera(camera.spec, camera.miio.methods), **changes)
    home.cloud.add_device(USERNAME, device)
    return device


def coordinator_of(entry: MiCameraConfigEntry, name: str = "Kitchen") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


def offers(hass: HomeAssistant) -> set[str | None]:
    return {
        flow["context"].get("unique_id")
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] != SOURCE_REAUTH
    }


async def looked(coordinator: CameraCoordinator) -> None:
    task = coordinator.relocation._task
    assert task is not None
    await until(task.done, 20)


# -- what is read of packets ---------------------------------------------------------------


def test_what_cameras_say_is_understood() -> None:
    camera = spec(3, model="madv.cateye.miowl", did=12345678901234567890, mac="04:CF:8C:00:0a:01")
    found = Found.of_zeroconf(mdns(camera, "192.168.1.7"))
    assert found == Found(
        "12345678901234567890",
        "04:cf:8c:00:0a:01",
        "madv.cateye.miowl",
        "192.168.1.7",
        "madv.cateye.miowl",
    )
    old = {"poch": "0:mac=04CF8C000A01"}
    assert Found.of_zeroconf(mdns(camera, "10.0.0.7", properties=old)).mac == found.mac  # type: ignore[union-attr]
    for strange in ({}, {"mac": None}, {"mac": "0" * 12}, {"mac": "ff" * 6}, {"poch": "mac=1"}):
        assert Found.of_zeroconf(mdns(camera, "10.0.0.7", properties=strange)).mac is None  # type: ignore[union-attr]
    both = [ip_address("fe80::1"), ip_address("10.0.0.7")]
    assert Found.of_zeroconf(mdns(camera, ip_addresses=both)).host == "10.0.0.7"  # type: ignore[union-attr]
    assert Found.parse(found.as_dict()) == found
    hostname = "chuangmi-camera-ipc009_miio263372670"
    named = Found.of_dhcp(DhcpServiceInfo("10.0.0.7", hostname, "04cf8c000a01"))
    assert named == Found(
        "263372670",
        "04:cf:8c:00:0a:01",
        "chuangmi.camera.ipc009",
        "10.0.0.7",
        "chuangmi.camera.ipc009",
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "._miio._udp.local.",
        "chuangmi-camera-ipc009._miio._udp.local.",
        "chuangmi-camera-ipc009_miio._miio._udp.local.",
        "chuangmi-camera-ipc009_miio0._miio._udp.local.",
        "chuangmi-camera-ipc009_miio007._miio._udp.local.",
        "chuangmi-camera-ipc009_miio1_miio2._miio._udp.local.",
        "chuangmi-camera-ipc009_miio123456789012345678901._miio._udp.local.",
        "chuangmi-camera-ipc009_miio١٢٣._miio._udp.local.",
        "chuangmi-camera-ipc009_miio1\n._miio._udp.local.",
        "chuangmi-camera-ipc009_miio1",
        "chuangmi-camera-<b>_miio1._miio._udp.local.",
        "chuangmi-camera-[a](http://b)_miio1._miio._udp.local.",
        "chuangmi-camera-ipc009_miap0A1B._miio._udp.local.",
        "chuangmi-plug-m1_miio1._miio._udp.local.",
        f"chuangmi-camera-{'a' * 500}_miio1._miio._udp.local.",
    ],
)
async def test_odd_names_are_no_cameras(ready: HomeAssistant, name: str) -> None:
    result = await discover(ready, SOURCE_ZEROCONF, mdns(spec(1), name=name))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_a_camera")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "224.0.0.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "fe80::1"]
)
async def test_addresses_of_elsewhere_are_no_cameras(ready: HomeAssistant, address: str) -> None:
    result = await discover(ready, SOURCE_ZEROCONF, mdns(spec(1), address))
    assert result["reason"] == "not_a_camera"
    result = await discover(ready, SOURCE_DHCP, dhcp(spec(1), address))
    assert result["reason"] == "not_a_camera"


async def test_dhcp_of_others_is_no_camera(ready: HomeAssistant) -> None:
    result = await discover(ready, SOURCE_DHCP, dhcp(spec(1), hostname="laptop"))
    assert result["reason"] == "not_a_camera"
    odd = DhcpServiceInfo("10.0.0.7", "chuangmi_camera_ipc009", "not a mac")
    assert (await discover(ready, SOURCE_DHCP, odd))["reason"] == "not_a_camera"


@given(st.text(max_size=300), st.text(max_size=300), st.dictionaries(st.text(), st.text()))
def test_any_text_is_read_or_refused(name: str, mac: str, properties: dict[str, str]) -> None:
    for one in (name, f"chuangmi-camera-a_miio{name}._miio._udp.local."):
        info = mdns(spec(1), name=one, properties=properties | {"mac": mac, "poch": name})
        found = Found.of_zeroconf(info)
        assert found is None or (found.did or "").isascii()
    loose: Any = SimpleNamespace(ip=name, hostname=mac, macaddress=mac)
    Found.of_dhcp(loose)


async def test_home_assistant_brings_them_here(ready: HomeAssistant) -> None:
    """By the matchers of the manifest, as its own discovery reads them."""
    matchers = [
        one["name"]
        for one in (await async_get_zeroconf(ready))["_miio._udp.local."]
        if one["domain"] == DOMAIN
    ]
    hosts = [one for one in await async_get_dhcp(ready) if one["domain"] == DOMAIN]
    assert {"domain": DOMAIN, "registered_devices": True} in hosts
    for model in ("chuangmi.camera.ipc009", "isa.camera.hlc7", "mijia.camera.v3"):
        name = mdns(spec(1, model=model)).name.lower()
        assert any(fnmatch(name, one) for one in matchers)
        for hostname in (model.replace(".", "_"), model.replace(".", "-") + "_miio1"):
            assert any(fnmatch(hostname, one.get("hostname", "")) for one in hosts)
    assert any(fnmatch(mdns(spec(1, model="madv.cateye.mi3")).name, one) for one in matchers)
    assert not any(fnmatch("chuangmi-plug-m1_miio1._miio._udp.local.", one) for one in matchers)


# -- a camera that is not set up ---------------------------------------------------------------


async def test_one_click_adds_a_camera_that_an_account_lists(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third, name="Garden [x](y)")
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "discovery_confirm")
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["title_placeholders"] == {
        "name": third.spec.model,
        "model": third.spec.model,
    }
    assert third.rpc_count == 0
    # Not a second time, whoever finds it.
    again = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec, LIAR_ADDRESS))
    assert again["reason"] == "already_in_progress"
    result = await answer(hass, result, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "camera_added")
    assert result["description_placeholders"] == {"camera": r"Garden \[x\]\(y\)"}
    (added,) = (
        one
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.unique_id == str(third.spec.did)
    )
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    assert added.data["account"] == account.unique_id
    assert added.data[CONF_HOST] == third.spec.address
    assert added.data[CONF_TOKEN] == third.spec.token.hex()
    assert hass.states.get("camera.garden_x_y").state == "idle"
    assert not offers(hass)
    again = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    assert again["reason"] == "already_configured"


async def test_its_address_is_filled_in_if_the_account_knows_none(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third, address="")
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    result = await answer(hass, result, {})
    assert result["reason"] == "camera_added"
    assert coordinator_of(entry, "Camera 3").config.host == third.spec.address


async def test_a_camera_that_no_account_lists_needs_its_token(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    # What is said has more digits than a hello; those are kept.
    did = third.spec.did + (1 << 40)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(replace(third.spec, did=did)))
    result = await answer(hass, result, {})
    assert result["step_id"] == "discovered_camera"
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert suggested[CONF_HOST] == third.spec.address
    right = {CONF_HOST: third.spec.address, CONF_TOKEN: third.spec.token.hex()}
    for wrong, error in (
        ({CONF_TOKEN: "beef"}, "invalid_token"),
        ({CONF_HOST: home.cameras[0].spec.address}, "other_device"),
    ):
        result = await answer(hass, result, right | wrong)
        assert result["errors"] == {"base": error}
    result = await answer(hass, result, right | {CONF_NAME: "Garden"})
    assert result["reason"] == "camera_added"
    assert coordinator_of(entry, "Garden").config.did == str(did)


async def test_one_without_a_token_in_the_list_needs_it_too(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third, token=b"")
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    result = await answer(hass, result, {})
    assert result["step_id"] == "discovered_camera"


async def test_the_cloud_is_away_and_comes_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    result = await answer(hass, result, {})
    assert result["step_id"] == "discovery_confirm"
    assert result["errors"] == {"base": "cannot_connect"}
    await home.cloud.set_outage(None)
    result = await answer(hass, result, {})
    assert result["reason"] == "camera_added"


async def test_a_session_that_has_ended_is_told(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    home.cloud.accounts.expire_service_tokens()
    home.cloud.accounts.revoke_pass_tokens()
    result = await answer(hass, result, {})
    assert result["errors"] == {"base": "session_expired"}
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert SOURCE_REAUTH in {flow["context"]["source"] for flow in flows}


async def test_an_account_that_is_removed_meanwhile_owns_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    third: SimCamera,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed(home, third)
    ask = new_cameras.async_list_cameras
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)

    async def removed(*asked_for: Any) -> Any:
        cameras = await ask(*asked_for)
        hass.config_entries.async_remove_subentry(entry, account.subentry_id)
        return cameras

    monkeypatch.setattr(new_cameras, "async_list_cameras", removed)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    result = await answer(hass, result, {})
    assert result["step_id"] == "discovered_camera"


async def test_it_is_added_once_though_two_do_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    """The flow of a camera that is there by another way ends by itself."""
    listed(home, third)
    await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    assert offers(hass) == {str(third.spec.did)}
    flows = hass.config_entries.subentries
    result = await flows.async_init((entry.entry_id, SUBENTRY_CAMERA), context={"source": "user"})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "from_account"})
    await flows.async_configure(result["flow_id"], {CONF_CAMERAS: [str(third.spec.did)]})
    await settle(hass)
    assert not offers(hass)


async def test_without_a_hub_it_leads_to_the_set_up(ready: HomeAssistant, home: Home) -> None:
    first, second = (camera.spec for camera in home.cameras)
    result = await discover(ready, SOURCE_ZEROCONF, mdns(first))
    other = await discover(ready, SOURCE_DHCP, dhcp(second))
    assert result["step_id"] == other["step_id"] == "discovery_confirm"
    result = await answer(ready, result, {})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "user")
    result = await answer(ready, result, {"next_step_id": "camera"})
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert suggested[CONF_HOST] == first.address
    result = await answer(
        ready, result, {CONF_HOST: first.address, CONF_TOKEN: first.token.hex(), CONF_NAME: "One"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    # The other one is still offered, and now one of the hub's.
    assert offers(ready) == {dr.format_mac(second.mac)}
    other = await answer(ready, other, {})
    assert other["step_id"] == "discovered_camera"
    other = await answer(ready, other, {CONF_HOST: second.address, CONF_TOKEN: second.token.hex()})
    assert other["reason"] == "camera_added"
    assert len(entry.runtime_data.cameras) == 2
    await ready.config_entries.async_remove(entry.entry_id)
    await settle(ready)


async def test_setting_up_ends_the_offers_of_what_is_set_up(
    ready: HomeAssistant, home: Home
) -> None:
    for camera in home.cameras:
        await discover(ready, SOURCE_ZEROCONF, mdns(camera.spec))
    assert len(offers(ready)) == 2
    entry = await set_up(ready)
    assert not offers(ready)
    await ready.config_entries.async_remove(entry.entry_id)
    await settle(ready)


@pytest.mark.parametrize("by_mac", [False, True])
async def test_what_was_ignored_is_not_offered_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera, by_mac: bool
) -> None:
    listed(home, third)
    third.miio.knobs.silent = by_mac
    if by_mac:
        await discover(hass, SOURCE_DHCP, dhcp(third.spec))
    else:
        await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    (key,) = offers(hass)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": key, "title": "Not mine"},
    )
    await settle(hass)
    assert not offers(hass)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    assert result["reason"] == "already_configured"
    assert await entry.runtime_data.new_cameras.async_look()
    await settle(hass)
    assert not offers(hass)
    # The hub is what it was.
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    assert entry.runtime_data.gate.is_open


async def test_inventing_cameras_fills_no_list(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_steps, "MAX_FLOWS", 2)
    reasons = []
    for number in range(3):
        camera = spec(10 + number)
        reasons.append((await discover(hass, SOURCE_ZEROCONF, mdns(camera))).get("reason"))
    assert reasons == [None, None, "too_many_found"]
    assert len(offers(hass)) == 2


async def test_while_the_hub_is_not_loaded_nothing_is_added(
    hass: HomeAssistant, entry: MiCameraConfigEntry, third: SimCamera, home: Home
) -> None:
    asked = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    asked = await answer(hass, asked, {})
    other = await discover(hass, SOURCE_ZEROCONF, mdns(spec(4)))
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    right = {CONF_HOST: third.spec.address, CONF_TOKEN: third.spec.token.hex()}
    assert (await answer(hass, asked, right))["reason"] == "hub_not_loaded"
    assert (await answer(hass, other, {}))["reason"] == "hub_not_loaded"
    known = await discover(hass, SOURCE_ZEROCONF, mdns(home.cameras[0].spec, NEW_ADDRESS))
    assert known["reason"] == "already_configured"
    assert (await discover(hass, SOURCE_DHCP, dhcp(spec(5))))["step_id"] == "discovery_confirm"


# -- DHCP ------------------------------------------------------------------------------------------


async def test_a_hello_tells_the_did_that_dhcp_does_not(
    hass: HomeAssistant, entry: MiCameraConfigEntry, third: SimCamera, home: Home
) -> None:
    listed(home, third)
    result = await discover(hass, SOURCE_DHCP, dhcp(third.spec))
    assert offers(hass) == {str(third.spec.did & 0xFFFFFFFF)}
    assert third.rpc_count == 0
    # Found by its MAC in the account's list, where its did is complete.
    again = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    assert again["reason"] == "already_in_progress"
    result = await answer(hass, result, {})
    assert result["reason"] == "camera_added"
    assert coordinator_of(entry, "Camera 3").config.did == str(third.spec.did)


async def test_without_an_answer_the_mac_names_it(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    third: SimCamera,
    packets: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery_steps, "HELLO_TIMEOUT", 0.1)
    monkeypatch.setattr(discovery_steps, "_NO_DIDS", (third.spec.did & 0xFFFFFFFF,))
    for silent in (False, True):
        third.miio.knobs.silent = silent
        await discover(hass, SOURCE_DHCP, dhcp(third.spec))
        assert offers(hass) == {dr.format_mac(third.spec.mac)}
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
            hass.config_entries.flow.async_abort(flow["flow_id"])


async def test_a_camera_that_is_set_up_is_known_by_its_hello(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = home.cameras[0].spec
    result = await discover(hass, SOURCE_DHCP, dhcp(replace(kitchen, mac="02:00:00:00:99:99")))
    assert result["reason"] == "already_configured"
    assert coordinator_of(entry).config.host == kitchen.address


# -- a camera that is set up -----------------------------------------------------------------------


async def move(home: Home, address: str = NEW_ADDRESS, **changes: Any) -> SimCamera:
    """Let the kitchen's camera go, and one with its did be at another address."""
    old = home.cameras[0]
    await old.stop()
    camera = SimCamera(replace(old.spec, address=address, **changes), home.keys)
    await camera.start()
    home.cameras.append(camera)
    return camera


@pytest.mark.parametrize("source", [SOURCE_ZEROCONF, SOURCE_DHCP])
async def test_one_that_moved_is_followed_when_it_has_proved_itself(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, source: str
) -> None:
    coordinator, old = coordinator_of(entry), home.cameras[0].spec
    camera = await move(home)
    # By its MAC alone as far as DHCP goes, as Home Assistant does for devices it knows.
    info = mdns(camera.spec) if source == SOURCE_ZEROCONF else dhcp(camera.spec, hostname="")
    result = await discover(hass, source, info)
    assert result["reason"] == "already_configured"
    await looked(coordinator)
    await settle(hass)
    assert coordinator.config.host == NEW_ADDRESS != old.address
    await until(lambda: hass.states.get("camera.kitchen").state == "idle", 10)
    assert camera.rpc_count > 0


@pytest.mark.parametrize(
    "changes", [{"token": b"x" * 16}, {"mac": "02:00:00:00:99:99"}, {"model": "isa.camera.hlc7"}]
)
async def test_a_liar_with_its_did_is_not_followed(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    changes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator, old = coordinator_of(entry), home.cameras[0].spec
    liar = SimCamera(replace(old, address=LIAR_ADDRESS, **changes), home.keys)
    await liar.start()
    stored = dict(entry.subentries[coordinator.subentry_id].data)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(liar.spec))
    assert result["reason"] == "already_configured"
    await looked(coordinator)
    await settle(hass)
    assert dict(entry.subentries[coordinator.subentry_id].data) == stored
    assert hass.states.get("camera.kitchen").state == "idle"
    assert coordinator.gate.is_open
    assert not offers(hass)
    await liar.stop()


async def test_an_address_alone_changes_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator, kitchen = coordinator_of(entry), home.cameras[0].spec
    await discover(hass, SOURCE_ZEROCONF, mdns(kitchen))
    assert coordinator.relocation._task is None
    await discover(hass, SOURCE_ZEROCONF, mdns(kitchen, LIAR_ADDRESS))
    await looked(coordinator)
    await settle(hass)
    assert coordinator.config.host == kitchen.address
    assert hass.states.get("camera.kitchen").state == "idle"


async def test_one_with_two_addresses_stays_where_it_is(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator, kitchen = coordinator_of(entry), home.cameras[0].spec
    twin = SimCamera(replace(kitchen, address=NEW_ADDRESS), home.keys)
    await twin.start()
    cuts = coordinator.link._cuts
    await discover(hass, SOURCE_ZEROCONF, mdns(twin.spec))
    await looked(coordinator)
    await settle(hass)
    assert coordinator.config.host == kitchen.address
    assert coordinator.link._cuts == cuts
    await twin.stop()


async def test_one_that_is_stored_but_not_running_is_left_alone(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = coordinator_of(entry)
    hub = entry.runtime_data
    running = hub.cameras.pop(coordinator.subentry_id)
    result = await discover(hass, SOURCE_ZEROCONF, mdns(home.cameras[0].spec, NEW_ADDRESS))
    hub.cameras[coordinator.subentry_id] = running
    assert result["reason"] == "already_configured"
    assert coordinator.relocation._task is None


# -- while pictures are switched off -----------------------------------------------------------


async def test_switched_off_not_a_packet_goes_to_any_camera(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    third: SimCamera,
    packets: list[bytes],
) -> None:
    coordinator = coordinator_of(entry)
    camera = await move(home)
    listed(home, third)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await settle(hass)
    packets.clear()
    sent, asked = entry.runtime_data.miio.counters.sent, home.cloud.requests
    for source, info in (
        (SOURCE_ZEROCONF, mdns(camera.spec)),
        (SOURCE_DHCP, dhcp(camera.spec)),
        (SOURCE_DHCP, dhcp(third.spec)),
        (SOURCE_ZEROCONF, mdns(spec(4, address=home.cameras[1].spec.address))),
    ):
        result = await discover(hass, source, info)
    assert coordinator.relocation._task is None
    assert not await entry.runtime_data.new_cameras.async_look()
    assert home.cloud.requests == asked
    # A user may go on; the account is asked, the camera is not.
    result = await answer(hass, result, {})
    assert result["step_id"] == "discovered_camera"
    right = {CONF_HOST: third.spec.address, CONF_TOKEN: third.spec.token.hex()}
    result = await answer(hass, result, right)
    assert result["errors"] == {"base": "pictures_off"}
    await asyncio.sleep(0.3)
    assert packets == []
    assert entry.runtime_data.miio.counters.sent == sent
    assert coordinator.config.host != NEW_ADDRESS
    # What was said meanwhile is not forgotten: it is missed there, and looked for elsewhere.
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    for _ in range(relocation.MISSES):
        await poll(hass)
    await looked(coordinator)
    await settle(hass)
    assert coordinator.config.host == NEW_ADDRESS


async def test_switched_off_while_a_camera_is_asked_for_its_token(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    third: SimCamera,
    packets: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await discover(hass, SOURCE_ZEROCONF, mdns(third.spec))
    result = await answer(hass, result, {})
    hello = sign_in.MiioEndpoint.hello

    async def off(self: Any, host: str, *args: Any, **named: Any) -> Any:
        said = await hello(self, host, *args, **named)
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        packets.clear()
        return said

    monkeypatch.setattr(sign_in.MiioEndpoint, "hello", off)
    right = {CONF_HOST: third.spec.address, CONF_TOKEN: third.spec.token.hex()}
    result = await answer(hass, result, right)
    assert result["errors"] == {"base": "pictures_off"}
    assert packets == []
    assert third.rpc_count == 0


# -- new cameras of the account --------------------------------------------------------------------


async def test_new_cameras_of_an_account_are_offered_once(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third, name="Garden")
    look = entry.runtime_data.new_cameras.async_look
    for _ in range(2):
        asked = home.cloud.requests
        assert await look()
        await settle(hass)
        # Its own list, and which homes others share.
        assert home.cloud.requests == asked + 2
        (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        assert flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
        assert flow["context"]["unique_id"] == str(third.spec.did)
        assert flow["context"]["title_placeholders"]["name"] == "Garden"
        assert third.spec.token.hex() not in str(flow)
    assert third.rpc_count == 0
    result = await answer(hass, flow, {})
    assert result["reason"] == "camera_added"
    assert await look()
    await settle(hass)
    assert not offers(hass)


async def test_a_camera_that_two_accounts_list_is_offered_once(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, third: SimCamera
) -> None:
    listed(home, third)
    hub = entry.runtime_data
    (first,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    asked = home.cloud.requests
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=first.data,
            subentry_type=SUBENTRY_ACCOUNT,
            title="Another",
            unique_id="another",
            subentry_id="another",
        ),
    )
    await settle(hass)
    assert len(hub.accounts) == 2
    assert await hub.new_cameras.async_look()
    await settle(hass)
    assert home.cloud.requests == asked + 4
    assert offers(hass) == {str(third.spec.did)}
    never_started = new_cameras.NewCameras(hub)
    await never_started.async_stop()


async def test_a_camera_gone_from_the_account_stays_but_shows_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    home.cloud.homes.devices[USERNAME].clear()
    assert await entry.runtime_data.new_cameras.async_look()
    await settle(hass)
    assert len(entry.runtime_data.cameras) == 2
    assert not any(one.gate.is_open for one in entry.runtime_data.cameras.values())


async def test_an_account_that_cannot_be_asked_is_asked_later(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    assert not await entry.runtime_data.new_cameras.async_look()


async def test_switched_off_while_the_account_is_asked(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    third: SimCamera,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed(home, third)
    hub = entry.runtime_data
    hub.accounts["again"] = next(iter(hub.accounts.values()))
    ask, asked = new_cameras.async_list_cameras, 0

    async def off(*asked_for: Any) -> Any:
        nonlocal asked
        asked += 1
        cameras = await ask(*asked_for)
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        return cameras

    monkeypatch.setattr(new_cameras, "async_list_cameras", off)
    assert not await hub.new_cameras.async_look()
    await settle(hass)
    assert asked == 1
    assert not offers(hass)


async def test_it_asks_soon_after_the_start_then_daily_and_seldom_after_failures(
    ready: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    answers = iter([False, False, False, True, True])
    done = asyncio.Event()

    class Clock:
        """Time that passes at once, until enough has been seen."""

        wait = staticmethod(asyncio.wait)
        Task = asyncio.Task

        @staticmethod
        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 6:
                done.set()
                await asyncio.Event().wait()

    async def look(_self: Any) -> bool:
        return next(answers)

    monkeypatch.setattr(new_cameras, "asyncio", Clock)
    monkeypatch.setattr(new_cameras.NewCameras, "async_look", look)
    entry = await set_up(ready)
    await asyncio.wait_for(done.wait(), 5)
    ranges = [
        new_cameras.FIRST,
        *((base, base * 1.2) for base in (3600, 7200, 14400, 86400, 86400)),
    ]
    assert all(low <= one <= high for one, (low, high) in zip(waits, ranges, strict=True))
    assert new_cameras.FIRST[0] >= 60
    task = entry.runtime_data.new_cameras._task
    assert task is not None
    await ready.config_entries.async_remove(entry.entry_id)
    await settle(ready)
    assert task.cancelled()


# -- removal ---------------------------------------------------------------------------------------


async def test_removing_the_device_removes_the_camera(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    devices = dr.async_get(hass)
    did = str(home.cameras[0].spec.did)
    stale = devices.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "4242")}
    )
    kitchen = devices.async_get_device_by_identifier((DOMAIN, did), entry.entry_id)
    hub = devices.async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert kitchen is not None
    assert hub is not None
    for device, may in ((kitchen, True), (stale, True), (hub, False)):
        await client.send_json_auto_id(
            {"type": "config/device_registry/remove", "device_id": device.id}
        )
        assert (await client.receive_json())["success"] is may
    await settle(hass)
    assert [one.config.name for one in entry.runtime_data.cameras.values()] == ["Porch"]
    assert hass.states.get("camera.kitchen") is None
    assert devices.async_get(kitchen.id) is None
    assert devices.async_get(hub.id) is not None
