"""The figures, what is promised of them, and both as a table to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from .changes import UNNOTICED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIN_SHARE = 0.99
"""Which share of the pictures is decoded at any loss up to a tenth."""
BLACKOUT = 3.0
"""How soon pictures are back, seconds after the network is: all with a key frame a second, 95
of 100 with one every two. The wait for that alone is two seconds then in the worst case, and the
repetitions of the camera, which nobody can hurry, take what is left when packets are unlucky."""
BLACKOUT_WORST = 3.5
MISSING_SOUNDS = 2
"""Sound before the first picture of a session does not come out."""


class Figures(TypedDict):
    """What was measured; times in seconds."""

    decoded: Mapping[str, Mapping[str, float]]
    """By loss: the share of the pictures that were decoded, and how many were taken."""
    blackout_s: Mapping[str, Mapping[str, float]]
    """By the seconds from key frame to key frame."""
    reboot_s: Mapping[str, float]
    """By transport; with the half second the camera was off."""
    another_address_s: float
    two_hours: Mapping[str, int]
    seeds: int


def missed(figures: Figures) -> list[str]:
    """Return what is not as promised, in words."""
    return [name for name, _, kept in _rows(figures) if not kept]


def table(figures: Figures) -> str:
    """Return the figures in lines."""
    lines = [
        f"{name:<58}{value:>12}{'' if kept else '  missed'}" for name, value, kept in _rows(figures)
    ]
    lines.append(f"{figures['seeds']} blackouts of each kind.")
    return "\n".join(lines)


def _rows(figures: Figures) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, value, whether it is as promised)."""
    for loss, of in figures["decoded"].items():
        share = of["share"]
        yield f"pictures decoded, {loss} lost", f"{100 * share:.2f} %", share >= MIN_SHARE
    for gop, of in figures["blackout_s"].items():
        group = float(gop)
        for name, value in of.items():
            worst = name == "max" and group > 1
            kept = value < (BLACKOUT_WORST if worst else BLACKOUT)
            yield f"back after 10 s blackout, key frame every {gop} s, {name}", _s(value), kept
    for transport, took in figures["reboot_s"].items():
        yield f"back after a restart of the camera, {transport}", _s(took), took < UNNOTICED + 0.5
    moved = figures["another_address_s"]
    yield "back after a change of address", _s(moved), moved < UNNOTICED
    of_two = figures["two_hours"]
    missing = of_two["pictures_missing"]
    yield "two hours: pictures missing", f"{missing} of {of_two['pictures']:,}", missing == 0
    missing = of_two["sounds_missing"]
    name = "two hours: pieces of sound missing"
    yield name, f"{missing} of {of_two['sounds']:,}", missing <= MISSING_SOUNDS


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"
