"""A kitchen: steam over the kettle, a clock, a cat that walks."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from simulator.places.base import Mover, Place, pace

if TYPE_CHECKING:
    from simulator.brush import Brush


def _kitchen(brush: Brush) -> None:
    brush.gradient((0, 0, 1280, 690), "#f7ead2", "#efd9b4")
    # window
    brush.rect((452, 186, 732, 396), "#fbf6ea", radius=8)
    brush.gradient((466, 200, 718, 382), "#8ecbf0", "#d8f0fb")
    brush.circle((672, 238), 24, "#ffe08a")
    brush.pie((466, 326, 640, 438), 180, 360, "#7fb86a")
    brush.pie((560, 344, 718, 420), 180, 360, "#6aa85c")
    brush.rect((440, 382, 744, 400), "#fbf6ea", radius=4)
    brush.rect((586, 200, 598, 382), "#fbf6ea")
    brush.rect((466, 286, 718, 296), "#fbf6ea")
    brush.polygon([(446, 180), (520, 180), (486, 300), (446, 330)], "#e77f5e")
    brush.polygon([(738, 180), (664, 180), (698, 300), (738, 330)], "#e77f5e")
    brush.rect((430, 172, 754, 184), "#9a6b43", radius=6)
    # tiles
    brush.rect((226, 402, 1280, 522), "#dfeeea")
    for row in range(5):
        y = 402 + row * 24
        brush.line([(226, y), (1280, y)], "#c4dcd6", 2)
        for column in range(24):
            x = 226 + column * 48 + (24 if row % 2 else 0)
            brush.line([(x, y), (x, y + 24)], "#c4dcd6", 2)
    # upper cabinets
    brush.rect((790, 160, 1262, 372), "#3f7d78")
    for left in (800, 955, 1110):
        brush.rect((left, 168, left + 142, 362), "#4f918b", radius=4)
        brush.rect((left + 12, 182, left + 130, 348), "#468680", radius=4)
        brush.circle((left + 126, 340), 6, "#f2c76b")
    # counter and lower cabinets
    brush.rect((226, 546, 1280, 690), "#3f7d78")
    for left in (236, 382, 528, 674, 1040, 1160):
        brush.rect((left, 558, left + 134, 682), "#4f918b", radius=4)
        brush.rect((left + 46, 572, left + 88, 579), "#f2c76b", radius=3)
    brush.rect((226, 520, 1280, 548), "#b98657", radius=4)
    brush.rect((226, 520, 1280, 528), "#cf9d6c", radius=4)
    # oven and kettle
    brush.rect((826, 548, 1030, 690), "#d9dde0")
    brush.rect((844, 592, 1012, 676), "#2c3338", radius=8)
    brush.rect((858, 606, 998, 662), "#57382a", radius=6)
    brush.glow((928, 650), 80, "#ff9a3c", 0.6)
    brush.rect((852, 578, 1004, 585), "#8f979c", radius=3)
    for x in (856, 896, 936, 976):
        brush.circle((x + 10, 564), 8, "#2c3338")
    brush.rect((840, 512, 1016, 522), "#2c3338", radius=4)
    brush.polygon([(880, 512), (888, 450), (946, 450), (954, 512)], "#d8453e")
    brush.rect((896, 440, 938, 452), "#b5342f", radius=5)
    brush.circle((917, 436), 7, "#2c3338")
    brush.line([(950, 500), (976, 462), (984, 462)], "#d8453e", 9)
    brush.arc((884, 402, 950, 470), 190, 350, "#2c3338", 7)
    # fruit, jars, plant
    for x, y, colour in ((300, 492, "#e9b43b"), (330, 486, "#d64b3d"), (362, 492, "#7db244")):
        brush.circle((x, y), 22, colour)
    brush.pie((262, 440, 398, 560), 0, 180, "#f6f3ea")
    brush.rect((310, 512, 350, 522), "#e4dfd2", radius=4)
    for x, colour in ((1090, "#e9c46a"), (1138, "#c8553d"), (1186, "#8a5a44")):
        brush.rect((x, 462, x + 38, 521), "#ffffff99", radius=6)
        brush.rect((x + 3, 482, x + 35, 519), colour, radius=5)
        brush.rect((x + 2, 454, x + 36, 466), "#9a6b43", radius=4)
    brush.polygon([(640, 382), (646, 352), (692, 352), (698, 382)], "#c8694a")
    for dx, dy in ((-30, -20), (-14, -44), (4, -50), (22, -42), (34, -18)):
        brush.line([(669, 354), (669 + dx, 354 + dy)], "#4c9a56", 8)
    # fridge
    brush.rect((34, 214, 216, 690), "#eef1f2", radius=14)
    brush.rect((34, 376, 216, 382), "#cdd4d7")
    brush.rect((192, 270, 202, 360), "#aab3b8", radius=5)
    brush.rect((192, 398, 202, 500), "#aab3b8", radius=5)
    brush.rect((66, 262, 118, 302), "#ffe28a", radius=3)
    brush.rect((100, 312, 146, 346), "#9fd3f0", radius=3)
    brush.circle((92, 262), 5, "#d64b3d")
    brush.circle((122, 312), 5, "#4c9a56")
    # clock
    brush.circle((336, 286), 56, "#9a6b43")
    brush.circle((336, 286), 48, "#fffdf7")
    for hour in range(12):
        right, down = math.sin(hour * math.pi / 6), -math.cos(hour * math.pi / 6)
        inner = 34.0 if hour % 3 == 0 else 39.0
        ends = [(336 + length * right, 286 + length * down) for length in (inner, 43.0)]
        brush.line(ends, "#4a4038", 3)
    # floor
    for column in range(17):
        colour = "#d9c7a8" if column % 2 else "#c9b28c"
        left = -20 + column * 80
        brush.polygon(
            [(left, 690), (left + 80, 690), (left + 76 + column, 720), (left - 8 + column, 720)],
            colour,
        )
    brush.glow((592, 300), 420, "#fff2cf", 0.22)


def _cat(brush: Brush, step: int, *, back: bool) -> None:
    def x(value: float) -> float:
        return 150 - value if back else value

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
        return (min(x(left), x(right)), top, max(x(left), x(right)), bottom)

    fur, dark = "#e0904a", "#bf6f30"
    swing = (10, 3, -10, -3)[step]
    for left, offset in ((44, swing), (58, -swing), (96, -swing), (108, swing)):
        brush.line([(x(left), 66), (x(left + offset), 92)], dark, 10)
    brush.line([(x(34), 56), (x(14), 40), (x(12 + swing / 3), 16)], fur, 10)
    brush.rect(box(30, 38, 120, 74), fur, radius=18)  # type: ignore[arg-type]
    for left in (52, 68, 84):
        brush.line([(x(left), 40), (x(left - 4), 58)], dark, 5)
    brush.polygon([(x(106), 24), (x(110), 6), (x(121), 20)], fur)
    brush.polygon([(x(124), 20), (x(136), 6), (x(139), 25)], fur)
    brush.circle((x(123), 34), 20, fur)
    brush.circle((x(130), 31), 3, "#2b2a28")
    brush.circle((x(142), 37), 3, "#f4b6a6")


def _cat_walk(seconds: float) -> tuple[float, float, int]:
    position, back = pace(seconds, 240, 800, 70)
    return position, 618, int(seconds * 6) % 4 + (4 if back else 0)


def _steam(brush: Brush, phase: int) -> None:
    for index, dx in enumerate((14, 32, 50)):
        points = [
            (dx + 7 * math.sin(step / 2.2 + phase * math.pi / 4 + index * 2), 96 - step * 9.0)
            for step in range(10)
        ]
        brush.line(points, "#ffffff70", 8)


def _hand(brush: Brush, second: int) -> None:
    angle = second * math.pi / 30
    x, y = math.sin(angle), -math.cos(angle)
    minute = 2.2
    brush.line([(56, 56), (56 + 26 * math.sin(minute), 56 - 26 * math.cos(minute))], "#4a4038", 5)
    brush.line([(56, 56), (56 - 10, 56 - 30)], "#4a4038", 4)
    brush.line([(56 - 10 * x, 56 - 10 * y), (56 + 38 * x, 56 + 38 * y)], "#d64b3d", 3)
    brush.circle((56, 56), 5, "#d64b3d")


_CAT = tuple(
    functools.partial(_cat, step=step, back=back) for back in (False, True) for step in range(4)
)

KITCHEN = Place(
    _kitchen,
    (
        Mover(
            (70, 110),
            tuple(functools.partial(_steam, phase=phase) for phase in range(8)),
            lambda seconds: (960, 356, int(seconds * 5) % 8),
        ),
        Mover(
            (112, 112),
            tuple(functools.partial(_hand, second=second) for second in range(60)),
            lambda seconds: (280, 230, int(seconds) % 60),
        ),
        Mover((156, 100), _CAT, _cat_walk),
    ),
)
