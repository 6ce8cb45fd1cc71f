"""Turning the camera: what is asked, in the words of the firmware that listens.

There are two dialects of `Command.MOTOR_REQ` (public protocol notes). Most firmware takes
``{"operation": n}`` and does one step by it that ends by itself, of 2 to 16 degrees as the
model has it. Firmware of one maker takes ``{"motor_operation": n, "operation": 1}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .commands import Json, dump_json, load_json
from .errors import MissProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_POSITION = 1
MAX_POSITION = 101
"""Positions are shares of the whole way, 1 to 101, not degrees."""
END_STOP = -5
"""The status of a motor that is at its end, or busy with its calibration."""

_MAX_STATUS = 1 << 31


class MotorOperation(StrEnum):
    """What the motor can be asked for."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    LEFT_UP = "left_up"
    RIGHT_UP = "right_up"
    LEFT_DOWN = "left_down"
    RIGHT_DOWN = "right_down"
    STOP = "stop"
    CALIBRATE = "calibrate"
    """Go to both ends and back to the middle."""
    HOME = "home"
    """Go back to the middle."""
    POSITION = "position"
    """Do not move; say where it stands."""
    ABSOLUTE = "absolute"
    """Go to an angle and an elevation."""


class MotorDialect(StrEnum):
    """How a firmware wants to be asked."""

    OPERATION = "operation"
    QCY = "qcy"

    @property
    def operations(self) -> frozenset[MotorOperation]:
        """What can be asked for in it."""
        return frozenset(_NUMBERS[self])


_NUMBERS: Mapping[MotorDialect, Mapping[MotorOperation, int]] = {
    MotorDialect.OPERATION: {
        MotorOperation.LEFT: 1,
        MotorOperation.RIGHT: 2,
        MotorOperation.UP: 3,
        MotorOperation.DOWN: 4,
        MotorOperation.CALIBRATE: 5,
        MotorOperation.POSITION: 6,
        MotorOperation.ABSOLUTE: 13,
        MotorOperation.STOP: -1001,
    },
    MotorDialect.QCY: {
        MotorOperation.UP: 1,
        MotorOperation.DOWN: 2,
        MotorOperation.LEFT: 3,
        MotorOperation.LEFT_UP: 4,
        MotorOperation.LEFT_DOWN: 5,
        MotorOperation.RIGHT: 6,
        MotorOperation.RIGHT_UP: 7,
        MotorOperation.RIGHT_DOWN: 8,
        MotorOperation.HOME: 10,
    },
}


@dataclass(frozen=True, slots=True)
class MotorMove:
    """One thing to ask of the motor.

    Raises:
        ValueError: the dialect has no word for it; or a position is missing, out of range,
            or given to an operation other than `ABSOLUTE`.
    """

    operation: MotorOperation
    angle: int | None = None
    """From one side to the other, 1 to 101."""
    elevation: int | None = None
    """From one end to the other, 1 to 101."""
    dialect: MotorDialect = MotorDialect.OPERATION

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if self.operation not in _NUMBERS[self.dialect]:
            raise ValueError(f"there is no {self.operation} in the dialect {self.dialect}")
        for position in (self.angle, self.elevation):
            if self.operation is not MotorOperation.ABSOLUTE:
                if position is not None:
                    raise ValueError(f"{self.operation} goes without a position")
            elif position is None or not MIN_POSITION <= position <= MAX_POSITION:
                raise ValueError(f"a position is {MIN_POSITION} to {MAX_POSITION}")

    def body(self) -> bytes:
        """Build the body of `Command.MOTOR_REQ`."""
        number = _NUMBERS[self.dialect][self.operation]
        if self.dialect is MotorDialect.QCY:
            return dump_json({"motor_operation": number, "operation": 1})
        fields: dict[str, Json] = {"operation": number}
        if self.operation is MotorOperation.ABSOLUTE:
            fields |= {"angle": self.angle, "elevation": self.elevation}
        return dump_json(fields)


@dataclass(frozen=True, slots=True)
class MotorPosition:
    """What the camera says after a move."""

    angle: int | None
    """1 to 101; None if it does not say."""
    elevation: int | None
    """1 to 101; None if it does not say."""
    at_end: bool = False
    """It went no further: it stands at its end, or is busy with its calibration."""
    status: int = 0
    """The camera's own number for how it went: 0 well, others are not known but for the end."""


def pull_motor_reply(body: bytes) -> MotorPosition | None:
    """Read the body of `Command.MOTOR_RES`; None when there is nothing in it to be understood."""
    try:
        reply = load_json(body)
    except MissProtocolError:
        return None
    if not isinstance(reply, dict):
        return None
    status = _integer(reply.get("ret"), -_MAX_STATUS, _MAX_STATUS - 1)
    angle = _integer(reply.get("angle"), MIN_POSITION, MAX_POSITION)
    elevation = _integer(reply.get("elevation"), MIN_POSITION, MAX_POSITION)
    if status is None and angle is None and elevation is None:
        return None
    return MotorPosition(angle, elevation, at_end=status == END_STOP, status=status or 0)


def _integer(value: Json, low: int, high: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None
