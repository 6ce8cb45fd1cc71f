"""Casts begun and ended in a running Home Assistant, and what is left of them: nothing."""

from __future__ import annotations

import pytest

from .test_commands import run

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("sessions")]

SESSIONS = 50


def test_casts_leave_nothing_behind() -> None:
    status, result = run("soak", "--sessions", str(SESSIONS), "--json", "--seed", "7", seconds=300)
    assert result["sessions"] >= SESSIONS
    assert sum(result["ended"].values()) == result["sessions"]
    assert {name: count for name, count in result["leaked"].items() if count} == {}
    assert {"tokens", "sessions", "streams", "ffmpeg", "tasks", "sockets", "threads"} <= set(
        result["leaked"]
    )
    assert {"stopped", "duration", "replaced", "switched_off"} <= set(result["ended"])
    assert len(result["happened"]) >= 3
    assert status == 0
