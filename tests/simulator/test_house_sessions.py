"""The parts of the sessions' soak: what is planned, how it is counted, what counts as flat."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
import os
import sys
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st

from simulator.description import HomeSpec
from simulator.house import sessions_home
from simulator.house.sessions_census import Census, look
from simulator.house.sessions_memory import FEWEST, GROWS_MIB, Memory
from simulator.house.sessions_plan import STALE_S, WAYS, WORLDS, Way, World, rounds

if TYPE_CHECKING:
    from pathlib import Path


def test_its_home_can_be_read(tmp_path: Path) -> None:
    spec = HomeSpec.read(sessions_home.write(tmp_path / "home.json"))
    assert len(spec.displays) == sessions_home.DISPLAYS
    assert [camera.codec for camera in spec.cameras] == ["h264", "h264", "h264", "h265"]
    addresses = {one.address for one in (*spec.cameras, *spec.displays)}
    assert all(one.startswith(f"{sessions_home.NETWORK}.") for one in addresses)
    assert (sessions_home.PROBE / "manifest.json").exists()


@settings(max_examples=20)
@given(st.integers(0, 1 << 32), st.integers(1, 6), st.integers(1, 12))
def test_each_round_uses_each_display_once_and_everything_happens(
    seed: int, cameras: int, displays: int
) -> None:
    plan = list(islice(rounds(cameras, displays, seed), 60))
    assert plan == list(islice(rounds(cameras, displays, seed), 60))
    ways: Counter[Way] = Counter()
    for one in plan:
        used = [number for show in one.shows for number in show.displays]
        assert sorted(used) == list(range(displays))
        assert all(show.camera in range(cameras) for show in one.shows)
        assert one.camera == one.shows[0].camera
        ways.update(show.way for show in one.shows)
        if one.world is World.STALE:
            assert one.shows[0].seconds > one.after + STALE_S
    assert {one.world for one in plan} == set(WORLDS)
    if ways.total() >= 2 * sum(WAYS.values()):
        assert set(ways) == set(WAYS)


async def test_a_process_is_counted_with_its_sockets_and_children() -> None:
    before = look(os.getpid())
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    try:
        now = look(os.getpid())
        assert now.sockets >= before.sockets + 1
        assert now.children == before.children + 1
        assert now.ffmpeg == before.ffmpeg
        assert now.threads >= 1
        assert 10 < now.rss_mib < 100_000
    finally:
        server.close()
        await server.wait_closed()
        await child.communicate(b"\n")
    after = look(os.getpid())
    assert after.children == before.children
    assert after.sockets <= before.sockets


def census(**counts: int) -> Census:
    return Census(
        {"tokens": 0, "sessions": 0, "streams": 0, "ffmpeg": 0, "tasks": 5, "sockets": 9} | counts,
        {"poll": counts.get("tasks", 5)},
        {"Stream": 1},
    )


def test_what_is_more_than_before_has_leaked() -> None:
    before = census()
    assert not any(census(tasks=4, sockets=9).leaked(before).values())
    assert census(tasks=7, tokens=1).leaked(before) == {
        "tokens": 1,
        "sessions": 0,
        "streams": 0,
        "ffmpeg": 0,
        "tasks": 2,
        "sockets": 0,
    }
    assert census(tasks=7).details(before) == ["2 more of poll"]
    # Those that must be none are counted in full, also without anything to compare with.
    assert census(tokens=2).leaked(census(tokens=2))["tokens"] == 2
    assert census(tokens=2).leaked(None) == {
        "tokens": 2,
        "sessions": 0,
        "streams": 0,
        "ffmpeg": 0,
    }


def test_what_is_passing_is_not_left_over() -> None:
    first, second = census(tasks=9, sockets=12), census(tasks=6, sockets=15)
    least = second.least(first)
    assert (least.counts["tasks"], least.counts["sockets"]) == (6, 12)
    assert least.tasks == {"poll": 6}
    assert first.least(None) is first


def memory(values: list[float]) -> Memory:
    found = Memory()
    for number, value in enumerate(values):
        found.add(number * 10, value)
    return found


def test_memory_that_grows_and_grows_is_not_flat() -> None:
    count = FEWEST // 5
    filling = [300 + min(number, 20) for number in range(count)]
    assert memory(filling).result()["flat"] is True
    assert memory([300.0 + number for number in range(2 * count)]).result()["flat"] is False
    result = memory([300 + GROWS_MIB * number / count for number in range(count)]).result()
    assert result["flat"] is True
    assert 0 < result["grown"] < GROWS_MIB
    assert result["per_100_sessions"] > 0


def test_of_a_short_run_nothing_is_said() -> None:
    found = memory([300.0, 310.0, 400.0])
    assert found.result()["flat"] is None
    assert found.result()["peak"] == 400.0
    found.begin()
    found.add(30, 410.0)
    assert found.result()["start"] == 400.0
