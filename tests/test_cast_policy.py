"""On which players a camera may be shown: in our own casts, and in those that others begin."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera.casts import foreign as foreign_casts, sessions as casting
from custom_components.mi_camera.casts.policy import DEFAULTS, MAX_CAST_MINUTES, CastPolicy
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_CAMERA

from .conftest import settle
from .test_cast_sessions import kitchen, own, refused, stop, told
from .test_casting import DEN, HALL, KITCHEN, PORCH, Player, cast, players, until  # noqa: F401
from .test_event import heard

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


# -- what is stored ------------------------------------------------------------------------


def test_without_anything_stored_everything_is_allowed() -> None:
    policy = CastPolicy.parse({"host": "192.0.2.1"})
    assert policy == CastPolicy.parse(DEFAULTS) == CastPolicy(None, None)
    assert policy.allows("media_player.any")
    assert policy.shortened(None) is None


def test_only_what_is_chosen_is_allowed_even_nothing() -> None:
    stored = {"cast_to": "chosen", "cast_players": [HALL], "cast_minutes": 5}
    policy = CastPolicy.parse(stored)
    assert policy.allows(HALL)
    assert not policy.allows(DEN)
    assert not CastPolicy.parse({"cast_to": "chosen"}).allows(HALL)
    # What was chosen once is no limit as long as all are allowed.
    assert CastPolicy.parse(stored | {"cast_to": "all"}).allows(DEN)


def test_the_shorter_time_holds() -> None:
    policy = CastPolicy.parse({"cast_minutes": 5})
    five, one = timedelta(minutes=5), timedelta(minutes=1)
    assert policy.shortened(None) == five
    assert policy.shortened(one) == one
    assert policy.shortened(timedelta()) == timedelta()
    assert policy.shortened(timedelta(days=1)) == five
    assert CastPolicy().shortened(one) == one


@pytest.mark.parametrize(
    "wrong",
    [
        {"cast_to": "nobody"},
        {"cast_to": None},
        {"cast_players": HALL},
        {"cast_players": [1]},
        {"cast_players": [HALL] * 257},
        {"cast_minutes": -1},
        {"cast_minutes": MAX_CAST_MINUTES + 1},
        {"cast_minutes": True},
        {"cast_minutes": 1.5},
        {"cast_from": "08:00:00"},
        {"cast_until": "08:00:00"},
        {"cast_from": "08:00:00", "cast_until": "08:00:00"},
        {"cast_from": 8, "cast_until": 22},
        {"cast_from": "8 o'clock", "cast_until": "22:00:00"},
    ],
)
def test_what_is_damaged_allows_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a stored camera has no valid"):
        CastPolicy.parse(wrong)


@given(st.dictionaries(st.sampled_from([*DEFAULTS]), ANYTHING))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_stored_is_read_or_refused(stored: dict[str, Any]) -> None:
    try:
        policy = CastPolicy.parse(stored)
    except ValueError:
        return
    assert policy.players is None or all(isinstance(one, str) for one in policy.players)


# -- our own casts ---------------------------------------------------------------------------


async def limit(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    *allowed: str,
    minutes: int = 0,
    to: str = "chosen",
) -> None:
    """Store where the kitchen may be shown, and for how long."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA):
        if subentry.title == "Kitchen":
            hass.config_entries.async_update_subentry(
                entry,
                subentry,
                data={
                    **subentry.data,
                    "cast_to": to,
                    "cast_players": list(allowed),
                    "cast_minutes": minutes,
                },
            )
    await settle(hass)


