"""Programs from outside Python that tests use, and a clear word where one is not there."""

from __future__ import annotations

import os
from pathlib import Path
import shutil

import pytest

_REPOSITORY = Path(__file__).parents[2]
_GO2RTC = "go2rtc/1.9.14-cui.46/go2rtc"


def _cached(relative: str) -> Path | None:
    """Return a file of the cache that `script/setup` fills, if it is there."""
    try:
        root = Path((_REPOSITORY / ".cache" / "root").read_text().strip())
    except OSError:
        return None
    path = root / relative
    return path if path.is_file() else None


def _program(variable: str, *names: str, cached: str | None = None) -> Path | None:
    if chosen := os.environ.get(variable):
        return Path(chosen)
    for name in names:
        if found := shutil.which(name):
            return Path(found)
    return _cached(cached) if cached else None


def go2rtc() -> Path | None:
    """Return the go2rtc binary: $MI_CAMERA_GO2RTC, PATH, or where `script/setup` put it."""
    return _program("MI_CAMERA_GO2RTC", "go2rtc", cached=_GO2RTC)


def required(program: Path | None, name: str) -> Path:
    """Return the program's path, or skip the test saying what is missing."""
    if program is None:
        pytest.skip(f"{name} is not here: run script/setup, or set MI_CAMERA_{name.upper()}")
    return program
