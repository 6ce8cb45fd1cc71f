"""What a camera shows and says: one access unit or one piece of sound at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Codec(IntEnum):
    """Codec numbers of the MISS media header (public protocol notes)."""

    H264 = 4
    H265 = 5
    PCM = 0x400
    PCMU = 0x402
    PCMA = 0x403
    AAC = 0x406
    OPUS = 0x408

    @property
    def is_video(self) -> bool:
        """Whether this is a codec for pictures."""
        return self < Codec.PCM


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One coded picture, whole and decrypted."""

    lens: int
    """Which lens took it: 0, or 1 for the second of a camera with two."""
    sequence: int
    """The camera's own count of pictures of this lens; starts and wraps as the camera likes."""
    timestamp_ms: int
    """Capture time on the session's timeline in milliseconds: the camera's clock where it
    is usable, arrival times fitted to it where not. Never decreases within a lens."""
    codec: Codec
    keyframe: bool
    """Decoding can begin here: an IDR or IRAP picture with its parameter sets, as told by the
    NAL units themselves."""
    data: bytes = field(repr=False)
    """An Annex B access unit."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """One piece of sound, decrypted, as the camera coded it (40 ms in most models)."""

    lens: int
    """The lens the camera labelled it with; models with one microphone may always say 0."""
    sequence: int
    timestamp_ms: int
    """On the same timeline as the pictures, in milliseconds."""
    codec: Codec
    sample_rate: int
    """Samples per second; 48000 for Opus."""
    channels: int
    data: bytes = field(repr=False)
