"""One reader of a feed, with a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections import deque
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .access_unit import Origin

__all__ = ["Viewer"]


class Viewer:
    """MPEG-TS chunks that begin at a key frame, to be taken or iterated over.

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
        self._queue: deque[tuple[bytes, Origin | None]] = deque()
        self._bytes = 0
        self._want_keyframe = True
        self._ended = False
        self._changed = asyncio.Event()
        self._notify: Callable[[], None] = self._changed.set
        self.dropped = 0
        self.fed = False
        self.last_push = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended

    def listen(self, notify: Callable[[], None]) -> None:
        """Call `notify` from now on, synchronously, when a chunk has come or the end has."""
        self._notify = notify

    def push(
        self, chunk: bytes, keyframe: bool, sound: bool = False, origin: Origin | None = None
    ) -> None:
        """Queue a chunk (called by the feed); `sound` is one without a picture."""
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
        if not sound:
            self.fed = True
            self.last_push = time.monotonic()
        self._queue.append((chunk, origin))
        self._bytes += len(chunk)
        self._notify()

    def take(self) -> tuple[bytes, Origin | None] | None:
        """Return the next chunk and where it comes from, None when there is none now."""
        if not self._queue:
            return None
        taken = self._queue.popleft()
        self._bytes -= len(taken[0])
        return taken

    def end(self) -> None:
        """End at once; what is queued is dropped."""
        if self._ended:
            return
        self._ended = True
        self._queue.clear()
        self._bytes = 0
        self._notify()

    def close(self) -> None:
        """Leave the feed."""
        self.end()
        self._leave(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next chunk."""
        while (taken := self.take()) is None:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return taken[0]
