"""A nursery at night: a mobile that swings, fairy lights, a child that breathes."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from simulator.places.base import Mover, Path, Place, still

if TYPE_CHECKING:
    from simulator.brush import Brush


def _star(brush: Brush, x: float, y: float, radius: float, colour: str) -> None:
    points = []
    for corner in range(10):
        length = radius if corner % 2 == 0 else radius * 0.45
        angle = corner * math.pi / 5
        points.append((x + length * math.sin(angle), y - length * math.cos(angle)))
    brush.polygon(points, colour)


def _nursery(brush: Brush) -> None:
    brush.gradient((0, 0, 1280, 620), "#5b6fa8", "#9fa7d6")
    for row in range(6):
        for column in range(14):
            x = 40 + column * 98 + (49 if row % 2 else 0)
            _star(brush, x, 196 + row * 72, 7, "#c9cff055")
    # window with the moon
    brush.rect((96, 186, 356, 446), "#f4efe6", radius=12)
    brush.gradient((112, 202, 340, 430), "#172046", "#3b4a86")
    for x, y in (
        (140, 230),
        (180, 290),
        (150, 360),
        (204, 226),
        (310, 250),
        (322, 372),
        (256, 398),
    ):
        brush.circle((x, y), 2.6, "#fff6d8")
    brush.glow((272, 306), 90, "#fff0c0", 0.7)
    brush.circle((272, 306), 36, "#fff3cf")
    brush.circle((260, 298), 8, "#eedfae")
    brush.circle((284, 318), 6, "#eedfae")
    brush.rect((221, 202, 231, 430), "#f4efe6")
    brush.rect((86, 430, 366, 450), "#f4efe6", radius=5)
    # shelf
    brush.rect((860, 330, 1210, 346), "#e9dcc9", radius=4)
    left = 884.0
    for width, height, colour in (
        (24, 92, "#e98b7a"),
        (20, 104, "#f2c879"),
        (30, 84, "#88b7a4"),
        (18, 98, "#b193cf"),
        (26, 88, "#78a7d8"),
    ):
        brush.rect((left, 330 - height, left + width, 330), colour, radius=3)
        left += width + 4
    brush.circle((1080, 290), 34, "#f7f0e4")
    brush.ellipse((1056, 216, 1074, 272), "#f7f0e4")
    brush.ellipse((1086, 216, 1104, 272), "#f7f0e4")
    brush.ellipse((1061, 226, 1069, 266), "#f3b9b4")
    brush.ellipse((1091, 226, 1099, 266), "#f3b9b4")
    brush.circle((1068, 286), 4, "#3b3546")
    brush.circle((1092, 286), 4, "#3b3546")
    brush.ellipse((1074, 294, 1086, 302), "#e98b7a")
    brush.rect((1140, 286, 1186, 330), "#f2c879", radius=6)
    brush.text((1152, 309), "A", "#ffffff", 32)
    # floor and rug
    brush.gradient((0, 612, 1280, 720), "#c59f7c", "#a98263")
    brush.rect((0, 600, 1280, 616), "#f4efe6")
    brush.ellipse((300, 632, 980, 724), "#e7d3ec")
    brush.ellipse((360, 642, 920, 714), "#d3b6de")
    # night lamp on a table
    brush.glow((1120, 452), 210, "#ffdf9a", 0.75)
    brush.polygon([(1082, 470), (1102, 410), (1138, 410), (1158, 470)], "#ffe9b8")
    brush.rect((1114, 470, 1126, 510), "#e9dcc9")
    brush.rect((1060, 508, 1180, 526), "#f4efe6", radius=6)
    brush.rect((1076, 526, 1090, 650), "#e9dcc9")
    brush.rect((1150, 526, 1164, 650), "#e9dcc9")
    # crib: back, mattress
    brush.rect((396, 398, 416, 668), "#f8f3ea", radius=8)
    brush.rect((836, 398, 856, 668), "#f8f3ea", radius=8)
    brush.rect((406, 424, 846, 440), "#f8f3ea", radius=6)
    brush.rect((412, 556, 840, 640), "#fdfaf3", radius=12)
    brush.ellipse((430, 522, 552, 584), "#dfe6f2")
    brush.circle((498, 540), 36, "#f7cfae")
    brush.pie((462, 504, 534, 566), 190, 330, "#7a5236")
    brush.ellipse((470, 518, 528, 560), "#f7cfae")
    brush.arc((486, 534, 500, 546), 20, 160, "#6b4630", 3)
    brush.arc((510, 534, 524, 546), 20, 160, "#6b4630", 3)
    brush.arc((498, 550, 514, 560), 20, 160, "#c46f5a", 3)
    # fairy lights
    brush.arc((380, 90, 880, 250), 10, 170, "#3b3f66", 3)


def _blanket(brush: Brush) -> None:
    brush.pie((0, 0, 330, 150), 180, 360, "#7fb6d6")
    for x in range(40, 300, 52):
        _star(brush, x, 56, 12, "#f6e3a1")


def _crib_front(brush: Brush) -> None:
    brush.rect((0, 0, 460, 18), "#fffaf0", radius=8)
    brush.rect((0, 138, 460, 158), "#fffaf0", radius=8)
    for x in range(24, 450, 50):
        brush.rect((x, 8, x + 9, 148), "#fffaf0", radius=4)


def _crescent() -> list[tuple[float, float]]:
    """Return a moon's sickle as (radius, angle) from its middle."""
    outer = [(30.0, math.radians(40 + step * 14)) for step in range(21)]
    inner = []
    for step in range(21):
        angle = math.radians(320 - step * 14)
        x, y = 12 + 23 * math.cos(angle), 23 * math.sin(angle)
        inner.append((math.hypot(x, y), math.atan2(y, x)))
    return outer + inner


