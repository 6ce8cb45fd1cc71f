"""With which picture a lens begins, while the camera is asked for one quality after another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from .parameter_sets import parameter_sets
from .picture_size import picture_size

if TYPE_CHECKING:
    from ..miss import VideoFrame
    from .quality_ladder import QualityLadder

__all__ = ["Audition"]

UNDER_WAY: Final = 0.5
"""How long pictures of the quality before may still come after a camera got a command."""


class Audition:
    """Holds all pictures of a lens back until the key frame of a quality that is kept.

    What comes of a quality that is not kept goes nowhere, so pictures of two never mix. Key
    frames that were under way when another quality was asked for are told by their parameter
    sets, which are those of the quality before; if both have the same, by the time.
    """

    def __init__(self, ladder: QualityLadder) -> None:
        """Wait for the first try.

        `judged` is set when the try's picture has come, whether it is kept or not.
        """
        self.ladder = ladder
        self.judged = asyncio.Event()
        self._is_open = False
        self._sets: bytes | None = None
        self._before: bytes | None = None
        self._delivered: float | None = None

    def ask(self) -> None:
        """Judge the next key frame: another quality is being asked for."""
        # None after a silent try: nothing of before that can still be under way.
        self._before, self._sets = self._sets, None
        self._delivered = None
        self._is_open = True
        self.judged.clear()

    def asked(self, now: float) -> None:
        """Note that the camera has got the command."""
        self._delivered = now

    def takes(self, frame: VideoFrame, now: float) -> bool:
        """Whether a lens may begin with this picture. `now` is in seconds, as in `asked`."""
        if not (self._is_open and frame.keyframe):
            return False
        sets = parameter_sets(frame.codec, frame.data)
        is_settled = self._delivered is not None and now >= self._delivered + UNDER_WAY
        if sets == self._before and not is_settled:
            return False
        self._sets = sets
        self._is_open = False
        size = picture_size(frame.codec, frame.data) if self.ladder.measures else None
        self.judged.set()
        return self.ladder.seen(size, now)
