"""Pictures over a bad network: they go on, whole and in order, and come back after a blackout."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from script.benchmark.quantile import quantile
from script.network_runs.blackouts import Blackout, blackout
from script.network_runs.clock import simulated
from script.network_runs.losses import watch
from script.network_runs.report import BLACKOUT, BLACKOUT_WORST, MIN_SHARE
from script.network_runs.watching import Watcher, camera_spec, eventually, running
from simulator.network import LossyPath

if TYPE_CHECKING:
    from simulator.camera.spec import Transport

NETWORK = "127.0.56"
CONNECTION_BYTES = 2 << 20
"""What a connection may hold here: seconds of a picture of 1 Mbit/s."""


async def test_nearly_every_picture_gets_through() -> None:
    # At the same time, so that each of three cameras could get another one's pictures.
    losses = (0.01, 0.05, 0.10)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(watch(number, NETWORK, loss=loss, seconds=10))
            for number, loss in enumerate(losses, 1)
        ]
    for loss, run in zip(losses, (task.result() for task in tasks), strict=True):
        assert run.lost == (pytest.approx(loss, abs=0.04), pytest.approx(loss, abs=0.04))
        assert run.doubled
        assert (run.sessions, run.interruptions) == (1, 0), "the session went on all the time"
        assert run.counters == sorted(set(run.counters)), "in order, each once"
        assert len(run.counters) > 120
        assert run.share >= MIN_SHARE
        assert run.violations == 0
        assert 0 < run.most_held < CONNECTION_BYTES


def _blackouts(seeds: int, *, gop_seconds: float, dark_seconds: float = 10.0) -> list[Blackout]:
    """Return blackouts: half with a camera that waits, half with one that gave its client up."""
    return [
        simulated(
            blackout(
                seed,
                NETWORK,
                gop_seconds=gop_seconds,
                patience=(8.0, 60.0)[seed % 2],
                dark_seconds=dark_seconds,
            )
        )
        for seed in range(seeds)
    ]


def test_pictures_come_back_after_a_blackout() -> None:
    """A second for a session, and then the camera's next key frame brings the picture.

    A tenth of the packets is lost all the time. With a key frame every second all are back in
    less than three seconds. With one every two seconds nearly all are: the key frame alone takes
    up to two, and repetitions of the camera's own packets, which are not ours to hurry, more
    than a second at times.
    """
    every_second = _blackouts(12, gop_seconds=1.0)
    every_two = _blackouts(24, gop_seconds=2.0)
    assert max(run.seconds for run in every_second) < BLACKOUT
    assert quantile([run.seconds for run in every_two], 0.95) < BLACKOUT
    assert max(run.seconds for run in every_two) < BLACKOUT_WORST
    for run in (*every_second, *every_two):
        assert run.age < 1.5, "live, not what was missed"
        assert run.violations == 0


@pytest.mark.parametrize("dark_seconds", [5.5, 12.0, 13.0])
def test_no_pause_falls_on_the_end_of_a_blackout(dark_seconds: float) -> None:
    """Whenever the network comes back, the camera is being looked for already."""
    runs = _blackouts(6, gop_seconds=1.0, dark_seconds=dark_seconds)
    assert max(run.seconds for run in runs) < BLACKOUT


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_path_without_faults_changes_nothing(transport: Transport) -> None:
    async with (
        running(camera_spec(f"{NETWORK}.6", gop_seconds=2.0, transport=transport)) as camera,
        LossyPath(camera.spec.address, f"{NETWORK}.106", delay_ms=40) as path,
    ):
        watcher = Watcher(camera, path.path_address)
        async with watcher.watching():
            await eventually(lambda: len(watcher.times) > 20, 10)
            if transport == "tcp":
                assert path.to_client.stream_bytes > 1000
                path.blackout = True
                await asyncio.sleep(0.3)
                seen = len(watcher.times)
                await asyncio.sleep(0.3)
                assert len(watcher.times) - seen <= 2
                path.blackout = False
                await eventually(lambda: len(watcher.times) > seen + 10, 5)
        (tags,) = watcher.tags()
        counters = [tag.counter for tag in tags]
        assert all(later == earlier + 1 for earlier, later in itertools.pairwise(counters))
        assert path.to_client.lost == 0 or path.to_client.stream_bytes


async def test_a_path_is_bad_in_the_way_it_is_told() -> None:
    received: list[int] = []

    class Echo(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            received.append(int.from_bytes(data))

    loop = asyncio.get_running_loop()
    camera, _ = await loop.create_datagram_endpoint(Echo, local_addr=(f"{NETWORK}.7", 32108))
    client, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(f"{NETWORK}.107", 32108)
    )
    with contextlib.closing(camera), contextlib.closing(client):
        async with LossyPath(f"{NETWORK}.7", f"{NETWORK}.107", seed=3) as path:

            async def send() -> list[int]:
                received.clear()
                for number in range(400):
                    client.sendto(number.to_bytes(2))
                    if number % 40 == 39:
                        await asyncio.sleep(0.005)
                await asyncio.sleep(0.25)
                return list(received)

            assert await send() == list(range(400))
            path.loss = 0.25
            assert 250 < len(await send()) < 350
            path.loss, path.duplicate = 0, 0.5
            got = await send()
            assert 550 < len(got) < 650
            assert set(got) == set(range(400))
            path.duplicate, path.reorder = 0, 0.2
            got = await send()
            assert sorted(got) == list(range(400)) != got
            path.reorder, path.jitter_ms = 0, 50
            started = time.monotonic()
            got = await send()
            assert sorted(got) == list(range(400)) != got
            assert time.monotonic() - started > 0.05
            path.blackout = True
            assert await send() == []
            path.blackout = False
            path.forget()
            path.jitter_ms = 0
            assert len(await send()) == 400
            assert path.flying == 0
            assert path.to_camera.datagrams == 2800
    await asyncio.sleep(0)
