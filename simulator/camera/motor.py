"""The motor of a simulated camera: one self-ending step at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.camera.spec import MotorForm
    from simulator.camera.state import CameraState

    type Answer = Callable[[dict[str, object]], None]

LIMITS: Final = (1, 101)
CENTRE: Final = 51
STEP: Final = 10
END_STOP: Final = -5
"""`ret` of a step that ends at the stop, and of a command while another is carried out."""
_LONGEST = 2.0
_MAX_WAITING = 16

_STEPS: Final = {1: (-1, 0), 2: (1, 0), 3: (0, 1), 4: (0, -1)}
"""Across and up: left, right, up, down."""
_QCY_STEPS: Final = {
    1: (0, 1),
    2: (0, -1),
    3: (-1, 0),
    4: (-1, 1),
    5: (-1, -1),
    6: (1, 0),
    7: (1, 1),
    8: (1, -1),
}
_QCY_HOME = 10


@dataclass(frozen=True, slots=True)
class _Turn:
    angle: int
    elevation: int
    ret: int
    answer: Answer


class Motor:
    """Turns the camera.

    Answers are ``{"angle", "elevation", "ret"}`` and come in the order of the commands: that
    to a step when it is done, those to what came in between right after it.
    """

    def __init__(self, form: MotorForm | None, state: CameraState) -> None:
        """Turn what `state` says is the angle and elevation; no `form` is no motor."""
        self.step_seconds = 0.2
        """What one step takes."""
        self._form = form
        self._state = state
        self._turn: _Turn | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[int, Answer]] = []

    @property
    def turning(self) -> bool:
        """Whether a step is under way."""
        return self._turn is not None

    def command(self, fields: Mapping[str, object], answer: Answer) -> None:
        """Obey a motor command. What is not understood gets no answer."""
        state = self._state
        operation = _integer(fields, "operation")
        if self._form == "qcy":
            number = _integer(fields, "motor_operation")
            if operation != 1:
                return
            if number in _QCY_STEPS:
                self._step(_QCY_STEPS[number], answer)
            elif number == _QCY_HOME:
                self._go(CENTRE, CENTRE, answer)
        elif self._form == "operation":
            match operation:
                case int() if operation in _STEPS:
                    self._step(_STEPS[operation], answer)
                case 5:  # calibrate
                    self._go(CENTRE, CENTRE, answer)
                case 6:  # query
                    self._say(0, answer)
                case 13:  # absolute
                    angle = _integer(fields, "angle")
                    elevation = _integer(fields, "elevation")
                    self._go(
                        state.angle if angle is None else angle,
                        state.elevation if elevation is None else elevation,
                        answer,
                    )
                case -1001:  # stop
                    self.stop()
                    self._say(0, answer)

    def step_at_once(self, operation: int) -> None:
        """Do one step of the older commands without its time; nothing while one is under way."""
        if operation in _STEPS and not self.turning:
            across, up = _STEPS[operation]
            state = self._state
            self._point(_within(state.angle + across * STEP), _within(state.elevation + up * STEP))

    def stop(self) -> None:
        """End the step under way where it is."""
        self._end(arrived=False)

    def _step(self, towards: tuple[int, int], answer: Answer) -> None:
        across, up = towards
        self._go(self._state.angle + across * STEP, self._state.elevation + up * STEP, answer)

    def _go(self, angle: int, elevation: int, answer: Answer) -> None:
        state = self._state
        if self.turning:
            self._say(END_STOP, answer)
            return
        turn = _Turn(_within(angle), _within(elevation), 0, answer)
        if (turn.angle, turn.elevation) != (angle, elevation):
            turn = _Turn(turn.angle, turn.elevation, END_STOP, answer)
        way = max(abs(turn.angle - state.angle), abs(turn.elevation - state.elevation))
        if way == 0:
            self._say(turn.ret, answer)
            return
        seconds = min(_LONGEST, self.step_seconds * max(1.0, way / STEP))
        self._turn = turn
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def _end(self, *, arrived: bool = True) -> None:
        turn, self._turn = self._turn, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if turn is None:
            return
        if arrived:
            self._point(turn.angle, turn.elevation)
        waiting, self._waiting = self._waiting, []
        for ret, answer in ((turn.ret if arrived else 0, turn.answer), *waiting):
            self._say(ret, answer)

    def _say(self, ret: int, answer: Answer) -> None:
        if self.turning and len(self._waiting) < _MAX_WAITING:
            self._waiting.append((ret, answer))
        else:
            answer({"angle": self._state.angle, "elevation": self._state.elevation, "ret": ret})

    def _point(self, angle: int, elevation: int) -> None:
        state = self._state
        if (angle, elevation) != (state.angle, state.elevation):
            state.angle, state.elevation = angle, elevation
            state.changed()


def _within(value: int) -> int:
    low, high = LIMITS
    return min(high, max(low, value))


def _integer(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
