"""A viewer of a live HLS stream that decodes every picture and reads its tag."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from simulator.house.decoder import TagDecoder
from simulator.house.llhls import Playlist, PlaylistError, parse, variant
from simulator.house.pictures import Picture, Seen, TooLarge, now_ms, read_body

if TYPE_CHECKING:
    from concurrent.futures import Executor

START_TIMEOUT = 40.0
"""Seconds the first playlist may be held back: Home Assistant waits for a whole segment."""
STALL_TIMEOUT = 12.0
"""Seconds a later answer may take: two segments."""
MAX_PLAYLIST = 1 << 20


class StreamGone(Exception):
    """The stream ended for this viewer; ``status`` is the HTTP answer, 0 for none at all."""

    def __init__(self, what: str, status: int) -> None:
        """Keep what was asked for and the answer; never the address, which is the key."""
        super().__init__(f"{what}: {status or 'no answer'}")
        self.status = status


class HlsViewer:
    """Plays one HLS address from its live edge, part by part.

    Every picture goes to ``seen``. Runs in the caller's task: cancel it to stop watching.
    """

    def __init__(
        self, http: aiohttp.ClientSession, url: str, seen: Seen, executor: Executor
    ) -> None:
        """Watch the master playlist at ``url``; decoding runs in ``executor``."""
        self._http = http
        self._url = url
        self._seen = seen
        self._executor = executor
        self._decoder = TagDecoder()
        self._init: tuple[str, bytes] | None = None
        self.media_bytes = 0
        """Bytes of initialisation and media received."""
        self.last_media_ms = 0.0
        """When the last of them came, unix milliseconds."""
        self.pictures = 0

    async def run(self) -> None:
        """Watch until the stream is gone; raises :class:`StreamGone`."""
        url, playlist = await self._open()
        position = playlist.edge()
        while position is None:
            await asyncio.sleep(0.2)
            playlist = await self._reload(url)
            position = playlist.edge()
        while True:
            position = await self._consume(playlist, *position)
            if playlist.low_latency:
                playlist = await self._reload(url, *position)
            else:
                await asyncio.sleep(min(1.0, playlist.target_duration / 2))
                playlist = await self._reload(url)
            if playlist.segments and (
                position[0] < playlist.segments[0].sequence
                or position[0] > playlist.segments[-1].sequence + 1
            ):
                # Fallen out of the window, or the stream began anew: to the edge.
                position = playlist.edge() or position
                self._decoder.reset()

    async def _open(self) -> tuple[str, Playlist]:
        body = await self._get(self._url, "master playlist", START_TIMEOUT, MAX_PLAYLIST)
        try:
            url = variant(body.decode(), self._url)
            if url is None:
                return self._url, parse(body.decode(), self._url)
        except (PlaylistError, UnicodeDecodeError) as error:
            raise StreamGone(f"master playlist ({error})", HTTPStatus.OK) from None
        return url, await self._reload(url)

    async def _reload(
        self, url: str, sequence: int | None = None, part: int | None = None
    ) -> Playlist:
        query = "" if sequence is None else f"?_HLS_msn={sequence}&_HLS_part={part}"
        body = await self._get(url + query, "playlist", STALL_TIMEOUT, MAX_PLAYLIST)
        try:
            return parse(body.decode(), url)
        except (PlaylistError, UnicodeDecodeError) as error:
            raise StreamGone(f"playlist ({error})", HTTPStatus.OK) from None

    async def _consume(self, playlist: Playlist, sequence: int, part: int) -> tuple[int, int]:
        """Play everything from a position on; return the position that comes next."""
        while (segment := playlist.find(sequence)) is not None:
            if segment.discontinuity and part == 0:
                self._init = None
                self._decoder.reset()
            init = await self._initialisation(playlist)
            if not segment.parts and segment.url is not None and part == 0:
                # Too old for its parts to be listed.
                await self._play(init, segment.url)
            for piece in segment.parts[part:]:
                await self._play(init, piece.url)
            if segment.url is None:
                return sequence, max(part, len(segment.parts))
            sequence, part = sequence + 1, 0
        return sequence, part

    async def _initialisation(self, playlist: Playlist) -> bytes:
        url = playlist.init_url
        if url is None:
            return b""
        if self._init is None or self._init[0] != url:
            self._init = url, await self._media(url, "initialisation")
        return self._init[1]

    async def _play(self, init: bytes, url: str) -> None:
        requested = now_ms()
        data = await self._media(url, "part")
        received = self.last_media_ms
        tags = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._decoder.decode, init, data
        )
        for tag in tags:
            self.pictures += 1
            self._seen(Picture("hls", tag, requested, received))

    async def _media(self, url: str, what: str) -> bytes:
        body = await self._get(url, what, STALL_TIMEOUT)
        self.media_bytes += len(body)
        self.last_media_ms = now_ms()
        return body

    async def _get(self, url: str, what: str, timeout: float, limit: int = 1 << 25) -> bytes:
        try:
            async with (
                asyncio.timeout(timeout),
                self._http.get(url, timeout=aiohttp.ClientTimeout(total=None)) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise StreamGone(what, response.status)
                return await read_body(response, limit)
        except aiohttp.ClientError, TimeoutError:
            raise StreamGone(what, 0) from None
        except TooLarge:
            raise StreamGone(f"{what} (too large)", HTTPStatus.OK) from None
