"""Somebody who watches a camera through the product: gate, link, feed, and a decoder."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
import gc
import io
import time
from typing import TYPE_CHECKING

import av

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import CameraLink, Feed, MissUpstream, Source
from custom_components.mi_camera.miss import MissKeys, new_client_key
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.models import CameraModel
from script.fuzzing.target import held
from simulator.camera import CameraSpec, SimCamera
from simulator.keys import KeyBook
from simulator.tag import Tag, read_frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from custom_components.mi_camera.media import UpstreamError
    from simulator.camera.spec import Transport

_MISS = "custom_components.mi_camera.miss."


def camera_spec(
    address: str, *, did: int = 5_000_000_101, gop_seconds: float, transport: Transport = "udp"
) -> CameraSpec:
    """Describe a camera with a small picture, 15 of them a second."""
    return CameraSpec(
        did=did,
        model="isa.camera.hlc7",
        name="Porch",
        scene="porch",
        address=address,
        mac=f"02:00:00:00:{did >> 8 & 0xFF:02x}:{did & 0xFF:02x}",
        token=bytes(16),
        transport=transport,
        gop_seconds=gop_seconds,
        qualities={2: (320, 180)},
    )


async def eventually(condition: Callable[[], object], timeout: float) -> float:
    """Wait until a callable is true; return how many seconds that took.

    Raises:
        TimeoutError: it did not become true.
    """
    started = time.monotonic()
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - conditions of all kinds
            await asyncio.sleep(0.01)
    return time.monotonic() - started


@contextlib.asynccontextmanager
async def running(spec: CameraSpec) -> AsyncGenerator[SimCamera]:
    """Run a camera with a key book of its own."""
    camera = SimCamera(spec, KeyBook())
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


class Keys:
    """The source of keys: asks the camera's key book, or is out of order."""

    def __init__(self, camera: SimCamera) -> None:
        """Have none yet."""
        self.camera = camera
        self.asked: list[bool] = []
        """Whether fresh ones were wanted, for each time keys were."""
        self.outage: UpstreamError | None = None
        self._kept: MissKeys | None = None

    async def __call__(self, *, fresh: bool) -> MissKeys:
        """Return keys (`KeySource`)."""
        self.asked.append(fresh)
        if self._kept is None or fresh:
            if self.outage is not None:
                raise self.outage
            book, did = self.camera.keys, self.camera.spec.did
            private, public = new_client_key()
            self._kept = MissKeys(private, public, book.device_public(did), book.sign(did, public))
        return self._kept


@dataclass
class Watcher:
    """Reads a feed as a player does: when it ends it is opened again."""

    camera: SimCamera
    host: str
    """Where the camera is looked for; a change counts from the next session on."""
    sound: bool = False
    keys: Keys = field(init=False)
    runs: list[bytearray] = field(default_factory=list)
    """What came, one entry for each time the feed was opened."""
    times: list[float] = field(default_factory=list)
    """When each chunk came, monotonic seconds."""
    most_held: int = 0
    """The most bytes the connection held at any time."""

    def __post_init__(self) -> None:
        """Make a link and a feed; nothing is opened."""
        self.gate = Gate()
        self.keys = Keys(self.camera)
        source = Source(str(self.camera.spec.did))
        self.violations: list[Source] = []
        self.link = CameraLink(source.did, lambda: self.host, self.keys, CameraModel())
        upstream = MissUpstream(source, self.link, sound=lambda: self.sound)
        self.feed = Feed(source, upstream.connect, on_violation=self.violations.append)
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncGenerator[Watcher]:
        """Watch."""
        self.gate.open()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._weigh())]
        try:
            yield self
        finally:
            self.gate.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            await self.feed.close()
            await self.link.close()

    async def _read(self) -> None:
        while True:
            viewer = self.feed.view(self.gate.require())
            run = bytearray()
            self.runs.append(run)
            try:
                async for chunk in viewer:
                    self.times.append(time.monotonic())
                    run += chunk
            finally:
                viewer.close()
            await asyncio.sleep(0.1)

    async def _weigh(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            for connection in self.connections():
                self.most_held = max(self.most_held, held(connection))

    def connections(self) -> list[Cs2Connection]:
        """Return the open connections of this link, wherever its parts keep them."""
        found = []
        todo: list[object] = list(self.link.clients)
        seen: set[int] = set()
        while todo:
            one = todo.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Cs2Connection):
                found.append(one)
            elif isinstance(one, dict) or type(one).__module__.startswith(_MISS):
                todo += gc.get_referents(one)
        return found

    def since(self, moment: float) -> int:
        """Return how many chunks came after a moment."""
        return sum(at > moment for at in self.times)

    def tags(self) -> list[list[Tag]]:
        """Decode everything; return the tags of each run. No picture may be damaged or foreign."""
        runs = []
        for run in self.runs:
            tags = []
            for picture in _decoded(bytes(run)):
                tag = read_frame(picture)
                assert tag is not None, "a damaged picture"
                assert tag.did == self.camera.spec.did, "a picture of another camera"
                tags.append(tag)
            if tags:
                runs.append(tags)
        return runs


def _decoded(data: bytes) -> list[av.VideoFrame]:
    if not data:
        return []
    with av.open(io.BytesIO(data), mode="r", format="mpegts") as container:
        return list(container.decode(video=0))


def share(counters: Sequence[int]) -> float:
    """Return which share of the pictures between the first and the last is there."""
    return len(set(counters)) / (counters[-1] - counters[0] + 1)
