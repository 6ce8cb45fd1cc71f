"""HLS playlists, as much as a display needs (RFC 8216; of LL-HLS only full segments)."""

from __future__ import annotations

from dataclasses import dataclass
import math
import re
from urllib.parse import urljoin

MAX_SEGMENTS = 1000

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')


class PlaylistError(Exception):
    """A text that is no playlist."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendition a master playlist offers."""

    url: str
    bandwidth: int
    codecs: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One complete media segment."""

    sequence: int
    url: str
    duration: float
    """Seconds."""
    init_url: str | None
    """Where its initialisation section is; none in a transport stream."""
    discontinuity: bool
    """Whether timestamps and coding may change before it."""


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One media playlist."""

    target_duration: float
    """Seconds."""
    media_sequence: int
    """Number of the first segment in the window."""
    segments: tuple[Segment, ...]
    ended: bool
    start_offset: float | None
    """Where the publisher wants a player to begin: seconds, negative is from the end."""

    @property
    def last(self) -> int:
        """The sequence of the last complete segment; -1 when there is none."""
        return self.segments[-1].sequence if self.segments else -1

    def start(self) -> int:
        """Return the sequence a player begins with.

        Where EXT-X-START says, else three target durations before the end, as RFC 8216
        (6.3.3) wants it; a window that has ended is played from its beginning.
        """
        offset = self.start_offset
        if offset is None:
            offset = 0.0 if self.ended else -3 * self.target_duration
        if offset >= 0:
            for segment in self.segments:
                offset -= segment.duration
                if offset < 0:
                    return segment.sequence
        else:
            for segment in reversed(self.segments):
                offset += segment.duration
                if offset >= 0:
                    return segment.sequence
        return self.segments[0].sequence if self.segments else self.media_sequence


def parse(text: str, url: str) -> list[Variant] | MediaPlaylist:
    """Return the variants of a master playlist, or a media playlist; else PlaylistError."""
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise PlaylistError("no #EXTM3U")
    if any(line.startswith("#EXT-X-STREAM-INF:") for line in lines):
        return _master(lines, url)
    return _media(lines, url)


def _master(lines: list[str], url: str) -> list[Variant]:
    variants: list[Variant] = []
    attributes: dict[str, str] | None = None
    for line in lines:
        if line.startswith("#EXT-X-STREAM-INF:"):
            attributes = _attributes(line)
        elif line and not line.startswith("#") and attributes is not None:
            width, _, height = attributes.get("RESOLUTION", "0x0").partition("x")
            variants.append(
                Variant(
                    urljoin(url, line),
                    _integer(attributes.get("BANDWIDTH", "0")),
                    attributes.get("CODECS", ""),
                    _integer(width),
                    _integer(height or "0"),
                )
            )
            attributes = None
    if not variants:
        raise PlaylistError("a master playlist that offers nothing")
    return variants


def _media(lines: list[str], url: str) -> MediaPlaylist:
    target: float | None = None
    sequence = 0
    first: int | None = None
    segments: list[Segment] = []
    duration: float | None = None
    init_url: str | None = None
    discontinuity = ended = False
    start_offset: float | None = None
    for line in lines:
        if line.startswith("#EXT-X-TARGETDURATION:"):
            target = _number(_value(line))
        elif line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            sequence = _integer(_value(line))
            first = sequence
        elif line.startswith("#EXT-X-START:"):
            start_offset = _number(_attributes(line).get("TIME-OFFSET", "0"))
        elif line.startswith("#EXT-X-MAP:"):
            init_url = urljoin(url, _attributes(line).get("URI", ""))
        elif line == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif line == "#EXT-X-ENDLIST":
            ended = True
        elif line.startswith("#EXTINF:"):
            duration = _number(_value(line).partition(",")[0])
        elif line and not line.startswith("#"):
            if duration is None:
                raise PlaylistError("a segment without #EXTINF")
            if len(segments) == MAX_SEGMENTS:
                raise PlaylistError(f"more than {MAX_SEGMENTS} segments")
            segments.append(
                Segment(sequence, urljoin(url, line), duration, init_url, discontinuity)
            )
            sequence += 1
            duration, discontinuity = None, False
    if target is None or target <= 0:
        raise PlaylistError("no #EXT-X-TARGETDURATION")
    return MediaPlaylist(target, first or 0, tuple(segments), ended, start_offset)


def _value(line: str) -> str:
    return line.partition(":")[2]


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(_value(line))}


def _integer(text: str) -> int:
    number = _number(text)
    if number < 0 or number != int(number):
        raise PlaylistError(f"{text[:20]!r} is no count")
    return int(number)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise PlaylistError(f"{text[:20]!r} is no number") from None
    if not math.isfinite(number) or abs(number) > 1e15:
        raise PlaylistError(f"{text[:20]!r} is no number")
    return number
