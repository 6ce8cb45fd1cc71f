"""HLS of one programme, begun as soon as there is anything to show (RFC 8216).

A segment ends at a key frame, or when it is long enough for a display to go on with: the
first after half a second, the others after one. So a display that joins a group of pictures
that is here already need not wait for the next one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import logging
import math
from typing import TYPE_CHECKING, Final

from ..miss import Codec
from .access_unit import AccessUnit
from .fmp4 import Fmp4Error, Fmp4Writer, codec_string

if TYPE_CHECKING:
    from .access_unit import Origin
    from .mux import Parts, SoundPacket

__all__ = ["HlsSegment", "HlsSession"]

_LOGGER = logging.getLogger(__name__)

TARGET: Final = 1
"""EXT-X-TARGETDURATION, seconds: what each segment's length is at most, rounded."""
_FIRST: Final = 0.5
_USUAL: Final = 1.0
_LEAST: Final = 0.25
"""A key frame this soon after the last segment's end does not begin another one, seconds."""
_LONGEST: Final = 1.25
"""How long a piece of a group of pictures is at most, seconds. With what is added below it
stays under a second and a half, which rounds to the target."""
_ALLOWANCE: Final = 1.1
_MOST: Final = 1.45
_LISTED: Final = 5.0
"""How much the playlist tells of, seconds: more than three times the target."""
_KEPT: Final = 9.0
"""How much can be had, seconds: one who read the playlist some seconds ago still comes."""
ROOM: Final = 16 * 1024 * 1024
"""Bytes of all segments and of what waits to become one."""


@dataclass(frozen=True, slots=True)
class HlsSegment:
    """One segment, all of one origin. `start` is on the pictures' clock; both in seconds."""

    number: int
    origin: Origin
    start: float
    duration: float
    keyframe: bool
    """Whether it begins with a key frame."""
    data: bytes = field(repr=False)


