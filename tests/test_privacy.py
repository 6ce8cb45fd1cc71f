"""Privacy of one camera: nothing of it leaves, and the other one goes on untouched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import av
from homeassistant.components.camera import (
    async_get_image,
    async_get_stream_source,
    async_request_stream,
)
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.mi_camera.const import DOMAIN, SUBENTRY_CAMERA
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.media import UpstreamError
from simulator.tag import read_frame, read_image

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PORCH = "camera.kitchen", "camera.porch"
PICTURES, PRIVACY = "switch.mi_camera_pictures_of_all_cameras", "switch.kitchen_privacy"
OTHER_PRIVACY = "switch.porch_privacy"


async def turn(
    hass: HomeAssistant, to: str, entity_id: str = PRIVACY, user: User | None = None
) -> None:
    await hass.services.async_call(
        "switch",
        f"turn_{to}",
        {"entity_id": entity_id},
        blocking=True,
        context=Context(user_id=user.id if user else None),
    )


class Reader:
    """Reads the relay as go2rtc does, until it is cut off."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.received = 0
        self.ended = False
        self._task = asyncio.create_task(self._read(session, url))

    async def _read(self, session: aiohttp.ClientSession, url: str) -> None:
        try:
            async with session.get(url) as response:
                response.raise_for_status()
                async for chunk in response.content.iter_any():
                    self.received += len(chunk)
        except aiohttp.ClientError:
            pass
        self.ended = True

    async def more(self, seconds: float = 8) -> None:
        """Wait until something more has come."""
        before = self.received
        async with asyncio.timeout(seconds):
            while self.received == before:
                assert not self.ended
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """An HTTP client outside Home Assistant."""
    async with aiohttp.ClientSession() as session:
        yield session


def tags_of(url: str, count: int) -> set[int]:
    with av.open(url, timeout=10) as container:
        frames = container.decode(video=0)
        return {read_frame(next(frames)).did for _ in range(count)}


