"""Casts of several cameras, what is seen and told of them, and what keeps one from beginning."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import MediaPlayerEntityFeature, MediaPlayerState
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera.casts import load as cast_load
from custom_components.mi_camera.casts.address import resolvable
from custom_components.mi_camera.casts.news import CastEventType
from custom_components.mi_camera.casts.session import EndReason
from custom_components.mi_camera.casts.view import DATA_CAST_ADDRESSES
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate_issues import plain
from custom_components.mi_camera.gate_news import EVENT_MI_CAMERA

from .conftest import settle
from .test_camera import poll
from .test_casting import DEN, HALL, KITCHEN, PORCH, Player, cast, players, until  # noqa: F401
from .test_event import heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.auth.models import User

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

ADDRESS = "http://127.0.0.1:8123"


def own(hass: HomeAssistant, entry: MiCameraConfigEntry, domain: str, key: str) -> Any:
    """Return the state of an entity of the hub's own device."""
    entity_id = er.async_get(hass).async_get_entity_id(domain, DOMAIN, f"{entry.entry_id}-{key}")
    assert entity_id is not None
    return hass.states.get(entity_id)


def told(events: list[Event[dict[str, Any]]]) -> list[tuple[str, str, str | None]]:
    """Return type, player and reason of each event of casts."""
    return [
        (one.data["type"], one.data["media_player"], one.data["reason"])
        for one in events
        if one.data["type"] in CastEventType
    ]


async def stop(hass: HomeAssistant, context: Context | None = None, **data: Any) -> Any:
    answer = await hass.services.async_call(
        DOMAIN, "stop_cast", data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return answer["sessions"]


async def refused(hass: HomeAssistant, **data: Any) -> tuple[str | None, dict[str, str]]:
    """Cast in vain; returns the error's key and what it mentions."""
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, **data)
    return caught.value.translation_key, dict(caught.value.translation_placeholders or {})


# -- several cameras, and what is seen of casts ------------------------------------------------


