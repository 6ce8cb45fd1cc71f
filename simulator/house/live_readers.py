"""Readers of endless streams: of the relay itself, and of go2rtc's RTSP port.

They stand for whatever else on the machine may read there, as HomeKit's ffmpeg does: they got
an address once and hold on to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
import re
from typing import TYPE_CHECKING, Protocol

import aiohttp

from simulator.house.hls import StreamGone
from simulator.house.pictures import Picture, Seen, now_ms
from simulator.house.rtp import AccessUnits
from simulator.house.transport_stream import TransportStream, Unit
from simulator.house.unit_decoder import TagReader

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from simulator.tag import Tag

SILENCE = 8.0
"""Seconds without a byte after which a reader gives up, as ffmpeg with its timeout does."""
ANSWER = 12.0
"""Seconds until a server must have said what it has; go2rtc reads its source before."""
_MAX_HEAD = 16 * 1024
_MAX_BODY = 64 * 1024
_LENGTH = re.compile(rb"content-length: *(\d{1,6})", re.IGNORECASE)
_SESSION = re.compile(r"session: *([^;\s]+)", re.IGNORECASE)
_CONTROL = re.compile(r"^m=video .*?^a=control:(\S+)", re.MULTILINE | re.DOTALL)


class LiveReader(Protocol):
    """What both readers have in common."""

    last_ms: float
    """When the last byte of media came, unix milliseconds; 0 before the first."""
    began_ms: float
    """When the stream was asked for."""

    async def run(self) -> None:
        """Read until the stream is gone; raises :class:`StreamGone`, always."""


class _Reader:
    def __init__(self, source: str, seen: Seen, executor: Executor | None) -> None:
        self._source = source
        self._seen = seen
        self._tags = None if executor is None else TagReader(executor, self._decoded)
        self.last_ms = 0.0
        self.began_ms = 0.0
        self.media_bytes = 0

    def _decoded(self, tag: Tag | None, at: float) -> None:
        self._seen(Picture(self._source, tag, self.began_ms, at))

    def _came(self, size: int) -> float:
        self.media_bytes += size
        self.last_ms = now_ms()
        return self.last_ms

    def _put(self, unit: Unit) -> None:
        if self._tags is not None:
            self._tags.put(unit)

    async def run(self) -> None:
        """Read until the stream is gone; raises :class:`StreamGone`, always."""
        self.began_ms = now_ms()
        async with self._tags or contextlib.nullcontext():
            await self._read()

    async def _read(self) -> None:
        raise NotImplementedError


class RelayReader(_Reader):
    """Reads one address of the relay; without an executor it only counts bytes."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, seen: Seen, executor: Executor | None
    ) -> None:
        """Read ``url``; every picture goes to ``seen`` as one of ``relay``."""
        super().__init__("relay", seen, executor)
        self._http = http
        self._url = url
        self.status = 0

    async def _read(self) -> None:
        stream = TransportStream()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE)
        try:
            async with self._http.get(self._url, timeout=timeout) as response:
                self.status = response.status
                if response.status == HTTPStatus.OK:
                    async for chunk in response.content.iter_any():
                        at = self._came(len(chunk))
                        if self._tags is not None:
                            for unit in stream.feed(chunk, at):
                                self._put(unit)
        except aiohttp.ClientError, TimeoutError:
            pass
        raise StreamGone("relay", self.status)


class RtspReader(_Reader):
    """Plays the video of one stream at an RTSP server, over its one TCP connection."""

    def __init__(self, url: str, seen: Seen, executor: Executor | None) -> None:
        """Play ``rtsp://host:port/name``; every picture goes to ``seen`` as one of ``rtsp``."""
        super().__init__("rtsp", seen, executor)
        self._url = url
        self._sequence = 0

    async def _read(self) -> None:
        host, _, port = self._url.removeprefix("rtsp://").partition("/")[0].partition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            raise StreamGone("RTSP", 0) from None
        try:
            async with asyncio.timeout(ANSWER):
                units = await self._play(reader, writer)
            await self._packets(reader, units)
        except OSError, EOFError, TimeoutError, asyncio.LimitOverrunError:
            raise StreamGone("RTSP", 0) from None
        finally:
            writer.transport.abort()

    async def _play(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> AccessUnits:
        url = f"{self._url}?video"
        _, sdp = await self._ask(reader, writer, "DESCRIBE", url, "Accept: application/sdp")
        match = _CONTROL.search(sdp)
        if match is None:
            raise StreamGone("RTSP, nothing to play", HTTPStatus.OK)
        track = match[1] if match[1].startswith("rtsp://") else f"{self._url}/{match[1]}"
        head, _ = await self._ask(
            reader, writer, "SETUP", track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        )
        session = _SESSION.search(head)
        if session is None:
            raise StreamGone("RTSP, no session", HTTPStatus.OK)
        await self._ask(reader, writer, "PLAY", url, f"Session: {session[1]}")
        return AccessUnits(sdp)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        url: str,
        header: str,
    ) -> tuple[str, str]:
        self._sequence += 1
        writer.write(
            f"{method} {url} RTSP/1.0\r\nCSeq: {self._sequence}\r\n{header}\r\n\r\n".encode()
        )
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        body = b""
        if (length := _LENGTH.search(head)) and int(length[1]) <= _MAX_BODY:
            body = await reader.readexactly(int(length[1]))
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            number = status[0].decode("ascii", "replace") if status else ""
            raise StreamGone(f"RTSP {method}", int(number) if number.isdecimal() else 0)
        return head.decode("utf-8", "replace"), body.decode("utf-8", "replace")

    async def _packets(self, reader: asyncio.StreamReader, units: AccessUnits) -> None:
        while True:
            async with asyncio.timeout(SILENCE):
                head = await reader.readexactly(4)
                if head[0] != ord("$"):  # an answer or request in between
                    await reader.readuntil(b"\r\n\r\n")
                    continue
                packet = await reader.readexactly(int.from_bytes(head[2:4]))
            if head[1] != 0:
                continue
            at = self._came(len(packet))
            if (unit := units.push(packet)) is not None:
                self._put(Unit(unit, at))
