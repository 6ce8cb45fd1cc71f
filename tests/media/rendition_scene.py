"""A lens that plays tagged pictures, its rendition, and what the tests of it look at."""

from __future__ import annotations

import asyncio
from pathlib import Path
import time
from typing import TYPE_CHECKING

import av

from custom_components.mi_camera.media import (
    AccessUnit,
    EncoderChoice,
    EncoderSlots,
    Feed,
    FeedLimits,
    Rendition,
    Source,
    clock,
)
from custom_components.mi_camera.miss import Codec
from simulator.encoder import PictureEncoder
from simulator.tag import Tag, draw, read_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.gate import Gate
    from custom_components.mi_camera.media.viewer import Viewer

    from .pictures import FakeCamera, FakeUpstream

DID = 1001
SOURCE = Source(str(DID), 0)
LIMITS = FeedLimits(linger=0.2, stall=3.0, first_picture=8.0, backoff=(0.05, 0.2))
FPS = 15
DEAD = {None, "Z", "X"}
"""States of a process that runs no more; who is to reap it is another matter."""


class Scene:
    """A feed, its rendition, and what plays into it."""

    def __init__(
        self,
        camera: FakeCamera,
        gate: Gate,
        slots: EncoderSlots | None = None,
        binary: str = "ffmpeg",
    ) -> None:
        self.camera, self.gate = camera, gate
        self.slots = slots or EncoderSlots(1)
        # What a machine has is none of these tests' business.
        self.choice = EncoderChoice((), after=0.0)
        self.feed = Feed(SOURCE, camera.connect, limits=LIMITS)
        self.violations: list[Source] = []
        self.binary = binary
        self.rendition = Rendition(
            self.feed,
            self._path,
            slots=self.slots,
            choice=self.choice,
            on_violation=self.violations.append,
            starting=2.0,
        )
        self.rendition.limit(LIMITS)
        gate.on_close(self.cut)

    async def _path(self) -> str:
        return self.binary

    def cut(self) -> None:
        self.rendition.cut()
        self.feed.cut()

    async def close(self) -> None:
        await self.rendition.close()
        await self.feed.close()
        await self.choice.close()
        assert self.slots.taken == 0

    def view(self) -> Viewer:
        return self.rendition.feed.view(self.gate.require())

    @property
    def pid(self) -> int:
        (pid,) = self.rendition.upstream.encoders
        return pid

    async def play(
        self,
        seconds: float = 30.0,
        *,
        codec: str = "h265",
        size: tuple[int, int] = (640, 360),
        group: int = 45,
    ) -> None:
        """Send tagged pictures as they are drawn."""
        session = await self.camera.session(len(self.camera.sessions) or 1)
        encoder = PictureEncoder(codec, *size, FPS)  # type: ignore[arg-type]
        for number in range(int(seconds * FPS)):
            captured, stamp = clock.now(), time.time()
            encoder.planes[0][:] = 60 + number % 100
            encoder.planes[1][:] = encoder.planes[2][:] = 128
            draw(encoder.planes[0], Tag(DID, 0, number, int(stamp * 1000)))
            key = number % group == 0
            data = encoder.encode(key=key)
            kind = Codec.H265 if codec == "h265" else Codec.H264
            send(session, number, captured, kind, key, data)
            await asyncio.sleep(max(0.0, captured + 1 / FPS - clock.now()))


def send(
    session: FakeUpstream, number: int, captured: float, codec: Codec, key: bool, data: bytes
) -> None:
    session.on_unit(
        AccessUnit(
            SOURCE,
            session.epoch,
            session.session,
            number,
            captured,
            codec,
            key,
            data,
            session.tracks,
        )
    )


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def units_of(viewer: Viewer, count: int, seconds: float = 15.0) -> list[AccessUnit]:
    """Return the next pictures a viewer gets."""
    units: list[AccessUnit] = []
    async with asyncio.timeout(seconds):
        while len(units) < count:
            assert not viewer.ended
            while (taken := viewer.take_parts()) is not None:
                units += [part for part in taken[0] if isinstance(part, AccessUnit)]
            await asyncio.sleep(0.01)
    return units


def tags(units: list[AccessUnit]) -> list[Tag]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    found = []
    for packet in [*(av.Packet(unit.data) for unit in units), None]:
        for frame in decoder.decode(packet):
            tag = read_frame(frame)
            assert tag is not None
            found.append(tag)
    return found


def state_of(pid: int) -> str | None:
    """Return the state letter of a process, None when it is gone and reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)
