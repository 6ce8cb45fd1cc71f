"""A camera's firmware: at its device, and whether there is a newer one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.mi_camera import update
from custom_components.mi_camera.cloud import CloudUnavailable
from custom_components.mi_camera.cloud.firmware import FirmwareCheck, parse_firmware
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.firmware import async_show_firmware
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from simulator.cloud.api import FIRMWARE

from .conftest import set_up, settle
from .test_casting import until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PATH = "update.kitchen_firmware", "/home/checkversion"
LONG = 30.0


async def test_a_device_has_its_firmware_and_the_entity_is_disabled_at_first(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    did = str(home.cameras[0].spec.did)
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier((DOMAIN, did), entry.entry_id)
    assert device is not None
    assert device.sw_version == FIRMWARE
    async_show_firmware(hass, entry.entry_id, did, "4.3.5_0001")
    async_show_firmware(hass, entry.entry_id, did, None)
    device = devices.async_get(device.id)
    assert device is not None
    assert device.sw_version == "4.3.5_0001"
    # The next proof of the camera puts it right.
    (coordinator, _) = entry.runtime_data.cameras.values()
    coordinator.identity.forget()
    await coordinator.async_refresh()
    device = devices.async_get(device.id)
    assert device is not None
    assert device.sw_version == FIRMWARE
    one = er.async_get(hass).async_get(KITCHEN)
    assert one is not None
    assert one.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    assert home.cloud.requests_by_path[PATH] == 0


async def test_the_cloud_is_asked_when_it_is_due_and_allowed(
    hass: HomeAssistant, ready: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update.FirmwareUpdate, "_attr_entity_registry_enabled_default", True)
    monkeypatch.setattr(update, "LOOK", timedelta(seconds=0.05))
    entry = await set_up(ready)
    entity = hass.data["update"].get_entity(KITCHEN)
    await settle(hass)
    assert hass.states.is_state(KITCHEN, STATE_UNKNOWN)
    assert home.cloud.requests_by_path[PATH] == 0
    # Not while pictures are off.
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    entity._due = 0.0
    await asyncio.sleep(0.3)
    assert home.cloud.requests_by_path[PATH] == 0
    await kill_switch.async_release()
    await until(lambda: hass.states.is_state(KITCHEN, STATE_OFF), LONG)
    state = hass.states.get(KITCHEN)
    assert state is not None
    assert state.attributes["installed_version"] == state.attributes["latest_version"] == FIRMWARE
    assert state.attributes["supported_features"] == update.UpdateEntityFeature.RELEASE_NOTES
    # Once a day.
    asked = home.cloud.requests_by_path[PATH]
    await asyncio.sleep(0.3)
    assert home.cloud.requests_by_path[PATH] == asked
    home.devices[0].firmware = "4.4.0_0007"
    entity._due = 0.0
    await until(lambda: hass.states.is_state(KITCHEN, STATE_ON), LONG)
    state = hass.states.get(KITCHEN)
    assert state is not None
    assert state.attributes["latest_version"] == "4.4.0_0007"
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()


def test_answers() -> None:
    assert parse_firmware({"latest": "2"}) == FirmwareCheck("2")
    whole = {"latest": "2", "curr": "1", "isLatest": 0, "description": "x" * 5000}
    assert parse_firmware(whole) == FirmwareCheck("2", "1", False, "x" * 4096)
    for odd in (None, [], {}, {"latest": ""}, {"latest": 7}, {"latest": "1\n2"}):
        with pytest.raises(CloudUnavailable):
            parse_firmware(odd)
    odd_parts = {"latest": "2", "curr": 7, "isLatest": "no", "description": ["x"]}
    assert parse_firmware(odd_parts) == FirmwareCheck("2")
