"""Reads streams over HTTP as Home Assistant would, and looks at what came."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

import aiohttp
import av

from simulator.house.transport_stream import TransportStream, Unit
from simulator.tag import Tag, read_frame

from .processes import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATIENCE = 20.0
"""Seconds until the first picture must be there."""
_CHUNK = 1 << 18


class Reader:
    """Reads one stream from the moment it is entered, and keeps everything with its time."""

    def __init__(self, http: aiohttp.ClientSession, url: str, what: str) -> None:
        """Read `url`; `what` names it in errors."""
        self.what = what
        self.chunks: list[tuple[float, bytes]] = []
        self.asked = 0.0
        """When the stream was asked for, Unix time in seconds."""
        self._http = http
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Ask for the stream."""
        self._task = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _read(self) -> None:
        self.asked = time.time()
        try:
            async with self._http.get(self._url) as response:
                if response.status != 200:
                    return
                while chunk := await response.content.read(_CHUNK):
                    self.chunks.append((time.time(), chunk))
                    self._came.set()
        except aiohttp.ClientError:
            return
        finally:
            self._came.set()

    async def first(self) -> Unit:
        """Return the first picture that can be decoded.

        Raises:
            BenchFailed: there is none, or the stream ended.
        """
        stream = TransportStream()
        taken = 0
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    while taken < len(self.chunks):
                        at, chunk = self.chunks[taken]
                        taken += 1
                        for picture in stream.feed(chunk, at):
                            if picture.is_start:
                                return picture
                    if self._task is None or self._task.done():
                        break
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            pass
        raise BenchFailed(f"{self.what} gives no picture")

    def pictures(self) -> Iterator[Unit]:
        """Yield all pictures so far."""
        stream = TransportStream()
        for at, chunk in self.chunks:
            yield from stream.feed(chunk, at)


def decode(pictures: Iterable[Unit]) -> Iterator[tuple[Unit, Tag | None]]:
    """Decode H.264 pictures from the first that is a start; yield each with its tag."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    waiting: dict[int, Unit] = {}
    for index, picture in enumerate(pictures):
        if not waiting and not picture.is_start:
            continue
        packet = av.Packet(picture.data)
        packet.pts = packet.dts = index
        waiting[index] = picture
        for frame in decoder.decode(packet):
            if frame.pts is not None:
                yield waiting[frame.pts], read_frame(frame)


def check(picture: Unit, did: int, what: str) -> None:
    """Make sure that this one picture decodes, and shows the camera it should.

    Raises:
        BenchFailed: it does not.
    """
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [*decoder.decode(av.Packet(picture.data)), *decoder.decode(None)]
    tags = [read_frame(frame) for frame in frames]
    if [tag and tag.did for tag in tags] != [did]:
        raise BenchFailed(f"{what} gives a picture that is not whole, or another camera's")
