"""A living room in any colour, for cameras of any other name."""

from __future__ import annotations

import colorsys
import functools
import math
from typing import TYPE_CHECKING
import zlib

from simulator.places.base import Mover, Place, pace

if TYPE_CHECKING:
    from simulator.brush import Brush


def _room(brush: Brush, hue: float) -> None:
    def colour(saturation: float, value: float) -> str:
        red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
        return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"

    brush.gradient((0, 0, 1280, 590), colour(0.22, 0.95), colour(0.3, 0.85))
    brush.gradient((0, 580, 1280, 720), "#b98d66", "#94694a")
    brush.rect((0, 574, 1280, 590), "#fbf9f4")
    brush.rect((420, 190, 700, 370), "#6b4a32", radius=4)
    brush.gradient((434, 204, 686, 356), colour(0.5, 0.95), colour(0.6, 0.55))
    brush.circle((610, 250), 26, "#fff0a6")
    brush.polygon([(434, 356), (520, 262), (600, 356)], colour(0.6, 0.4))
    brush.polygon([(540, 356), (620, 290), (686, 356)], colour(0.6, 0.32))
    brush.ellipse((180, 620, 1100, 720), colour(0.35, 0.75))
    brush.rect((320, 430, 800, 560), colour(0.55, 0.6), radius=34)
    brush.rect((280, 480, 360, 630), colour(0.6, 0.5), radius=26)
    brush.rect((760, 480, 840, 630), colour(0.6, 0.5), radius=26)
    brush.rect((350, 530, 770, 630), colour(0.5, 0.68), radius=20)
    brush.rect((400, 480, 490, 560), "#f6e3a1", radius=14)
    brush.glow((1000, 300), 210, "#ffe6ac", 0.7)
    brush.polygon([(940, 320), (968, 250), (1032, 250), (1060, 320)], "#ffedc2")
    brush.rect((995, 320, 1005, 620), "#4a4038")
    brush.rect((950, 614, 1050, 628), "#4a4038", radius=6)
    brush.polygon([(120, 640), (132, 560), (208, 560), (220, 640)], "#c8694a")
    for dx, dy in ((-70, -110), (-36, -160), (0, -180), (36, -156), (72, -104)):
        brush.line([(170, 564), (170 + dx, 564 + dy)], "#4c9a56", 14)


def _ball(brush: Brush, turn: int) -> None:
    brush.circle((36, 36), 36, "#e7576b")
    brush.pie((0, 0, 72, 72), turn * 30, turn * 30 + 90, "#ffffff")
    brush.pie((0, 0, 72, 72), turn * 30 + 180, turn * 30 + 270, "#ffffff")


def _bounce(seconds: float) -> tuple[float, float, int]:
    x, back = pace(seconds, 120, 1080, 160)
    turn = int(x / 24) % 6
    return x, 600 - 130 * abs(math.sin(seconds * 3)), 5 - turn if back else turn


def room(name: str) -> Place:
    """Return a room in the name's own colour: a ball bounces through it."""
    hue = zlib.crc32(name.encode()) % 360 / 360
    balls = tuple(functools.partial(_ball, turn=turn) for turn in range(6))
    return Place(functools.partial(_room, hue=hue), (Mover((72, 72), balls, _bounce),))
