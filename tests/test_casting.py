"""Casts: preconditions, sessions, and every way they end.

The player here is a stand-in of ours that follows Home Assistant's media player contract;
tests/e2e plays on a display through Home Assistant's own cast integration.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import DynamicStreamSettings
from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
)
from homeassistant.components.stream import HLS_PROVIDER, create_stream
from homeassistant.components.stream.core import Segment
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import MockEntityPlatform, async_fire_time_changed
import voluptuous as vol

from custom_components.mi_camera.casts import load as cast_load, pause, sessions as casting
from custom_components.mi_camera.casts.source import CastAddresses, SessionHls
from custom_components.mi_camera.casts.view import DATA_CAST_ADDRESSES
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.live_stream import async_detach, async_end

from .test_camera import poll

if TYPE_CHECKING:
    from homeassistant.auth.models import User

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PORCH = "camera.kitchen", "camera.porch"
HALL, DEN = "media_player.hall", "media_player.den"


class Player(MediaPlayerEntity):
    """Shows what it is told, or fails as real ones do."""

    _attr_should_poll = False
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY_MEDIA | MediaPlayerEntityFeature.TURN_OFF
    )

    def __init__(self, name: str) -> None:
        self._attr_name = name
        self._attr_unique_id = name
        self.fails: str | None = None
        self.stops = 0
        self.played: list[str] = []
        self.idle()

    def idle(self) -> None:
        self._attr_state = MediaPlayerState.IDLE
        self._attr_media_content_id = None

    async def async_play_media(self, media_type: MediaType | str, media_id: str, **kw: Any) -> None:
        if self.fails == "error":
            raise HomeAssistantError("no")
        self.played.append(media_id)
        self._attr_media_content_id = media_id
        self._attr_state = (
            MediaPlayerState.BUFFERING if self.fails == "stuck" else MediaPlayerState.PLAYING
        )
        self.async_write_ha_state()

    async def async_turn_off(self) -> None:
        self.stops += 1
        if self.fails == "deaf":
            raise HomeAssistantError("no")
        self.idle()
        self.async_write_ha_state()

    def show(self, content: str | None) -> None:
        """Somebody else plays something here."""
        self._attr_media_content_id = content
        self._attr_state = MediaPlayerState.PLAYING if content else MediaPlayerState.IDLE
        self.async_write_ha_state()

    def show_buffering(self, content: str) -> None:
        """It has loaded something, and has no picture of it yet."""
        self._attr_media_content_id = content
        self._attr_state = MediaPlayerState.BUFFERING
        self.async_write_ha_state()

    def set_available(self, available: bool) -> None:
        self._attr_available = available
        self.async_write_ha_state()


class StopOnlyPlayer(Player):
    """A player that cannot be turned off, only stopped."""

    _attr_supported_features = MediaPlayerEntityFeature.PLAY_MEDIA | MediaPlayerEntityFeature.STOP

    async def async_media_stop(self) -> None:
        await self.async_turn_off()


@pytest.fixture
async def players(entry: MiCameraConfigEntry, hass: HomeAssistant) -> list[Player]:
    assert await async_setup_component(hass, "media_player", {})
    players = [Player("Hall"), StopOnlyPlayer("Den")]
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="test")
    await platform.async_add_entities(players)
    await hass.async_block_till_done()
    return players


async def cast(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    values = {"entity_id": KITCHEN, "media_player": [HALL], **data}
    context = values.pop("context", None)
    response = await hass.services.async_call(
        DOMAIN, "cast", values, blocking=True, return_response=True, context=context
    )
    assert response is not None
    return response["sessions"]  # type: ignore[return-value]


async def until(condition: Any, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_two_players_get_an_address_each_and_end_alone(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    hall, den = players
    sessions = await cast(hass, media_player=[HALL, DEN])
    assert [(one["camera"], one["media_player"]) for one in sessions] == [
        (KITCHEN, HALL),
        (KITCHEN, DEN),
    ]
    assert hall.played[0] != den.played[0]
    assert hall.played[0].startswith("http://127.0.0.1:8123/api/mi_camera/cast/")
    # No secret is in what the action answers.
    assert hall.played[0].split("/")[6] not in str(sessions)
    response = await hass.services.async_call(
        DOMAIN, "stop_cast", {"media_player": HALL}, blocking=True, return_response=True
    )
    assert len(response["sessions"]) == 1
    assert (hall.stops, den.stops) == (1, 0)
    assert len(entry.runtime_data.casts.sessions) == 1
    await hass.services.async_call(DOMAIN, "stop_cast", {"entity_id": KITCHEN}, blocking=True)
    assert den.stops == 1
    assert not entry.runtime_data.casts.sessions
    await until(lambda: home.cameras[0].media_connections == 0, 10)


async def test_what_is_impossible_is_said(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    async def expect(key: str, **data: Any) -> None:
        with pytest.raises(HomeAssistantError) as caught:
            await cast(hass, **data)
        assert caught.value.translation_key == key
        assert not entry.runtime_data.casts.sessions

    await expect("cast_pairs", entity_id=[KITCHEN, PORCH])
    await expect("cast_pairs", entity_id=[KITCHEN, PORCH], media_player=[HALL, HALL])
    await expect("not_our_camera", entity_id="camera.somebody_elses")
    await expect("not_our_camera", entity_id=HALL)
    await expect("player_unknown", media_player="media_player.nowhere")
    players[0].set_available(False)
    await expect("player_unavailable")
    players[0].set_available(True)
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await expect("camera_asleep")
    await hass.services.async_call("camera", "turn_on", {"entity_id": KITCHEN}, blocking=True)
    hass.config.internal_url = None
    hass.config.external_url = None
    hass.config.api = None
    await expect("cast_no_url")
    hass.config.internal_url = "http://127.0.0.1:8123"
    await home.cameras[0].stop()
    await poll(hass)
    await expect("camera_no_answer")
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await expect("pictures_off", entity_id=PORCH)


@pytest.mark.parametrize(
    ("how", "key"), [("error", "cast_not_taken"), ("stuck", "cast_not_playing")]
)
async def test_a_player_that_does_not_play_is_reported_and_nothing_is_left(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    how: str,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.5)
    players[0].fails = how
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, media_player=[DEN, HALL])
    assert caught.value.translation_key == key
    assert caught.value.translation_placeholders == {"player": "Hall"}
    assert not entry.runtime_data.casts.sessions
    # The one that did play has been stopped as well.
    assert players[1].stops == 1
    assert players[0].state == MediaPlayerState.IDLE


async def test_no_more_than_so_many(
    hass: HomeAssistant, players: list[Player], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(casting, "MAX_SESSIONS", 1)
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, media_player=[HALL, DEN])
    assert caught.value.translation_key == "cast_too_many"
    # Who is shown something else is still one; both begun at once are not.
    await cast(hass, entity_id=KITCHEN)
    (session,) = await cast(hass, entity_id=PORCH)
    assert session["camera"] == PORCH
    await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
    begun = [cast(hass, media_player=player) for player in (HALL, DEN)]
    done = await asyncio.gather(*begun, return_exceptions=True)
    (refused,) = (one for one in done if isinstance(one, HomeAssistantError))
    assert refused.translation_key == "cast_too_many"
    assert sum(isinstance(one, list) for one in done) == 1


async def test_a_duration_of_zero_is_refused(hass: HomeAssistant, players: list[Player]) -> None:
    for zero in (0, "00:00:00", {"hours": 0, "minutes": 0, "seconds": 0}):
        with pytest.raises(ServiceValidationError) as caught:
            await cast(hass, duration=zero)
        assert caught.value.translation_key == "cast_no_time"
    with pytest.raises(vol.Invalid):
        await cast(hass, duration=-1)
    assert players[0].played == []


async def test_it_ends_with_its_time(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    (session,) = await cast(hass, duration={"seconds": 30})
    assert session["ends"] > session["started"]
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=31))
    await until(lambda: players[0].stops == 1)
    assert not entry.runtime_data.casts.sessions


async def test_other_media_is_not_stopped(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    await cast(hass)
    players[0].show("http://radio.example/song")
    await until(lambda: not entry.runtime_data.casts.sessions)
    await hass.async_block_till_done()
    assert players[0].stops == 0
    assert players[0].state == MediaPlayerState.PLAYING


async def test_a_new_cast_takes_the_place_of_the_old_one(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    (first,) = await cast(hass)
    (second,) = await cast(hass, entity_id=PORCH)
    assert first["session_id"] != second["session_id"]
    (running,) = entry.runtime_data.casts.sessions
    assert running.camera == PORCH
    assert players[0].state == MediaPlayerState.PLAYING


async def test_it_ends_when_the_camera_falls_asleep_or_goes(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    await cast(hass)
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await until(lambda: players[0].stops == 1)
    await cast(hass, entity_id=PORCH)
    await home.cameras[1].stop()
    await poll(hass)
    await until(lambda: players[0].stops == 2)
    assert not entry.runtime_data.casts.sessions


async def test_switching_off_stops_every_player_with_our_pictures(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    """Also one that was told by others: here, by camera.play_stream."""
    hall, den = players
    await cast(hass)
    await hass.services.async_call(
        "camera", "play_stream", {"entity_id": PORCH, "media_player": DEN}, blocking=True
    )
    assert den.state == MediaPlayerState.PLAYING
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert (hall.stops, den.stops) == (1, 1)
    assert not entry.runtime_data.casts.sessions
    assert all(camera.media_connections == 0 for camera in home.cameras)


async def test_a_player_out_of_reach_is_stopped_when_it_comes_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    await cast(hass)
    hall = players[0]
    hall._attr_available = False
    hall.async_write_ha_state()
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hall.stops == 0
    hall.set_available(True)
    await until(lambda: hall.stops == 1)


async def test_a_player_that_will_not_stop_does_not_keep_the_switch_from_working(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await cast(hass)
    players[0].fails = "deaf"
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert "could not be stopped" in caplog.text
    assert not entry.runtime_data.gate.is_open


async def test_no_cast_begins_while_pictures_are_off(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even an address is made for it."""

    def never(*_: Any) -> Any:
        pytest.fail("an address was made")

    monkeypatch.setattr(CastAddresses, "open", never)
    entry.runtime_data.gate.close()
    with pytest.raises(ServiceValidationError) as caught:
        await cast(hass)
    assert caught.value.translation_key == "pictures_off"
    assert players[0].played == []


