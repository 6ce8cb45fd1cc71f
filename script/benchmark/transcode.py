"""What a conversion costs: a rendition of H.265 at 1080p, and ffmpeg alone doing the same."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from typing import TYPE_CHECKING, Any, Final

from simulator.camera.replay import record
from simulator.camera.spec import CameraSpec

from .processes import BenchFailed, Helper

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.house.progress import Progress

_SIZE: Final = (1920, 1080)
_FPS: Final = 20
_CAME: Final = 0.95
"""With less of the pictures converted the two sides have not done the same."""


async def transcode(folder: Path, seconds: int, progress: Progress) -> dict[str, Any]:
    """Convert so many seconds on both sides at the same time.

    Returns the figures as the benchmark prints them, None in place of each without an ffmpeg.
    Raises `BenchFailed`.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        progress.say("no ffmpeg: conversion is left out")
        return {"transcode_cpu_percent": None, "transcode_cpu_ratio_vs_ffmpeg": None}
    progress.say(f"conversion of H.265, 1080p at {_FPS} pictures per second, {seconds} s")
    units = folder / "units"
    await asyncio.to_thread(_record, units)
    question = {"units": str(units), "fps": _FPS, "seconds": seconds, "ffmpeg": ffmpeg}
    async with (
        Helper("transcode_process", folder) as ours,
        Helper("transcode_process", folder) as theirs,
    ):
        ours_cost, theirs_cost = await asyncio.gather(
            ours.ask(question), theirs.ask({**question, "alone": True})
        )
    wanted = seconds * _FPS
    for side, cost in (("ours", ours_cost), ("ffmpeg", theirs_cost)):
        if cost["pictures"] < _CAME * wanted:
            raise BenchFailed(f"{side}: {cost['pictures']} of {wanted} pictures were converted")
    return {
        "transcode_cpu_percent": {
            "ours": 100 * ours_cost["cpu"] / seconds,
            "ffmpeg": 100 * theirs_cost["cpu"] / seconds,
            "ours_python": 100 * (ours_cost["cpu"] - ours_cost["ffmpeg"]) / seconds,
        },
        "transcode_cpu_ratio_vs_ffmpeg": (ours_cost["cpu"] / ours_cost["pictures"])
        / (theirs_cost["cpu"] / theirs_cost["pictures"]),
    }


def _record(units: Path) -> None:
    """Write a group of pictures, one a line."""
    spec = CameraSpec(
        did=3004004001,
        model="chuangmi.camera.021a04",
        name="Conversion",
        scene="garden",
        address="127.0.62.5",
        mac="02:00:00:00:62:05",
        token=bytes(16),
        codec="h265",
        fps=_FPS,
        gop_seconds=2.0,
    )
    pictures = record(spec, 0, "h265", _SIZE, itertools.count(1))
    units.write_text("\n".join(picture.hex() for picture in pictures), "ascii")
