"""At which hours a camera may be shown, where clocks are changed as well."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from homeassistant.util import dt as dt_util
from hypothesis import example, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera.casts.hours import CastHours
from custom_components.mi_camera.const import SUBENTRY_CAMERA

from .conftest import settle
from .test_cast_policy import play_stream
from .test_cast_sessions import kitchen, own, refused, told
from .test_casting import DEN, HALL, PORCH, Player, cast, players, until  # noqa: F401
from .test_event import heard

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    PARIS,
    *(ZoneInfo(name) for name in ("UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham")),
    # Half an hour is added in summer; a whole day was left out in 2011.
    *(ZoneInfo(name) for name in ("Australia/Lord_Howe", "Pacific/Apia")),
]
SPRING = datetime(2027, 3, 28, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""When clocks are changed in Paris: 2 becomes 3, and 3 becomes 2."""
MINUTE = timedelta(minutes=1)

minutes_of_day = st.builds(time, st.integers(0, 23), st.integers(0, 59))
moments = st.one_of(
    st.integers(0, 60 * 24 * 365 * 18).map(
        lambda minutes: datetime(2010, 1, 1, tzinfo=UTC) + minutes * MINUTE
    ),
    st.builds(
        lambda change, minutes: change + minutes * MINUTE,
        st.sampled_from([SPRING, AUTUMN, datetime(2011, 12, 30, 10, tzinfo=UTC)]),
        st.integers(-1500, 300),
    ),
)


def model(start: time, end: time) -> set[str]:
    """Return what a clock shows while it is allowed, minute by minute."""
    shown, at = set(), start
    while at != end:
        shown.add(f"{at:%H:%M}")
        at = (datetime.combine(datetime(2000, 1, 1), at) + MINUTE).time()
    return shown


@given(minutes_of_day, minutes_of_day, st.sampled_from(ZONES), moments)
@example(time(2, 30), time(4), PARIS, SPRING - timedelta(hours=5))
@example(time(22), time(2, 30), PARIS, SPRING - timedelta(hours=5))
@example(time(2, 10), time(2, 50), PARIS, SPRING - timedelta(hours=5))
@example(time(22), time(2, 30), PARIS, AUTUMN - timedelta(minutes=20))
@example(time(2, 30), time(8), PARIS, AUTUMN - timedelta(minutes=20))
@settings(deadline=None)
def test_it_is_what_a_clock_on_the_wall_shows(
    start: time, end: time, zone: ZoneInfo, moment: datetime
) -> None:
    if start == end:
        return
    hours, allowed = CastHours(start, end), model(start, end)

    def shown(at: datetime) -> bool:
        return f"{at.astimezone(zone):%H:%M}" in allowed

    assert hours.allows_at(moment, zone) == shown(moment)
    at = moment + MINUTE
    while shown(at) == shown(moment):
        at += MINUTE
    assert hours.next_change(moment, zone) == at


@given(
    st.times(),
    st.times(),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2010, 1, 1), datetime(2037, 1, 1)),
)
def test_it_changes_to_the_microsecond(
    start: time, end: time, zone: ZoneInfo, moment: datetime
) -> None:
    if start == end:
        return
    hours, moment = CastHours(start, end), moment.replace(tzinfo=UTC)
    change = hours.next_change(moment.astimezone(zone), zone)
    assert moment < change <= moment + timedelta(days=3)
    before = change - timedelta(microseconds=1)
    assert hours.allows_at(before, zone) == hours.allows_at(moment, zone)
    assert hours.allows_at(change, zone) != hours.allows_at(moment, zone)


