"""What cameras notice: told once, while it is true, and asked for only while it is wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
import logging
import time
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryDisabler
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_dumps
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera import binary_sensor, camera_events, camera_watch
from custom_components.mi_camera.binary_sensor import MOTION_SECONDS
from custom_components.mi_camera.camera_events import Pace
from custom_components.mi_camera.cloud import EventKind
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_ACCOUNT
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from simulator.cloud import Outage
from simulator.cloud.events import PATH

from .conftest import set_up, settle
from .home import Home, spec
from .test_casting import until
from .test_config_flow import answer, begin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

DETECTION, MOTION = "event.kitchen_detection", "binary_sensor.kitchen_motion"
QUICK = Pace(first=0.05, idle=0.2, active=0.1, active_for=0.5, longest=0.6, spacing=0.01)
REST = 0.7
"""Seconds in which a camera at rest is asked for several times."""


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_events, "Pace", lambda: getattr(request, "param", QUICK))


@pytest.fixture
async def home(request: pytest.FixtureRequest) -> AsyncGenerator[Home]:
    """Two cameras, or what a test wants."""
    home = await Home.start(*getattr(request, "param", (spec(1), spec(2))))
    yield home
    await home.stop()


def did_of(home: Home, number: int = 0) -> str:
    return str(home.cameras[number].spec.did)


def asked(home: Home) -> int:
    return home.cloud.requests_by_path[PATH]


def told(hass: HomeAssistant, entity_id: str = DETECTION) -> list[str]:
    """Return the list that fills with what an event entity tells, as a trigger sees it."""
    found: list[str] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if event.data["entity_id"] != entity_id or not new or new.state == STATE_UNKNOWN:
            return
        if not old or old.state != new.state:
            found.append(str(new.attributes["event_type"]))

    hass.bus.async_listen("state_changed", changed)
    return found


async def asked_again(home: Home, times: int = 2) -> None:
    """Wait until the cloud has been asked some times more."""
    before = asked(home)
    await until(lambda: asked(home) >= before + times, 10)
    await asyncio.sleep(0.1)


async def test_an_event_is_told_once_and_the_sensor_is_on_for_a_minute(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 5)
    assert hass.states.get(DETECTION).state == STATE_UNKNOWN
    found = told(hass)
    at = time.time()
    home.cloud.events.add(did_of(home), "PeopleMotion", round(at * 1000))
    await until(lambda: found == ["person"], 5)
    state = hass.states.get(DETECTION)
    assert state.attributes["device_class"] == "motion"
    assert state.attributes["event_types"] == [
        "baby_cry",
        "face",
        "person",
        "pet",
        "motion",
        "other",
    ]
    shown = datetime.fromisoformat(state.attributes["at"])
    assert abs(shown - datetime.fromtimestamp(at, UTC)) < timedelta(milliseconds=2)
    assert hass.states.is_state(MOTION, STATE_ON)
    assert hass.states.get(MOTION).attributes["device_class"] == "motion"
    await asked_again(home, 4)
    assert found == ["person"]
    assert hass.states.is_state("binary_sensor.porch_motion", STATE_OFF)
    assert hass.states.get("event.porch_detection").state == STATE_UNKNOWN
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=MOTION_SECONDS - 2))
    assert hass.states.is_state(MOTION, STATE_ON)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=MOTION_SECONDS + 2))
    await settle(hass)
    assert hass.states.is_state(MOTION, STATE_OFF)
    assert {item["doorBell"] for item in home.cloud.events.asked} == {False}


async def test_more_motion_keeps_the_sensor_on_and_a_cry_is_none(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binary_sensor, "MOTION_SECONDS", 1.0)
    found = told(hass)
    home.cloud.events.add(did_of(home), "BabyCry", round(time.time() * 1000) + 500)
    await until(lambda: found == ["baby_cry"], 5)
    assert hass.states.is_state(MOTION, STATE_OFF)
    home.cloud.events.add(did_of(home), "ObjectMotion")
    await until(lambda: hass.states.is_state(MOTION, STATE_ON), 5)
    first = time.monotonic()
    await asyncio.sleep(0.5)
    home.cloud.events.add(did_of(home), "Face")
    await until(lambda: found[-1] == "face", 5)
    await asyncio.sleep(first + 1.2 - time.monotonic())
    assert hass.states.is_state(MOTION, STATE_ON)
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 5)


async def test_the_same_recording_is_told_again_only_when_more_is_seen_on_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    found = told(hass)
    now = round(time.time() * 1000) + 500
    add = partial(home.cloud.events.add, did_of(home))
    add("ObjectMotion", now, "file")
    await until(lambda: found == ["motion"], 5)
    add("ObjectMotion", now + 3, "file")
    add("ObjectMotion", now, "other file")
    await asked_again(home, 4)
    assert found == ["motion"]
    add("ObjectMotion:PeopleMotion", now, "file")
    await until(lambda: found == ["motion", "person"], 5)
    await asked_again(home, 4)
    assert found == ["motion", "person"]


async def test_many_at_once_are_told_in_their_order(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """More than one request gives, and never more than three requests."""
    found = told(hass)
    now = round(time.time() * 1000) + 500
    names = ["Face", "BabyCry", "PeopleMotion", "ObjectMotion", "AI"] * 14
    for number, name in enumerate(names):
        home.cloud.events.add(did_of(home), name, now + number)
    await until(lambda: len(found) >= 60, 5)
    await asked_again(home, 4)
    assert found == (["face", "baby_cry", "person", "motion", "other"] * 14)[-60:]
    assert len(home.cloud.events.asked) >= 3


async def test_what_was_before_or_is_too_old_is_not_told(
    hass: HomeAssistant, home: Home, ready: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = round(time.time() * 1000)
    for age in (200, 1000, 86_400_000):
        home.cloud.events.add(did_of(home), "PeopleMotion", now - age)
    found = told(hass)
    entry = await set_up(ready)
    await asked_again(home, 4)
    # It comes late, from a time when the camera was watched already.
    monkeypatch.setattr(camera_watch, "FRESH_MS", 300)
    home.cloud.events.add(did_of(home), "PeopleMotion", round(time.time() * 1000) - 400)
    home.cloud.events.add(did_of(home), "PeopleMotion", round(time.time() * 1000) + 90_000)
    await asked_again(home, 4)
    assert found == []
    assert hass.states.is_state(MOTION, STATE_OFF)
    home.cloud.events.clear()
    monkeypatch.undo()
    home.cloud.events.add(did_of(home), "PeopleMotion")
    await until(lambda: found == ["person"], 30)
    await hass.config_entries.async_remove(entry.entry_id)


async def test_nothing_is_told_twice_over_a_restart(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """Not even by a camera whose clock is ahead, whose events are of after the restart."""
    found = told(hass)
    home.cloud.events.add(did_of(home), "PeopleMotion", round(time.time() * 1000) + 30_000)
    await until(lambda: found == ["person"], 5)
    before = hass.states.get(DETECTION).state
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await asked_again(home, 4)
    assert hass.states.get(DETECTION).state == before
    assert hass.states.is_state(MOTION, STATE_OFF)
    home.cloud.events.add(did_of(home), "BabyCry", round(time.time() * 1000) + 31_000)
    await until(lambda: found[-1] == "baby_cry", 5)


@pytest.mark.parametrize("off", ["all", "hidden", "quarantined"])
async def test_nothing_is_asked_while_pictures_are_off_and_nothing_of_then_told_after(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, off: str
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    did = did_of(home)
    found = told(hass)
    home.cloud.events.add(did, "BabyCry", round(time.time() * 1000) + 200)
    home.cloud.events.add(did, "ObjectMotion", round(time.time() * 1000) + 200)
    await until(lambda: len(found) == 2, 5)
    assert hass.states.is_state(MOTION, STATE_ON)
    changed = hass.states.get(DETECTION).last_changed
    if off == "all":
        await kill_switch.async_engage()
    elif off == "hidden":
        await kill_switch.async_hide(did)
    else:
        kill_switch.async_violation(did, "test")
    await settle(hass)
    await asyncio.sleep(0.1)
    home.cloud.events.asked.clear()
    home.cloud.events.add(did, "PeopleMotion")
    await asyncio.sleep(REST)
    dids = {item["did"] for item in home.cloud.events.asked}
    assert dids == (set() if off == "all" else {did_of(home, 1)})
    assert hass.states.is_state(MOTION, STATE_UNAVAILABLE)
    assert hass.states.get(DETECTION).last_changed == changed
    if off == "all":
        await kill_switch.async_release()
    elif off == "hidden":
        await kill_switch.async_show(did)
    else:
        await kill_switch.async_end_quarantine(did)
    await settle(hass)
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 5)
    await asked_again(home, 4)
    assert len(found) == 2
    assert hass.states.get(DETECTION).last_changed == changed
    home.cloud.events.add(did, "Face")
    await until(lambda: found[2:] == ["face"], 5)


async def test_an_answer_that_comes_after_the_switch_tells_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    found = told(hass)
    await asked_again(home)
    home.cloud.slow = 0.4
    await asyncio.sleep(0.3)
    home.cloud.events.add(did_of(home), "PeopleMotion")
    await until(lambda: any(one._asking for one in watches(entry)), 5)
    await kill_switch.async_engage()
    await asyncio.sleep(0.5)
    before = asked(home)
    await asyncio.sleep(REST)
    assert asked(home) == before
    assert not entry.runtime_data.events._tasks
    home.cloud.slow = 0
    await kill_switch.async_release()
    await asked_again(home, 4)
    assert found == []


def watches(entry: MiCameraConfigEntry) -> list[camera_watch.CameraWatch]:
    return list(entry.runtime_data.events._watches.values())


@pytest.mark.parametrize("home", [[spec(1)]], indirect=True)
async def test_leave_is_asked_for_again_before_the_request_itself(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session has to be renewed first, and meanwhile the camera is hidden."""
    accounts, events = home.cloud.accounts, entry.runtime_data.events
    (coordinator,) = entry.runtime_data.cameras.values()
    before: list[int] = []
    log_in = accounts.service_login

    def hide_and_log_in(*arguments: Any) -> Any:
        before.append(asked(home))
        coordinator.gate.hold(Hold.PRIVACY)
        return log_in(*arguments)

    monkeypatch.setattr(accounts, "service_login", hide_and_log_in)
    accounts.expire_service_tokens()
    await until(lambda: bool(before), 30)
    await until(lambda: not events._tasks, 30)
    assert before == [asked(home)]


