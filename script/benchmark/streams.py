"""CPU, memory and delay of streams that run for a while, both sides on the same cameras."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
import time
from typing import TYPE_CHECKING

import aiohttp

from .home import FPS
from .processes import BenchFailed, Helper, cpu_seconds, rss_mb
from .readers import Reader, check, decode
from .sides import OURS, PEER, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .home import Camera, Home
    from .sides import Peer

_SETTLE = 1.0
_COMPLETE = 0.9


@dataclass(frozen=True, slots=True)
class Cost:
    """What one side's streams cost."""

    cpu_percent: float
    """Per stream, of one core."""
    idle_mb: float
    """RSS of the process before its first stream."""
    rss_mb: float
    """RSS of the process with all streams."""
    delays_ms: list[float]
    """From each picture's capture to the arrival of its last byte at the reader."""


@dataclass(slots=True)
class _Side:
    """One side's process and those who read from it."""

    pid: int
    urls: Sequence[str]
    idle_mb: float
    readers: list[Reader]
    cpu: float = 0.0

    async def started(self, cameras: Sequence[Camera]) -> None:
        """Wait until every reader has a picture of its camera; raises `BenchFailed`."""
        for reader, camera in zip(self.readers, cameras, strict=True):
            check(await reader.first(), camera.did, reader.what)

    def cost(self, began: float, ended: float) -> Cost:
        """Return what happened since `cpu` was read, at `began`."""
        cpu = cpu_seconds(self.pid) - self.cpu
        return Cost(
            cpu / (ended - began) / len(self.readers) * 100, self.idle_mb, rss_mb(self.pid), []
        )


async def streams(
    home: Home,
    peer: Peer,
    folder: Path,
    *,
    transport: str,
    count: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, Cost]:
    """Measure `count` streams for `seconds`, by side; delays are looked at when it is one."""
    cameras = home.streaming[transport, count]
    dialled = {str(number): await home.go2rtc_url(cam) for number, cam in enumerate(cameras)}
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Helper("relay_process", folder))
        go2rtc = await stack.enter_async_context(peer.running(folder, dialled))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        )
        asked = {"streams": [await home.stream(camera) for camera in cameras]}
        urls = (await relay.ask(asked))["urls"]
        await asyncio.sleep(_SETTLE)
        sides = {OURS: _Side(relay.pid, urls, rss_mb(relay.pid), [])}
        if go2rtc is not None:
            urls = [go2rtc.url(name) for name in dialled]
            sides[PEER] = _Side(go2rtc.pid, urls, rss_mb(go2rtc.pid), [])
        # A camera serves whoever came first before the other: half of them each way.
        for number in range(count):
            for name in turns(number):
                if side := sides.get(name):
                    reader = Reader(http, side.urls[number], name)
                    side.readers.append(await stack.enter_async_context(reader))
                    await asyncio.sleep(0)
        await sides[OURS].started(cameras)
        if PEER in sides:
            try:
                await sides[PEER].started(cameras)
            except BenchFailed as err:
                peer.give_up(str(err))
                del sides[PEER]
        await asyncio.sleep(_SETTLE)
        began = time.time()
        for side in sides.values():
            side.cpu = cpu_seconds(side.pid)
        await asyncio.sleep(seconds)
        ended = time.time()
        costs = {name: side.cost(began, ended) for name, side in sides.items()}
    expected = (ended - began) * FPS * count
    for name, side in sides.items():
        came = sum(
            began <= picture.at < ended for reader in side.readers for picture in reader.pictures()
        )
        if came < _COMPLETE * expected:
            say(f"only {came} of {expected:.0f} pictures came from {name}: too busy a machine?")
        if count == 1:
            costs[name].delays_ms.extend(_delays(side.readers[0], began, ended))
    return costs


def _delays(reader: Reader, began: float, ended: float) -> list[float]:
    """Return the delays, in ms, of the pictures that arrived within a time."""
    return [
        picture.at * 1000 - tag.captured_ms
        for picture, tag in decode(reader.pictures())
        if tag is not None and began <= picture.at < ended
    ]
