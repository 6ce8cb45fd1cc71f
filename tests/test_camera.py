"""Camera entities over real sockets: live, still, asleep, away."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import TYPE_CHECKING

from aiohttp import ClientError
import av
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest

from simulator.tag import read_frame, read_image

from .conftest import settle

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PORCH = "camera.kitchen", "camera.porch"


async def poll(hass: HomeAssistant) -> None:
    """Ask every camera now rather than at the next interval."""
    (entry,) = hass.config_entries.async_loaded_entries("mi_camera")
    for coordinator in entry.runtime_data.cameras.values():
        await coordinator.async_refresh()
    await settle(hass)


def read_tags(url: str, count: int) -> list[tuple[int, int]]:
    """Decode some pictures of the relay, as any reader on this machine could."""
    tags = []
    with av.open(url, timeout=10) as container:
        for frame in container.decode(video=0):
            tag = read_frame(frame)
            assert tag is not None
            tags.append((tag.did, tag.counter))
            if len(tags) == count:
                break
    return tags


async def ended(mjpeg: ClientResponse, limit: float = 8) -> None:
    """Read an MJPEG view to its end, which is a break."""
    with contextlib.suppress(ClientError):
        async with asyncio.timeout(limit):
            while not mjpeg.content.at_eof():
                await mjpeg.content.readany()


async def test_entities_of_both_kinds_of_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    registry = er.async_get(hass)
    for entity_id, camera in zip((KITCHEN, PORCH), home.cameras, strict=True):
        assert hass.states.get(entity_id).state == "idle"
        assert registry.async_get(entity_id).unique_id == f"{camera.spec.did}-0"
        # Knowing a camera costs no session: those are few, and the owner's phone needs one.
        assert camera.media_connections_total == 0
        assert camera.rpc_count > 0


async def test_each_camera_shows_itself(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    for entity_id, camera in zip((KITCHEN, PORCH), home.cameras, strict=True):
        source = await async_get_stream_source(hass, entity_id)
        assert source is not None
        assert source.startswith("http://127.0.0.1:")
        tags = await hass.async_add_executor_job(read_tags, source, 12)
        assert {did for did, _ in tags} == {camera.spec.did}
        counters = [counter for _, counter in tags]
        assert counters == list(range(counters[0], counters[0] + 12))
        assert await async_get_stream_source(hass, entity_id) == source
    async with asyncio.timeout(8):
        while any(camera.media_connections for camera in home.cameras):
            await asyncio.sleep(0.05)


async def test_stills_show_the_right_camera_and_now(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    import time

    for entity_id, camera in zip((KITCHEN, PORCH), home.cameras, strict=True):
        image = await async_get_image(hass, entity_id, timeout=10)
        tag = read_image(image.content)
        assert tag is not None
        assert tag.did == camera.spec.did
        assert abs(time.time() * 1000 - tag.captured_ms) < 10_000


async def test_turning_off_puts_the_lens_to_sleep_and_on_wakes_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    for entity_id, camera in zip((KITCHEN, PORCH), home.cameras, strict=True):
        await hass.services.async_call(
            "camera", "turn_off", {"entity_id": entity_id}, blocking=True
        )
        assert camera.power is False
        with pytest.raises(HomeAssistantError):
            await async_get_stream_source(hass, entity_id)
        with pytest.raises(HomeAssistantError):
            await async_get_image(hass, entity_id, timeout=2)
        await hass.services.async_call("camera", "turn_on", {"entity_id": entity_id}, blocking=True)
        assert camera.power is True
        assert await async_get_stream_source(hass, entity_id) is not None


async def test_a_camera_that_leaves_is_unavailable_and_comes_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    camera = home.cameras[0]
    old = await async_get_stream_source(hass, KITCHEN)
    await camera.stop()
    await poll(hass)
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert hass.states.get(PORCH).state == "idle"
    await camera.start()
    await poll(hass)
    assert hass.states.get(KITCHEN).state == "idle"
    new = await async_get_stream_source(hass, KITCHEN)
    assert new is not None
    tags = await hass.async_add_executor_job(read_tags, new, 3)
    assert {did for did, _ in tags} == {camera.spec.did}
    assert old is not None


async def test_a_rebooted_camera_gives_new_keys_and_goes_on(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    camera = home.cameras[0]
    source = await async_get_stream_source(hass, KITCHEN)
    await hass.async_add_executor_job(read_tags, source, 3)
    await camera.reboot()
    tags = await hass.async_add_executor_job(read_tags, source, 3)
    assert {did for did, _ in tags} == {camera.spec.did}


async def test_swapped_addresses_give_no_picture_rather_than_the_wrong_one(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """DHCP gives each camera the other's address."""
    source = await async_get_stream_source(hass, KITCHEN)
    for camera in home.cameras:
        await camera.stop()
    first, second = (camera.spec for camera in home.cameras)
    first.address, second.address = second.address, first.address
    swapped = await home.restarted_cameras()
    try:
        with pytest.raises((OSError, av.error.FFmpegError, AssertionError)):
            await hass.async_add_executor_job(read_tags, source, 1)
        await poll(hass)
        assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
        assert hass.states.get(PORCH).state == STATE_UNAVAILABLE
    finally:
        home.cameras = swapped


async def test_hls_is_live_and_dies_with_the_gate(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
) -> None:
    from homeassistant.components.camera import async_request_stream

    client = await hass_client()
    path = await async_request_stream(hass, KITCHEN, "hls")
    base = path.rpartition("/")[0]
    response = await client.get(path)
    assert response.status == 200
    init = await (await client.get(f"{base}/init.mp4")).read()
    segment = await (await client.get(f"{base}/segment/0.m4s")).read()
    with av.open(io.BytesIO(init + segment)) as container:
        dids = {read_frame(frame).did for frame in container.decode(video=0)}
    assert dids == {home.cameras[0].spec.did}

    relay = entry.runtime_data.relay
    await hass.services.async_call("mi_camera", "disable_all", blocking=True)
    sent = relay.stats.bytes_sent
    for dead in (path, f"{base}/playlist.m3u8", f"{base}/init.mp4", f"{base}/segment/0.m4s"):
        assert (await client.get(dead)).status == 404
    await asyncio.sleep(0.3)
    assert relay.stats.bytes_sent == sent
    assert home.cameras[0].media_connections == 0
    await hass.services.async_call("mi_camera", "enable_all", blocking=True)
    await settle(hass)
    assert (await client.get(path)).status == 404
    assert await async_request_stream(hass, KITCHEN, "hls") != path