def _hanging(brush: Brush, shape: int) -> None:
    brush.line([(40, -10), (40, 100)], "#e9e4f4", 3)
    if shape == 0:
        _star(brush, 40, 128, 34, "#f6d365")
    elif shape == 1:
        brush.polygon(
            [
                (40 + radius * math.cos(angle), 128 + radius * math.sin(angle))
                for radius, angle in _crescent()
            ],
            "#f6d365",
        )
    else:
        for box in ((4, 118, 44, 150), (20, 106, 62, 150), (38, 116, 78, 150)):
            brush.ellipse(box, "#ffffff")


def _swing(middle: float, phase: float) -> Path:
    def where(seconds: float) -> tuple[float, float, int]:
        angle = seconds * 1.4 + phase
        return middle - 40 + 44 * math.sin(angle), 154 + 4 * math.cos(2 * angle), 0

    return where


def _lights(brush: Brush, lit: int) -> None:
    for index in range(9):
        angle = math.radians(10 + index * 20)
        x, y = 256 + 250 * math.cos(angle), 12 + 80 * math.sin(angle)
        colour = ("#ffd97a", "#f59c8b", "#9fe0c0")[index % 3]
        if index % 3 == lit:
            brush.glow((x, y), 20, colour, 0.9)
        brush.circle((x, y), 7, colour)


NURSERY = Place(
    _nursery,
    (
        Mover(
            (512, 110),
            tuple(functools.partial(_lights, lit=lit) for lit in range(3)),
            lambda seconds: (374, 158, int(seconds * 1.5) % 3),
        ),
        Mover(
            (330, 76),
            (_blanket,),
            lambda seconds: (506, 540 + 5 * math.sin(seconds * 1.6), 0),
        ),
        Mover((462, 160), (_crib_front,), still(396, 500)),
        *(
            Mover((80, 166), (functools.partial(_hanging, shape=shape),), _swing(x, shape * 0.7))
            for shape, x in ((0, 520), (1, 626), (2, 732))
        ),
    ),
)
