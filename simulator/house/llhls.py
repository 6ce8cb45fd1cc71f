"""Low-latency HLS playlists as Home Assistant writes them: segments, parts, where to begin."""

from __future__ import annotations

from dataclasses import dataclass, field
import itertools
import re
from urllib.parse import urljoin

MAX_SEGMENTS = 64
MAX_PARTS = 256
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')


class PlaylistError(Exception):
    """A text that is no playlist."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partial segment."""

    url: str
    independent: bool
    """Whether it begins with a keyframe."""


@dataclass(slots=True)
class Segment:
    """A segment; ``url`` is None while its end is not written yet."""

    sequence: int
    discontinuity: bool
    url: str | None = None
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Playlist:
    """A media playlist."""

    init_url: str | None
    segments: list[Segment]
    low_latency: bool
    """Whether a reload may be held back until a part is there."""
    target_duration: float
    """Seconds."""

    def edge(self) -> tuple[int, int] | None:
        """Return where a low-latency player begins: the newest (segment, part) it can decode."""
        for segment in reversed(self.segments):
            for index in range(len(segment.parts) - 1, -1, -1):
                if segment.parts[index].independent:
                    return segment.sequence, index
        complete = [segment for segment in self.segments if segment.url is not None]
        return (complete[-1].sequence, 0) if complete else None

    def find(self, sequence: int) -> Segment | None:
        """Return a segment by its number."""
        return next((s for s in self.segments if s.sequence == sequence), None)


def variant(text: str, url: str) -> str | None:
    """Return the first rendition of a master playlist, None when it is none."""
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise PlaylistError("no #EXTM3U")
    for line, following in itertools.pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            return urljoin(url, following)
    return None


def parse(text: str, url: str) -> Playlist:
    """Return a media playlist; raises :class:`PlaylistError`."""
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise PlaylistError("no #EXTM3U")
    playlist = Playlist(None, [], low_latency=False, target_duration=6.0)
    sequence = 0
    current: Segment | None = None
    discontinuity = False
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name == "#EXT-X-MEDIA-SEQUENCE":
            sequence = _integer(value)
        elif name == "#EXT-X-TARGETDURATION":
            playlist.target_duration = float(_integer(value))
        elif name == "#EXT-X-SERVER-CONTROL":
            playlist.low_latency = _attributes(value).get("CAN-BLOCK-RELOAD") == "YES"
        elif name == "#EXT-X-MAP":
            playlist.init_url = urljoin(url, _attributes(value).get("URI", ""))
        elif name == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif name == "#EXT-X-PART" or (line and not line.startswith("#")):
            if current is None:
                current = Segment(sequence, discontinuity)
                playlist.segments.append(current)
                sequence, discontinuity = sequence + 1, False
            if name == "#EXT-X-PART":
                attributes = _attributes(value)
                part = Part(
                    urljoin(url, attributes.get("URI", "")),
                    attributes.get("INDEPENDENT") == "YES",
                )
                current.parts.append(part)
            else:
                current.url = urljoin(url, line)
                current = None
        if len(playlist.segments) > MAX_SEGMENTS or (current and len(current.parts) > MAX_PARTS):
            raise PlaylistError("too long")
    return playlist


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def _integer(text: str) -> int:
    if not text.isdigit() or len(text) > 12:
        raise PlaylistError(f"{text[:20]!r} is no count")
    return int(text)
