"""Decoding access units as they come, many viewers sharing a few threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import av

from simulator.tag import read_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from simulator.house.transport_stream import Unit
    from simulator.tag import Tag

BATCH_S = 0.15
"""Seconds of units that go to a thread together; when each came is noted before."""
MAX_WAITING = 2000
_REMEMBERED = 256


class UnitDecoder:
    """One H.264 decoder over a stream's units. Blocking: it belongs into a thread."""

    def __init__(self) -> None:
        """Wait for a unit that a decoder can begin with."""
        self._context: av.VideoCodecContext | None = None
        self._count = 0
        self._came: dict[int, float] = {}
        self.damaged = 0
        """Units that could not be decoded."""

    def decode(self, units: list[Unit]) -> list[tuple[Tag | None, float]]:
        """Return each picture's tag, None for an unreadable one, and when it came."""
        found: list[tuple[Tag | None, float]] = []
        for unit in units:
            if self._context is None:
                if not unit.is_start:
                    continue
                context = av.CodecContext.create("h264", "r")
                assert isinstance(context, av.VideoCodecContext)
                context.thread_count = 1  # frame threads would hold pictures back
                self._context = context
            packet = av.Packet(unit.data)
            packet.pts = packet.dts = self._count
            self._came[self._count] = unit.at
            self._count += 1
            try:
                frames = self._context.decode(packet)
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                at = self._came.pop(frame.pts, unit.at) if frame.pts is not None else unit.at
                found.append((read_frame(frame), at))
        while len(self._came) > _REMEMBERED:
            del self._came[next(iter(self._came))]
        return found


class TagReader:
    """Takes units as they come and hands on what is in them, in order.

    An asynchronous context manager; at its end everything taken has been handed on.
    """

    def __init__(self, executor: Executor, seen: Callable[[Tag | None, float], None]) -> None:
        """Decode in ``executor``; every picture goes to ``seen`` in the event loop."""
        self._executor = executor
        self._seen = seen
        self._decoder = UnitDecoder()
        self._waiting: list[Unit] = []
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def put(self, unit: Unit) -> None:
        """Take a unit; far too many are forgotten."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(unit)

    async def __aenter__(self) -> None:
        """Begin to decode."""
        self._task = asyncio.create_task(self._run(), name="decode")

    async def __aexit__(self, *_: object) -> None:
        """Decode what is left, and end."""
        self._ending.set()
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task.result()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not (self._ending.is_set() and not self._waiting):
            units, self._waiting = self._waiting, []
            if units:
                decoded = await loop.run_in_executor(self._executor, self._decoder.decode, units)
                for tag, at in decoded:
                    self._seen(tag, at)
            try:
                async with asyncio.timeout(BATCH_S):
                    await self._ending.wait()
            except TimeoutError:
                continue