@pytest.mark.parametrize(
    ("start", "end", "moment", "change"),
    [
        # What is left out never comes: it begins as clocks show 3, or ends as they do.
        ("02:30", "04:00", SPRING - MINUTE, SPRING),
        ("22:00", "02:30", SPRING - MINUTE, SPRING),
        ("02:10", "02:50", SPRING - MINUTE, SPRING + timedelta(hours=23, minutes=10)),
        # What comes twice is twice so: clocks show 2 again.
        ("22:00", "02:30", AUTUMN - timedelta(minutes=10), AUTUMN),
        ("22:00", "02:30", AUTUMN, AUTUMN + timedelta(minutes=30)),
        # A day of 23 or 25 hours.
        ("08:00", "22:00", SPRING - timedelta(hours=4), SPRING + timedelta(hours=5)),
        ("08:00", "22:00", AUTUMN - timedelta(hours=5), AUTUMN + timedelta(hours=6)),
    ],
)
def test_days_on_which_clocks_are_changed(
    start: str, end: str, moment: datetime, change: datetime
) -> None:
    hours = CastHours.parse(start, end)
    assert hours is not None
    assert hours.next_change(moment, PARIS) == change


@pytest.mark.parametrize(
    "wrong",
    [
        ("08:00", None),
        (None, "08:00"),
        ("08:00", "08:00:00"),
        ("25:00", "08:00"),
        ("08:00+01:00", "09:00"),
        (8, 22),
        ("", ""),
        (time(8), time(22)),
    ],
)
def test_what_is_damaged_is_refused(wrong: tuple[object, object]) -> None:
    with pytest.raises(ValueError, match="a stored camera has no valid hours"):
        CastHours.parse(*wrong)


def test_it_is_told_in_short() -> None:
    hours = CastHours.parse("08:00:00", "22:30:15")
    assert hours is not None
    assert hours.as_texts() == ("08:00", "22:30:15")
    assert CastHours.parse(None, None) is None


# -- casts ---------------------------------------------------------------------------------


def stored_kitchen(entry: MiCameraConfigEntry) -> ConfigSubentry:
    (subentry,) = (
        one
        for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        if one.unique_id == kitchen(entry).source.did
    )
    return subentry


async def allow_hours(
    hass: HomeAssistant, entry: MiCameraConfigEntry, start: str, end: str, **more: Any
) -> None:
    """Store hours of the kitchen."""
    subentry = stored_kitchen(entry)
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "cast_from": start, "cast_until": end, **more}
    )
    await settle(hass)


async def allow(
    hass: HomeAssistant, entry: MiCameraConfigEntry, start: timedelta, end: timedelta, **more: Any
) -> tuple[datetime, datetime]:
    """Store hours of the kitchen, from now on; returns when they begin and end."""
    now = dt_util.now()
    begins, ends = now + start, now + end
    await allow_hours(hass, entry, begins.time().isoformat(), ends.time().isoformat(), **more)
    return begins, ends


HOUR = timedelta(hours=1)
SOON = timedelta(seconds=0.7)


