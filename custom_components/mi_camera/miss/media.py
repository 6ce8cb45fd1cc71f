"""The 32-byte header before each encrypted piece of media, and what its flags say.

Layout and flags are from public protocol notes; the meaning of the audio flags above the
sample rate is inferred. All integers are little-endian, unlike everywhere else in MISS.
"""

from __future__ import annotations

from dataclasses import dataclass
import struct

from .errors import MissProtocolError
from .frames import Codec

HEADER_BYTES = 32
_HEADER = struct.Struct("<IIIIQII")

_SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATE = 48000
# Two bits of which the second lens of the one known family sets at least one.
_SECOND_LENS = 0x140 << 16
_OPUS_STEREO = 0x04


@dataclass(frozen=True, slots=True)
class MediaHeader:
    """What a media record says of itself, in clear."""

    length: int
    """Bytes of payload, nonce included."""
    codec: int
    """A `Codec` number, or one this client does not know."""
    sequence: int
    """Counts per kind of media and per lens."""
    flags: int
    timestamp_ms: int
    """The camera's clock; some models state seconds here, or zero."""
    timestamp_s: int

    @property
    def lens(self) -> int:
        """Which lens: 0 or 1."""
        return 1 if self.flags & _SECOND_LENS else 0

    @property
    def resolution(self) -> int:
        """A number for the size of the picture (1 is 1080p, 2 720p, 3 360p, 4 1296p)."""
        return (self.flags >> 17) & 0b1111

    @property
    def channels(self) -> int:
        """Number of audio channels."""
        return 2 if (self.flags >> 9) & 0b11 else 1

    @property
    def sample_rate(self) -> int:
        """Audio samples per second; 8000 where the flags hold no known rate."""
        if self.codec == Codec.OPUS:
            return _OPUS_RATE
        index = (self.flags >> 3) & 0b1111
        return _SAMPLE_RATES[index] if index < len(_SAMPLE_RATES) else _SAMPLE_RATES[0]


def pull_media_header(record: bytes) -> MediaHeader:
    """Read the header of a media record.

    Raises:
        MissProtocolError: the record is too short.
    """
    if len(record) < HEADER_BYTES:
        raise MissProtocolError("a media record is shorter than its header")
    length, codec, sequence, flags, stamp, seconds, _reserved = _HEADER.unpack_from(record)
    return MediaHeader(length, codec, sequence, flags, stamp, seconds)


def push_media_header(header: MediaHeader) -> bytes:
    """Build the 32 bytes."""
    return _HEADER.pack(
        header.length,
        header.codec,
        header.sequence,
        header.flags,
        header.timestamp_ms,
        header.timestamp_s,
        0,
    )


def opus_channels(packet: bytes) -> int:
    """Return the channel count an Opus packet states in its first byte (RFC 6716 §3.1)."""
    return 2 if packet[0] & _OPUS_STEREO else 1
