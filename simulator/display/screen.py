"""What somebody in front of the display has seen: every presented frame leaves its tag here."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
import time
from typing import TYPE_CHECKING

from simulator.display.hearing import Hearing

if TYPE_CHECKING:
    from simulator.tag import Tag

RING = 2000
"""How many frames are remembered."""


def now_ms() -> int:
    """Return the time in unix milliseconds, as tags have it."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Video:
    """How pictures were coded that came out of the decoder."""

    codec: str
    """FFmpeg's name."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One picture out of the decoder; the picture itself is not kept, only what it says."""

    at: float
    """Presentation time, seconds on the stream's own clock."""
    tag: Tag | None
    """None when no intact tag is in it."""
    decoded_ms: int
    video: Video | None = None
    """None when it is not known."""


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """One frame that was on the screen; without an intact tag, its part of it is None."""

    n: int
    """Which presented frame this was since the display was made, from 1."""
    did: int | None
    lens: int | None
    counter: int | None
    captured_ms: int | None
    decoded_ms: int
    presented_ms: int
    """When somebody in front of the display saw it, unix milliseconds."""
    session: int
    """The media session (one per LOAD) that showed it."""
    card: bool = False
    """Whether it was the card: a still from where that is served, and no tag in it."""


class Screen:
    """Counts and remembers presented frames."""

    def __init__(self) -> None:
        """Begin with a dark screen."""
        self.total = 0
        """All frames presented."""
        self.untagged = 0
        """Those of them in which no intact tag could be read, but for the card."""
        self.card: int | None = None
        """The media session that has shown the card last."""
        self.foreign = 0
        """Those of another camera or lens than the first frame of their media session."""
        self.sound = Hearing()
        """What is heard of the present media session, or was of the last one."""
        self._ring: deque[ShownFrame] = deque(maxlen=RING)
        self._session = 0
        self._first: tuple[int, int] | None = None
        self._last: Tag | None = None
        self._last_presented: float | None = None
        self._video: Video | None = None

    def show(self, session: int, frame: DecodedFrame, *, card: bool = False) -> None:
        """Present one frame, or the card, which has no tag."""
        self.total += 1
        self._last_presented = time.monotonic()
        self._video = frame.video
        if session != self._session:
            self._session, self._first = session, None
        times = frame.decoded_ms, now_ms(), session
        if (tag := frame.tag) is None:
            if card:
                self.card = session
            else:
                self.untagged += 1
            self._ring.append(ShownFrame(self.total, None, None, None, None, *times, card))
            return
        if self._first is None:
            self._first = tag.did, tag.lens
        elif self._first != (tag.did, tag.lens):
            self.foreign += 1
        self._last = tag
        self._ring.append(
            ShownFrame(self.total, tag.did, tag.lens, tag.counter, tag.captured_ms, *times)
        )

    @property
    def last_tag(self) -> dict[str, int] | None:
        """The tag that was last on the screen."""
        return asdict(self._last) if self._last is not None else None

    @property
    def video(self) -> dict[str, str | int] | None:
        """How the last frame was coded: codec (FFmpeg's name), width and height."""
        return asdict(self._video) if self._video is not None else None

    @property
    def last_frame_age_ms(self) -> int | None:
        """How long ago the last frame came, with or without a tag."""
        if self._last_presented is None:
            return None
        return round((time.monotonic() - self._last_presented) * 1000)

    def frames(self, since: int) -> list[dict[str, int | None]]:
        """Return the remembered frames after number `since`."""
        return [asdict(frame) for frame in self._ring if frame.n > since]