async def test_switching_off_while_a_player_loads(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    players[0].fails = "stuck"
    casting_now = asyncio.ensure_future(cast(hass))
    await until(lambda: players[0].played)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    with pytest.raises(ServiceValidationError) as caught:
        await casting_now
    assert caught.value.translation_key == "pictures_off"
    assert not entry.runtime_data.casts.sessions
    assert players[0].stops == 1


async def test_switching_off_while_a_player_begins(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says that it plays, but what it was given is dead by then."""
    play = players[0].async_play_media

    async def off_then_play(*args: Any, **extra: Any) -> None:
        entry.runtime_data.gate.close()
        await play(*args, **extra)

    monkeypatch.setattr(players[0], "async_play_media", off_then_play)
    with pytest.raises(ServiceValidationError) as caught:
        async with asyncio.timeout(5):
            await cast(hass)
    assert caught.value.translation_key == "pictures_off"
    assert not entry.runtime_data.casts.sessions


async def test_switching_off_while_the_stream_of_a_cast_is_opened(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cast is not among those that are cut yet; the player is told nothing."""
    opened = CastAddresses.open

    def off_meanwhile(self: CastAddresses, *args: Any) -> SessionHls:
        source = opened(self, *args)
        entry.runtime_data.gate.close()
        return source

    monkeypatch.setattr(CastAddresses, "open", off_meanwhile)
    with pytest.raises(ServiceValidationError) as caught:
        await cast(hass)
    assert caught.value.translation_key == "pictures_off"
    assert players[0].played == []
    assert not entry.runtime_data.casts.sessions
    assert len(hass.data[DATA_CAST_ADDRESSES]) == 0


async def test_who_may_only_look_may_not_cast(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    hass_read_only_user: User,
) -> None:
    with pytest.raises(Unauthorized):
        await cast(hass, context=Context(user_id=hass_read_only_user.id))
    await cast(hass)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "stop_cast",
            {},
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    assert players[0].stops == 0


async def test_actions_need_a_hub(ready: HomeAssistant) -> None:
    with pytest.raises(HomeAssistantError) as caught:
        await cast(ready)
    assert caught.value.translation_key == "hub_not_loaded"


async def test_it_ends_when_the_picture_freezes(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    """The camera still answers, but no picture comes any more."""
    await cast(hass)
    feed = next(
        one.feed for one in entry.runtime_data.cameras.values() if one.config.name == "Kitchen"
    )
    await until(lambda: feed.state == "live", 10)
    home.cameras[0].miss.silent = True
    await until(lambda: players[0].stops == 1, 15)
    assert not entry.runtime_data.casts.sessions
    assert feed.trouble is not None
    home.cameras[0].miss.silent = False
    await cast(hass)


async def test_a_segment_on_its_way_keeps_nothing_of_a_detached_stream(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """The worker's thread may put its first one after the end, which would start a timer."""
    stream = create_stream(hass, "http://127.0.0.1:1/", {}, DynamicStreamSettings())
    output = stream.add_provider(HLS_PROVIDER)
    segment = Segment(0, b"init", 0, dt_util.utcnow(), [output])
    before = set(get_scheduled_timer_handles(hass.loop))
    async_detach(stream)
    await hass.async_add_executor_job(output.put, segment)
    await hass.async_block_till_done()
    started = set(get_scheduled_timer_handles(hass.loop)) - before
    assert not [handle for handle in started if not handle.cancelled()]
    await async_end(stream)


async def test_a_picture_that_is_paused_at_the_display_does_not_stay(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
) -> None:
    hall, den = players
    await cast(hass, media_player=[HALL, DEN])
    hall._attr_state = den._attr_state = MediaPlayerState.PAUSED
    hall.async_write_ha_state()
    den.async_write_ha_state()
    # One goes on by itself.
    den._attr_state = MediaPlayerState.PLAYING
    den.async_write_ha_state()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=pause.HELD + 1))
    await until(lambda: hall.stops == 1)
    (session,) = entry.runtime_data.casts.sessions
    assert session.player == DEN
    assert den.stops == 0
