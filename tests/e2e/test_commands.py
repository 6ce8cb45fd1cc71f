"""The commands of the README, run as a user runs them, in a real Home Assistant.

They decode what arrives at the far end, so what is asserted here is what people see.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from simulator.house.browser import find_chromium
from simulator.house.go2rtc import find_go2rtc

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def run(*arguments: str, seconds: float) -> tuple[int, dict[str, Any]]:
    """Run a command of the house and return its exit status and its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "simulator.house", *arguments],
        cwd=ROOT,
        env={**os.environ, "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
        text=True,
    )
    print(done.stdout)
    assert "Traceback" not in done.stdout
    return done.returncode, json.loads(done.stdout.strip().rpartition("\n")[2])


@pytest.mark.xdist_group("demo")
def test_the_demo_does_the_main_job() -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium")
    if find_go2rtc() is None:
        pytest.skip("no go2rtc")
    status, result = run("demo", "--check", seconds=420)
    assert status == 0
    assert result["ok"] is True
    assert result["cameras"] == 3
    assert set(result["live_ms"]) == {"kitchen", "nursery", "porch"}
    assert all(0 < value < 15_000 for value in result["live_ms"].values())
    assert set(result["webrtc_ms"]) == {"kitchen", "nursery", "porch"}
    assert all(0 < value < 500 for value in result["webrtc_ms"].values())
    assert 0 < result["cast_ms"] < 30_000
    assert 0 <= result["kill_ms"] < 1000
    assert (result["bytes_after_kill"], result["foreign"], result["stale"]) == (0, 0, 0)


@pytest.mark.xdist_group("soak")
def test_a_minute_of_chaos_shows_nothing_it_should_not() -> None:
    status, result = run("soak", "--minutes", "1", "--cameras", "4", "--json", seconds=300)
    assert status == 0, "something forbidden was seen, or nothing at all on one of the paths"
    assert (result["foreign"], result["stale"], result["after_kill"]) == (0, 0, 0)
    assert result["frames_checked"] > 2000
    assert result["kills"] >= 4
    assert result["swaps"] >= 1
    paths = {"hls", "mjpeg", "record", "still_token", "still_user", "still_signed", "display"}
    if find_go2rtc() is not None:
        paths |= {"relay", "rtsp"}
        if find_chromium() is not None:
            paths.add("webrtc")
    assert set(result["paths"]) == paths
    assert all(result["paths"].values())


@pytest.mark.xdist_group("soak")
def test_the_last_byte_comes_within_a_moment_of_a_kill() -> None:
    if find_go2rtc() is None:
        pytest.skip("no go2rtc")
    status, result = run("soak", "--kills", "10", "--cameras", "2", "--json", seconds=300)
    assert status == 0
    assert result["after_kill"] == 0
    assert result["readers"] == 8
    assert result["kill_ms"]["count"] >= 10
    assert result["kill_ms"]["p99"] < 250
    assert result["display_ms"]["max"] < 3000
