"""AAC of one channel, in frames that are readable by themselves (ADTS)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

import av

from .sound_timeline import RATE, SAMPLE_BYTES

__all__ = ["FRAME", "FRAME_SECONDS", "AacEncoder", "AacFrame", "silent_frame"]

FRAME: Final = 1024
"""Samples in a frame."""
FRAME_SECONDS: Final = FRAME / RATE
_BIT_RATE: Final = 48_000
# The other search for quantizers costs twice as much and measures no better at this rate.
_OPTIONS: Final = {"aac_coder": "fast"}
# ADTS: AAC-LC (profile 1), 16 kHz (index 8), one channel; the length is filled in.
_ADTS_START: Final = b"\xff\xf1\x60"
_ADTS_HEADER: Final = 7


class AacFrame(NamedTuple):
    """A frame, and which of the samples put in it begins with, from 0; the first is before."""

    sample: int
    data: bytes


class AacEncoder:
    """Makes frames of samples as the time line has them: `RATE` a second, 32-bit floats."""

    def __init__(self) -> None:
        """Make an encoder; it puts a frame of nothing before the first sample."""
        self._context = av.CodecContext.create("aac", "w")
        assert isinstance(self._context, av.AudioCodecContext)
        self._context.sample_rate = RATE
        self._context.layout = "mono"
        self._context.format = "fltp"
        self._context.bit_rate = _BIT_RATE
        self._context.options = _OPTIONS
        self._waiting = bytearray()
        self._encoded = 0

    def encode(self, samples: bytes) -> list[AacFrame]:
        """Encode what makes whole frames; the rest waits for more."""
        self._waiting += samples
        frames: list[AacFrame] = []
        size = FRAME * SAMPLE_BYTES
        while len(self._waiting) >= size:
            frame = av.AudioFrame("fltp", "mono", FRAME)
            frame.planes[0].update(bytes(self._waiting[:size]))
            del self._waiting[:size]
            frame.sample_rate = RATE
            frame.time_base = Fraction(1, RATE)
            frame.pts = self._encoded
            self._encoded += FRAME
            frames += self._packed(frame)
        return frames

    def finish(self) -> list[AacFrame]:
        """Encode the rest, filled up with silence; nothing can be encoded afterwards."""
        missing = -len(self._waiting) % (FRAME * SAMPLE_BYTES)
        return self.encode(bytes(missing)) + self._packed(None)

    def _packed(self, frame: av.AudioFrame | None) -> list[AacFrame]:
        return [
            AacFrame(packet.pts or 0, _adts(bytes(packet)))
            for packet in self._context.encode(frame)
        ]


@cache
def silent_frame() -> bytes:
    """Return a frame of silence that may stand after any other and before any other."""
    return AacEncoder().encode(bytes(4 * FRAME * SAMPLE_BYTES))[-1].data


def _adts(data: bytes) -> bytes:
    """Put the header before a frame that makes it readable by itself."""
    length = len(data) + _ADTS_HEADER
    return _ADTS_START + (0x40 << 24 | length << 13 | 0x1FFC).to_bytes(4) + data
