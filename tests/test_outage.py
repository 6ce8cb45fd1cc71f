"""A day without the internet: control and video go on, and nothing has to be done after it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service

from simulator.cloud.server import Outage
from simulator.tag import read_image

from .conftest import image_soon, settle

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, LIGHT = "camera.kitchen", "switch.kitchen_indicator_light"


async def shown(hass: HomeAssistant) -> int:
    """Return whose picture the kitchen's is."""
    tag = read_image(await image_soon(hass, KITCHEN))
    assert tag is not None
    return tag.did


async def controlled(hass: HomeAssistant, home: Home) -> None:
    """Turn the light over and back, at the camera itself."""
    for action, light in (("turn_off", False), ("turn_on", True)):
        await hass.services.async_call("switch", action, {"entity_id": LIGHT}, blocking=True)
        assert home.cameras[0].state.properties["light"] is light


async def test_a_day_without_the_internet(
    hass: HomeAssistant, home: Home, entry: MiCameraConfigEntry
) -> None:
    # The web server of a Home Assistant that nobody has opened restarts it after a while.
    async_mock_service(hass, "homeassistant", "restart")
    did = home.cameras[0].spec.did
    assert await shown(hass) == did
    await settle(hass)
    await home.cloud.set_outage(Outage.REFUSED)
    await controlled(hass, home)
    # Also from the very beginning.
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await controlled(hass, home)
    assert await shown(hass) == did
    logins = home.cloud.logins
    start = dt_util.utcnow()
    for hour in range(1, 25):
        async_fire_time_changed(hass, start + timedelta(hours=hour))
        await settle(hass)
    assert await shown(hass) == did
    await controlled(hass, home)
    await home.cloud.set_outage(None)
    # What cannot do without the cloud is back too: keys that nobody has kept.
    hub = entry.runtime_data
    async with asyncio.timeout(10):
        keys = await hub.async_miss_keys(next(iter(hub.cameras.values())).config, fresh=True)
    assert keys.sign
    assert home.cloud.logins - logins <= 1
    assert not list(hass.config_entries.flow.async_progress())
    assert await shown(hass) == did
