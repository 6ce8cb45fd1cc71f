"""The command that tells how bad networks are borne, and the clock it goes by."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time

import pytest

from script.network_runs.clock import simulated
from script.network_runs.progress import Progress
from script.network_runs.report import Figures, missed, table

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "script" / "network.py")]
KEPT: Figures = {
    "decoded": {"10%": {"share": 0.995, "pictures": 450}},
    "blackout_s": {
        "1": {"p50": 1.0, "p95": 1.5, "max": 2.9},
        "2": {"p50": 2.0, "p95": 2.9, "max": 3.2},
    },
    "reboot_s": {"udp": 6.0, "tcp": 2.0},
    "another_address_s": 7.0,
    "two_hours": {"pictures": 10, "pictures_missing": 0, "sounds": 20, "sounds_missing": 2},
    "seeds": 3,
}


@pytest.mark.e2e
def test_short_run() -> None:
    run = subprocess.run(
        [*COMMAND, "--json", "--seeds", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    steps = run.stderr.splitlines()
    assert all(line.startswith("network ") for line in steps)
    assert len(steps) == 9, "no line for each blackout where nobody watches"
    (line,) = run.stdout.splitlines()
    figures = json.loads(line)
    assert figures["missed"] == []
    assert list(figures["decoded"]) == ["1%", "5%", "10%"]
    assert all(of["pictures"] > 400 for of in figures["decoded"].values())
    assert list(figures["blackout_s"]) == ["1", "2"]
    assert all(0 < of["p50"] <= of["max"] < 4 for of in figures["blackout_s"].values())
    assert list(figures["reboot_s"]) == ["udp", "tcp"]
    assert figures["two_hours"]["pictures"] > 107_000
    assert figures["seeds"] == 2


@pytest.mark.e2e
def test_interrupted() -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        while "ten dark seconds" not in run.stderr.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, rest = run.communicate(timeout=20)
    assert run.returncode == 130
    assert rest.endswith("network: stopped\n")
    assert "Traceback" not in rest


@pytest.mark.parametrize("seeds", ["0", "x", "1001"])
def test_bad_arguments(seeds: str) -> None:
    run = subprocess.run(
        [*COMMAND, "--seeds", seeds], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "a number from 1 to 1000" in run.stderr


def test_what_is_kept_and_what_is_missed() -> None:
    assert missed(KEPT) == []
    assert "missed" not in table(KEPT)
    bad: Figures = {
        **KEPT,
        "decoded": {"10%": {"share": 0.98, "pictures": 450}},
        "blackout_s": {
            "1": {"p50": 1.0, "p95": 1.5, "max": 3.1},
            "2": {"p50": 2.0, "p95": 3.1, "max": 3.6},
        },
        "reboot_s": {"udp": 10.0, "tcp": 2.0},
        "another_address_s": 9.5,
        "two_hours": {"pictures": 10, "pictures_missing": 1, "sounds": 20, "sounds_missing": 3},
    }
    assert len(missed(bad)) == 8
    lines = table(bad).splitlines()
    assert sum(line.endswith("missed") for line in lines) == 8
    assert max(map(len, lines)) <= 80


def test_progress_is_one_line_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        progress = Progress("network", out)
        for number in range(3):
            progress.say(f"ten dark seconds, {number + 1} of 3")
        progress.say("two hours")
        progress.end()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert "3 of 3" in terminal.getvalue()
    assert [line.partition(" s  ")[2] for line in file.getvalue().splitlines()] == [
        "ten dark seconds, 1 of 3",
        "two hours",
    ]


# -- the clock -------------------------------------------------------------------------


def test_an_hour_takes_no_time() -> None:
    async def wait() -> tuple[float, float]:
        monotonic, wall = time.monotonic(), time.time()
        await asyncio.sleep(3600)
        return time.monotonic() - monotonic, time.time() - wall

    began = time.monotonic()
    passed = simulated(wait())
    assert time.monotonic() - began < 1
    assert passed == (pytest.approx(3600, abs=0.01), pytest.approx(3600, abs=0.01))


def test_what_is_sent_comes_before_time_goes_on() -> None:
    async def talk() -> list[float]:
        loop, came = asyncio.get_running_loop(), []
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        ):
            near.setblocking(False)
            near.bind(("127.0.56.120", 0))
            for number in range(3):
                loop.call_later(number, far.sendto, b"x", near.getsockname())
            began = loop.time()
            for _ in range(3):
                await loop.sock_recv(near, 10)
                came.append(loop.time() - began)
        return came

    assert simulated(talk()) == pytest.approx([0, 1, 2], abs=0.001)


def test_work_of_threads_takes_no_time_either() -> None:
    async def work() -> float:
        began = time.monotonic()
        assert await asyncio.to_thread(sum, (1, 2)) == 3
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return time.monotonic() - began

    assert simulated(work()) == pytest.approx(0, abs=0.001)