async def test_cameras_and_players_go_together_in_the_order_they_are_named(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    sessions = await cast(hass, entity_id=[PORCH, KITCHEN], media_player=[HALL, DEN])
    assert [(one["camera"], one["media_player"], one["state"]) for one in sessions] == [
        (PORCH, HALL, "playing"),
        (KITCHEN, DEN, "playing"),
    ]
    assert {one["reason"] for one in sessions} == {None}
    casts = {one.player: one for one in entry.runtime_data.casts.sessions}
    assert casts[HALL].lens.coordinator.config.name == "Porch"
    assert casts[DEN].lens.coordinator.config.name == "Kitchen"
    (ended,) = await stop(hass, entity_id=PORCH)
    assert (ended["state"], ended["reason"]) == ("ended", "stopped")
    assert (players[0].stops, players[1].stops) == (1, 0)


async def test_as_many_players_as_cameras_or_one_camera(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    both = [KITCHEN, PORCH]
    assert await refused(hass, entity_id=both) == ("cast_pairs", {"cameras": "2", "players": "1"})
    assert (await refused(hass, entity_id=both, media_player=[DEN, DEN]))[0] == "cast_pairs"
    area = hass.data["area_registry"].async_create("Nowhere").id
    assert (await refused(hass, entity_id=[], area_id=area))[0] == "no_camera"
    assert not any(player.played for player in players)


async def test_it_is_seen_what_is_shown_where(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    def casting_to(camera: str) -> list[str]:
        return hass.states.get(camera).attributes["casting_to"]

    assert own(hass, entry, "sensor", "casts").state == "0"
    assert own(hass, entry, "sensor", "casts").attributes["casts"] == []
    assert casting_to(KITCHEN) == []
    await cast(hass, media_player=[HALL, DEN], duration={"minutes": 1})
    state = own(hass, entry, "sensor", "casts")
    assert state.state == "2"
    assert sorted((one["camera"], one["media_player"]) for one in state.attributes["casts"]) == [
        (KITCHEN, DEN),
        (KITCHEN, HALL),
    ]
    assert all(one["ends"] > one["started"] for one in state.attributes["casts"])
    assert sorted(casting_to(KITCHEN)) == [DEN, HALL]
    assert casting_to(PORCH) == []
    # Nobody finds an address there.
    for session in entry.runtime_data.casts.sessions:
        assert session.token not in str(hass.states.get(KITCHEN).as_dict())
        assert session.token not in str(state.as_dict())
    await stop(hass, media_player=HALL)
    assert own(hass, entry, "sensor", "casts").state == "1"
    assert casting_to(KITCHEN) == [DEN]
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert own(hass, entry, "sensor", "casts").state == "0"
    assert "casting_to" not in hass.states.get(KITCHEN).attributes
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await until(lambda: hass.states.get(KITCHEN).state == "idle")
    assert casting_to(KITCHEN) == []


async def test_what_is_still_being_loaded_is_not_shown_yet(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    events = heard(hass)
    players[0].fails = "stuck"
    casting = asyncio.ensure_future(cast(hass))
    await until(lambda: players[0].played)
    (session,) = entry.runtime_data.casts.sessions
    assert session.as_dict()["state"] == "loading"
    assert own(hass, entry, "sensor", "casts").state == "0"
    assert told(events) == []
    players[0]._attr_state = MediaPlayerState.PLAYING
    players[0].async_write_ha_state()
    await casting
    assert own(hass, entry, "sensor", "casts").state == "1"


async def test_it_is_told_who_began_and_who_ended(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    hass_admin_user: User,
) -> None:
    events = heard(hass)
    context = Context(user_id=hass_admin_user.id)
    await cast(hass, context=context)
    await settle(hass)
    state = own(hass, entry, "event", "cast-events")
    assert state.attributes["friendly_name"] == "Mi Camera Casts"
    assert state.attributes["event_types"] == [one.value for one in CastEventType]
    assert state.attributes["event_type"] == "cast_started"
    assert state.attributes["by"] == hass_admin_user.name
    assert state.attributes["camera"] == "Kitchen"
    assert state.attributes["camera_entity"] == KITCHEN
    assert state.attributes["media_player"] == HALL
    assert state.attributes["reason"] is None
    assert state.context is context
    await stop(hass)
    await settle(hass)
    state = own(hass, entry, "event", "cast-events")
    assert state.attributes["event_type"] == "cast_ended"
    assert (state.attributes["reason"], state.attributes["by"]) == ("stopped", None)
    assert state.context.user_id is None
    started, ended = events
    assert started.event_type == ended.event_type == EVENT_MI_CAMERA
    assert started.context is context
    assert started.data["device_id"] == er.async_get(hass).async_get(KITCHEN).device_id
    for key in ("at", "by", "camera", "camera_entity", "media_player", "reason"):
        assert ended.data[key] == state.attributes[key]
    # The gate's own entity tells of the gate only.
    assert own(hass, entry, "event", "gate").state == "unknown"


async def test_a_follower_that_fails_keeps_nobody_from_being_told(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no")

    news, seen = entry.runtime_data.casts.news, []
    undo = [news.async_on_event(fail), news.async_on_change(fail)]
    undo.append(news.async_on_event(lambda event: seen.append(event.type)))
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    for one in undo:
        one()
    assert seen == ["cast_started", "cast_ended"]
    assert players[0].stops == 1
    assert "something else failed" in caplog.text
    caplog.clear()


# -- why they end ------------------------------------------------------------------------------


async def _time_passes(hass: HomeAssistant, home: Home, player: Player) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))


async def _switch_off(hass: HomeAssistant, home: Home, player: Player) -> None:
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)


async def _hide(hass: HomeAssistant, home: Home, player: Player) -> None:
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.kitchen_privacy"}, blocking=True
    )


async def _sleep(hass: HomeAssistant, home: Home, player: Player) -> None:
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)


async def _leave(hass: HomeAssistant, home: Home, player: Player) -> None:
    await home.cameras[0].stop()
    await poll(hass)


async def _remove(hass: HomeAssistant, home: Home, player: Player) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    for subentry in tuple(entry.subentries.values()):
        if subentry.title == "Kitchen":
            hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)


async def _other_media(hass: HomeAssistant, home: Home, player: Player) -> None:
    player.show("http://radio.example/song")


async def _press_stop(hass: HomeAssistant, home: Home, player: Player) -> None:
    player.show(None)


async def _lose_player(hass: HomeAssistant, home: Home, player: Player) -> None:
    player.set_available(False)


async def _cast_another(hass: HomeAssistant, home: Home, player: Player) -> None:
    await cast(hass, entity_id=PORCH)


