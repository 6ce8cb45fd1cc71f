"""Who watches a feed, and who waits for its next key frame."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .feed_limits import LATE

if TYPE_CHECKING:
    from .access_unit import AccessUnit, SoundUnit
    from .feed_limits import FeedLimits
    from .programme import Chunk
    from .viewer import Viewer

__all__ = ["Audience"]


class Audience:
    """Viewers of a feed, each with a queue of its own, and those who wait for one key frame."""

    def __init__(self) -> None:
        """Have nobody."""
        self.viewers: set[Viewer] = set()
        self._waiters: set[asyncio.Future[AccessUnit]] = set()

    def __len__(self) -> int:
        """How many there are now."""
        return len(self.viewers) + len(self._waiters)

    # -- giving --------------------------------------------------------------------------

    def give(self, chunk: Chunk) -> None:
        """Queue a chunk for each viewer."""
        # One that cannot be served any more leaves meanwhile.
        for viewer in tuple(self.viewers):
            viewer.push(*chunk)

    def give_sound(self, unit: SoundUnit) -> None:
        """Give a piece of sound, as the camera coded it, to who takes it so."""
        for viewer in tuple(self.viewers):
            if viewer.on_sound is not None and not viewer.ended:
                viewer.on_sound(unit)

    def give_keyframe(self, unit: AccessUnit) -> None:
        """Give a key frame to who waits for one."""
        for future in self._waiters:
            if not future.done():
                future.set_result(unit)

    def wait_for_keyframe(self) -> asyncio.Future[AccessUnit]:
        """Return what will hold the next key frame; `forget` it when done."""
        future: asyncio.Future[AccessUnit] = asyncio.get_running_loop().create_future()
        self._waiters.add(future)
        return future

    def forget(self, future: asyncio.Future[AccessUnit]) -> None:
        """Give nothing any more to who has waited."""
        self._waiters.discard(future)

    # -- ending --------------------------------------------------------------------------

    def end_viewers(self) -> None:
        """End all viewers."""
        for viewer in tuple(self.viewers):
            viewer.end()

    def fail_waiters(self) -> None:
        """Tell who waits for a key frame that none will come."""
        for future in self._waiters:
            if not future.done():
                future.set_exception(TimeoutError())

    def end(self) -> None:
        """End all."""
        self.end_viewers()
        self.fail_waiters()

    def end_stalled(self, now: float, limits: FeedLimits) -> bool:
        """End viewers that have waited too long; return whether there was any."""
        stalled = False
        for viewer in tuple(self.viewers):
            if not viewer.ended and now > _deadline(viewer, limits):
                viewer.end()
                stalled = True
        return stalled

    def patience(self, now: float, limits: FeedLimits) -> float:
        """Return in how many seconds the next of those here will have waited too long.

        Who joins meanwhile waits longer than that.
        """
        left = min(limits.stall, limits.first_picture)
        for viewer in self.viewers:
            if not viewer.ended:
                left = min(left, _deadline(viewer, limits) - now + LATE)
        return left


def _deadline(viewer: Viewer, limits: FeedLimits) -> float:
    """Return when a viewer will have waited too long."""
    return viewer.last_push + (limits.stall if viewer.fed else limits.first_picture)
