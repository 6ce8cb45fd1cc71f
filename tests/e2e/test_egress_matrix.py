"""Every way out of a running Home Assistant, before, during and after the dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.house.browser import find_chromium
from simulator.house.go2rtc import find_go2rtc

from .test_commands import run

pytestmark = pytest.mark.e2e

DOCUMENT = Path(__file__).parents[2] / "docs" / "egress.md"
LAST_BYTE_MS = 1000
"""Milliseconds from the call to the last byte of anything, on a machine that tests run on."""


def test_no_way_out_is_left_open() -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium")
    if find_go2rtc() is None:
        pytest.skip("no go2rtc")
    status, result = run("soak", "--matrix", "--json", seconds=300)
    assert not result["wrong"]
    assert result["ok"] is True
    assert status == 0
    rows = result["rows"]
    ran = [row for row in rows if row["kind"] != "skipped"]
    assert len(ran) >= 40
    for row in ran:
        for moment in ("before", "killed", "restarted", "released"):
            assert row[moment]["ok"], f"{row['path']}, {moment}: {row[moment]['text']}"
    assert [row["path"] for row in ran if row["kind"] == "residual"] == [
        "`proxy` camera with a copy"
    ]
    assert all(row["reason"] for row in rows if row["kind"] != "closed")
    late = {row["path"]: row["last_byte_ms"] for row in ran if row["last_byte_ms"] is not None}
    assert len(late) >= 10
    assert max(late.values()) < LAST_BYTE_MS, late

    document = DOCUMENT.read_text("utf-8")
    missing = [row["path"] for row in rows if row["path"] not in document]
    assert not missing, "written by script/soak --matrix --write docs/egress.md"
