"""What a far-end reader hands on, and bounded HTTP reading."""

from __future__ import annotations

from dataclasses import dataclass
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from simulator.tag import Tag

MAX_BODY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as a viewer got it; times are unix milliseconds."""

    source: str
    """``hls``, ``still``, ``mjpeg``, ``display``, ``browser`` or ``webrtc``."""
    tag: Tag | None
    """None when the picture could be decoded but its tag could not be read."""
    requested_ms: float
    """When the request began that delivered it."""
    received_ms: float
    """When its last byte was there."""

    @property
    def age_ms(self) -> float:
        """How old the picture was on arrival."""
        return 0.0 if self.tag is None else self.received_ms - self.tag.captured_ms


type Seen = Callable[[Picture], None]


def now_ms() -> float:
    """Return the time in unix milliseconds."""
    return time.time() * 1000


class TooLarge(Exception):
    """A body larger than anything a camera sends."""


async def read_body(response: aiohttp.ClientResponse, limit: int = MAX_BODY) -> bytes:
    """Read a body of at most ``limit`` bytes; raises :class:`TooLarge`."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return bytes(body)
