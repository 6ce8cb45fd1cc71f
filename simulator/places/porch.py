"""A front porch: clouds, cars on the road."""

from __future__ import annotations

import functools

from simulator.brush import HEIGHT, WIDTH, Box, Brush
from simulator.places.base import TOP, Mover, Place, across, drift, still
from simulator.places.outdoors import cloud, leafy_tree


def _porch(brush: Brush) -> None:
    brush.gradient((0, 0, 1280, 460), "#6db7ea", "#dff1fb")
    brush.glow((1130, 230), 160, "#fff3b0", 0.9)
    brush.circle((1130, 230), 40, "#fff0a6")
    # hills, houses over the road
    brush.ellipse((380, 340, 900, 560), "#8fbf78")
    brush.ellipse((760, 320, 1420, 600), "#7db06a")
    for x, wall, roof in ((560, "#f0e2cf", "#b5563f"), (730, "#dfe7ee", "#4d6478")):
        brush.rect((x, 350, x + 110, 430), wall)
        brush.polygon([(x - 12, 352), (x + 55, 306), (x + 122, 352)], roof)
        brush.rect((x + 16, 370, x + 44, 396), "#8fb4cf")
        brush.rect((x + 66, 372, x + 92, 430), "#8a5a3c")
    brush.gradient((360, 428, 1280, 640), "#8cc46c", "#62a347")
    leafy_tree(brush, 1130, 456, 0.95, None)
    leafy_tree(brush, 930, 450, 0.6, None)
    brush.polygon([(360, 462), (1280, 462), (1280, 506), (360, 506)], "#6f7479")
    for x in range(380, 1280, 90):
        brush.rect((x, 482, x + 44, 487), "#f3ead0")
    brush.rect((360, 506, 1280, 514), "#c9c5ba")
    # path
    brush.polygon([(700, 514), (790, 514), (1010, 640), (640, 640)], "#d6cbb6")
    # our house: siding and door
    brush.rect((0, 0, 384, 640), "#e8e3d8")
    for y in range(170, 640, 26):
        brush.line([(0, y), (384, y)], "#cfc8b8", 3)
    brush.rect((372, 0, 400, 640), "#fbf9f4")
    brush.rect((96, 236, 300, 640), "#fbf9f4")
    brush.rect((114, 254, 282, 640), "#2f5d62")
    for left in (130, 206):
        brush.rect((left, 400, left + 60, 500), "#264c50", radius=3)
        brush.rect((left, 516, left + 60, 620), "#264c50", radius=3)
    brush.gradient((130, 272, 266, 380), "#ffe6ac", "#f2c77c")
    brush.line([(198, 272), (198, 380)], "#2f5d62", 6)
    brush.line([(130, 326), (266, 326)], "#2f5d62", 6)
    brush.circle((264, 470), 9, "#e9c46a")
    brush.glow((344, 316), 74, "#ffdf8e", 0.8)
    brush.rect((334, 294, 354, 336), "#fff3c4", radius=4)
    brush.rect((330, 284, 358, 296), "#33383c", radius=3)
    brush.rect((330, 334, 358, 342), "#33383c", radius=3)
    brush.text((318, 414), "27", "#2f5d62", 40)
    # deck, mat, railing, pots
    brush.gradient((0, 636, 1280, 720), "#a8764e", "#8f603d")
    for y in (636, 660, 688):
        brush.line([(0, y), (1280, y)], "#77502f", 3)
    brush.polygon([(90, 640), (306, 640), (330, 652), (66, 652)], "#6b7a4f")
    brush.rect((1000, 560, 1280, 574), "#fbf9f4", radius=4)
    for x in range(1008, 1280, 44):
        brush.rect((x, 570, x + 14, 652), "#fbf9f4")
    brush.rect((420, 596, 500, 660), "#c8694a", radius=8)
    brush.rect((412, 586, 508, 606), "#d97b5a", radius=6)
    for dx, dy, colour in (
        (0, -40, "#e7576b"),
        (-34, -26, "#f2c14e"),
        (32, -30, "#f2c14e"),
        (-16, -58, "#f08a9b"),
        (18, -62, "#e7576b"),
    ):
        brush.line([(460, 590), (460 + dx, 590 + dy)], "#4c9a56", 6)
        brush.circle((460 + dx, 590 + dy), 14, colour)
        brush.circle((460 + dx, 590 + dy), 5, "#fff6d8")


def _car(brush: Brush, colour: str) -> None:
    brush.polygon([(34, 28), (56, 4), (112, 4), (138, 28)], colour)
    brush.polygon([(46, 27), (60, 9), (82, 9), (82, 27)], "#cfe6f5")
    brush.polygon([(88, 27), (88, 9), (110, 9), (126, 27)], "#cfe6f5")
    brush.rect((8, 26, 168, 52), colour, radius=11)
    brush.rect((158, 32, 168, 40), "#fff3b0", radius=3)
    for x in (44, 132):
        brush.circle((x, 52), 16, "#24282b")
        brush.circle((x, 52), 7, "#c7ccd0")


def _drive(seconds: float) -> tuple[float, float, int]:
    return across(seconds, 206, 1500, 150), 440, int(seconds * 150 / 1294) % 3


def _letter_box(brush: Brush) -> None:
    brush.rect((24, 38, 36, 110), "#6b4a32")
    brush.rect((0, 4, 60, 42), "#f1f1ee", radius=13)
    brush.rect((4, 22, 56, 26), "#c9c5ba")
    brush.rect((56, 0, 64, 22), "#d8453e")


_OUTSIDE: Box = (400, TOP, WIDTH, HEIGHT)
"""What the house leaves free."""
PORCH = Place(
    _porch,
    (
        Mover((150, 64), (cloud,), drift(176, 0, 22), _OUTSIDE),
        Mover((150, 64), (cloud,), drift(232, 40, 16), _OUTSIDE),
        Mover(
            (176, 70),
            tuple(
                functools.partial(_car, colour=colour)
                for colour in ("#d8453e", "#3d6fae", "#e9b43b")
            ),
            _drive,
            _OUTSIDE,
        ),
        Mover((66, 110), (_letter_box,), still(866, 486)),
    ),
)
