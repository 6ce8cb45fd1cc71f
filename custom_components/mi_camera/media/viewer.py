"""One reader of a feed, with a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections import deque
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["Viewer"]


class Viewer:
    """Async iterator over MPEG-TS chunks that begins at a key frame.

    A reader that is too slow loses whole groups of pictures, never part of a picture:
    when more than `max_bytes` wait, all of them go and reading resumes at the next key
    frame.
    """

    def __init__(self, leave: Callable[[Viewer], None], *, max_bytes: int) -> None:
        """Make a viewer; `leave` is called when it closes.

        `fed` tells whether it has had a picture, `last_push` when (monotonic, seconds;
        the time of joining before the first), `dropped` how many chunks it lost.
        """
        self._leave = leave
        self._max_bytes = max_bytes
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._want_keyframe = True
        self._ended = False
        self._wake = asyncio.Event()
        self.dropped = 0
        self.fed = False
        self.last_push = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended

    def push(self, chunk: bytes, *, keyframe: bool) -> None:
        """Queue a chunk (called by the feed)."""
        if self._ended or (self._want_keyframe and not keyframe):
            return
        if self._bytes + len(chunk) > self._max_bytes:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._bytes = 0
            self._want_keyframe = True
            if not keyframe or len(chunk) > self._max_bytes:
                return
        self._want_keyframe = False
        self.fed = True
        self.last_push = time.monotonic()
        self._queue.append(chunk)
        self._bytes += len(chunk)
        self._wake.set()

    def end(self) -> None:
        """End at once; what is queued is dropped."""
        self._ended = True
        self._queue.clear()
        self._bytes = 0
        self._wake.set()

    def close(self) -> None:
        """Leave the feed."""
        if not self._ended:
            self.end()
        self._leave(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next chunk."""
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self._ended:
            raise StopAsyncIteration
        chunk = self._queue.popleft()
        self._bytes -= len(chunk)
        return chunk
