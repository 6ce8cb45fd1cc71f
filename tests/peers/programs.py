"""Programs from outside Python that tests use, and a clear word where one is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def required(program: Path | None, name: str) -> Path:
    """Return the program's path, or skip the test saying what is missing."""
    if program is None:
        pytest.skip(f"{name} is not here: run script/setup, or set MI_CAMERA_{name.upper()}")
    return program
