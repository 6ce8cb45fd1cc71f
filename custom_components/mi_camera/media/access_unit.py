"""What travels from a camera to its viewers: access units that know where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..miss import Codec

__all__ = ["AccessUnit", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One lens of one camera. `did` is the device id Xiaomi gave it, decimal text."""

    did: str
    lens: int = 0


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture with its provenance.

    `captured` is on this machine's monotonic clock, in seconds: the camera's own time
    stamp, shifted by the smallest delay seen in this session. `data` is Annex B.
    """

    source: Source
    epoch: int
    session: int
    sequence: int
    captured: float
    codec: Codec
    keyframe: bool
    data: bytes
