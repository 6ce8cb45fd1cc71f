"""One reader of a feed, with a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from . import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .access_unit import Origin, SoundUnit
    from .mux import Parts

__all__ = ["Viewer"]


class _Waiting(NamedTuple):
    chunk: bytes
    keyframe: bool
    origin: Origin | None
    parts: Parts
    captured: float


class Viewer:
    """MPEG-TS chunks that begin at a key frame, to be taken or iterated over.

    A reader that is too slow loses whole groups of pictures, never part of a picture:
    when more than `max_bytes` wait, all of them go and reading resumes at the next key
    frame. Nothing is taken that is older than `max_age` by then: all goes up to the next
    key frame that is not.
    """

    def __init__(
        self,
        leave: Callable[[Viewer], None],
        *,
        max_bytes: int,
        max_age: Callable[[], float],
        on_sound: Callable[[SoundUnit], None] | None = None,
    ) -> None:
        """Make a viewer; `leave` is called when it closes, `max_age` gives seconds.

        `on_sound` is called by the feed with the sound as the camera coded it, as it comes.

        `fed` tells whether it has had a picture, `last_push` when (by `clock`;
        the time of joining before the first), `dropped` how many chunks it lost.
        """
        self.on_sound = on_sound
        self._leave = leave
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._want_keyframe = True
        self._ended = False
        self._changed = asyncio.Event()
        self._notify: Callable[[], None] = self._changed.set
        self.dropped = 0
        self.fed = False
        self.last_push = clock.now()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended

    def listen(self, notify: Callable[[], None]) -> None:
        """Call `notify` from now on, synchronously, when a chunk has come or the end has."""
        self._notify = notify

    def push(
        self,
        chunk: bytes,
        keyframe: bool,
        sound: bool = False,
        origin: Origin | None = None,
        parts: Parts = (),
        captured: float = -inf,
    ) -> None:
        """Queue a chunk (called by the feed); `sound` is one without a picture.

        `captured` is when its picture was, or the newest one before sound, by `clock`. What
        does not tell it is too old.
        """
        if self._queue:
            self._drop_old()
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
            self.last_push = clock.now()
        self._queue.append(_Waiting(chunk, keyframe, origin, parts, captured))
        self._bytes += len(chunk)
        self._notify()

    def take(self) -> tuple[bytes, Origin | None] | None:
        """Return the next chunk and where it comes from, None when there is none now."""
        if (taken := self._pop()) is None:
            return None
        return taken.chunk, taken.origin

    def take_parts(self) -> tuple[Parts, Origin | None] | None:
        """Return what the next chunk was made of, in place of the chunk."""
        if (taken := self._pop()) is None:
            return None
        return taken.parts, taken.origin

    def _pop(self) -> _Waiting | None:
        self._drop_old()
        if not self._queue:
            return None
        taken = self._queue.popleft()
        self._bytes -= len(taken.chunk)
        return taken

    def _drop_old(self) -> None:
        """Drop what is too old now, up to the next key frame that is not."""
        queue = self._queue
        if not queue or clock.now() - queue[0].captured <= self._max_age():
            return
        oldest = clock.now() - self._max_age()
        while queue and not (queue[0].keyframe and queue[0].captured >= oldest):
            self._bytes -= len(queue.popleft().chunk)
            self.dropped += 1
        self._want_keyframe = not queue

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
