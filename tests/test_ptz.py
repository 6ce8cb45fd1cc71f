"""Turning cameras: buttons, actions, and that nothing turns that should not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er
import probatio as vol
import pytest

from custom_components.mi_camera import coordinator as coordinator_module
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.miss.models import CameraModel, camera_model
from custom_components.mi_camera.miss.motor import MotorDialect, MotorOperation
from custom_components.mi_camera.ptz import MAX_WAITING
from simulator.camera.motor import STEP

from . import home as home_module
from .conftest import settle
from .home import Home, spec
from .test_camera import poll
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.ptz import Motor
    from simulator.camera import SimCamera

# Known to have a motor, known to have none, and one nobody has described.
TURNS, FIXED, UNKNOWN, SLANTED = (
    "camera.hall",
    "camera.porch",
    "camera.attic",
    "camera.shed",
)
QCY_MODEL = "acme.camera.qcy"


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """Four cameras, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.71")

    def model_of(name: str) -> CameraModel:
        # No model is publicly known by name to speak this dialect.
        if name == QCY_MODEL:
            return CameraModel(motor=MotorDialect.QCY, motor_known=True)
        return camera_model(name)

    monkeypatch.setattr(coordinator_module, "camera_model", model_of)
    home = await Home.start(
        spec(1, name="Hall"),
        spec(2, motor=None),
        spec(3, name="Attic", model="acme.camera.x1"),
        spec(4, name="Shed", model=QCY_MODEL, motor="qcy"),
    )
    for camera in home.cameras:
        camera.state.motor.step_seconds = 0.05
    yield home
    await home.stop()


@pytest.fixture
def hall(home: Home) -> SimCamera:
    return home.cameras[0]


async def ptz(hass: HomeAssistant, entity_id: str | list[str] = TURNS, **data: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN, "ptz", {"entity_id": entity_id} | data, blocking=True, return_response=True
    )


async def position(hass: HomeAssistant, entity_id: str = TURNS, **data: Any) -> Any:
    answer = await hass.services.async_call(
        DOMAIN,
        "ptz_position",
        {"entity_id": entity_id} | data,
        blocking=True,
        return_response=True,
    )
    assert isinstance(answer, dict)
    return answer[entity_id]


async def press(hass: HomeAssistant, key: str, camera: str = "hall") -> None:
    await hass.services.async_call(
        "button", "press", {"entity_id": f"button.{camera}_{key}"}, blocking=True
    )


def motor_of(entry: MiCameraConfigEntry, name: str = "Hall") -> Motor:
    return next(one.motor for one in entry.runtime_data.cameras.values() if one.config.name == name)


async def key_of(call: Any) -> str | None:
    with pytest.raises(HomeAssistantError) as caught:
        await call
    return caught.value.translation_key


# -- which cameras have them -------------------------------------------------------------------


async def test_buttons_follow_what_is_known_of_the_motor(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    registry = er.async_get(hass)
    buttons: dict[str, list[bool]] = {}
    for registered in registry.entities.values():
        if registered.domain == "button" and "-ptz_" in registered.unique_id:
            name = registered.entity_id.removeprefix("button.").partition("_")[0]
            buttons.setdefault(name, []).append(registered.disabled)
    assert buttons == {"hall": [False] * 5, "attic": [True] * 5, "shed": [False] * 5}


# -- steps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "across", "up"),
    [("turn_left", -1, 0), ("turn_right", 1, 0), ("tilt_up", 0, 1), ("tilt_down", 0, -1)],
)
async def test_a_press_is_one_step(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hall: SimCamera,
    key: str,
    across: int,
    up: int,
) -> None:
    start = hall.state.angle, hall.state.elevation
    await press(hass, key)
    end = start[0] + across * STEP, start[1] + up * STEP
    assert (hall.state.angle, hall.state.elevation) == end
    # Nobody looks, so nobody is shown anything, and one session does.
    assert (hall.media_connections_total, hall.viewers) == (1, 0)


