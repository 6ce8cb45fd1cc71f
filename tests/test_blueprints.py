"""The blueprints, in Home Assistant's own automations, on simulated cameras."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
import logging
from pathlib import Path
import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.media_player import MediaPlayerState
from homeassistant.core import CoreState
from homeassistant.helpers import area_registry as ar, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle
from .test_announcement import add_voice
from .test_camera import KITCHEN, PORCH
from .test_casting import DEN, HALL, Player, players, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

    from custom_components.mi_camera.gate_record import GateRecord
    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

FOLDER = Path(__file__).parent.parent / "blueprints" / "automation" / DOMAIN
NAMES = sorted(path.name for path in FOLDER.glob("*.yaml"))
SWITCH = "switch.mi_camera_pictures_of_all_cameras"
MOTION, BELL = "binary_sensor.porch_motion", "event.porch_bell"
ANNA, BEN = "person.anna", "person.ben"
AUTOMATION = "homeassistant.components.automation"
REASON = "Somebody is at home"
"""The blueprint's own word for it."""


@pytest.fixture
async def entry(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> AsyncGenerator[MiCameraConfigEntry]:
    """The usual hub; what automations wait for ends with the test."""
    # Home Assistant's web server would restart all some minutes after its configuration.
    async_mock_service(hass, "homeassistant", "restart")
    yield entry
    if hass.services.has_service("automation", "turn_off"):
        await hass.services.async_call(
            "automation", "turn_off", {"entity_id": "automation.under_test"}, blocking=True
        )


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Set up an automation of a blueprint, as a user's automations.yaml would."""
    target = Path(hass.config.path("blueprints", "automation", DOMAIN))
    await hass.async_add_executor_job(shutil.copytree, FOLDER, target)
    config = {
        "id": "under_test",
        "alias": "Under test",
        "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs},
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get("automation.under_test")
    assert state is not None
    assert state.state == "on", "Home Assistant could not use it"


def shown(entry: MiCameraConfigEntry) -> set[tuple[str, str]]:
    """Return which camera is on which display."""
    return {(one.camera, one.player) for one in entry.runtime_data.casts.sessions}


def record_of(hass: HomeAssistant) -> GateRecord:
    record = hass.data[DATA_KILL_SWITCH].record
    assert record is not None
    return record


async def later(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


# -- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_imported_from_its_address(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, name: str
) -> None:
    """Home Assistant's importer takes it, with nothing of it lost."""
    text = (FOLDER / name).read_text("utf-8")
    path = f"mi_camera/main/blueprints/automation/{DOMAIN}/{name}"
    aioclient_mock.get(f"https://raw.githubusercontent.com/mi-camera/{path}", text=text)
    url = f"https://github.com/mi-camera/{path.replace('main', 'blob/main', 1)}"
    imported = await fetch_blueprint_from_url(hass, url)
    assert imported.suggested_filename == f"mi-camera/{name.removesuffix('.yaml')}"
    blueprint = imported.blueprint
    assert blueprint.domain == "automation"
    assert blueprint.validate() is None
    # The importer itself writes down where it is from.
    assert blueprint.metadata["source_url"] == url
    assert "source_url" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_described_and_used(name: str) -> None:
    data = yaml_util.load_yaml_dict(FOLDER / name)
    inputs = data["blueprint"]["input"]
    assert yaml_util.extract_inputs(data) == set(inputs)
    for one in inputs.values():
        assert one["name"]
        assert one["selector"]
    assert {"triggers", "actions"} <= set(data)
    assert not {"trigger", "action", "condition"} & set(data)
    assert not any("platform" in trigger for trigger in data["triggers"])
    assert "service:" not in (FOLDER / name).read_text("utf-8")


def test_the_guide_leads_to_each() -> None:
    guide = (FOLDER.parents[2] / "docs" / "user-guide.md").read_text("utf-8")
    for name in NAMES:
        assert f"(../blueprints/automation/{DOMAIN}/{name})" in guide


# -- show_on_motion -------------------------------------------------------------------------------


async def watch_the_porch(hass: HomeAssistant, **inputs: Any) -> None:
    hass.states.async_set(MOTION, "off")
    hass.states.async_set(BELL, "unknown")
    values = {
        "sensors": [MOTION],
        "doorbells": [BELL],
        "camera": PORCH,
        "displays": [HALL, DEN],
        "seconds": 30,
    }
    await automate(hass, "show_on_motion", **values | inputs)


@pytest.mark.parametrize(
    ("entity_id", "state"), [(MOTION, "on"), (BELL, "2026-01-01T10:00:00.000+00:00")]
)
async def test_who_moves_or_rings_is_shown_for_so_long(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    entity_id: str,
    state: str,
) -> None:
    await watch_the_porch(hass)
    hass.states.async_set(entity_id, state)
    await until(lambda: all(one.state == MediaPlayerState.PLAYING for one in players), 10)
    await hass.async_block_till_done()
    assert shown(entry) == {(PORCH, HALL), (PORCH, DEN)}
    await until(lambda: home.cameras[1].viewers == 1, 10)
    assert home.cameras[0].media_connections_total == 0
    await later(hass, 25)
    assert len(shown(entry)) == 2
    await later(hass, 31)
    await until(lambda: not shown(entry))
    await until(lambda: all(one.stops == 1 for one in players))


@pytest.mark.parametrize("text", ["Someone is at the door", " "])
async def test_an_announcement_is_made_if_there_is_one(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    text: str,
) -> None:
    voice = await add_voice(hass)
    await watch_the_porch(hass, announce=text)
    hass.states.async_set(MOTION, "on")
    await until(lambda: all(one.state == MediaPlayerState.PLAYING for one in players), 10)
    await hass.async_block_till_done()
    assert shown(entry) == {(PORCH, HALL), (PORCH, DEN)}
    assert voice.said == ([text] if text.strip() else [])
    assert {one.announced for one in entry.runtime_data.casts.sessions} == (
        {True} if text.strip() else {None}
    )


async def test_what_is_no_motion_shows_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await watch_the_porch(hass)
    hass.states.async_set(MOTION, "on", {"battery": 5})
    await until(lambda: shown(entry) == {(PORCH, HALL), (PORCH, DEN)}, 10)
    await hass.services.async_call(DOMAIN, "stop_cast", blocking=True)
    played = [len(one.played) for one in players]
    for entity_id, state in (
        (MOTION, "off"),
        (MOTION, "unavailable"),
        (MOTION, "on"),
        (BELL, "unavailable"),
        # Known again after a restart; nobody has rung.
        (BELL, "2026-01-01T10:00:00.000+00:00"),
    ):
        hass.states.async_set(entity_id, state)
        await hass.async_block_till_done()
    hass.states.async_remove(BELL)
    hass.states.async_set(BELL, "2026-01-01T10:00:00.000+00:00")
    await hass.async_block_till_done()
    assert [len(one.played) for one in players] == played
    # Once more, to show that the automation does listen.
    hass.states.async_set(BELL, "2026-01-01T10:05:00.000+00:00")
    await until(lambda: len(shown(entry)) == 2, 10)
    await hass.async_block_till_done()


async def test_who_rings_again_is_shown_longer_also_while_the_display_loads(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await watch_the_porch(hass, displays=[HALL])
    hall = players[0]
    hall.fails = "stuck"
    hass.states.async_set(MOTION, "on")
    await until(lambda: hall.played)
    hall.fails = None
    hass.states.async_set(BELL, "2026-01-01T10:05:00.000+00:00")
    await until(lambda: hall.state == MediaPlayerState.PLAYING and len(hall.played) == 2, 10)
    await hass.async_block_till_done()
    assert shown(entry) == {(PORCH, HALL)}
    (session,) = entry.runtime_data.casts.sessions
    assert session.ends is not None
    hass.states.async_set(BELL, "2026-01-01T10:05:10.000+00:00")
    await until(lambda: len(hall.played) == 3, 10)
    await hass.async_block_till_done()
    (renewed,) = entry.runtime_data.casts.sessions
    assert renewed.ends is not None
    assert renewed.ends > session.ends


async def test_a_display_that_is_away_is_left_out_and_pictures_that_are_off_stay_off(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    await watch_the_porch(hass)
    players[1].set_available(False)
    hass.states.async_set(MOTION, "on")
    await until(lambda: shown(entry) == {(PORCH, HALL)}, 10)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await hass.async_block_till_done()
    hass.states.async_set(BELL, "2026-01-01T10:00:00.000+00:00")
    await hass.async_block_till_done()
    assert not shown(entry)
    assert len(players[0].played) == 1
    # It was not tried in vain either.
    assert not [
        one
        for one in caplog.records
        if one.name.startswith(AUTOMATION) and one.levelno >= logging.WARNING
    ]


async def test_a_condition_of_the_users_holds(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    day = {"condition": "state", "entity_id": "sun.sun", "state": "above_horizon"}
    hass.states.async_set("sun.sun", "below_horizon")
    await watch_the_porch(hass, conditions=[day], displays=[HALL])
    hass.states.async_set(MOTION, "on")
    await hass.async_block_till_done()
    assert not players[0].played
    hass.states.async_set("sun.sun", "above_horizon")
    hass.states.async_set(BELL, "2026-01-01T10:00:00.000+00:00")
    await until(lambda: shown(entry) == {(PORCH, HALL)}, 10)
    await hass.async_block_till_done()


# -- switch_off_when_home -------------------------------------------------------------------------


async def keep_out(hass: HomeAssistant, **inputs: Any) -> None:
    for person in (ANNA, BEN):
        hass.states.async_set(person, "not_home")
    values: dict[str, Any] = {"people": [ANNA, BEN], "pictures": SWITCH}
    await automate(hass, "switch_off_when_home", **values | inputs)


async def be(hass: HomeAssistant, person: str, where: str) -> None:
    hass.states.async_set(person, where)
    await settle(hass)


async def test_who_comes_home_switches_everything_off_for_good(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
) -> None:
    await keep_out(hass)
    await hass.services.async_call(
        DOMAIN, "cast", {"entity_id": KITCHEN, "media_player": HALL}, blocking=True
    )
    await be(hass, ANNA, "home")
    assert not entry.runtime_data.gate.is_open
    assert record_of(hass).reason == REASON
    assert record_of(hass).user_id is None
    assert players[0].stops == 1
    assert home.cameras[0].media_connections == 0
    # It was not asked to allow them again.
    await be(hass, ANNA, "not_home")
    await later(hass, 600)
    assert not entry.runtime_data.gate.is_open


async def test_the_last_who_leaves_allows_them_after_a_while(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await keep_out(hass, release=True, release_after={"seconds": 60})
    gate = entry.runtime_data.gate
    await be(hass, ANNA, "home")
    since = record_of(hass).changed_at
    await be(hass, BEN, "home")
    assert record_of(hass).changed_at == since
    await be(hass, ANNA, "not_home")
    await later(hass, 70)
    assert not gate.is_open
    # Back for something forgotten.
    await be(hass, BEN, "Work")
    await be(hass, BEN, "home")
    await later(hass, 70)
    assert not gate.is_open
    await be(hass, BEN, "Work")
    await later(hass, 40)
    assert not gate.is_open
    await later(hass, 70)
    await settle(hass)
    assert gate.is_open
    assert record_of(hass).reason == "Nobody is at home"
    assert record_of(hass).user_id is None


@pytest.mark.parametrize("where", ["unknown", "unavailable", None])
async def test_nobody_is_away_of_whom_it_is_not_known(
    hass: HomeAssistant, entry: MiCameraConfigEntry, where: str | None
) -> None:
    await keep_out(hass, release=True, release_after={"seconds": 0})
    await be(hass, ANNA, "home")
    if where is None:
        hass.states.async_remove(BEN)
    else:
        await be(hass, BEN, where)
    await be(hass, ANNA, "not_home")
    await later(hass, 600)
    assert not entry.runtime_data.gate.is_open
    await be(hass, BEN, "not_home")
    await until(lambda: entry.runtime_data.gate.is_open)
    await settle(hass)


async def test_what_somebody_else_switched_off_stays_off(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await keep_out(hass, release=True, release_after={"seconds": 0})
    await hass.services.async_call(DOMAIN, "disable_all", {"reason": "Guests"}, blocking=True)
    await be(hass, ANNA, "home")
    assert record_of(hass).reason == "Guests"
    await be(hass, ANNA, "not_home")
    assert not entry.runtime_data.gate.is_open
    assert record_of(hass).reason == "Guests"


async def test_the_night_is_dark_and_ends(
    hass: HomeAssistant, entry: MiCameraConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    gate = entry.runtime_data.gate
    for coordinator in entry.runtime_data.cameras.values():
        # While the clock stands still nobody would come out of a pause.
        coordinator.polling.pace = replace(coordinator.polling.pace, spacing=0)
    zone = dt_util.get_default_time_zone()
    evening = dt_util.now().replace(hour=21, minute=59, second=50, tzinfo=zone)

    async def at(moment: Any) -> None:
        freezer.move_to(moment)
        async_fire_time_changed(hass, moment)
        await settle(hass)

    await at(evening)
    await keep_out(hass, release=True, release_after={"seconds": 0}, at_night=True)
    assert gate.is_open
    await at(evening + timedelta(seconds=11))
    assert not gate.is_open
    assert record_of(hass).reason == "It is night"
    # Who leaves at night does not allow them.
    await be(hass, ANNA, "home")
    assert record_of(hass).reason == "It is night"
    await be(hass, ANNA, "not_home")
    assert not gate.is_open
    await at(evening.replace(hour=6, minute=0, second=1) + timedelta(days=1))
    assert gate.is_open
    # Somebody at home keeps them off in the morning.
    await at(evening + timedelta(days=1, seconds=11))
    await be(hass, BEN, "home")
    await at(evening.replace(hour=6, minute=0, second=1) + timedelta(days=2))
    assert not gate.is_open


async def test_who_was_at_home_before_a_start_is_seen(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    hass.set_state(CoreState.not_running)
    await keep_out(hass, release=True, release_after={"seconds": 0})
    await be(hass, ANNA, "home")
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    assert entry.runtime_data.gate.is_open
    await hass.async_start()
    await settle(hass)
    assert not entry.runtime_data.gate.is_open
    assert record_of(hass).reason == REASON


# -- follow_me ------------------------------------------------------------------------------------

IN_HALL, IN_DEN, IN_CELLAR = (
    f"binary_sensor.{room}_presence" for room in ("hall", "den", "cellar")
)


@pytest.fixture
async def rooms(hass: HomeAssistant, players: list[Player]) -> list[Player]:  # noqa: F811
    """Two rooms with a display each, and one without."""
    areas, registry = ar.async_get(hass), er.async_get(hass)
    for name, display in (("Hall", HALL), ("Den", DEN), ("Cellar", None)):
        area = areas.async_create(name)
        sensor = registry.async_get_or_create(
            "binary_sensor", "test", name, suggested_object_id=f"{name.lower()}_presence"
        )
        registry.async_update_entity(sensor.entity_id, area_id=area.id)
        hass.states.async_set(sensor.entity_id, "off")
        if display is not None:
            registry.async_update_entity(display, area_id=area.id)
    await hass.async_block_till_done()
    return players


async def follow(hass: HomeAssistant, **inputs: Any) -> None:
    values: dict[str, Any] = {
        "camera": KITCHEN,
        "sensors": [IN_HALL, IN_DEN, IN_CELLAR],
        "displays": [HALL, DEN],
        "leave_after": {"seconds": 60},
    }
    await automate(hass, "follow_me", **values | inputs)


async def enter(hass: HomeAssistant, sensor: str, *, left: str | None = None) -> None:
    hass.states.async_set(sensor, "on")
    if left is not None:
        hass.states.async_set(left, "off")


@pytest.mark.parametrize("interrupt", [False, True])
async def test_the_camera_goes_along(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    rooms: list[Player],
    interrupt: bool,
) -> None:
    hall, den = rooms
    await follow(hass, interrupt=interrupt)
    await enter(hass, IN_HALL)
    await until(lambda: shown(entry) == {(KITCHEN, HALL)} and hall.state == "playing", 10)
    await hass.async_block_till_done()
    await enter(hass, IN_DEN, left=IN_HALL)
    await until(lambda: shown(entry) == {(KITCHEN, DEN)} and den.state == "playing", 10)
    await hass.async_block_till_done()
    assert (hall.stops, hall.state) == (1, "idle")
    # Seen again in the same room: it just goes on.
    hass.states.async_set(IN_DEN, "off")
    await hass.async_block_till_done()
    hass.states.async_set(IN_DEN, "on")
    await hass.async_block_till_done()
    assert (len(den.played), den.stops) == (1, 0)
    # No display there, so none anywhere.
    await enter(hass, IN_CELLAR)
    await until(lambda: not shown(entry))
    await hass.async_block_till_done()
    assert den.stops == 1
    assert home.cameras[1].media_connections_total == 0


async def test_it_ends_when_nobody_is_there_and_in_any_case_some_time(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, rooms: list[Player]
) -> None:
    hall = rooms[0]
    await follow(hass, longest={"minutes": 20})
    await enter(hass, IN_HALL)
    await until(lambda: shown(entry) == {(KITCHEN, HALL)} and hall.state == "playing", 10)
    await hass.async_block_till_done()
    (session,) = entry.runtime_data.casts.sessions
    assert session.ends is not None
    assert session.ends - session.started < timedelta(minutes=21)
    await until(lambda: home.cameras[0].viewers == 1, 10)
    hass.states.async_set(IN_HALL, "off")
    await later(hass, 50)
    assert shown(entry)
    await later(hass, 65)
    await until(lambda: not shown(entry))
    await hass.async_block_till_done()
    assert hall.stops == 1
    await enter(hass, IN_HALL)
    await until(lambda: shown(entry) == {(KITCHEN, HALL)} and hall.state == "playing", 10)
    await until(lambda: home.cameras[0].viewers == 1, 10)
    await later(hass, 20 * 60 + 5)
    await until(lambda: not shown(entry))
    await until(lambda: hall.stops == 2)


async def test_who_walks_on_does_not_wait_for_the_display_behind(
    hass: HomeAssistant, entry: MiCameraConfigEntry, rooms: list[Player]
) -> None:
    hall, den = rooms
    await follow(hass)
    hall.fails = "stuck"
    await enter(hass, IN_HALL)
    await until(lambda: hall.played)
    await enter(hass, IN_DEN, left=IN_HALL)
    await until(lambda: shown(entry) == {(KITCHEN, DEN)} and den.state == "playing", 10)
    await hass.async_block_till_done()
    assert hall.state == "idle"


@pytest.mark.parametrize("interrupt", [False, True])
async def test_music_is_left_alone_unless_asked(
    hass: HomeAssistant, entry: MiCameraConfigEntry, rooms: list[Player], interrupt: bool
) -> None:
    hall = rooms[0]
    await follow(hass, interrupt=interrupt)
    hall.show("http://radio.example/song")
    await enter(hass, IN_HALL)
    await hass.async_block_till_done()
    if interrupt:
        await until(lambda: shown(entry) == {(KITCHEN, HALL)}, 10)
    await hass.async_block_till_done()
    assert len(hall.played) == interrupt
    assert hall.stops == 0


async def test_it_follows_nobody_while_pictures_are_off_or_the_user_does_not_want_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, rooms: list[Player]
) -> None:
    wanted = {"condition": "state", "entity_id": "input_boolean.follow", "state": "on"}
    hass.states.async_set("input_boolean.follow", "off")
    await follow(hass, conditions=[wanted])
    await enter(hass, IN_HALL)
    await hass.async_block_till_done()
    hass.states.async_set("input_boolean.follow", "on")
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await hass.async_block_till_done()
    await enter(hass, IN_DEN, left=IN_HALL)
    await hass.async_block_till_done()
    assert [len(one.played) for one in rooms] == [0, 0]
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    await enter(hass, IN_HALL, left=IN_DEN)
    await until(lambda: shown(entry) == {(KITCHEN, HALL)} and rooms[0].state == "playing", 10)
    await hass.async_block_till_done()
