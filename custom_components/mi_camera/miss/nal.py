"""What an Annex B access unit is, told by its NAL units and by nothing else.

MISS has no checksum over what it decrypts, and a camera's own flag for key frames is not to
be trusted. So each picture is looked at before it goes on: a payload decrypted with another
key, or half a payload, has no start code where one must be and no sensible NAL unit header.
Types are those of ITU-T H.264 table 7-1 and H.265 table 7-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .frames import Codec

_START = b"\0\0\1"
_LONG_START = b"\0\0\0\1"
# Far more than any encoder puts before a picture's first slice.
_MAX_NALS = 32
_MAX_PARAMETER_BYTES = 16 * 1024


class H264Nal(IntEnum):
    """NAL unit types of H.264 that matter here."""

    SLICE = 1
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    FILLER = 12


class H265Nal(IntEnum):
    """NAL unit types of H.265 that matter here."""

    RASL_R = 9
    BLA_W_LP = 16
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    SUFFIX_SEI = 40


@dataclass(frozen=True, slots=True)
class AccessUnitInfo:
    """What was found up to and including the first slice."""

    has_picture: bool
    """There is a slice; without, these are parameter sets or the like on their own."""
    random_access: bool
    """The slice is of an IDR or IRAP picture."""
    parameter_sets: bytes
    """The parameter sets found, Annex B, if they are complete; else empty."""


_NO_PICTURE = AccessUnitInfo(has_picture=False, random_access=False, parameter_sets=b"")
_DELTA = AccessUnitInfo(has_picture=True, random_access=False, parameter_sets=b"")


def inspect(codec: Codec, data: bytes) -> AccessUnitInfo | None:
    """Look at an access unit; None when it cannot be one. Reads no further than its first slice."""
    if data.startswith(_LONG_START):
        at = 4
    elif data.startswith(_START):
        at = 3
    else:
        return None
    kind_of = _h264_type if codec == Codec.H264 else _h265_type
    needed = _H264_SETS if codec == Codec.H264 else _H265_SETS
    sets = bytearray()
    seen: set[int] = set()
    for _ in range(_MAX_NALS):
        kind = kind_of(data, at)
        if kind is None:
            return None
        if _is_slice(codec, kind):
            if not _is_random_access(codec, kind):
                return _DELTA
            complete = bytes(sets) if seen >= needed else b""
            return AccessUnitInfo(has_picture=True, random_access=True, parameter_sets=complete)
        following = data.find(_START, at)
        end = len(data) if following < 0 else following
        if kind in needed:
            seen.add(kind)
            # No NAL unit ends with a zero: those before the next start code belong to that.
            sets += _LONG_START + data[at:end].rstrip(b"\0")
            if len(sets) > _MAX_PARAMETER_BYTES:
                return None
        if following < 0:
            return _NO_PICTURE
        at = following + 3
    return None


_H264_SETS = frozenset({H264Nal.SPS, H264Nal.PPS})
_H265_SETS = frozenset({H265Nal.VPS, H265Nal.SPS, H265Nal.PPS})


def _h264_type(data: bytes, at: int) -> int | None:
    if at >= len(data):
        return None
    header = data[at]
    kind = header & 0x1F
    is_reference = bool(header & 0x60)
    if header & 0x80 or not H264Nal.SLICE <= kind <= H264Nal.FILLER:
        return None
    if kind in {H264Nal.IDR, H264Nal.SPS, H264Nal.PPS} and not is_reference:
        return None
    return kind


def _h265_type(data: bytes, at: int) -> int | None:
    if at + 1 >= len(data):
        return None
    kind = data[at] >> 1
    # The top bit is forbidden and falls out as a type beyond all; the layer is the base layer.
    if data[at] & 1 or data[at + 1] >> 3 or not data[at + 1] & 0b111:
        return None
    if kind <= H265Nal.RASL_R or H265Nal.BLA_W_LP <= kind <= H265Nal.CRA:
        return kind
    return kind if H265Nal.VPS <= kind <= H265Nal.SUFFIX_SEI else None


def _is_slice(codec: Codec, kind: int) -> bool:
    return kind <= (H264Nal.IDR if codec == Codec.H264 else H265Nal.CRA)


def _is_random_access(codec: Codec, kind: int) -> bool:
    return kind == H264Nal.IDR if codec == Codec.H264 else kind >= H265Nal.BLA_W_LP
