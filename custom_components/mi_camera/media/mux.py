"""MPEG-TS from access units and sound, one self-contained chunk for each.

Written out here, after ISO/IEC 13818-1, because libavformat's muxer keeps things back, which
was tried with PyAV 19 (libavformat 63.1):

- PyAV writes through `av_interleaved_write_frame` only. With more than one track nothing
  comes out until every track has a packet; with `max_interleave_delta` at its least, a
  packet still comes out only when a later one goes in.
- With a muxer for each track, which has nothing to interleave, sound of less than 171 bytes
  (silence, pauses) still waits for the next piece: `pes_payload_size=0` is rounded up to 170.
  The programme map then names one track, and would have to be written here all the same.

A track of pictures alone comes out at once there; that is not worth a second muxer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
import struct
from typing import TYPE_CHECKING, Final
import zlib

from ..miss import Codec
from .access_unit import Tracks

if TYPE_CHECKING:
    from .access_unit import AccessUnit

__all__ = ["CODEC_NAMES", "Parts", "SoundPacket", "TsMuxer"]

CODEC_NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}

CLOCK: Final = 90_000
"""Ticks of time stamps in a second."""
_LEAD: Final = CLOCK // 2
"""How far the programme clock is behind the pictures: sound comes later than they do."""
_STAMP_MASK: Final = (1 << 33) - 1
_PAYLOAD: Final = 184
_PIECE: Final = struct.Struct(f"{_PAYLOAD}s")
_PMT_PID: Final = 0x1000

# The delimiter before a picture of any kind, with its start code (H.264 §7.3.2.4, H.265 §7.3.2.5).
_DELIMITERS: Final = {Codec.H264: b"\0\0\0\1\x09\xf0", Codec.H265: b"\0\0\0\1\x46\1\x50"}
# What it begins with; the last byte differs with the kind of picture.
_DELIMITER_STARTS: Final = {
    Codec.H264: (b"\0\0\0\1\x09", b"\0\0\1\x09"),
    Codec.H265: (b"\0\0\0\1\x46\1", b"\0\0\1\x46\1"),
}


class _StreamType(IntEnum):
    """What the programme map calls a stream."""

    PRIVATE = 0x06
    AAC_ADTS = 0x0F
    H264 = 0x1B
    H265 = 0x24


_VIDEO_TYPES: Final = {Codec.H264: _StreamType.H264, Codec.H265: _StreamType.H265}
# Registration descriptor "Opus", and the extension that says: two channels.
_OPUS_DESCRIPTORS: Final = b"\x05\x04Opus\x7f\x02\x80\x02"


@dataclass(frozen=True, slots=True)
class SoundPacket:
    """A coded piece of sound: an ADTS frame of AAC, or an Opus packet.

    `at` is the time of its first sample, in seconds on the clock of the pictures.
    """

    codec: Codec
    at: float
    data: bytes = field(repr=False)


type Parts = tuple[AccessUnit | SoundPacket, ...]
"""What a chunk is made of: one picture, or pieces of sound."""


class _Track:
    """One elementary stream, as packets of 188 bytes."""

    def __init__(self, pid: int, stream_id: int) -> None:
        self.pid = pid
        self._pes_start = bytes((0, 0, 1, stream_id))
        self._heads = [bytes((0x47, pid >> 8, pid & 0xFF, 0x10 | count)) for count in range(16)]
        self._count = 0
        self._last = -1

    def pes(self, stamp: int, data: bytes, *, clock: bool = False, key: bool = False) -> bytes:
        """Return the packets of one PES packet.

        Args:
            stamp: presentation time in ticks; made to grow if it does not.
            data: what it carries.
            clock: whether it tells the programme clock as well.
            key: whether decoding can begin here.
        """
        self._last = stamp = max(stamp, self._last + 1)
        length = len(data) + 8
        pts = stamp & _STAMP_MASK
        payload = b"".join(
            (
                self._pes_start,
                # A picture may be too long for its length to be told.
                (length if length < 1 << 16 else 0).to_bytes(2),
                b"\x80\x80\x05",
                _stamp_bytes(pts),
                data,
            )
        )
        field_bytes = b""
        if clock:
            base = (stamp - _LEAD) & _STAMP_MASK
            flags = 0x50 if key else 0x10
            field_bytes = bytes((flags,)) + (base << 15 | 0x7E00).to_bytes(6)
        return self._packets(payload, field_bytes)

    def _packets(self, payload: bytes, first_field: bytes) -> bytes:
        """Cut a payload; `first_field` is the first packet's adaptation field."""
        room = _PAYLOAD - (len(first_field) + 1 if first_field else 0)
        if len(payload) < room:
            return self._short(payload, first_field, start=True)
        parts = [self._head(start=True, field=bool(first_field))]
        if first_field:
            parts += (bytes((len(first_field),)), first_field)
        parts.append(payload[:room])
        whole, rest = divmod(len(payload) - room, _PAYLOAD)
        pieces: list[bytes] = [b""] * (2 * whole)
        cut = _PIECE.iter_unpack(memoryview(payload)[room : room + whole * _PAYLOAD])
        pieces[1::2] = chain.from_iterable(cut)
        # As many heads as there are pieces, each with the next number of sixteen.
        first = self._count + 1
        pieces[::2] = (self._heads * (whole // 16 + 2))[first : first + whole]
        self._count = (self._count + whole) & 0xF
        parts += pieces
        if rest:
            parts.append(self._short(payload[-rest:], b"", start=False))
        return b"".join(parts)

    def _head(self, *, start: bool, field: bool) -> bytes:
        self._count = self._count + 1 & 0xF
        head = bytearray(self._heads[self._count])
        head[1] |= 0x40 if start else 0
        head[3] |= 0x20 if field else 0
        return bytes(head)

    def _short(self, payload: bytes, first_field: bytes, *, start: bool) -> bytes:
        """Return a packet that is filled up by its adaptation field."""
        length = _PAYLOAD - len(payload) - 1
        filled = b""
        if length:
            filled = (first_field or b"\0").ljust(length, b"\xff")
        return self._head(start=start, field=True) + bytes((length,)) + filled + payload


class TsMuxer:
    """Packs pictures, and sound if there is any, into MPEG-TS.

    A chunk that begins with a key frame also begins with the programme's tables, so a viewer
    may join there. Each picture begins with a delimiter, and tells its length if that is
    below 64 KiB: a demuxer then need not wait for the next one to know that it is whole.
    """

    def __init__(self, codec: Codec, zero: float, tracks: Tracks = Tracks.PICTURES) -> None:
        """Make a programme whose clock shows one second at `zero` (`clock`, s)."""
        self.codec = codec
        self.tracks = tracks
        self._zero = zero - 1.0
        self._pictures = _Track(0x100, 0xE0)
        self._sounds: dict[Codec, _Track] = {}
        if tracks is not Tracks.PICTURES:
            self._sounds[Codec.AAC] = _Track(0x101, 0xC0)
        if tracks is Tracks.SOUND_AND_OPUS:
            self._sounds[Codec.OPUS] = _Track(0x102, 0xBD)
        self._delimiter = _DELIMITERS[codec]
        self._starts = _DELIMITER_STARTS[codec]
        self._tables = _section(0, 1, b"\0\1" + _pid(_PMT_PID)), _section(2, 1, self._map())
        self._table_count = -1

    def mux(self, unit: AccessUnit) -> bytes:
        """Return the transport packets (188-byte multiples) of one access unit."""
        data = unit.data
        if not data.startswith(self._starts):
            data = self._delimiter + data
        stamp = int((unit.captured - self._zero) * CLOCK)
        chunk = self._pictures.pes(stamp, data, clock=True, key=unit.keyframe)
        return self._program() + chunk if unit.keyframe else chunk

    def mux_sound(self, packet: SoundPacket) -> bytes:
        """Return the transport packets of one piece of sound.

        Raises:
            KeyError: the programme has no such track.
        """
        data = packet.data
        if packet.codec is Codec.OPUS:
            # The control header of Opus in MPEG-TS: a prefix, and the size in steps of 255.
            data = b"\x7f\xe0" + b"\xff" * (len(data) // 255) + bytes((len(data) % 255,)) + data
        stamp = int((packet.at - self._zero) * CLOCK)
        return self._sounds[packet.codec].pes(max(stamp, 0), data)

    def _map(self) -> bytes:
        """Return the body of the programme map: the clock's PID, and each stream."""
        body = _pid(self._pictures.pid) + b"\xf0\0"
        body += bytes((_VIDEO_TYPES[self.codec],)) + _pid(self._pictures.pid) + b"\xf0\0"
        for codec, track in self._sounds.items():
            is_opus = codec is Codec.OPUS
            kind = _StreamType.PRIVATE if is_opus else _StreamType.AAC_ADTS
            more = _OPUS_DESCRIPTORS if is_opus else b""
            body += bytes((kind,)) + _pid(track.pid) + bytes((0xF0, len(more))) + more
        return body

    def _program(self) -> bytes:
        """Return the two tables, a packet each."""
        self._table_count = count = self._table_count + 1 & 0xF
        return b"".join(
            bytes((0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10 | count)) + section
            for pid, section in zip((0, _PMT_PID), self._tables, strict=True)
        )


def _pid(pid: int) -> bytes:
    return (0xE000 | pid).to_bytes(2)


def _stamp_bytes(stamp: int) -> bytes:
    """Return a presentation time stamp in its five bytes, with the marker bits between."""
    return bytes(
        (
            0x21 | stamp >> 29 & 0x0E,
            stamp >> 22 & 0xFF,
            stamp >> 14 & 0xFE | 1,
            stamp >> 7 & 0xFF,
            stamp << 1 & 0xFE | 1,
        )
    )


def _section(table: int, number: int, body: bytes) -> bytes:
    """Return the payload of a packet with a table: pointer, section and check sum, filled up."""
    head = bytes((table,)) + (0xB000 | len(body) + 9).to_bytes(2) + number.to_bytes(2)
    section = head + b"\xc1\0\0" + body
    return (b"\0" + section + _crc(section).to_bytes(4)).ljust(_PAYLOAD, b"\xff")


_REVERSED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def _crc(data: bytes) -> int:
    """Return the CRC-32 of MPEG-2: that of zlib with the bits the other way round."""
    mirrored = zlib.crc32(data.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED))
