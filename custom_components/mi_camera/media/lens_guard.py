"""Keeps the pictures of one lens apart from those of the other, whatever the labels say.

A camera with two lenses labels each picture with one bit, and counts the pictures of each
lens on their own (public protocol notes). A label that is missing or late makes a picture of
one lens look like one of the other. The count gives it away: within a lens it grows by one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..miss import VideoFrame

__all__ = ["LensGuard"]

RUN: Final = 4
"""So many pictures in a row, a key frame first, make a beginning believable."""
_WRAPS: Final = (1 << 16, 1 << 32)


class LensGuard:
    """Lets pictures of one lens through that follow each other without a gap.

    What breaks the count is held back until it has proved to be this lens's own new
    beginning: a key frame and what follows it, with nothing of another count in between and
    no number twice.
    So a stray picture is dropped, a loss costs no picture but the delay of a few, and two
    lenses under one label give no picture at all.

    Where both lenses count alike, the next picture of either would do for this one. It then
    waits for the other lens's picture of that number, or for this lens's next: two pictures
    of one number under one label are none.
    """

    def __init__(self) -> None:
        """Believe nothing yet.

        `expected` is the number of the next picture, None while that is not known;
        `strays` counts pictures that have proved not to be of this lens.
        """
        self.expected: int | None = None
        self.strays = 0
        self._pending: VideoFrame | None = None
        self._held: list[VideoFrame] = []
        self._seen: deque[int] = deque(maxlen=2 * RUN)
        self._doubted = 0

    def restart(self) -> None:
        """Expect a new beginning: another quality was asked for, or nothing is sure."""
        self.expected = None
        self._pending = None
        self._held = []
        self._seen.clear()
        self._doubted = 0

    def check(self, frame: VideoFrame, rival: LensGuard | None) -> Sequence[VideoFrame]:
        """Return the pictures that may pass now, in order.

        Args:
            frame: a picture with this lens's label.
            rival: the other lens's guard, if its pictures come the same way.
        """
        sequence = frame.sequence
        if self._pending is not None and sequence == self._pending.sequence:
            self.restart()
            self.strays += 1
            return ()
        if sequence == self.expected or (sequence == 0 and self.expected in _WRAPS):
            # The count goes on, so what was in between was of something else.
            self.strays += self._doubted
            passed = [] if self._pending is None else [self._pending]
            return self._go_on(passed, frame, rival)
        self._doubted += 1
        held = self._held
        if sequence in self._seen:
            self._held = []
        elif frame.keyframe:
            self._held = [frame]
        elif not held or sequence != held[-1].sequence + 1:
            self._held = []
        elif len(held) + 1 < RUN:
            held.append(frame)
        else:
            return self._go_on(held, frame, rival)
        self._seen.append(sequence)
        return ()

    def awaits(self, sequence: int) -> bool:
        """Whether a picture of this number could be of this lens, for all that is known."""
        return self._doubted > 0 or self.expected in {None, sequence}

    def settle(self, sequence: int) -> Sequence[VideoFrame]:
        """Return what has waited for the other lens's picture of this number."""
        pending = self._pending
        if pending is None or pending.sequence != sequence:
            return ()
        self._pending = None
        return (pending,)

    def _go_on(
        self, passed: list[VideoFrame], frame: VideoFrame, rival: LensGuard | None
    ) -> Sequence[VideoFrame]:
        self.expected = frame.sequence + 1
        self._doubted = 0
        self._held = []
        self._seen.clear()
        if rival is not None and rival.awaits(frame.sequence):
            self._pending = frame
            return passed
        self._pending = None
        return [*passed, frame]