class HlsSession:
    """Takes what the chunks of one viewer are made of, and keeps the last seconds of it."""

    def __init__(self, room: int = ROOM) -> None:
        """Have nothing yet; never keep more than `room` bytes of media."""
        self._room = room
        self._writer: Fmp4Writer | None = None
        self._segments: deque[HlsSegment] = deque()
        self._bytes = 0
        self._next = 0
        self._origin: Origin | None = None
        self._pictures: list[AccessUnit] = []
        self._sounds: list[SoundPacket] = []
        self._pending = 0
        self._group_began: float | None = None
        self._length = _FIRST

    @property
    def ready(self) -> bool:
        """Whether there is a segment."""
        return bool(self._segments)

    @property
    def kept(self) -> int:
        """Bytes of media that are kept."""
        return self._bytes + self._pending

    # -- in ------------------------------------------------------------------------------

    def add(self, parts: Parts, origin: Origin) -> bool:
        """Take a picture or sound; returns whether that has ended a segment."""
        if origin != self._origin:
            # Nothing of two origins is in one segment: what waits has no end any more.
            self._drop()
            self._origin = origin
        before = self._next
        for part in parts:
            if isinstance(part, AccessUnit):
                self._picture(part)
            elif part.codec is Codec.AAC and self._pictures:
                self._sounds.append(part)
                self._pending += len(part.data)
        if self._bytes + self._pending > self._room:
            self._make_room()
        return self._next != before

    def forget_old(self, now: float) -> None:
        """Forget what is too old by now to be shown as live, also when nothing has come since."""
        while self._segments and now - self._segments[0].start > _KEPT:
            self._forget_oldest()

    def end(self) -> None:
        """Forget everything."""
        self._drop()
        self._segments.clear()
        self._bytes = 0
        self._writer = None

    def _picture(self, unit: AccessUnit) -> None:
        if self._pictures:
            length = unit.captured - self._pictures[0].captured
            if length >= (_LEAST if unit.keyframe else self._length):
                self._cut(unit.captured)
        if unit.keyframe:
            self._group(unit.captured)
        elif not self._pictures and not self._continues:
            return
        self._pictures.append(unit)
        self._pending += len(unit.data)

    @property
    def _continues(self) -> bool:
        """Whether what comes leans on nothing that is missing."""
        return self._group_began is not None

    def _group(self, began: float) -> None:
        """Divide groups of pictures into equal pieces, going by the last one's length."""
        if self._group_began is not None and self._next:
            length = began - self._group_began
            pieces = max(1, math.ceil(length / _LONGEST))
            self._length = max(_USUAL / 2, min(_LONGEST, length / pieces) * _ALLOWANCE)
        self._group_began = began

    def _cut(self, end: float) -> None:
        """Make a segment of what waits."""
        assert self._origin is not None
        first, last = self._pictures[0], self._pictures[-1]
        # A gap in the pictures is one in the stream, or the segment would be too long.
        end = max(min(end, first.captured + _MOST), max(first.captured, last.captured) + 0.001)
        try:
            if self._writer is None:
                self._writer = Fmp4Writer(first, first.captured - 1.0)
            data = self._writer.segment(self._next, self._pictures, self._sounds, end)
        except Fmp4Error as err:
            _LOGGER.debug("%s", err)
            self._drop()
            return
        start = first.captured
        segment = HlsSegment(self._next, self._origin, start, end - start, first.keyframe, data)
        self._next += 1
        if self._length == _FIRST:
            self._length = _USUAL
        self._pictures, self._sounds, self._pending = [], [], 0
        self._segments.append(segment)
        self._bytes += len(data)
        self.forget_old(end)
        if self._bytes > self._room:
            self._make_room()

    def _drop(self) -> None:
        """Give up what waits to become a segment, and begin again with a key frame."""
        self._pictures, self._sounds, self._pending = [], [], 0
        self._group_began = None

    def _make_room(self) -> None:
        while self._segments and self._bytes + self._pending > self._room:
            self._forget_oldest()
        if self._pending > self._room:
            self._drop()

    def _forget_oldest(self) -> None:
        self._bytes -= len(self._segments.popleft().data)

    # -- out -----------------------------------------------------------------------------

    def master(self) -> str | None:
        """Return the master playlist, None while there is no segment."""
        if not self._segments or self._writer is None:
            return None
        # From the biggest: a short first segment is mostly its key frame.
        rate = max(len(one.data) * 8 / max(one.duration, 0.1) for one in self._segments)
        width, height = self._writer.size
        return (
            "#EXTM3U\n#EXT-X-VERSION:6\n"
            f"#EXT-X-STREAM-INF:BANDWIDTH={round(rate * 1.2)},"
            f'CODECS="{codec_string(self._writer.init)}",RESOLUTION={width}x{height}\n'
            "playlist.m3u8\n"
        )

    def playlist(self) -> str | None:
        """Return the media playlist, None while there is no segment.

        It asks players to begin with the newest group of pictures there is.
        """
        if not self._segments:
            return None
        listed: list[HlsSegment] = []
        length = 0.0
        for segment in reversed(self._segments):
            listed.insert(0, segment)
            length += segment.duration
            # A player must be able to begin with the first one.
            if length >= _LISTED and segment.keyframe:
                break
        while len(listed) > 1 and not listed[0].keyframe:
            del listed[0]
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:6",
            f"#EXT-X-TARGETDURATION:{TARGET}",
            f"#EXT-X-MEDIA-SEQUENCE:{listed[0].number}",
            '#EXT-X-MAP:URI="init.mp4"',
        ]
        back = 0.0
        for segment in reversed(listed):
            back += segment.duration
            if segment.keyframe:
                # A little later than its start, so that rounding finds no other one.
                offset = back - min(0.02, segment.duration / 2)
                lines.append(f"#EXT-X-START:TIME-OFFSET=-{offset:.3f},PRECISE=YES")
                break
        for segment in listed:
            lines += (f"#EXTINF:{segment.duration:.3f},", f"{segment.number}.m4s")
        return "\n".join(lines) + "\n"

    def init(self) -> bytes | None:
        """Return the initialisation section, None while there is no segment."""
        return self._writer.init if self._segments and self._writer is not None else None

    def segment(self, number: int) -> HlsSegment | None:
        """Return a segment that is kept."""
        if not self._segments:
            return None
        index = number - self._segments[0].number
        return self._segments[index] if 0 <= index < len(self._segments) else None
