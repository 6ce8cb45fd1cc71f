"""Which of a camera's qualities to ask for: the order of the tries, and what ends them.

The numbers of `videoquality` mean different things on different models. A number a camera
does not have is answered by silence; one it has may give a small picture although another
gives a large one (640x360 at 2 and 2560x1440 at 3 were reported). So a ladder is gone down
until a picture comes; and where nobody has described the model, further down for a larger one
if that is small. Sans-IO: times go in, tries come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Found", "QualityLadder", "Size", "Try"]

type Size = tuple[int, int]
"""Width and height, pixels."""

FULL_PIXELS: Final = 1_900_000
"""A picture of so many pixels is not small: 1920x1080, even if cut to multiples of 16. No camera
that speaks MISS is known here to be sold with less."""
PROBE_SILENCE: Final = 2.5
"""Seconds until a quality passes for one the camera does not have, while there is a picture to go
back to: most answer a start by a key frame, and else the next one comes after 25 to 50 pictures."""
PROBE_SECONDS: Final = 4.0
"""How long a larger picture is looked for in all, before going back."""
MIN_PROBE: Final = 1.0
"""A try shorter than this tells nothing."""
MAX_RUNGS: Final = 4
"""How many qualities are tried for a first picture, so that a viewer need not wait longer than
it does."""


@dataclass(frozen=True, slots=True)
class Found:
    """A quality that gave a picture; `size` is None where nobody looked, or could see."""

    quality: int
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """Ask for a quality and wait for its first key frame.

    `probing` tells that there has been a picture already.
    """

    quality: int
    seconds: float
    probing: bool


class _Phase(Enum):
    SEARCHING = auto()
    PROBING = auto()
    RETURNING = auto()
    OVER = auto()


class QualityLadder:
    """The tries of one opening of one lens.

    `next` gives a try. `seen` tells of its picture; a try of which nothing was told before the
    next one was silent. When `seen` says to keep the picture, or `next` that nothing is left,
    it is over.

    At most `MAX_RUNGS` tries are made for a first picture. If that is small, others follow
    within `PROBE_SECONDS`, and then the way back to the largest one, one try of the usual
    length.
    """

    def __init__(
        self,
        rungs: Sequence[int],
        *,
        silence: float,
        known: Found | None = None,
        probe: bool = False,
        low: Collection[int] = (),
    ) -> None:
        """Try nothing yet.

        Args:
            rungs: the qualities, best guess first.
            silence: seconds until a quality passes for one the camera does not have.
            known: what was found the last time; it is tried first, and its picture is good
                enough as long as it has not become smaller.
            probe: whether to look for a larger picture when the first one is small.
            low: qualities that are not asked for a large picture: the model's small ones.

        `found` is what the next opening should begin with, None before that is decided.
        """
        self.found: Found | None = None
        first = () if known is None else (known.quality,)
        self._rungs: tuple[int, ...] = tuple(dict.fromkeys((*first, *rungs)))
        self._left = list(self._rungs[:MAX_RUNGS])
        self._silence = silence
        self._known = known
        self._probe = probe
        self._low = low
        self._sizes: dict[int, Size] = {}
        self._phase = _Phase.SEARCHING
        self._asked = -1
        self._deadline = 0.0

    @property
    def measures(self) -> bool:
        """Whether the size of a picture matters."""
        return self._probe

    def next(self, now: float) -> Try | None:
        """Return what to ask for now, or None when nothing is left.

        Then none of the qualities gave a picture, or (`found` is set) the one to go back to
        does not any more.

        Args:
            now: seconds, of any clock that only grows.
        """
        match self._phase:
            case _Phase.SEARCHING if self._left:
                return self._ask(self._silence)
            case _Phase.PROBING if self._may_go_on(now):
                return self._ask(min(PROBE_SILENCE, self._deadline - now))
            case _Phase.PROBING:
                self._phase = _Phase.RETURNING
                self._asked = self._best()
                self.found = Found(self._asked, self._sizes[self._asked])
                return Try(self._asked, self._silence, probing=True)
        self._phase = _Phase.OVER
        return None

    def seen(self, size: Size | None, now: float) -> bool:
        """Note the size of the last try's picture; return whether to keep it.

        Args:
            size: None if it cannot be told.
            now: as for `next`.
        """
        if size is not None:
            self._sizes[self._asked] = size
        if not self._probe or self._phase is _Phase.RETURNING or self._is_enough(size):
            return self._keep(size)
        if self._phase is _Phase.SEARCHING:
            if size is None:
                return self._keep(size)
            self._phase = _Phase.PROBING
            self._deadline = now + PROBE_SECONDS
            tried = self._rungs.index(self._asked)
            self._left = [one for one in self._rungs[tried + 1 :] if one not in self._low]
        if self._best() == self._asked and not self._may_go_on(now):
            return self._keep(size)
        return False

    def _ask(self, seconds: float) -> Try:
        self._asked = self._left.pop(0)
        return Try(self._asked, seconds, probing=self._phase is _Phase.PROBING)

    def _may_go_on(self, now: float) -> bool:
        return bool(self._left) and now <= self._deadline - MIN_PROBE

    def _is_enough(self, size: Size | None) -> bool:
        if size is None:
            return False
        if _pixels(size) >= FULL_PIXELS:
            return True
        known = self._known
        return (
            self._phase is _Phase.SEARCHING
            and known is not None
            and known.size is not None
            and known.quality == self._asked
            and _pixels(size) >= _pixels(known.size)
        )

    def _best(self) -> int:
        """Return which quality gave the largest picture, of equals the first."""
        seen = (quality for quality in self._rungs if quality in self._sizes)
        return max(seen, key=lambda quality: _pixels(self._sizes[quality]))

    def _keep(self, size: Size | None) -> bool:
        self._phase = _Phase.OVER
        self.found = Found(self._asked, size)
        return True


def _pixels(size: Size) -> int:
    return size[0] * size[1]
