"""Readers of still pictures and of the MJPEG stream made of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
import re
from typing import TYPE_CHECKING

import aiohttp

from simulator.house.pictures import Picture, Seen, TooLarge, now_ms, read_body
from simulator.tag import read_image

if TYPE_CHECKING:
    from collections.abc import Mapping

STILL_TIMEOUT = 20.0
"""Seconds a still may take: the camera may have to be woken, and a keyframe awaited."""
MAX_STILL = 8 * 1024 * 1024
_LENGTH = re.compile(rb"Content-Length: (\d{1,8})\r\n\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Still:
    """The answer to one request for a still."""

    status: int
    """HTTP status; 0 when there was no answer."""
    size: int
    """Bytes of body."""
    picture: Picture | None
    """None when the answer is no picture; its tag may be None too."""


async def still(
    http: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None
) -> Still:
    """Fetch one still and read its tag."""
    requested = now_ms()
    try:
        async with (
            asyncio.timeout(STILL_TIMEOUT),
            http.get(url, headers=headers) as response,
        ):
            body = await read_body(response, MAX_STILL)
            status = response.status
            kind = response.content_type
    except aiohttp.ClientError, TimeoutError, TooLarge:
        return Still(0, 0, None)
    received = now_ms()
    if status != HTTPStatus.OK or not kind.startswith("image/"):
        return Still(status, len(body), None)
    tag = await asyncio.to_thread(read_image, body)
    return Still(status, len(body), Picture("still", tag, requested, received))


class MjpegViewer:
    """Watches a ``multipart/x-mixed-replace`` stream until it ends."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        seen: Seen,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Watch ``url``; every picture goes to ``seen``."""
        self._http = http
        self._url = url
        self._seen = seen
        self._headers = headers
        self.media_bytes = 0
        self.last_media_ms = 0.0
        self.status = 0

    async def run(self) -> None:
        """Return when the server ends the stream; 0 pictures is not an error here."""
        requested = now_ms()
        try:
            async with self._http.get(
                self._url,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=60),
            ) as response:
                self.status = response.status
                if response.status != HTTPStatus.OK:
                    return
                buffer = bytearray()
                async for chunk in response.content.iter_any():
                    self.media_bytes += len(chunk)
                    self.last_media_ms = now_ms()
                    buffer += chunk
                    while (body := _take(buffer)) is not None:
                        tag = await asyncio.to_thread(read_image, body)
                        self._seen(Picture("mjpeg", tag, requested, self.last_media_ms))
                    if len(buffer) > MAX_STILL:
                        return
        except aiohttp.ClientError, TimeoutError:
            return


def _take(buffer: bytearray) -> bytes | None:
    """Remove and return the first complete picture in the buffer."""
    match = _LENGTH.search(buffer)
    if match is None:
        return None
    end = match.end() + int(match[1])
    if len(buffer) < end:
        return None
    body = bytes(buffer[match.end() : end])
    del buffer[:end]
    return body
