"""Pictures over a bad network: they go on, whole and in order, and come back after a blackout."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

import pytest

from simulator.network import LossyPath

from .watching import NETWORK, Watcher, eventually, running, share

CONNECTION_BYTES = 2 << 20
"""What a connection may hold here: seconds of a picture of 1 Mbit/s."""


async def _lossy(number: int, loss: float, seconds: float) -> Watcher:
    """Watch a camera for so long over a path that loses, delays and reorders."""
    async with (
        running(number) as camera,
        LossyPath(
            camera.spec.address,
            f"{NETWORK}.{100 + number}",
            loss=loss,
            reorder=0.1,
            jitter_ms=100,
            duplicate=0.02,
            seed=number,
        ) as path,
    ):
        watcher = Watcher(camera, path.path_address, sound=True)
        async with watcher.watching():
            await eventually(lambda: watcher.times, 10)
            await asyncio.sleep(seconds)
        for traffic in (path.to_camera, path.to_client):
            assert traffic.lost / traffic.datagrams == pytest.approx(loss, abs=0.04)
        assert path.to_client.doubled
        assert camera.media_connections_total == 1, "the session went on all the time"
    return watcher


async def test_nearly_every_picture_gets_through() -> None:
    # At the same time, so that each of three cameras could get another one's pictures.
    losses = (0.01, 0.05, 0.10)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_lossy(number, loss, 10)) for number, loss in enumerate(losses, 1)
        ]
    for watcher in (task.result() for task in tasks):
        (tags,) = watcher.tags()
        counters = [tag.counter for tag in tags]
        assert counters == sorted(set(counters)), "in order, each once"
        assert len(counters) > 120
        assert share(counters) >= 0.99
        assert watcher.violations == []
        assert 0 < watcher.most_held < CONNECTION_BYTES


async def _blackout(number: int, patience: float) -> tuple[float, Watcher]:
    """Watch a camera through ten dark seconds; return how long it took to be back."""
    async with (
        # How often there is a key frame is the camera's affair: here, every second.
        running(number, gop_seconds=1.0) as camera,
        LossyPath(
            camera.spec.address, f"{NETWORK}.{100 + number}", loss=0.1, jitter_ms=100, seed=number
        ) as path,
    ):
        camera.miss.silence_timeout = patience
        watcher = Watcher(camera, path.path_address)
        async with watcher.watching():
            await eventually(lambda: len(watcher.times) > 15, 10)
            path.blackout = True
            await asyncio.sleep(10)
            light = time.monotonic()
            path.blackout = False
            took = await eventually(lambda: watcher.since(light) > 0, 10)
            await asyncio.sleep(1.5)
            newest = watcher.tags()[-1][-1]
            assert time.time() - newest.captured_ms / 1000 < 1.5, "live, not what was missed"
    return took, watcher


async def test_pictures_come_back_after_a_blackout() -> None:
    # A camera that waits that long, and one that has given its client up meanwhile.
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_blackout(number, patience))
            for number, patience in enumerate((60.0, 8.0), 4)
        ]
    for took, watcher in (task.result() for task in tasks):
        counters = [tag.counter for tag in watcher.tags()[-1]]
        assert took < 3
        assert share(counters[-10:]) == 1
        assert watcher.violations == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_path_without_faults_changes_nothing(transport: str) -> None:
    async with (
        running(6, transport=transport) as camera,
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
