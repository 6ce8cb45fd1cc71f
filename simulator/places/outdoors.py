"""What grows and drifts outdoors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.brush import Brush


def cloud(brush: Brush) -> None:
    """Draw a cloud, 150 x 64."""
    for box in ((0, 22, 70, 62), (34, 4, 106, 62), (78, 18, 148, 62)):
        brush.ellipse(box, "#ffffffe0")
    brush.rect((24, 40, 126, 62), "#ffffffe0", radius=11)


def leafy_tree(brush: Brush, x: float, ground: float, size: float, fruit: str | None) -> None:
    """Draw a round tree standing at (x, ground), 200 high at size 1, with or without fruit."""
    brush.polygon(
        [
            (x - 12 * size, ground),
            (x - 7 * size, ground - 90 * size),
            (x + 7 * size, ground - 90 * size),
            (x + 12 * size, ground),
        ],
        "#7a5a3c",
    )
    for dx, dy, radius, colour in (
        (-42, -118, 48, "#4c8f4a"),
        (42, -114, 46, "#4c8f4a"),
        (0, -156, 58, "#5aa154"),
        (-14, -122, 44, "#66b05c"),
    ):
        brush.circle((x + dx * size, ground + dy * size), radius * size, colour)
    if fruit is not None:
        for dx, dy in ((-50, -122), (-18, -160), (26, -176), (46, -120), (4, -116), (-30, -98)):
            brush.circle((x + dx * size, ground + dy * size), 7 * size, fruit)
