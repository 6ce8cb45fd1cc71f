"""Programs that read a stream on their own: their bytes, decoded as they come."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import shutil
import threading
from typing import TYPE_CHECKING

import aiohttp
import av

from simulator.house.pictures import Picture, now_ms
from simulator.tag import read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.tag import Tag

CHUNK = 1 << 16
MAX_PICTURES = 4000
"""Pictures kept of one reader; later ones push the oldest out."""
_OPTIONS = {"probesize": "100000", "analyzeduration": "500000"}


class _Pipe:
    """What PyAV reads from: bytes put in by somebody else, until the end is put in."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._over = False

    def put(self, data: bytes) -> None:
        self._queue.put(data)

    def read(self, size: int) -> bytes:
        if not self._rest and not self._over:
            self._rest = self._queue.get()
            self._over = not self._rest
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


class Reader:
    """Reads a stream until it ends or :meth:`close`; every picture is decoded in a thread."""

    form = "mpegts"
    """What its bytes are, by FFmpeg's name."""
    buffered = False
    """Whether a program between may put out what it had got long before."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._pipe = _Pipe()
        self._thread = threading.Thread(target=self._decode, name="reader", daemon=True)
        self._task: asyncio.Task[None] | None = None
        self.pictures: list[Picture] = []
        self.bytes = 0
        self.last_byte_ms = 0.0
        self.answer = ""
        """How it ended."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._task = asyncio.create_task(self._run(), name="reader")

    @property
    def task(self) -> asyncio.Task[None]:
        """Done when the stream is over for this reader."""
        assert self._task is not None
        return self._task

    async def _run(self) -> None:
        raise NotImplementedError

    def _feed(self, data: bytes) -> None:
        if data:
            self.bytes += len(data)
            self.last_byte_ms = now_ms()
            self._pipe.put(data)

    def _decode(self) -> None:
        with (
            contextlib.suppress(av.FFmpegError, IndexError),
            av.open(self._pipe, "r", format=self.form, options=_OPTIONS) as container,
        ):
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                tags: list[Tag | None] = []
                with contextlib.suppress(av.FFmpegError):
                    tags = [read_frame(frame) for frame in packet.decode()]
                # Only its own time says when it was asked for.
                now = now_ms()
                self.pictures += [Picture("reader", tag, 0.0, now) for tag in tags]
                if len(self.pictures) > MAX_PICTURES:
                    del self.pictures[: MAX_PICTURES // 2]

    async def wait(self, count: int, seconds: float) -> None:
        """Wait for pictures with a tag, or the end."""
        deadline = now_ms() + seconds * 1000
        while now_ms() < deadline and not self.task.done():
            if sum(picture.tag is not None for picture in self.pictures) >= count:
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop reading, and finish decoding what has come."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._pipe.put(b"")
        await asyncio.to_thread(self._thread.join, 10.0)


class HttpReader(Reader):
    """Reads an address itself."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Read ``url``."""
        super().__init__()
        self._http = http
        self._url = url
        self._headers = headers

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        try:
            async with self._http.get(
                self._url, timeout=timeout, headers=self._headers
            ) as response:
                if response.status != 200:
                    self.answer = str(response.status)
                    return
                async for chunk in response.content.iter_any():
                    self._feed(chunk)
                self.answer = "ended"
        except aiohttp.ClientError, TimeoutError:
            self.answer = "connection closed"


class FfmpegReader(Reader):
    """Has ffmpeg read an address, as HomeKit does, and takes the video it puts out."""

    form = "h264"
    buffered = True

    def __init__(self, *source: str) -> None:
        """``source`` are ffmpeg's arguments up to and including the input."""
        super().__init__()
        self._source: Sequence[str] = source

    @staticmethod
    def program() -> str | None:
        """Return ffmpeg's path, None when there is none."""
        return shutil.which("ffmpeg")

    async def _run(self) -> None:
        program = self.program()
        assert program is not None
        child = await asyncio.create_subprocess_exec(
            program,
            *("-hide_banner", "-loglevel", "quiet", "-fflags", "nobuffer"),
            *("-probesize", "100000", "-analyzeduration", "500000"),
            *self._source,
            *("-map", "0:v:0", "-c", "copy", "-flush_packets", "1", "-f", self.form, "pipe:1"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdout is not None
        try:
            while data := await child.stdout.read(CHUNK):
                self._feed(data)
            self.answer = "ffmpeg ended"
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
