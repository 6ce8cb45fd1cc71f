"""Live or nothing: limits a user chooses, clocks that jump, lenses that sleep, players that do not stop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import av
from homeassistant.components.camera import async_get_stream_source, async_request_stream
import pytest

from custom_components.mi_camera import lens_sleep
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate_events import GateEventType
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.webrtc_viewers import WebRtcViewer
from simulator.tag import read_image

from . import home as home_module
from .conftest import image_soon, settle
from .home import Home, spec
from .test_camera import KITCHEN, PORCH, ended, poll, read_tags
from .test_casting import Player, cast, players, until  # noqa: F401
from .test_hub import entity_of
from .test_right_camera import coordinator_of, watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.gate_events import GateEvent
    from custom_components.mi_camera.hub import MiCameraConfigEntry


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """The usual two cameras, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.78")
    home = await Home.start(spec(1), spec(2))
    yield home
    await home.stop()


def choose(hass: HomeAssistant, entry: MiCameraConfigEntry, **options: object) -> None:
    hass.config_entries.async_update_entry(entry, options={**entry.options, **options})


# -- limits -------------------------------------------------------------------------------------


async def test_limits_are_taken_over_while_pictures_come(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    kitchen = coordinator_of(entry)
    await watch(kitchen)
    choose(hass, entry, stall=2, still_max_age=3)
    await settle(hass)
    assert kitchen.feed.limits.stall == 2
    assert kitchen.feed.limits.max_lag == 2
    assert kitchen.stills.max_age == 3
    assert kitchen.lenses[0].live
    choose(hass, entry, stall=20, still_max_age="rubbish")
    await settle(hass)
    assert kitchen.feed.limits.stall == 20
    assert kitchen.feed.limits.max_lag == 5
    assert kitchen.stills.max_age == 10


async def test_every_kind_of_viewer_ends_with_the_pictures(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
    players: list[Player],  # noqa: F811
) -> None:
    client = await hass_client()
    choose(hass, entry, stall=2, still_max_age=3)
    await settle(hass)
    hls = await async_request_stream(hass, KITCHEN, "hls")
    assert (await client.get(hls)).status == 200
    source = await async_get_stream_source(hass, KITCHEN)
    assert source is not None
    await cast(hass)
    mjpeg = await client.get(f"/api/camera_proxy_stream/{KITCHEN}")
    await mjpeg.content.readany()
    home.cameras[0].miss.silent = True
    since = time.monotonic()
    await ended(mjpeg)
    assert time.monotonic() - since < 5
    await until(lambda: not entry.runtime_data.casts.sessions, 3)
    await until(lambda: players[0].stops == 1, 3)
    assert (await client.get(hls)).status == 404
    assert (await client.get(f"/api/camera_proxy/{KITCHEN}")).status != 200
    # It comes back, and nothing of before with it.
    home.cameras[0].miss.silent = False
    tag = read_image(await image_soon(hass, KITCHEN, 30))
    assert tag is not None
    assert time.time() * 1000 - tag.captured_ms < 3_500
    assert (await client.get(hls)).status == 404
    with pytest.raises((OSError, av.error.FFmpegError)):
        await hass.async_add_executor_job(read_tags, source, 1)
    assert players[0].stops == 1
    assert len(players[0].played) == 1


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_clock_that_jumps_makes_nothing_old_fresh_and_nothing_fresh_old(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    kitchen = coordinator_of(entry)
    choose(hass, entry, stall=2, still_max_age=2)
    await settle(hass)
    seen = await watch(kitchen)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)
    permit = kitchen.permit()
    assert permit is not None
    for _ in range(8):
        assert kitchen.lenses[0].live
        assert await kitchen.stills.still(permit) is not None
        await asyncio.sleep(0.4)
    with pytest.raises(AssertionError):
        seen()
    home.cameras[0].miss.silent = True
    await asyncio.sleep(2.3)
    assert await asyncio.wait_for(kitchen.stills.still(permit), 5) is None
    await until(lambda: not kitchen.lenses[0].live, 3)


@pytest.mark.parametrize("how", ["hide", "kill"])
async def test_nothing_resumes_by_itself(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
    players: list[Player],  # noqa: F811
    how: str,
) -> None:
    kill_switch, kitchen = hass.data[DATA_KILL_SWITCH], coordinator_of(entry)
    porch = coordinator_of(entry, "Porch")
    client = await hass_client()
    hls = await async_request_stream(hass, KITCHEN, "hls")
    assert (await client.get(hls)).status == 200
    source = await async_get_stream_source(hass, KITCHEN)
    token = hass.states.get(KITCHEN).attributes["access_token"]
    told: list[object] = []
    permit = kitchen.permit()
    assert permit is not None
    kitchen.lenses[0].webrtc.add("one", WebRtcViewer(permit, told.append, lambda: None))
    await cast(hass)
    mjpeg = await client.get(f"/api/camera_proxy_stream/{KITCHEN}")
    await mjpeg.content.readany()
    seen, other = await watch(kitchen), await watch(porch)
    relay = entry.runtime_data.relay
    if how == "hide":
        closing = hass.async_create_task(kill_switch.async_hide(kitchen.config.did))
    else:
        closing = hass.async_create_task(kill_switch.async_engage())
    await asyncio.sleep(0)
    # Complete in the call itself, before anything is saved.
    assert kitchen.permit() is None
    assert relay.stats.connections == (1 if how == "hide" else 0)
    assert not entry.runtime_data.casts.sessions
    assert kitchen.link.clients == ()
    assert entity_of(hass).stream is None
    assert len(told) == 1
    await closing
    await ended(mjpeg)
    await until(lambda: players[0].stops == 1, 5)
    assert (await client.get(hls)).status == 404
    url = f"/api/camera_proxy/{KITCHEN}?token={token}"
    assert (await client.get(url)).status in {403, 503}
    assert porch.lenses[0].live is (how == "hide")
    if how == "hide":
        with pytest.raises(AssertionError):
            other()
        await kill_switch.async_show(kitchen.config.did)
    else:
        await kill_switch.async_release()
    await settle(hass)
    assert kitchen.permit() is not None
    await asyncio.sleep(1)
    assert seen() == {home.cameras[0].spec.did}
    assert kitchen.feed.viewers == 0
    assert home.cameras[0].media_connections == 0
    assert (await client.get(hls)).status == 404
    with pytest.raises((OSError, av.error.FFmpegError)):
        await hass.async_add_executor_job(read_tags, source, 1)
    assert len(players[0].played) == 1
    new = await async_get_stream_source(hass, KITCHEN)
    tags = await hass.async_add_executor_job(read_tags, new, 2)
    assert {did for did, _ in tags} == {home.cameras[0].spec.did}


@pytest.mark.parametrize("query", ["", "?interval=0.5"])
async def test_an_mjpeg_view_does_not_outlive_a_moment_in_the_dark(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_client: ClientSessionGenerator,
    query: str,
) -> None:
    kill_switch, kitchen = hass.data[DATA_KILL_SWITCH], coordinator_of(entry)
    client = await hass_client()
    mjpeg = await client.get(f"/api/camera_proxy_stream/{KITCHEN}{query}")
    await mjpeg.content.readany()
    # Home Assistant asks for a picture every half second: it must not matter when.
    kill_switch.gate.close()
    kill_switch.gate.open()
    assert kitchen.permit() is not None
    await ended(mjpeg)
    again = await client.get(f"/api/camera_proxy_stream/{KITCHEN}{query}")
    assert await again.content.readany()
    again.close()


# -- lenses -------------------------------------------------------------------------------------


async def test_lenses_sleep_while_pictures_are_off_and_only_those_are_woken(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen, porch = home.cameras
    choose(hass, entry, sleep_lenses=True)
    await settle(hass)
    await hass.services.async_call("camera", "turn_off", {"entity_id": PORCH}, blocking=True)
    assert (kitchen.power, porch.power) == (True, False)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert (kitchen.power, porch.power) == (False, False)
    # Over a restart as well.
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert (kitchen.power, porch.power) == (False, False)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await until(lambda: kitchen.power, 5)
    await settle(hass)
    await until(lambda: coordinator_of(entry).permit() is not None, 5)
    assert porch.power is False
    # Once: whoever puts it to sleep after that keeps it so.
    kitchen.power = False
    await hass.data[DATA_KILL_SWITCH].async_hide("7")
    await asyncio.sleep(0.3)
    assert kitchen.power is False


async def test_lenses_are_left_alone_unless_it_is_chosen(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    asked = [camera.rpc_count for camera in home.cameras]
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert all(camera.power for camera in home.cameras)
    assert [camera.rpc_count for camera in home.cameras] == asked


async def test_a_camera_that_does_not_answer_delays_its_sleep_for_seconds_and_is_named_once(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lens_sleep, "WAKE_AGAIN", (0.0, 0.5, 1.0))
    choose(hass, entry, sleep_lenses=True)
    await settle(hass)
    home.cameras[0].miio.knobs.silent = True
    for _ in range(2):
        began = time.monotonic()
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        assert time.monotonic() - began < lens_sleep.LIMIT + 1
        assert home.cameras[1].power is False
    assert caplog.text.count(f"lens of camera {home.cameras[0].spec.did}") == 1
    # Unreachable when it is to be woken: tried again.
    home.cameras[0].miio.knobs.silent = False
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert home.cameras[0].power is False
    home.cameras[0].miio.knobs.errors = [(-10000, "no")]
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await until(lambda: all(camera.power for camera in home.cameras), 10)
    await poll(hass)


# -- players ------------------------------------------------------------------------------------


async def test_a_player_that_cannot_be_told_to_stop_is_reported_once(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    heard: list[GateEvent] = []
    hass.data[DATA_KILL_SWITCH].async_on_event(heard.append)
    hall, _ = players
    await cast(hass)
    hall.fails = "deaf"
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await until(lambda: len(heard) > 1, 5)
    # It shows up again with the dead address, and still does not listen.
    hall._attr_volume_level = 0.5
    hall.async_write_ha_state()
    await until(lambda: hall.stops == 2, 5)
    await settle(hass)
    (event,) = [one for one in heard if one.type is GateEventType.CAST_NOT_STOPPED]
    assert event.reason == hall.entity_id
