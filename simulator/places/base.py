"""Places and what moves in them; how it moves.

Logical coordinates are 1280 x 720; the upper 160 lines are hidden by the tag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.brush import HEIGHT, WIDTH, Box, Brush

type Path = Callable[[float], tuple[float, float, int]]
"""Left, top and pose at a time in seconds."""

TOP = 160


@dataclass(frozen=True, slots=True)
class Mover:
    """Something that moves: it is drawn once per pose, and put where it is at a time."""

    size: tuple[float, float]
    poses: tuple[Callable[[Brush], None], ...]
    where: Path
    """Left, top and pose at a time in seconds."""
    within: Box = (0, TOP, WIDTH, HEIGHT)
    """Where it can be seen: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place."""

    paint: Callable[[Brush], None]
    movers: tuple[Mover, ...]


def pace(seconds: float, start: float, end: float, speed: float) -> tuple[float, bool]:
    """Walk from `start` to `end` and back; return the position and whether it is the way back."""
    length = end - start
    done = seconds * speed % (2 * length)
    return (start + done, False) if done < length else (end - (done - length), True)


def across(seconds: float, start: float, end: float, speed: float) -> float:
    """Cross from `start` to `end`, again and again."""
    return start + seconds * speed % (end - start)


def drift(y: float, start: float, speed: float) -> Path:
    """Drift to the right at height `y`, for ever."""
    return lambda seconds: (across(seconds + start, -160, 1290, speed), y, 0)


def still(x: float, y: float) -> Path:
    """Stay."""
    return lambda _seconds: (x, y, 0)
