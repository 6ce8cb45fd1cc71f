"""What travels from a camera to its viewers: pictures and sound that know where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..miss import Codec

__all__ = ["AccessUnit", "Origin", "SoundUnit", "Source", "Tracks"]


@dataclass(frozen=True, slots=True)
class Source:
    """One lens of one camera. `did` is the device id Xiaomi gave it, decimal text."""

    did: str
    lens: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where what is on its way to a viewer has come from: a lens, in an epoch of its gate.

    Every chunk and still carries the one of the unit it was made of, so that each exit can
    compare it with what was granted there.
    """

    source: Source
    epoch: int


class Tracks(Enum):
    """Which tracks a programme has."""

    PICTURES = auto()
    SOUND = auto()
    """Pictures and AAC."""
    SOUND_AND_OPUS = auto()
    """Pictures, AAC, and the camera's own Opus packets as they are."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture with its provenance.

    `captured` is by this machine's `clock`, in seconds: the camera's own time stamp,
    shifted by the smallest delay seen in this session. `data` is Annex B. `tracks`
    says what else its session was asked for, the same for all units of a session.
    """

    source: Source
    epoch: int
    session: int
    sequence: int
    captured: float
    codec: Codec
    keyframe: bool
    data: bytes = field(repr=False)
    tracks: Tracks = Tracks.PICTURES


@dataclass(frozen=True, slots=True)
class SoundUnit:
    """One piece of sound as the camera coded it (40 ms in most models).

    A camera's microphone belongs to all its lenses: `source` is the lens it goes with.
    `captured` is the time of its first sample, on the clock of that lens's pictures.
    """

    source: Source
    epoch: int
    session: int
    sequence: int
    captured: float
    codec: Codec
    sample_rate: int
    channels: int
    data: bytes = field(repr=False)