async def test_a_watch_that_has_ended_asks_no_more(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await asked_again(home)
    for watch in watches(entry):
        watch.async_end()
    await until(lambda: not entry.runtime_data.events._tasks, 10)


async def test_what_a_hidden_camera_says_itself_is_not_told(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    found = told(hass)
    kitchen = next(one for one in watches(entry) if one.coordinator.config.did == did_of(home))
    kitchen.async_pushed(EventKind.PERSON)
    await until(lambda: found == ["person"], 30)
    kitchen.coordinator.gate.hold(Hold.PRIVACY)
    kitchen.async_pushed(EventKind.BABY_CRY)
    await settle(hass)
    kitchen.coordinator.gate.release(Hold.PRIVACY)
    await settle(hass)
    assert found == ["person"]
    assert kitchen.stats.pushed == 1


@pytest.mark.parametrize("how", ["unloaded", "removed", "disabled", "stopped"])
async def test_nothing_is_asked_when_nobody_is_there(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, how: str
) -> None:
    await asked_again(home)
    events = entry.runtime_data.events
    if how == "unloaded":
        await hass.config_entries.async_unload(entry.entry_id)
    elif how == "removed":
        for coordinator in list(entry.runtime_data.cameras.values()):
            hass.config_entries.async_remove_subentry(entry, coordinator.subentry_id)
    elif how == "disabled":
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.async_stop(force=True)
    if how != "stopped":
        await settle(hass)
    before = asked(home)
    await asyncio.sleep(REST)
    assert asked(home) == before
    assert not events._tasks


async def test_it_is_asked_for_while_any_of_the_entities_is_enabled(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    registry = er.async_get(hass)

    async def enable(*names: str, on: bool) -> None:
        for name in names:
            by = None if on else er.RegistryEntryDisabler.USER
            registry.async_update_entity(name, disabled_by=by)
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
        home.cloud.events.asked.clear()

    def dids() -> set[object]:
        return {item["did"] for item in home.cloud.events.asked}

    await enable(DETECTION, on=False)
    await until(lambda: did_of(home) in dids(), 30)
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 30)
    await enable(MOTION, on=False)
    await until(lambda: did_of(home, 1) in dids(), 30)
    await asyncio.sleep(REST)
    assert dids() == {did_of(home, 1)}
    await enable("event.porch_detection", "binary_sensor.porch_motion", on=False)
    await asyncio.sleep(REST)
    assert not home.cloud.events.asked


async def test_failures_make_it_ask_less_and_are_told_once(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 5)
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    await until(lambda: hass.states.is_state(MOTION, STATE_UNAVAILABLE), 8)
    assert hass.states.get(DETECTION).state == STATE_UNKNOWN
    watch = watches(entry)[0]
    before, began = watch.stats.requests, time.monotonic()
    await until(lambda: watch.stats.requests >= before + 2, 30)
    # At rest it would be five or more a second; now it is one each 0.6 s, less a tenth.
    assert watch.stats.requests - before <= (time.monotonic() - began) / 0.54 + 1
    text = f"Events of camera {did_of(home)} cannot be asked for"
    assert caplog.text.count(text) == 1
    await home.cloud.set_outage(None)
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 8)
    assert caplog.text.count(f"Events of camera {did_of(home)} are told again") == 1
    found = told(hass)
    home.cloud.events.add(did_of(home), "ObjectMotion")
    await until(lambda: found == ["motion"], 5)


def test_the_pauses_grow_to_five_minutes_and_shrink_after_something_happened() -> None:
    """With the numbers of the real thing."""
    pace = Pace(jitter=0)
    events: Any = type("Events", (), {"pace": pace})()
    coordinator: Any = type(
        "Coordinator",
        (),
        {
            "gate": type("Gate", (), {"on_close": lambda *_: None})(),
            "async_add_listener": lambda *_: None,
        },
    )()
    watch = camera_watch.CameraWatch(events, coordinator)
    pauses = []
    for failures in range(6):
        watch._failures = failures
        pauses.append(watch._pause())
    assert pauses == [60, 120, 240, 300, 300, 300]
    watch._failures = 0
    watch._active_until = time.monotonic() + 1
    assert watch._pause() == 20
    varied = [Pace().vary(60) for _ in range(200)]
    assert 54 <= min(varied) < 58
    assert 62 < max(varied) <= 66


@pytest.mark.parametrize(
    "_quick", [Pace(first=0.01, idle=0.02, active=0.02, spacing=0.2)], indirect=True
)
@pytest.mark.parametrize("home", [[spec(number) for number in range(1, 7)]], indirect=True)
async def test_many_cameras_take_turns(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """Each camera wants fifty requests a second; together they get five, and each its share."""
    await asked_again(home)
    home.cloud.events.asked.clear()
    began = time.monotonic()
    await until(lambda: len(home.cloud.events.asked) >= 12, 30)
    dids = [item["did"] for item in home.cloud.events.asked]
    assert len(dids) <= (time.monotonic() - began) / 0.2 + 2
    assert len(set(dids)) == 6
    assert max(dids.count(did) for did in dids) <= 3


async def test_events_of_another_device_and_rubbish_are_left_out(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = told(hass)
    home.cloud.events.foreign_did = did_of(home, 1)
    home.cloud.events.add(did_of(home), "PeopleMotion", round(time.time() * 1000) + 500)
    await asked_again(home, 6)
    assert found == []
    assert caplog.text.count("names another device") == 1
    home.cloud.events.foreign_did = None
    home.cloud.events.garbage = True
    await asked_again(home, 4)
    assert hass.states.is_state(MOTION, STATE_OFF)
    home.cloud.events.garbage = False
    await until(lambda: found == ["person"], 5)
    await asked_again(home)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    kitchen, porch = (camera["events"] for camera in diagnostics["cameras"])
    assert kitchen["told"] == 1
    assert kitchen["foreign"] >= 2
    assert kitchen["odd"] >= 4
    assert kitchen["again"] >= 1
    assert kitchen["watched"] is kitchen["known"] is True
    assert porch["told"] == porch["foreign"] == 0
    text = json_dumps(diagnostics["cameras"])
    for private in ("file-1", "picture-1", did_of(home), did_of(home, 1)):
        assert private not in text


async def test_a_session_that_has_ended_asks_to_sign_in_once(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await until(lambda: hass.states.is_state(MOTION, STATE_OFF), 5)
    home.cloud.accounts.expire_service_tokens()
    home.cloud.accounts.revoke_pass_tokens()
    await until(lambda: hass.states.is_state(MOTION, STATE_UNAVAILABLE), 8)
    await settle(hass)
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    hass.config_entries.flow.async_abort(flow["flow_id"])
    before = asked(home)
    await asyncio.sleep(1.5)
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert asked(home) == before
    # Without its account there is nobody to ask.
    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    hass.config_entries.async_remove_subentry(entry, account.subentry_id)
    await settle(hass)
    await asyncio.sleep(REST)
    assert hass.states.is_state(MOTION, STATE_UNAVAILABLE)


@pytest.mark.parametrize(
    "home", [[spec(1, model="loock.cateye.v06", name="Door", asleep=True)]], indirect=True
)
async def test_a_door_viewer_tells_who_rings_and_is_not_woken(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await until(lambda: hass.states.is_state("binary_sensor.door_motion", STATE_OFF), 5)
    assert hass.states.get("event.door_doorbell").attributes["device_class"] == "doorbell"
    rung, seen = told(hass, "event.door_doorbell"), told(hass, "event.door_detection")
    home.cloud.events.add(did_of(home), "Pass:Bell")
    await until(lambda: rung == ["ring"], 5)
    assert hass.states.is_state("binary_sensor.door_motion", STATE_ON)
    assert seen == []
    home.cloud.events.add(did_of(home), "Pass:Stay")
    await until(lambda: seen == ["person"], 5)
    assert rung == ["ring"]
    assert {item["doorBell"] for item in home.cloud.events.asked} == {True}
    assert home.cameras[0].battery.wakes == 0


async def test_the_automation_of_the_user_guide(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    trigger = {
        "trigger": "event.received",
        "target": {"entity_id": DETECTION},
        "options": {"event_type": "person"},
    }
    done: list[Event] = []
    hass.bus.async_listen("seen", done.append)
    action = {"event": "seen"}
    config = {"triggers": [trigger], "actions": [action]}
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await settle(hass)
    now = round(time.time() * 1000)
    home.cloud.events.add(did_of(home), "ObjectMotion", now + 500)
    home.cloud.events.add(did_of(home), "PeopleMotion", now + 500)
    await until(lambda: len(done) == 1, 5)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    await kill_switch.async_release()
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await asked_again(home, 4)
    assert len(done) == 1


async def test_a_bell_of_another_camera_is_something_else(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    found = told(hass)
    home.cloud.events.add(did_of(home), "Bell", round(time.time() * 1000) + 500)
    await until(lambda: found == ["other"], 5)
    assert hass.states.get("event.kitchen_doorbell") is None


async def test_a_camera_without_an_account_has_none(
    hass: HomeAssistant, ready: HomeAssistant, home: Home
) -> None:
    camera = home.cameras[0].spec
    result = await answer(
        ready,
        await begin(ready, "camera"),
        {"host": camera.address, "token": camera.token.hex(), "name": "Kitchen"},
    )
    await settle(ready)
    assert hass.states.get("camera.kitchen") is not None
    assert hass.states.get(DETECTION) is None
    assert hass.states.get(MOTION) is None
    diagnostics = await async_get_config_entry_diagnostics(hass, result["result"])
    assert diagnostics["cameras"][0]["events"] is None
    assert asked(home) == 0
    await ready.config_entries.async_remove(result["result"].entry_id)