async def test_a_cast_to_another_player_is_refused(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hub = entry.runtime_data
    await limit(hass, entry, DEN)
    assert await refused(hass, media_player=[DEN, HALL]) == (
        "player_not_allowed",
        {"player": "Hall", "camera": "Kitchen"},
    )
    assert players[0].played == players[1].played == []
    await cast(hass, media_player=DEN)
    # It is this camera's policy, and survives that everything is loaded anew.
    await cast(hass, entity_id=PORCH)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.runtime_data is not hub
    assert (await refused(hass))[0] == "player_not_allowed"


async def test_it_ends_with_the_longest_time_that_is_allowed(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    events = heard(hass)
    await limit(hass, entry, to="all", minutes=2)
    (session,) = await cast(hass, duration={"hours": 1})
    ends = dt_util.parse_datetime(session["ends"])
    started = dt_util.parse_datetime(session["started"])
    assert timedelta(minutes=2) <= ends - started < timedelta(minutes=3)
    async_fire_time_changed(hass, ends + timedelta(seconds=1))
    await until(lambda: players[0].stops == 1)
    await settle(hass)
    assert told(events)[-1] == ("cast_ended", HALL, "duration")


async def test_a_change_holds_for_casts_that_run(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    events, lens = heard(hass), kitchen(entry)
    await cast(hass, media_player=[HALL, DEN], duration={"minutes": 30})
    connections = lens.coordinator.link
    await limit(hass, entry, DEN, minutes=3)
    await until(lambda: hall.stops == 1)
    assert den.stops == 0
    # The camera itself was not connected anew.
    assert kitchen(entry) is lens
    assert lens.coordinator.link is connections
    assert lens.permit() is not None
    await until(lambda: ("cast_ended", HALL, "not_allowed") in told(events))
    (session,) = entry.runtime_data.casts.sessions
    assert session.ends == session.started + timedelta(minutes=3)
    # A longer time does not give more than was asked for.
    await limit(hass, entry, DEN, minutes=60)
    assert session.ends == session.started + timedelta(minutes=3)
    async_fire_time_changed(hass, session.ends + timedelta(seconds=1))
    await until(lambda: den.stops == 1)


async def test_a_change_holds_for_casts_that_are_being_loaded(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    players[0].fails = "stuck"
    casting_now = asyncio.ensure_future(refused(hass))
    await until(lambda: players[0].played)
    await limit(hass, entry, DEN)
    assert await casting_now == ("player_not_allowed", {"player": "Hall", "camera": "Kitchen"})
    assert players[0].stops == 1


async def test_a_change_holds_for_casts_whose_pictures_are_being_made(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose = casting.async_choose

    async def changed_meanwhile(*args: Any) -> Any:
        await limit(hass, entry, DEN)
        return await choose(*args)

    monkeypatch.setattr(casting, "async_choose", changed_meanwhile)
    assert (await refused(hass))[0] == "player_not_allowed"
    assert players[0].played == []


# -- casts that others begin -------------------------------------------------------------------


async def play_stream(hass: HomeAssistant, player: str, camera: str = KITCHEN) -> None:
    await hass.services.async_call(
        "camera", "play_stream", {"entity_id": camera, "media_player": player}, blocking=True
    )
    await hass.async_block_till_done()


async def test_others_may_show_it_where_it_is_allowed_only(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall, den = players
    events = heard(hass)
    await limit(hass, entry, DEN)
    await play_stream(hass, DEN)
    assert den.stops == 0
    assert told(events) == []
    await play_stream(hass, HALL)
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert told(events) == [("cast_refused", HALL, "not_allowed")]
    assert events[0].data["camera_entity"] == KITCHEN
    state = own(hass, entry, "event", "cast-events")
    assert state.attributes["event_type"] == "cast_refused"
    assert hall.played[0].split("/")[5] not in caplog.text
    # Another camera, and what is no camera, are no business of this policy.
    await play_stream(hass, HALL, PORCH)
    hall.show("http://radio.example/song")
    await hass.async_block_till_done()
    assert hall.stops == 1
    # Nobody else is kept from showing it where it is allowed.
    assert den.stops == 0


async def test_what_others_show_ends_with_its_time_too(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    events = heard(hass)
    await limit(hass, entry, to="all", minutes=3)
    await play_stream(hass, HALL)
    await play_stream(hass, DEN)
    # Reporting something in between does not begin the time anew, leaving does end it.
    hall._attr_volume_level = 0.5
    hall.async_write_ha_state()
    den.show("http://radio.example/song")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=3, seconds=1))
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert told(events) == [("cast_refused", HALL, "duration")]
    assert den.stops == 0


async def test_a_change_holds_for_what_others_show(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    await play_stream(hass, HALL)
    await play_stream(hass, DEN)
    await limit(hass, entry, DEN, minutes=1)
    await until(lambda: hall.stops == 1)
    assert den.stops == 0
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
    await until(lambda: den.stops == 1)


async def test_an_address_that_was_made_for_another_player_is_no_way_around(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    events = heard(hass)
    await limit(hass, entry, DEN)
    await cast(hass, media_player=DEN)
    hall.show(den.played[0])
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert told(events) == [
        ("cast_started", DEN, None),
        ("cast_refused", HALL, "not_allowed"),
    ]
    assert den.stops == 0


async def test_a_player_with_a_cast_of_ours_is_looked_at_as_well(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await limit(hass, entry, DEN)
    await cast(hass, entity_id=PORCH)
    await play_stream(hass, HALL)
    await until(lambda: players[0].stops == 1)
    assert players[0].state == "idle"


async def test_a_player_that_does_not_stop_is_reported_once(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall = players[0]
    events = heard(hass)
    await limit(hass, entry, DEN)
    hall.fails = "deaf"
    await play_stream(hass, HALL)
    await until(lambda: hall.stops == 1)
    hall._attr_volume_level = 0.5
    hall.async_write_ha_state()
    await until(lambda: hall.stops == 2)
    await settle(hass)
    # Both are told of at once, in either order.
    assert sorted(one.data["type"] for one in events) == ["cast_not_stopped", "cast_refused"]
    # It is left alone as soon as it is allowed.
    await limit(hass, entry, to="all")
    hall._attr_volume_level = 0.6
    hall.async_write_ha_state()
    await settle(hass)
    assert hall.stops == 2
    await limit(hass, entry, DEN)
    await until(lambda: hall.stops == 3)
    # It is told again when it shows it again.
    hall.fails = None
    hall.idle()
    hall.async_write_ha_state()
    await play_stream(hass, HALL)
    await until(lambda: hall.stops == 4)
    await settle(hass)
    assert [one.data["type"] for one in events].count("cast_refused") == 3


async def test_only_so_many_addresses_are_remembered(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(foreign_casts, "MAX_TOKENS", 2)
    foreign, lens = entry.runtime_data.casts.foreign, kitchen(entry)
    await limit(hass, entry, DEN)
    told = "More than 2 addresses"
    for token in ("nobody's", "first"):
        foreign.remember(token, lens, KITCHEN)
    assert told not in caplog.text
    for token in ("second", "third"):
        foreign.remember(token, lens, KITCHEN)
    assert caplog.text.count(told) == 1
    players[0].show("http://127.0.0.1:8123/api/hls/first/master.m3u8")
    await hass.async_block_till_done()
    assert players[0].stops == 0
    players[0].show("http://127.0.0.1:8123/api/hls/third/master.m3u8")
    await until(lambda: players[0].stops == 1)


async def test_nothing_is_left_when_the_hub_is_unloaded(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await limit(hass, entry, to="all", minutes=3)
    await play_stream(hass, HALL)
    assert await stop(hass) == []
    await hass.config_entries.async_unload(entry.entry_id)
    assert players[0].stops == 1
    assert hass.services.has_service(DOMAIN, "cast")
