"""CPU, memory and delay of streams that run for a while, both sides on the same cameras."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
import time
from typing import TYPE_CHECKING

import aiohttp

from .home import FPS
from .processes import BenchFailed, Helper, cpu_seconds, rss_mb, wakeups
from .readers import Reader, check, decode
from .sides import OURS, PEER, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .home import Camera, Home
    from .sides import Peer

_SETTLE = 1.0
_COMPLETE = 0.9
_LOT = 4
"""So many cameras begin at once: those that replay encode their loops then."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one side's streams cost."""

    cpu_percent: float
    """Per stream, of one core."""
    wakeups: float
    """How often the process's threads were woken, per picture."""
    idle_mb: float
    """RSS of the process before its first stream."""
    rss_mb: float
    """RSS of the process with all streams."""
    kbit_per_second: float
    """Of the MPEG-TS that came, per stream."""
    delays_ms: list[float]
    """From each picture's capture to the arrival of its last byte at the reader; live only."""


@dataclass(slots=True)
class _Side:
    """One side's process and those who read from it."""

    pid: int
    urls: Sequence[str]
    idle_mb: float
    readers: list[Reader] = field(default_factory=list)
    _cpu: float = 0.0
    _wakeups: int = 0
    _rss_mb: float = 0.0

    async def started(self, cameras: Sequence[Camera], since: int) -> None:
        """Wait until all readers but the first have pictures of their cameras.

        Raises:
            BenchFailed: one has not.
        """
        for reader, camera in zip(self.readers[since:], cameras[since:], strict=False):
            check(await reader.first(), camera.did, reader.what)

    def begin(self) -> None:
        """Read the clocks."""
        self._cpu, self._wakeups = cpu_seconds(self.pid), wakeups(self.pid)

    def end(self) -> None:
        """Read the clocks again."""
        self._cpu = cpu_seconds(self.pid) - self._cpu
        self._wakeups = wakeups(self.pid) - self._wakeups
        self._rss_mb = rss_mb(self.pid)

    def cost(self, began: float, ended: float) -> tuple[Cost, int]:
        """Return what happened between the two readings, and how many pictures came."""
        count = len(self.readers)
        pictures = [
            picture
            for reader in self.readers
            for picture in reader.pictures()
            if began <= picture.at < ended
        ]
        size = sum(
            len(chunk)
            for reader in self.readers
            for at, chunk in reader.chunks
            if began <= at < ended
        )
        cost = Cost(
            self._cpu / (ended - began) / count * 100,
            self._wakeups / max(1, len(pictures)),
            self.idle_mb,
            self._rss_mb,
            size * 8 / (ended - began) / count / 1000,
            [],
        )
        return cost, len(pictures)


async def streams(
    home: Home,
    peer: Peer,
    folder: Path,
    cameras: Sequence[Camera],
    *,
    seconds: float,
    say: Callable[[str], None],
    profile: Path | None = None,
) -> dict[str, Cost]:
    """Measure a stream of each camera for `seconds`, by side; live ones' delays too.

    With `profile` our process takes one of these seconds, and writes it there.
    """
    dialled = {str(number): await home.go2rtc_url(cam) for number, cam in enumerate(cameras)}
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Helper("relay_process", folder, profile=profile))
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
        sides = {OURS: _Side(relay.pid, urls, rss_mb(relay.pid))}
        if go2rtc is not None:
            urls = [go2rtc.url(name) for name in dialled]
            sides[PEER] = _Side(go2rtc.pid, urls, rss_mb(go2rtc.pid))
        for start in range(0, len(cameras), _LOT):
            for number in range(start, min(start + _LOT, len(cameras))):
                # A camera serves whoever came first before the other: half of them each way.
                for name in turns(number):
                    if side := sides.get(name):
                        reader = Reader(http, side.urls[number], name)
                        side.readers.append(await stack.enter_async_context(reader))
                        await asyncio.sleep(0)
            await sides[OURS].started(cameras, start)
        if PEER in sides:
            try:
                await sides[PEER].started(cameras, 0)
            except BenchFailed as err:
                peer.give_up(str(err))
                del sides[PEER]
        await asyncio.sleep(_SETTLE)
        if profile is not None:
            relay.switch_profile()
        began = time.time()
        for side in sides.values():
            side.begin()
        await asyncio.sleep(seconds)
        ended = time.time()
        for side in sides.values():
            side.end()
        if profile is not None:
            relay.switch_profile()
            await asyncio.sleep(_SETTLE)
    costs: dict[str, Cost] = {}
    expected = (ended - began) * FPS * len(cameras)
    for name, side in sides.items():
        costs[name], came = side.cost(began, ended)
        if came < _COMPLETE * expected:
            say(f"only {came} of {expected:.0f} pictures came from {name}: too busy a machine?")
        for reader, camera in zip(side.readers, cameras, strict=True):
            if not camera.replays:
                costs[name].delays_ms.extend(_delays(reader, began, ended))
    return costs


def _delays(reader: Reader, began: float, ended: float) -> list[float]:
    """Return the delays, in ms, of the pictures that arrived within a time."""
    return [
        picture.at * 1000 - tag.captured_ms
        for picture, tag in decode(reader.pictures())
        if tag is not None and began <= picture.at < ended
    ]