async def test_calibrating(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, hall: SimCamera
) -> None:
    start = hall.state.angle, hall.state.elevation
    await press(hass, "turn_left")
    await press(hass, "calibrate_motor")
    assert (hall.state.angle, hall.state.elevation) == start
    # The other dialect has no calibration but a way home.
    shed = home.cameras[3]
    await press(hass, "turn_left", "shed")
    assert shed.state.angle == start[0] - STEP
    await press(hass, "calibrate_motor", "shed")
    assert shed.state.angle == start[0]


async def test_steps_by_action_and_its_answer(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    angle, elevation = hall.state.angle, hall.state.elevation
    answer = await ptz(hass, direction="left", steps=2)
    expected = {"angle": angle - 2 * STEP, "elevation": elevation, "at_end": False}
    assert answer == {TURNS: expected}
    assert await position(hass) == expected
    assert hall.media_connections_total == 1


async def test_the_end_is_no_error_and_ends_the_steps(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    answer = await ptz(hass, direction="right", steps=20)
    assert answer[TURNS] == {"angle": 101, "elevation": hall.state.elevation, "at_end": True}


async def test_positions(hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera) -> None:
    answer = await position(hass, angle=60, elevation=40)
    assert answer == {"angle": 60, "elevation": 40, "at_end": False}
    assert (hall.state.angle, hall.state.elevation) == (60, 40)
    for data in ({"angle": 0, "elevation": 5}, {"angle": 5, "elevation": 102}, {"angle": 5}):
        with pytest.raises(vol.Invalid):
            await position(hass, **data)
    for data in ({"direction": "left", "steps": 21}, {"direction": "sideways"}, {}):
        with pytest.raises(vol.Invalid):
            await ptz(hass, **data)


async def test_slanted_steps_where_the_dialect_has_them(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    shed = home.cameras[3].state
    start = shed.angle, shed.elevation
    await ptz(hass, SLANTED, direction="left_up")
    assert (shed.angle, shed.elevation) == (start[0] - STEP, start[1] + STEP)
    assert await key_of(ptz(hass, direction="left_up")) == "motor_unsupported"
    assert await key_of(position(hass, SLANTED)) == "motor_unsupported"
    assert await key_of(position(hass, SLANTED, angle=5, elevation=5)) == "motor_unsupported"
    # It has no word for stopping; every step ends by itself.
    assert await ptz(hass, SLANTED, direction="stop") == {
        SLANTED: {"angle": None, "elevation": None, "at_end": False}
    }


async def test_an_undescribed_model_may_be_tried(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    attic = home.cameras[2].state
    start = attic.angle
    answer = await ptz(hass, [UNKNOWN, TURNS], direction="left")
    assert answer[UNKNOWN]["angle"] == answer[TURNS]["angle"] == start - STEP


# -- held, stopped, cut --------------------------------------------------------------------------


async def test_a_held_button_stops_when_it_is_released(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    """Thirty presses a second for a second are a few steps, and none comes after."""
    start = hall.state.angle
    hall.state.motor.step_seconds = 0.3
    presses = []
    for _ in range(30):
        presses.append(asyncio.ensure_future(press(hass, "turn_left")))
        await asyncio.sleep(1 / 30)
    released = hall.state.angle
    await asyncio.gather(*presses)
    # The one in progress and one that waited.
    assert released - hall.state.angle <= 2 * STEP
    assert STEP <= start - hall.state.angle <= 4 * STEP
    end = hall.state.angle
    await asyncio.sleep(1)
    assert hall.state.angle == end


async def test_the_last_of_two_keys_counts(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    start = hall.state.angle, hall.state.elevation
    keys = ("turn_left", "turn_left", "turn_left", "tilt_up")
    presses = []
    for key in keys:
        presses.append(asyncio.ensure_future(press(hass, key)))
        await asyncio.sleep(0.01)
    await asyncio.gather(*presses)
    assert (hall.state.angle, hall.state.elevation) == (start[0] - STEP, start[1] + STEP)


async def test_stop_drops_the_rest(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    start = hall.state.angle
    steps = asyncio.ensure_future(ptz(hass, direction="left", steps=20))
    pressed = asyncio.ensure_future(press(hass, "tilt_up"))
    await until(lambda: hall.state.angle < start, 5)
    answer = await ptz(hass, direction="stop")
    assert answer[TURNS]["angle"] == hall.state.angle
    answer = await steps
    await pressed
    assert answer[TURNS]["at_end"] is False
    assert start - hall.state.angle <= 3 * STEP
    end = hall.state.angle, hall.state.elevation
    await asyncio.sleep(0.5)
    assert (hall.state.angle, hall.state.elevation) == end
    # And the next one turns again.
    await press(hass, "turn_right")
    assert hall.state.angle == end[0] + STEP


async def test_switching_off_ends_steps_and_refuses_new_ones(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    start = hall.state.angle
    steps = asyncio.ensure_future(ptz(hass, direction="left", steps=20))
    await until(lambda: hall.state.angle < start, 5)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert await key_of(steps) == "pictures_off"
    await asyncio.sleep(0.3)
    end = hall.state.angle
    assert await key_of(ptz(hass, direction="left")) == "pictures_off"
    assert await key_of(position(hass)) == "pictures_off"
    assert await key_of(motor_of(entry).async_press(MotorOperation.LEFT)) == "pictures_off"
    assert await key_of(motor_of(entry).async_stop()) == "pictures_off"
    await asyncio.sleep(0.3)
    assert hall.state.angle == end
    assert hall.media_connections == 0


async def test_no_step_is_begun_once_switched_off_between_two(
    entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if nobody told the motor."""
    motor = motor_of(entry)
    sent: list[object] = []

    async def send(move: object, _permit: object) -> None:
        sent.append(move)
        entry.runtime_data.gate.close()

    monkeypatch.setattr(motor, "_send", send)
    monkeypatch.setattr(motor, "cut", lambda: None)
    assert await key_of(motor.async_step(MotorOperation.LEFT, 3)) == "pictures_off"
    assert len(sent) == 1


async def test_actions_take_turns_and_do_not_pile_up(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    start = hall.state.angle
    calls = [asyncio.ensure_future(ptz(hass, direction="left")) for _ in range(MAX_WAITING + 3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [one for one in results if isinstance(one, BaseException)]
    assert {getattr(one, "translation_key", None) for one in refused} == {"motor_busy"}
    done = [one[TURNS]["angle"] for one in results if isinstance(one, dict)]
    # Each saw its own step and no other's.
    assert done == [start - STEP * (number + 1) for number in range(len(done))]
    assert len(done) >= MAX_WAITING


async def test_who_gives_up_waiting_leaves_the_key_usable(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    motor, start = motor_of(entry), hall.state.angle
    first = asyncio.ensure_future(motor.async_press(MotorOperation.LEFT))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(motor.async_press(MotorOperation.LEFT))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await motor.async_press(MotorOperation.LEFT)
    assert hall.state.angle == start - 2 * STEP


# -- refusals --------------------------------------------------------------------------------------


async def test_a_camera_without_a_motor_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    assert await key_of(ptz(hass, FIXED, direction="left")) == "no_motor"
    assert await key_of(position(hass, FIXED)) == "no_motor"
    assert home.cameras[1].media_connections_total == 0
    assert await key_of(ptz(hass, [], direction="left")) == "no_camera"
    assert await key_of(ptz(hass, "button.hall_turn_left", direction="left")) == "not_our_camera"


async def test_a_camera_that_is_away_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    await hall.stop()
    await poll(hass)
    assert hass.states.get("button.hall_turn_left").state == "unavailable"
    assert await key_of(ptz(hass, direction="left")) == "camera_no_answer"
    await hall.start()
    await poll(hass)
    assert (await ptz(hass, direction="left"))[TURNS]["at_end"] is False


async def test_a_camera_with_too_many_viewers_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    hall.spec.viewers = 0
    assert await key_of(ptz(hass, direction="left")) == "camera_busy"


async def test_a_sleeping_lens_turns_all_the_same(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hall: SimCamera
) -> None:
    hall.power = False
    await poll(hass)
    assert hass.states.get(TURNS).state == "idle"
    start = hall.state.angle
    await press(hass, "turn_left")
    assert hall.state.angle == start - STEP


async def test_who_may_only_look_may_not_turn(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_read_only_user: User,
    hall: SimCamera,
) -> None:
    start = hall.state.angle
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "ptz",
            {"entity_id": TURNS, "direction": "left"},
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    await settle(hass)
    assert hall.state.angle == start