async def _unload(hass: HomeAssistant, home: Home, player: Player) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (_time_passes, EndReason.DURATION),
        (_switch_off, EndReason.SWITCHED_OFF),
        (_hide, EndReason.SWITCHED_OFF),
        (_sleep, EndReason.CAMERA_GONE),
        (_leave, EndReason.CAMERA_GONE),
        (_remove, EndReason.CAMERA_GONE),
        (_other_media, EndReason.REPLACED),
        (_cast_another, EndReason.REPLACED),
        (_press_stop, EndReason.STOPPED),
        (_unload, EndReason.SWITCHED_OFF),
        (_lose_player, EndReason.PLAYER_GONE),
    ],
)
async def test_it_is_told_why_a_cast_has_ended(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    end: Callable[[HomeAssistant, Home, Player], Any],
    reason: EndReason,
) -> None:
    casts, events = entry.runtime_data.casts, heard(hass)
    await cast(hass, duration={"seconds": 60})
    (session,) = casts.sessions
    await end(hass, home, players[0])
    await until(lambda: session not in casts.sessions)
    await settle(hass)
    assert session.as_dict()["reason"] == reason.value
    assert [one for one in told(events) if one[0] == "cast_ended"] == [
        ("cast_ended", HALL, reason.value)
    ]


# -- what keeps a cast from beginning ----------------------------------------------------------


async def test_a_player_that_cannot_be_told_anything_is_refused(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    players[0]._attr_supported_features = MediaPlayerEntityFeature.TURN_OFF
    players[0].async_write_ha_state()
    assert await refused(hass) == ("player_plays_nothing", {"player": "Hall"})
    # A display calls itself off when it shows nothing; that is fine.
    players[0]._attr_supported_features |= MediaPlayerEntityFeature.PLAY_MEDIA
    players[0]._attr_state = MediaPlayerState.OFF
    players[0].async_write_ha_state()
    await cast(hass)


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("homeassistant.local", False),
        ("HomeAssistant.Local.", False),
        ("homeassistant", False),
        ("localhost", False),
        ("", False),
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("home.example.org", True),
        ("local.example.org", True),
    ],
)
def test_which_hosts_players_may_find(host: str, good: bool) -> None:
    assert resolvable(host) is good


async def test_an_address_that_players_cannot_use_is_a_repair_issue_until_it_is_mended(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    def issue() -> ir.IssueEntry | None:
        return ir.async_get(hass).async_get_issue(DOMAIN, "cast_address")

    bad = "http://homeassistant.local:8123"
    await hass.config.async_update(internal_url=bad)
    assert issue() is None, "who casts nothing is not bothered"
    assert await refused(hass) == ("cast_local_url", {"address": bad})
    assert issue() is not None
    assert issue().translation_placeholders == {"address": r"http\://homeassistant\.local\:8123"}
    assert players[0].played == []
    await hass.config.async_update(latitude=1.0)
    await hass.async_block_till_done()
    assert issue() is not None
    await hass.config.async_update(internal_url=ADDRESS)
    await hass.async_block_till_done()
    assert issue() is None
    await cast(hass)
    hass.config.api = None
    await hass.config.async_update(internal_url=None, external_url=None)
    assert await refused(hass, media_player=DEN) == ("cast_no_url", {})
    assert issue() is not None
    await hass.config_entries.async_unload(entry.entry_id)
    assert issue() is None


@pytest.mark.usefixtures("_soon")
async def test_a_name_that_a_display_cannot_resolve_is_told_of(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    def issue() -> ir.IssueEntry | None:
        return ir.async_get(hass).async_get_issue(DOMAIN, "cast_address")

    await keep_live(entry)
    clumsy = Clumsy(players[0], "ignores", 2)
    assert (await refused(hass))[0] == "cast_not_loaded"
    assert issue() is None, "an IP address needs no name server"
    clumsy.times = 6
    hass.config.internal_url = "http://ha.home.arpa:8123"
    for _ in range(2):
        assert (await refused(hass))[0] == "cast_not_loaded"
        found = issue()
        assert found is not None
        assert found.translation_placeholders == {"address": plain("http://ha.home.arpa:8123")}
    await cast(hass)
    assert issue() is None, "it can after all"
    clumsy.times = 99
    assert (await refused(hass))[0] == "cast_not_loaded"
    await hass.config.async_update(internal_url="http://192.0.2.1:8123")
    assert issue() is None


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.3)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)