async def test_each_camera_has_a_switch_for_its_privacy(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    registry = er.async_get(hass)
    for entity_id, camera in zip((PRIVACY, OTHER_PRIVACY), home.cameras, strict=True):
        registered = registry.async_get(entity_id)
        assert registered.unique_id == f"{camera.spec.did}-privacy"
        assert registered.entity_category is None
        assert hass.states.get(entity_id).state == "off"


async def test_a_hidden_camera_shows_nothing_anywhere_and_the_other_goes_on(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
    session: aiohttp.ClientSession,
) -> None:
    kitchen, porch = home.cameras
    client = await hass_client()
    path = await async_request_stream(hass, KITCHEN, "hls")
    assert (await client.get(path)).status == 200
    urls = {one: await async_get_stream_source(hass, one) for one in (KITCHEN, PORCH)}
    readers = {one: Reader(session, str(url)) for one, url in urls.items()}
    for reader in readers.values():
        await reader.more()
    image = await async_get_image(hass, KITCHEN, timeout=10)
    assert read_image(image.content).did == kitchen.spec.did

    await turn(hass, "on")
    assert hass.states.get(PRIVACY).state == "on"
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    received = readers[KITCHEN].received
    for dead in (path, f"{path.rpartition('/')[0]}/init.mp4"):
        assert (await client.get(dead)).status == 404
    for entity_id in (KITCHEN,):
        with pytest.raises(HomeAssistantError):
            await async_get_image(hass, entity_id, timeout=2)
        with pytest.raises(HomeAssistantError):
            await async_get_stream_source(hass, entity_id)
    async with session.get(str(urls[KITCHEN])) as response:
        assert response.status in {403, 404}
    await readers[PORCH].more()
    assert readers[KITCHEN].ended
    # What the system had taken in already may still be read, but nothing new comes.
    assert readers[KITCHEN].received - received < 64 * 1024
    assert kitchen.media_connections == 0

    # The other camera noticed nothing: same address, same session, same viewer.
    assert hass.states.get(PORCH).state in {"idle", "streaming"}
    assert hass.states.get(PICTURES).state == "on"
    assert porch.media_connections_total == 1
    assert await async_get_stream_source(hass, PORCH) == urls[PORCH]
    image = await async_get_image(hass, PORCH, timeout=10)
    assert read_image(image.content).did == porch.spec.did

    await turn(hass, "off")
    await settle(hass)
    assert hass.states.get(PRIVACY).state == "off"
    assert hass.states.get(KITCHEN).state in {"idle", "streaming"}
    assert (await client.get(path)).status == 404
    async with session.get(str(urls[KITCHEN])) as response:
        assert response.status in {403, 404}
    new = await async_get_stream_source(hass, KITCHEN)
    assert new != urls[KITCHEN]
    assert await hass.async_add_executor_job(tags_of, new, 3) == {kitchen.spec.did}
    await readers[PORCH].more()
    for reader in readers.values():
        await reader.close()


async def test_a_hidden_camera_is_left_alone_and_stays_hidden_over_a_restart(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await turn(hass, "on")
    asked = home.cameras[0].rpc_count
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert hass.states.get(PRIVACY).state == "on"
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert hass.states.get(PORCH).state == "idle"
    assert home.cameras[0].rpc_count == asked
    await turn(hass, "off")
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert hass.states.get(PRIVACY).state == "off"
    assert hass.states.get(KITCHEN).state == "idle"


async def test_anybody_with_control_may_hide_only_administrators_and_automations_show(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_admin_user: User,
    hass_read_only_user: User,
) -> None:
    member = await hass.auth.async_create_user("Member", group_ids=["system-users"])
    with pytest.raises(Unauthorized):
        await turn(hass, "on", user=hass_read_only_user)
    assert hass.states.get(PRIVACY).state == "off"
    await turn(hass, "on", user=member)
    for user in (member, hass_read_only_user):
        with pytest.raises(Unauthorized):
            await turn(hass, "off", user=user)
        assert hass.states.get(PRIVACY).state == "on"
    await turn(hass, "off", user=hass_admin_user)
    assert hass.states.get(PRIVACY).state == "off"
    await turn(hass, "on", user=member)
    await turn(hass, "off")
    assert hass.states.get(PRIVACY).state == "off"


async def test_the_switch_of_all_cameras_does_not_show_a_hidden_one(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await turn(hass, "off", PICTURES)
    assert hass.states.get(PRIVACY).state == "off", "it says what it is itself, always"
    await turn(hass, "on")
    assert hass.states.get(PRIVACY).state == "on"
    await turn(hass, "on", PICTURES)
    await settle(hass)
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert hass.states.get(PORCH).state == "idle"


async def test_a_camera_that_is_away_can_be_hidden(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await home.cameras[0].stop()
    await entry.runtime_data.cameras[subentry_id(entry, "Kitchen")].async_refresh()
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert hass.states.get(PRIVACY).state == "off"
    await turn(hass, "on")
    await home.cameras[0].start()
    await entry.runtime_data.cameras[subentry_id(entry, "Kitchen")].async_refresh()
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE


async def test_a_camera_added_anew_is_not_hidden(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await turn(hass, "on")
    kitchen = entry.subentries[subentry_id(entry, "Kitchen")]
    hass.config_entries.async_remove_subentry(entry, kitchen.subentry_id)
    await settle(hass)
    assert hass.states.get(PRIVACY) is None
    assert hass.states.get(PORCH).state == "idle"
    hass.config_entries.async_add_subentry(entry, kitchen)
    await settle(hass)
    assert hass.states.get(PRIVACY).state == "off"
    gate = hass.data[DATA_KILL_SWITCH].camera_gate(str(home.cameras[0].spec.did))
    assert gate.is_open


async def test_nothing_makes_a_gate_for_a_camera_that_was_removed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """Not the switch that is told of its removal, nor what is late."""
    kill_switch = hass.data[DATA_KILL_SWITCH]
    kitchen, porch = (str(one.spec.did) for one in home.cameras)
    coordinator = entry.runtime_data.cameras[subentry_id(entry, "Kitchen")]
    await turn(hass, "on")
    hass.config_entries.async_remove_subentry(entry, coordinator.subentry_id)
    await settle(hass)
    assert list(kill_switch._holds._gates) == [porch]
    assert not kill_switch.holds_of(kitchen)
    # A picture of elsewhere in what it had sent, keys it had asked for.
    coordinator.hub.async_violation(coordinator.lenses[0].source, "relay")
    with pytest.raises(UpstreamError):
        await coordinator.hub.async_miss_keys(coordinator.config, fresh=True)
    await settle(hass)
    assert kill_switch.violations == 0
    assert kill_switch.record is not None
    assert not kill_switch.record.quarantined
    assert not kill_switch.record.hidden
    assert list(kill_switch._holds._gates) == [porch]
    # Not after a restart either.
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert list(kill_switch._holds._gates) == [porch]


def subentry_id(entry: MiCameraConfigEntry, title: str) -> str:
    (found,) = (
        one.subentry_id
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.title == title
    )
    return found


async def test_the_switch_has_what_the_others_of_the_integration_have(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    registry = er.async_get(hass)
    camera, switch = registry.async_get(KITCHEN), registry.async_get(PRIVACY)
    assert switch.platform == DOMAIN
    assert switch.device_id == camera.device_id
    assert switch.config_subentry_id == camera.config_subentry_id
    assert hass.states.get(PRIVACY).attributes["friendly_name"] == "Kitchen Privacy"
