"""Parameter sets inside an Annex B access unit."""

from __future__ import annotations

from ..miss import Codec

__all__ = ["parameter_sets"]

H264_SPS, H264_PPS = 7, 8
H265_VPS, H265_SPS, H265_PPS = 32, 33, 34


def parameter_sets(codec: Codec, data: bytes) -> bytes:
    """Return the sequence and picture parameter sets of `data`, joined; may be empty.

    Two key frames with equal parameter sets can be decoded by the same decoder.
    """
    found: list[bytes] = []
    position = data.find(b"\0\0\1")
    while position >= 0:
        start = position + 3
        if start >= len(data):
            break
        if codec is Codec.H265:
            wanted = (data[start] >> 1) & 0x3F in (H265_VPS, H265_SPS, H265_PPS)
        else:
            wanted = data[start] & 0x1F in (H264_SPS, H264_PPS)
        if not wanted:
            # Parameter sets come before the slices of their picture.
            if found:
                break
            position = data.find(b"\0\0\1", start)
            continue
        position = data.find(b"\0\0\1", start)
        found.append(data[start : position if position >= 0 else len(data)].rstrip(b"\0"))
    return b"\0\0\1".join(found)
