"""Defects found by an adversarial review; each test says what ought to be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import async_request_stream
from homeassistant.components.media_player import MediaPlayerState
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_REGION,
    CONF_TOKEN,
    CONF_USERNAME,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.mi_camera.camera_config import CONF_QUALITY, CONF_SOUND, QUALITY_BEST
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.media import Feed, FeedLimits, Source
from custom_components.mi_camera.media.camera_clock import CameraClock

from . import home as home_module
from .conftest import settle
from .home import OTHER_USERNAME, PASSWORD, REGION, Home, spec
from .media.pictures import FakeCamera
from .test_camera import ended
from .test_casting import DEN, HALL, Player, cast, players, until  # noqa: F401
from .test_hub import entity_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

KITCHEN, PORCH = "camera.kitchen", "camera.porch"


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """The usual two cameras, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.70")
    home = await Home.start(spec(1), spec(2))
    yield home
    await home.stop()


def coordinator_of(entry: MiCameraConfigEntry, name: str = "Kitchen") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


def subentry_of(entry: MiCameraConfigEntry, title: str) -> Any:
    return next(one for one in entry.subentries.values() if one.title == title)


# -- live or nothing ------------------------------------------------------------------------


async def test_hls_goes_on_when_the_camera_begins_a_new_session(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """A session that breaks and is replaced at once must not freeze who is watching."""
    await async_request_stream(hass, KITCHEN, "hls")
    stream = entity_of(hass).stream
    assert stream is not None
    feed = coordinator_of(entry).feed
    await until(lambda: feed.state == "live", 10)

    def media() -> tuple[int, int]:
        output = stream.outputs().get("hls")
        last = output.last_segment if output else None
        return (last.sequence, last.data_size) if last else (-1, 0)

    await asyncio.sleep(12)
    total = home.cameras[0].media_connections_total
    home.cameras[0].miss.drop_clients(polite=True)
    await until(lambda: home.cameras[0].media_connections_total > total, 6)
    await until(lambda: feed.state == "live", 6)
    await asyncio.sleep(0.5)
    before, since = media(), time.monotonic()
    # Either the stream is dropped (its address dead) or new pictures come, within the bound.
    while media() == before and stream.access_token is not None:
        assert time.monotonic() - since < 6, "frozen, while the feed says it is live"
        await asyncio.sleep(0.1)


async def test_hls_is_not_old_while_home_assistant_waits_to_try_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """Its worker waits 10 s (20, 30 …) after each error and goes on serving what it has."""
    await async_request_stream(hass, KITCHEN, "hls")
    stream = entity_of(hass).stream
    assert stream is not None
    feed = coordinator_of(entry).feed
    await until(lambda: feed.state == "live", 10)
    output = stream.outputs()["hls"]
    await until(lambda: output.last_segment is not None, 10)
    feed.audience.end_viewers()  # as for a new picture size in the same session
    # An address that is alive must give new pictures, so this one has to die.
    await until(lambda: stream.access_token is None, 6)


async def test_time_goes_on_over_sessions_in_the_transport_stream() -> None:
    """The same at its root: time stamps that a viewer sees never go back."""
    import io

    import av

    gate = Gate()
    gate.open()
    camera = FakeCamera(Source("1001", 0))
    limits = FeedLimits(linger=0.1, stall=2, first_picture=2, backoff=(0.05, 0.1))
    feed = Feed(Source("1001", 0), camera.connect, limits=limits)
    permit = gate.permit()
    assert permit is not None
    viewer = feed.view(permit)
    data = b""
    first = await camera.session(1)
    first.send()
    await asyncio.sleep(1.0)
    first.send()
    first.on_closed()
    second = await camera.session(2)
    second.send()
    await asyncio.sleep(0.05)
    while viewer._queue:
        data += await anext(viewer)
    viewer.close()
    await feed.close()
    with av.open(io.BytesIO(data), format="mpegts") as container:
        stamps = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert stamps == sorted(stamps)


async def test_who_joins_after_pictures_stopped_gets_no_old_ones() -> None:
    gate = Gate()
    gate.open()
    camera = FakeCamera(Source("1001", 0))
    limits = FeedLimits(linger=0.1, stall=0.3, first_picture=1, max_lag=0.5, backoff=(5, 5))
    feed = Feed(Source("1001", 0), camera.connect, limits=limits)
    permit = gate.permit()
    assert permit is not None
    viewer = feed.view(permit)
    upstream = await camera.session(1)
    upstream.send()
    await until(lambda: viewer.ended, 3)
    waiting = asyncio.ensure_future(_ignore(feed.keyframe(permit, max_age=0.1, timeout=3)))
    await asyncio.sleep(1.5)
    late = feed.view(permit)
    fed = late.fed
    late.close()
    waiting.cancel()
    await feed.close()
    assert not fed, "pictures 1.8 s old, though nothing older than 0.5 s is live"


async def _ignore(waiting: Any) -> None:
    try:
        await waiting
    except TimeoutError:
        return


async def test_another_codec_in_a_new_session_ends_who_is_watching() -> None:
    """As it does inside one session: their decoder is set up for the old one."""
    from custom_components.mi_camera.miss import Codec

    gate = Gate()
    gate.open()
    camera = FakeCamera(Source("1001", 0))
    limits = FeedLimits(linger=0.1, stall=2, first_picture=2, backoff=(0.05, 0.1))
    feed = Feed(Source("1001", 0), camera.connect, limits=limits)
    permit = gate.permit()
    assert permit is not None
    viewer = feed.view(permit)
    first = await camera.session(1)
    first.send(codec=Codec.H264)
    first.on_closed()
    second = await camera.session(2)
    second.send(codec=Codec.H265)
    ended = viewer.ended
    viewer.close()
    await feed.close()
    assert ended


async def test_an_mjpeg_viewer_costs_one_session(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
) -> None:
    client = await hass_client()
    response = await client.get(f"/api/camera_proxy_stream/{KITCHEN}")
    assert response.status == 200
    until_then = time.monotonic() + 14
    while time.monotonic() < until_then:
        await response.content.readany()
    response.close()
    assert home.cameras[0].media_connections_total == 1


async def test_an_mjpeg_viewer_is_not_left_with_a_frozen_picture(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client: ClientSessionGenerator,
) -> None:
    client = await hass_client()
    response = await client.get(f"/api/camera_proxy_stream/{KITCHEN}")
    await response.content.readany()
    home.cameras[0].miss.silent = True
    await ended(response, 13)


def test_a_camera_whose_clock_runs_slow_stays_live() -> None:
    """50 ppm, as cheap clocks do: after a day and a bit each picture would count as late."""
    clock = CameraClock()
    ages = []
    for seconds in range(0, 36 * 3600, 600):
        now = 1000.0 + seconds
        ages.append(now - clock.captured(seconds * (1 - 50e-6), now))
    assert max(ages) < FeedLimits().max_lag


# -- off means off ----------------------------------------------------------------------------


async def test_a_cancelled_switching_off_is_remembered_all_the_same(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """An automation that restarts cancels the action it is in."""
    call = asyncio.ensure_future(hass.services.async_call(DOMAIN, "disable_all", blocking=True))
    while entry.runtime_data.gate.is_open:
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    assert not entry.runtime_data.gate.is_open
    await hass.async_block_till_done()
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not hass.data[DATA_KILL_SWITCH].gate.is_open


async def test_a_paused_player_told_by_others_is_stopped_too(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    """Home Assistant forgets the token of a stream nobody reads; the frozen picture stays."""
    _, den = players
    await hass.services.async_call(
        "camera", "play_stream", {"entity_id": KITCHEN, "media_player": DEN}, blocking=True
    )
    den._attr_state = MediaPlayerState.PAUSED
    den.async_write_ha_state()
    stream = entity_of(hass).stream
    assert stream is not None
    # What the idle timer does after 30 s without a reader.
    for output in stream.outputs().values():
        output.idle_timer.fire(None)  # type: ignore[arg-type]
    await hass.async_block_till_done()
    assert stream.access_token is None
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert den.stops == 1


async def test_nothing_is_asked_of_a_camera_after_the_switch_in_a_poll(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = coordinator_of(entry)
    coordinator.identity.forget()
    info = coordinator.device.info
    asked: list[int] = []

    async def info_then_off(**options: Any) -> Any:
        answer = await info(**options)
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        asked.append(home.cameras[0].rpc_count)
        return answer

    monkeypatch.setattr(
        type(coordinator.device), "info", lambda _self, **options: info_then_off(**options)
    )
    await coordinator.async_refresh()
    assert home.cameras[0].rpc_count == asked[0]


async def test_a_preloaded_stream_comes_back_after_the_switch(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    from homeassistant.components.camera.const import DATA_CAMERA_PREFS
    from homeassistant.const import EVENT_HOMEASSISTANT_STARTED

    await hass.data[DATA_CAMERA_PREFS].async_update(KITCHEN, preload_stream=True)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until(lambda: home.cameras[0].media_connections == 1, 8)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert home.cameras[0].media_connections == 0
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    await asyncio.sleep(3)
    back = home.cameras[0].media_connections
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert back == 1


# -- casts ------------------------------------------------------------------------------------


async def test_removing_a_camera_ends_its_cast_and_its_sessions(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
) -> None:
    await cast(hass)
    await until(lambda: home.cameras[0].media_connections == 1, 10)
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry, "Kitchen").subentry_id)
    await hass.async_block_till_done()
    assert hass.states.get(KITCHEN) is None
    await asyncio.sleep(13)
    assert home.cameras[0].media_connections == 0
    assert not entry.runtime_data.casts.sessions
    assert players[0].stops == 1


async def test_a_player_that_reports_while_it_changes_over_is_left_alone(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Starting a receiver's app is reported before its new content is."""
    hall = players[0]
    play = Player.async_play_media

    async def slow(self: Player, *args: Any, **kw: Any) -> None:
        self._attr_volume_level = 0.3
        self.async_write_ha_state()
        await asyncio.sleep(0.1)
        await play(self, *args, **kw)

    await cast(hass)
    monkeypatch.setattr(Player, "async_play_media", slow)
    await cast(hass, entity_id=PORCH)
    await hass.async_block_till_done()
    assert hall.stops == 0
    assert hall.state == MediaPlayerState.PLAYING


async def test_a_cancelled_cast_leaves_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    den.fails = "stuck"
    casting_now = asyncio.ensure_future(cast(hass, media_player=[HALL, DEN]))
    await until(lambda: hall.played and den.played)
    await asyncio.sleep(0.1)
    casting_now.cancel()
    await asyncio.wait([casting_now], timeout=5)
    await hass.async_block_till_done()
    left = [one.player for one in entry.runtime_data.casts.sessions]
    assert left == []


async def test_an_endless_duration_is_refused_or_endless(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    import probatio as vol

    try:
        await cast(hass, duration={"days": 5_000_000})
    except vol.Invalid, HomeAssistantError:
        assert not entry.runtime_data.casts.sessions


async def test_stop_cast_knows_a_camera_by_its_new_name(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await cast(hass)
    er.async_get(hass).async_update_entity(KITCHEN, new_entity_id="camera.cooking")
    await hass.async_block_till_done()
    await hass.services.async_call(
        DOMAIN, "stop_cast", {"entity_id": "camera.cooking"}, blocking=True
    )
    assert players[0].stops == 1


async def test_streams_that_ended_are_not_kept(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    """Each keeps a picture; a display that is sent pictures every morning runs for years."""
    for _ in range(3):
        await cast(hass)
        await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
        await async_request_stream(hass, KITCHEN, "hls")
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
        await settle(hass)
    await asyncio.sleep(1.5)
    assert len(hass.data["stream"]["streams"]) <= 2


# -- flows and subentries -------------------------------------------------------------------


async def test_a_camera_removed_during_a_change_of_another_does_not_come_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen, porch = subentry_of(entry, "Kitchen"), subentry_of(entry, "Porch")
    feed = coordinator_of(entry).feed
    close, going = feed.close, asyncio.Event()

    async def slow_close() -> None:
        await close()
        await going.wait()

    monkeypatch.setattr(feed, "close", slow_close)
    hass.config_entries.async_update_subentry(
        entry, kitchen, data={**kitchen.data, CONF_NAME: "Cooking"}
    )
    await asyncio.sleep(0.05)
    hass.config_entries.async_remove_subentry(entry, porch.subentry_id)
    await asyncio.sleep(0.05)
    going.set()
    await settle(hass)
    left = set(entry.runtime_data.cameras)
    monkeypatch.undo()
    assert left == {kitchen.subentry_id}


async def test_a_token_with_spaces_does_not_lose_the_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    subentry = subentry_of(entry, "Kitchen")
    flows = hass.config_entries.subentries
    result = await flows.async_init(
        (entry.entry_id, "camera"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id},
    )
    result = await flows.async_configure(
        result["flow_id"],
        {
            CONF_HOST: home.cameras[0].spec.address,
            CONF_TOKEN: home.cameras[0].spec.token.hex(" "),
            CONF_QUALITY: QUALITY_BEST,
            CONF_SOUND: True,
        },
    )
    await settle(hass)
    if result.get("errors"):
        return
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert hass.states.get(KITCHEN).state == "idle"


async def test_a_very_long_name_is_refused_or_shortened(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry, "Kitchen").subentry_id)
    await settle(hass)
    flows = hass.config_entries.subentries
    result = await flows.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "address"})
    result = await flows.async_configure(
        result["flow_id"],
        {
            CONF_HOST: home.cameras[0].spec.address,
            CONF_TOKEN: home.cameras[0].spec.token.hex(),
            CONF_NAME: "Kitchen " * 40,
        },
    )
    await settle(hass)
    if result.get("errors"):
        return
    assert len(entry.runtime_data.cameras) == 2


async def test_a_camera_added_meanwhile_by_another_form(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = subentry_of(entry, "Kitchen")
    hass.config_entries.async_remove_subentry(entry, kitchen.subentry_id)
    await settle(hass)
    flows = hass.config_entries.subentries
    forms = []
    for _ in range(2):
        result = await flows.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
        result = await flows.async_configure(result["flow_id"], {"next_step_id": "from_account"})
        forms.append(result["flow_id"])
    for flow_id in forms:
        result = await flows.async_configure(flow_id, {"cameras": [kitchen.unique_id]})
        await settle(hass)
    assert result["type"] == "abort" or result.get("errors")


async def test_an_account_that_has_expired_does_not_hide_the_cameras_of_another(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from custom_components.mi_camera.cloud import SessionExpired

    flows = hass.config_entries.subentries
    result = await flows.async_init((entry.entry_id, "account"), context={"source": SOURCE_USER})
    await flows.async_configure(result["flow_id"], {"next_step_id": "account"})
    await flows.async_configure(
        result["flow_id"],
        {CONF_USERNAME: OTHER_USERNAME, CONF_PASSWORD: PASSWORD, CONF_REGION: REGION},
    )
    await settle(hass)
    other = next(key for key, one in entry.subentries.items() if one.title == OTHER_USERNAME)
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry, "Kitchen").subentry_id)
    await settle(hass)

    async def expired(*_: Any) -> None:
        raise SessionExpired

    monkeypatch.setattr(entry.runtime_data.accounts[other], "_with_session", expired)
    result = await flows.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "from_account"})
    assert result["type"] == "form", result
    flows.async_abort(result["flow_id"])