class Clumsy:
    """Makes a player fail at some step, the first `times` times it is told to play."""

    def __init__(self, player: Player, how: str, times: int) -> None:
        self.player, self.how, self.times = player, how, times
        self.addresses: list[str] = []
        self.play = player.async_play_media
        player.async_play_media = self  # type: ignore[assignment, method-assign]

    @property
    def told(self) -> int:
        return len(self.addresses)

    async def __call__(self, media_type: str, media_id: str, **kw: Any) -> None:
        self.addresses.append(media_id)
        if self.told > self.times:
            await self.play(media_type, media_id, **kw)
        elif self.how == "refuses":
            raise HomeAssistantError(f"cannot play {media_id}")
        elif self.how == "hangs":
            await asyncio.sleep(60)
        elif self.how in {"gives up", "waits", "buffers"}:
            self.player.show_buffering(media_id)
            if self.how == "buffers":
                # As Home Assistant's cast waits until a receiver has begun.
                await asyncio.sleep(60)
            if self.how == "gives up":
                self.player.idle()
                self.player.async_write_ha_state()
        elif self.how == "stays idle":
            # As Home Assistant's cast shows a receiver that could not load it.
            self.player._attr_media_content_id = media_id
            self.player._attr_state = MediaPlayerState.IDLE
            self.player.async_write_ha_state()


