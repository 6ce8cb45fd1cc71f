"""A garden: butterflies over the flowers."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from simulator.places.base import Mover, Path, Place, drift
from simulator.places.outdoors import cloud, leafy_tree

if TYPE_CHECKING:
    from simulator.brush import Brush


def _garden(brush: Brush) -> None:
    brush.gradient((0, 0, 1280, 400), "#84c8f0", "#e6f5fb")
    for x in range(-40, 1320, 92):
        brush.circle((x, 392), 74, "#4f8f52")
    for x in range(0, 1320, 74):
        brush.circle((x, 420), 52, "#5da25c")
    brush.gradient((0, 430, 1280, 720), "#9ad06a", "#6fb04c")
    for index in range(0, 14, 2):
        x = index * 120 - 260
        brush.polygon([(x, 720), (x + 150, 720), (x + 330, 430), (x + 260, 430)], "#ffffff16")
    # shed
    brush.rect((930, 300, 1170, 480), "#b5744a")
    for x in range(952, 1170, 24):
        brush.line([(x, 300), (x, 480)], "#9a5f3a", 3)
    brush.polygon([(908, 304), (1050, 214), (1192, 304)], "#5b4a42")
    brush.rect((1010, 350, 1090, 480), "#8a5636", radius=4)
    brush.rect((1104, 346, 1154, 396), "#cfe6f5", radius=3)
    brush.line([(1129, 346), (1129, 396)], "#8a5636", 4)
    leafy_tree(brush, 240, 520, 1.5, "#d8453e")
    # pond
    brush.ellipse((500, 520, 860, 640), "#c9c2b2")
    brush.ellipse((516, 530, 844, 630), "#5aa9cf")
    brush.ellipse((560, 548, 700, 584), "#8fcae4")
    for x, y in ((600, 600), (760, 572), (700, 604)):
        brush.pie((x - 24, y - 9, x + 24, y + 9), 20, 340, "#4c9a56")
    brush.circle((760, 564), 9, "#f6a5c0")
    # beds
    for x in range(30, 470, 34):
        colour = ("#e7576b", "#f2c14e", "#b07bd1", "#ffffff")[x // 34 % 4]
        brush.line([(x, 668), (x, 632)], "#3f8a48", 5)
        brush.circle((x, 626), 13, colour)
        brush.circle((x, 626), 5, "#8a5a2c")
    for x in range(900, 1270, 40):
        brush.line([(x, 672), (x, 590)], "#3f8a48", 6)
        for petal in range(8):
            angle = petal * math.pi / 4
            brush.circle((x + 14 * math.cos(angle), 584 + 14 * math.sin(angle)), 8, "#f6c945")
        brush.circle((x, 584), 10, "#6b4423")


def _butterfly(brush: Brush, wing: int, colour: str) -> None:
    spread = (30, 22, 10, 22)[wing]
    for side in (-1.0, 1.0):
        outer = 34 + side * spread
        brush.ellipse((min(34, outer), 4, max(34, outer), 32), colour)
        outer = 34 + side * spread * 0.75
        brush.ellipse((min(34, outer), 26, max(34, outer), 48), colour)
    brush.rect((31, 8, 37, 46), "#3a2c26", radius=3)


def _flutter(x: float, y: float, phase: float) -> Path:
    def where(seconds: float) -> tuple[float, float, int]:
        t = seconds * 0.5 + phase
        return x + 190 * math.sin(t), y + 60 * math.sin(2.3 * t), int(seconds * 9) % 4

    return where


GARDEN = Place(
    _garden,
    (
        Mover((150, 64), (cloud,), drift(176, 20, 18)),
        *(
            Mover(
                (68, 52),
                tuple(functools.partial(_butterfly, wing=wing, colour=colour) for wing in range(4)),
                _flutter(x, y, phase),
            )
            for x, y, colour, phase in (
                (480, 420, "#f29a4a", 0.0),
                (760, 480, "#7f8fe0", 2.0),
                (330, 560, "#f6d365", 4.0),
            )
        ),
    ),
)