async def test_outside_its_hours_a_camera_is_not_cast(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    begins, ends = await allow(hass, entry, HOUR, 2 * HOUR)
    assert await refused(hass) == (
        "cast_outside_hours",
        {"camera": "Kitchen", "start": f"{begins:%H:%M:%S}", "end": f"{ends:%H:%M:%S}"},
    )
    assert players[0].played == []
    # Where it may never be shown comes first, and another camera has hours of its own.
    await allow(hass, entry, HOUR, 2 * HOUR, cast_to="chosen", cast_players=[DEN])
    assert (await refused(hass))[0] == "player_not_allowed"
    assert (await refused(hass, media_player=DEN))[0] == "cast_outside_hours"
    await cast(hass, entity_id=PORCH)
    assert entry.runtime_data.casts.sessions


async def test_it_is_told_when_it_ends(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    def seen() -> str:
        (one,) = own(hass, entry, "sensor", "casts").attributes["casts"]
        return one["ends"]

    _, ends = await allow(hass, entry, -HOUR, HOUR)
    (session,) = await cast(hass)
    assert dt_util.parse_datetime(session["ends"]) == ends
    (session,) = await cast(hass, duration={"hours": 3})
    assert dt_util.parse_datetime(session["ends"]) == ends
    # Longer hours leave it the time that was asked for.
    await allow(hass, entry, -HOUR, 6 * HOUR)
    (running,) = entry.runtime_data.casts.sessions
    assert timedelta(hours=3) <= running.ends - running.started < timedelta(hours=3, minutes=1)
    assert seen() == running.ends.isoformat()
    (session,) = await cast(hass, duration={"minutes": 30})
    assert dt_util.parse_datetime(session["ends"]) < ends
    assert seen() == session["ends"]


async def test_casts_that_run_end_with_the_hours(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    events = heard(hass)
    await cast(hass, media_player=HALL)
    await cast(hass, entity_id=PORCH, media_player=DEN)
    await allow(hass, entry, -HOUR, SOON)
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert told(events)[-1] == ("cast_ended", HALL, "not_allowed")
    assert den.stops == 0
    assert (await refused(hass))[0] == "cast_outside_hours"


async def test_casts_that_are_being_loaded_end_with_the_hours(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    players[0].fails = "stuck"
    casting_now = asyncio.ensure_future(refused(hass))
    await until(lambda: players[0].played)
    await allow(hass, entry, -HOUR, SOON)
    assert (await casting_now)[0] == "cast_outside_hours"
    assert players[0].stops == 1


async def test_what_others_show_ends_with_the_hours(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    hall, den = players
    events = heard(hass)
    await allow(hass, entry, -HOUR, HOUR)
    await play_stream(hass, HALL)
    await play_stream(hass, DEN, PORCH)
    assert (hall.stops, den.stops) == (0, 0)
    await allow(hass, entry, -HOUR, SOON)
    await until(lambda: hall.stops == 1)
    # It comes back to nothing.
    await play_stream(hass, HALL)
    await until(lambda: hall.stops == 2)
    await settle(hass)
    assert told(events) == [("cast_refused", HALL, "not_allowed")] * 2
    assert den.stops == 0


async def test_it_is_left_alone_when_its_hours_begin(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall, now = players[0], dt_util.utcnow
    await allow(hass, entry, HOUR, 3 * HOUR)
    hall.fails = "deaf"
    await play_stream(hass, HALL)
    await until(lambda: hall.stops == 1)
    await settle(hass)
    monkeypatch.setattr(dt_util, "utcnow", lambda: now() + 2 * HOUR)
    async_fire_time_changed(hass, now() + timedelta(seconds=61))
    hall._attr_volume_level = 0.5
    hall.async_write_ha_state()
    await settle(hass)
    assert hall.stops == 1
    hall.fails = None
    await cast(hass)


async def test_hours_go_by_the_time_zone_of_home_assistant(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await hass.config.async_update(time_zone="Europe/Paris")
    _, ends = await allow(hass, entry, -HOUR, 2 * HOUR)
    await cast(hass, entity_id=PORCH, media_player=DEN)
    await cast(hass)
    # It is an hour later in Athens.
    await hass.config.async_update(time_zone="Europe/Athens")
    await settle(hass)
    (session,) = [one for one in entry.runtime_data.casts.sessions if one.player == HALL]
    assert session.ends == ends - HOUR
    await hass.config.async_update(time_zone="Asia/Tokyo")
    await until(lambda: players[0].stops == 1)
    assert players[1].stops == 0
    assert (await refused(hass))[0] == "cast_outside_hours"


async def test_it_is_noticed_when_the_clock_was_set(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall, now = players[0], dt_util.utcnow
    await allow(hass, entry, -HOUR, HOUR)
    await cast(hass)
    async_fire_time_changed(hass, now() + timedelta(seconds=61))
    await settle(hass)
    assert hall.stops == 0
    monkeypatch.setattr(dt_util, "utcnow", lambda: now() + 12 * HOUR)
    async_fire_time_changed(hass, now() + timedelta(seconds=122))
    await until(lambda: hall.stops == 1)


async def test_hours_are_looked_at_no_longer_than_there_are_any(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    clock = entry.runtime_data.casts.clock
    assert clock._timer is None
    await allow(hass, entry, -HOUR, HOUR)
    assert clock._timer is not None
    # They hold anew after everything was loaded anew.
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert clock._timer is None
    clock = entry.runtime_data.casts.clock
    assert clock._timer is not None
    hass.config_entries.async_remove_subentry(entry, stored_kitchen(entry).subentry_id)
    await settle(hass)
    assert clock._timer is None