STEPS = [
    ("refuses", "cast_not_taken"),
    ("hangs", "cast_not_taken"),
    ("ignores", "cast_not_loaded"),
    ("waits", "cast_not_playing"),
    ("buffers", "cast_not_playing"),
]


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("how", [how for how, _key in STEPS] + ["gives up"])
async def test_a_player_that_does_not_begin_is_told_once_more(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    how: str,
) -> None:
    clumsy, events = Clumsy(players[0], how, 1), heard(hass)
    await keep_live(entry)
    (session,) = await cast(hass)
    assert session["state"] == "playing"
    assert clumsy.told == 2
    await settle(hass)
    assert told(events) == [("cast_started", HALL, None)]


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize(("how", "key"), STEPS)
async def test_the_error_tells_which_step_failed(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    how: str,
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clumsy, events = Clumsy(players[0], how, 99), heard(hass)
    await keep_live(entry)
    assert await refused(hass) == (
        key,
        {"player": "Hall"} | ({"address": ADDRESS} if key == "cast_not_loaded" else {}),
    )
    assert clumsy.told == 2
    await settle(hass)
    assert told(events) == [("cast_ended", HALL, "load_failed")]
    assert not entry.runtime_data.casts.sessions


@pytest.mark.parametrize("fetches", [False, True])
async def test_a_display_that_stays_idle_is_not_waited_for(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    fetches: bool,
) -> None:
    monkeypatch.setattr(cast_load, "IDLE_TIMEOUT", 0.3)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    clumsy = Clumsy(players[0], "stays idle", 99)
    await keep_live(entry)
    casting = asyncio.ensure_future(refused(hass))
    if fetches:
        await until(lambda: clumsy.told)
        (session,) = entry.runtime_data.casts.sessions
        while not casting.done():
            await session.pictures.async_ready()
            await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        key, _ = await casting
    assert clumsy.told == 2
    assert key == ("cast_not_playing" if fetches else "cast_not_loaded")


@pytest.mark.usefixtures("_soon")
async def test_what_could_not_be_played_has_a_dead_address(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    """Home Assistant logs the address of a load that failed, for all who read logs."""
    clumsy = Clumsy(players[0], "refuses", 1)
    await keep_live(entry)
    await cast(hass)
    first, second = (one.split("/")[-2] for one in clumsy.addresses)
    assert first != second
    addresses = hass.data[DATA_CAST_ADDRESSES]
    assert addresses.get(first) is None
    assert addresses.get(second) is not None
    assert len(addresses) == 1


async def keep_live(entry: MiCameraConfigEntry) -> Any:
    """Let somebody else look at the kitchen, so that it has pictures at once."""
    lens = kitchen(entry)
    permit = lens.permit()
    assert permit is not None
    viewer = lens.feed.view(permit)
    await until(lambda: lens.live, 10)
    return viewer


def kitchen(entry: MiCameraConfigEntry) -> Any:
    return next(
        one.lenses[0] for one in entry.runtime_data.cameras.values() if one.config.name == "Kitchen"
    )


async def test_a_camera_that_sends_nothing_is_blamed_itself(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 1.0)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    home.cameras[0].miss.silent = True
    Clumsy(players[0], "waits", 99)
    key, mentioned = await refused(hass)
    assert key in {"cast_no_picture", "camera_no_answer", "camera_failed"}
    assert mentioned["camera"] == "Kitchen"


@pytest.mark.usefixtures("_soon")
async def test_a_picture_that_freezes_while_a_player_loads_is_the_camera_s_fault(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 15.0)
    clumsy = Clumsy(players[0], "waits", 99)
    await keep_live(entry)
    casting = asyncio.ensure_future(refused(hass))
    await until(lambda: clumsy.told)
    (session,) = entry.runtime_data.casts.sessions
    home.cameras[0].miss.silent = True
    key, mentioned = await casting
    assert session.reason is EndReason.STALE
    assert key in {"cast_no_picture", "camera_no_answer", "camera_failed"}
    assert mentioned["camera"] == "Kitchen"
    assert clumsy.told == 1


async def test_other_media_while_it_loads_are_not_taken_away_again(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    clumsy = Clumsy(players[0], "waits", 99)
    casting = asyncio.ensure_future(refused(hass))
    await until(lambda: clumsy.told)
    players[0].show("http://radio.example/song")
    of_both = {"camera": "Kitchen", "player": "Hall"}
    assert await casting == ("cast_replaced_early", of_both)
    assert clumsy.told == 1
    assert players[0].state == "playing"
    assert players[0].stops == 0


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("allowed", [True, False])
async def test_a_player_that_goes_and_comes_back_is_told_once_more_if_it_still_may(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    allowed: bool,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 30.0)
    monkeypatch.setattr(cast_load, "IDLE_TIMEOUT", 30.0)
    hall, told, play = players[0], [], players[0].async_play_media

    async def go(media_type: str, media_id: str, **kw: Any) -> None:
        told.append(media_id)
        if len(told) > 1:
            await play(media_type, media_id, **kw)
            return
        hall.set_available(False)
        raise HomeAssistantError("gone")

    monkeypatch.setattr(hall, "async_play_media", go)
    casting = asyncio.ensure_future(cast(hass))
    await until(lambda: hass.states.is_state(HALL, "unavailable"), 30)
    (session,) = entry.runtime_data.casts.sessions
    first = session.token
    await until(lambda: session.token != first or casting.done(), 30)
    if not allowed:
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    hall.set_available(True)
    if allowed:
        (answer,) = await casting
        assert answer["state"] == "playing"
    else:
        with pytest.raises(HomeAssistantError) as caught:
            await casting
        assert caught.value.translation_key == "pictures_off"
    assert len(told) == (2 if allowed else 1)


async def test_whoever_is_sent_away_while_loading_is_told_so(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    clumsy = Clumsy(players[0], "waits", 1)
    first = asyncio.ensure_future(refused(hass))
    await until(lambda: clumsy.told)
    await cast(hass, entity_id=PORCH)
    of_both = {"camera": "Kitchen", "player": "Hall"}
    assert await first == ("cast_replaced_early", of_both)
    assert clumsy.told == 2, "it is not told again to show what was replaced"
    (running,) = entry.runtime_data.casts.sessions
    assert running.camera == PORCH


async def test_players_are_stopped_even_if_nobody_waits_for_it(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = asyncio.Event()
    begun: list[Player] = []
    for player in players:

        async def slowly(player: Player = player) -> None:
            begun.append(player)
            await hold.wait()
            player.stops += 1
            player.idle()
            player.async_write_ha_state()

        monkeypatch.setattr(player, "async_turn_off", slowly)
    await cast(hass, entity_id=[KITCHEN, PORCH], media_player=[HALL, DEN])
    stopping = asyncio.ensure_future(stop(hass))
    await until(lambda: len(begun) == 2)
    assert not entry.runtime_data.casts.sessions
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    hold.set()
    await until(lambda: [player.stops for player in players] == [1, 1])
    assert {hass.states.get(player).state for player in (HALL, DEN)} == {"idle"}


async def test_no_cast_of_an_action_goes_on_if_it_is_cancelled_again_and_again(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    den.fails = "stuck"
    casting_now = asyncio.ensure_future(cast(hass, media_player=[HALL, DEN]))
    sessions = entry.runtime_data.casts
    await until(lambda: den.played and len(sessions.playing) == 1)
    for _ in range(20):
        casting_now.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await casting_now
    await until(lambda: not sessions.sessions)
    await until(lambda: (hall.stops, den.stops) == (1, 1))
