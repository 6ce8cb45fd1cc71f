"""MPEG-TS from access units, one self-contained chunk for each."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from ..miss import Codec

if TYPE_CHECKING:
    from .access_unit import AccessUnit

__all__ = ["TsMuxer"]

CLOCK = Fraction(1, 90_000)
CODEC_NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}


class _Collector:
    """The file libavformat writes to."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)


class TsMuxer:
    """Packs one video stream into MPEG-TS.

    A chunk that begins with a key frame also begins with the program tables, so a viewer
    may join there. The PES length is set, which saves a demuxer from waiting for the
    next picture before it can deliver this one.
    """

    def __init__(self, codec: Codec, zero: float) -> None:
        """Make a stream of `codec` whose clock shows one second at `zero` (monotonic, s)."""
        self.codec = codec
        self._zero = zero - 1.0
        self._last = -1
        self._out = _Collector()
        self._container = av.open(
            self._out,
            "w",
            format="mpegts",
            options={
                "mpegts_flags": "pat_pmt_at_frames",
                "flush_packets": "1",
                "omit_video_pes_length": "0",
            },
        )
        self._stream = self._container.add_mux_stream(
            CODEC_NAMES[codec], rate=25, width=0, height=0
        )
        self._stream.time_base = CLOCK

    def mux(self, unit: AccessUnit) -> bytes:
        """Return the transport packets (188-byte multiples) of one access unit."""
        pts = max(int((unit.captured - self._zero) * 90_000), self._last + 1)
        self._last = pts
        packet = av.Packet(unit.data)
        packet.stream = self._stream
        packet.time_base = CLOCK
        packet.pts = packet.dts = pts
        packet.is_keyframe = unit.keyframe
        self._container.mux_one(packet)
        return self._out.take()

    def close(self) -> None:
        """Free libavformat's side."""
        self._container.close()
