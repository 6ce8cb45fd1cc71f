"""How often a camera is asked, and what is said of one that does not answer."""

from __future__ import annotations

from datetime import timedelta
import logging
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera import identity, polling
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.device import CameraStatus
from custom_components.mi_camera.device.legacy_spec import LEGACY_SPEC
from custom_components.mi_camera.polling import Pace, is_changed

from .conftest import settle

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

PACE = Pace()
LIGHT = "switch.kitchen_indicator_light"


def kitchen_of(entry: MiCameraConfigEntry) -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == "Kitchen")


def pause(coordinator: CameraCoordinator) -> float:
    interval = coordinator.update_interval
    assert interval is not None
    return interval.total_seconds()


def active(coordinator: CameraCoordinator) -> bool:
    """Whether the next poll is soon, and not when all others are."""
    seconds = pause(coordinator)
    assert seconds <= PACE.active or (1 - PACE.jitter) * PACE.idle <= seconds <= PACE.idle
    return seconds <= PACE.active


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the pace is told by."""
    clock = Clock()
    now = polling.now
    monkeypatch.setattr(polling, "now", lambda: now() + clock.ahead)
    monkeypatch.setattr(identity, "now", lambda: now() + clock.ahead)
    return clock


class Clock:
    """How far it is ahead."""

    ahead = 0.0

    async def to_rest(self, coordinator: CameraCoordinator) -> None:
        """Let so much time go by that a camera is left alone."""
        self.ahead += PACE.active_for + 1
        await coordinator.async_refresh()


async def test_a_camera_of_which_nothing_changes_is_asked_less_often(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, later: Clock
) -> None:
    kitchen = kitchen_of(entry)
    assert active(kitchen)
    later.ahead += PACE.active_for - 60
    await kitchen.async_refresh()
    assert active(kitchen)
    later.ahead += 61
    await kitchen.async_refresh()
    assert not active(kitchen)
    # What it measures is no change, what somebody has set is.
    home.cameras[0].state.properties["light"] ^= True
    await kitchen.async_refresh()
    assert active(kitchen)
    await later.to_rest(kitchen)
    assert not active(kitchen)


async def test_what_is_set_here_counts_as_a_change(
    hass: HomeAssistant, entry: MiCameraConfigEntry, later: Clock
) -> None:
    kitchen = kitchen_of(entry)
    await later.to_rest(kitchen)
    assert not active(kitchen)
    await hass.services.async_call("switch", "toggle", {"entity_id": LIGHT}, blocking=True)
    await settle(hass)
    assert active(kitchen)


async def test_a_camera_is_asked_at_once_and_often_as_somebody_begins_to_watch(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, later: Clock
) -> None:
    kitchen = kitchen_of(entry)
    await later.to_rest(kitchen)
    assert not active(kitchen)
    asked = kitchen.polling.polls
    permit = kitchen.permit()
    assert permit is not None
    viewer = kitchen.feed.view(permit)
    await anext(viewer)
    await settle(hass)
    assert kitchen.polling.polls == asked + 1
    assert active(kitchen)
    # As long as that goes on, and some minutes more.
    await later.to_rest(kitchen)
    assert active(kitchen)
    viewer.close()
    await kitchen.feed.close()
    await settle(hass)
    await kitchen.async_refresh()
    assert active(kitchen)
    await later.to_rest(kitchen)
    assert not active(kitchen)


async def test_a_camera_at_rest_proves_itself_at_each_poll_and_within_90_seconds(
    hass: HomeAssistant, entry: MiCameraConfigEntry, later: Clock
) -> None:
    kitchen = kitchen_of(entry)
    await later.to_rest(kitchen)
    assert PACE.idle + 0.5 < 90
    for _ in range(20):
        seconds = pause(kitchen)
        assert identity.PROOF_EVERY <= seconds <= PACE.idle
        later.ahead += seconds
        assert kitchen.identity.due
        await kitchen.async_refresh()
        assert not kitchen.identity.due


async def test_an_outage_is_told_once_and_its_end_too(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    later: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kitchen, camera = kitchen_of(entry), home.cameras[0]
    await later.to_rest(kitchen)
    with caplog.at_level(logging.INFO, "custom_components.mi_camera"):

        def told() -> list[str]:
            return [one.getMessage() for one in caplog.records if DOMAIN in one.name]

        caplog.clear()
        camera.miio.knobs.silent = True
        for _ in range(3):
            await kitchen.async_refresh()
            await settle(hass)
            # It is looked for as often as ever.
            later.ahead += PACE.active_for + 1
            assert active(kitchen)
        assert hass.states.get("camera.kitchen").state == "unavailable"
        assert told() == ["Error fetching Kitchen data: Kitchen does not answer"]
        camera.miio.knobs.silent = False
        for _ in range(3):
            await kitchen.async_refresh()
        await settle(hass)
        assert hass.states.get("camera.kitchen").state == "idle"
        assert told()[1:] == ["Fetching Kitchen data recovered"]


async def test_one_that_is_not_there_from_the_beginning_is_told_once_too(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A start at which all answer is nothing to tell.
    caplog.clear()
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    loud = [one.getMessage() for one in caplog.records if one.levelno > logging.DEBUG]
    assert not [one for one in loud if "etching" in one]
    home.cameras[0].miio.knobs.silent = True
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    kitchen = kitchen_of(entry)
    assert not kitchen.answers
    assert not kitchen.reachable
    await kitchen.async_refresh()
    loud = [one.getMessage() for one in caplog.records if one.levelno > logging.DEBUG]
    told = [one for one in loud if "etching Kitchen" in one]
    assert told == ["Error fetching Kitchen data: Kitchen does not answer"]


async def test_cameras_are_not_asked_at_the_same_moment(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    cameras = list(entry.runtime_data.cameras.values())
    for camera in cameras:
        monkeypatch.setattr(camera.polling, "_refresh_soon", waits.append)
        camera.polling.async_start()
    assert waits == [0.0, PACE.spacing]
    pauses = set()
    for _ in range(10):
        for camera in cameras:
            camera.polling.async_start()
            camera.polling.async_asked(camera.data, camera.data)
            pauses.add(pause(camera))
    # Over half of the time until the next ones.
    assert max(pauses) - min(pauses) > PACE.active * 0.25
    assert (1 - PACE.spread) * PACE.active <= min(pauses)
    assert max(pauses) <= PACE.active


async def test_nothing_is_planned_while_a_camera_may_not_be_asked(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = kitchen_of(entry)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await settle(hass)
    assert kitchen.update_interval is None
    asked = home.cameras[0].rpc_count
    await kitchen.async_refresh()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2 * PACE.idle))
    await settle(hass)
    assert kitchen.update_interval is None
    assert home.cameras[0].rpc_count == asked


def test_what_a_camera_measures_is_no_change() -> None:
    writable = next(name for name, one in LEGACY_SPEC.properties.items() if one.writable)
    measured = next(name for name, one in LEGACY_SPEC.properties.items() if not one.writable)
    before = CameraStatus(True, {writable: 1, measured: 1})
    assert not is_changed(LEGACY_SPEC, before, CameraStatus(True, {writable: 1, measured: 2}))
    assert not is_changed(LEGACY_SPEC, before, CameraStatus(True, {writable: 1}))
    assert is_changed(LEGACY_SPEC, before, CameraStatus(True, {writable: 2, measured: 1}))
    assert is_changed(LEGACY_SPEC, before, CameraStatus(True, {measured: 1}))
    assert is_changed(LEGACY_SPEC, before, CameraStatus(False, {writable: 1, measured: 1}))
