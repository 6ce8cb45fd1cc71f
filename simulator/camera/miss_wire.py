"""Numbers and layouts of MISS: commands, states, and the header of media records.

From the public protocol notes, and what go2rtc sends; the audio flags above the sample rate
are inferred there.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulator.camera.spec import AudioCodec

COMMAND: Final = struct.Struct(">I")
STATUS: Final = struct.Struct("<i")
MEDIA: Final = struct.Struct("<IIIIQII")
"""Length with nonce, codec, sequence, flags, milliseconds, seconds, reserved."""
NONCE: Final = 8


class Command(IntEnum):
    """Commands of channel 0."""

    AUTH_REQUEST = 0x100
    AUTH_RESPONSE = 0x101
    VIDEO_START = 0x102
    VIDEO_STOP = 0x103
    AUDIO_START = 0x104
    AUDIO_STOP = 0x105
    SPEAKER_START_REQUEST = 0x106
    SPEAKER_START_RESPONSE = 0x107
    SPEAKER_STOP = 0x108
    STREAM_CONTROL_REQUEST = 0x109
    STREAM_CONTROL_RESPONSE = 0x10A
    AUDIO_FORMAT_REQUEST = 0x10B
    AUDIO_FORMAT_RESPONSE = 0x10C
    PLAYBACK_REQUEST = 0x10D
    PLAYBACK_RESPONSE = 0x10E
    DEVICE_INFO_REQUEST = 0x110
    DEVICE_INFO_RESPONSE = 0x111
    MOTOR_REQUEST = 0x112
    MOTOR_RESPONSE = 0x113
    ENCRYPTED = 0x1001


class Status(IntEnum):
    """MISS status numbers."""

    OK = 0
    AUTH = 3
    TOO_MANY_SESSIONS = 15
    UNSUPPORTED = 23


class Codec(IntEnum):
    """Codec numbers of media records."""

    H264 = 4
    H265 = 5
    PCM = 0x400
    PCMU = 0x402
    PCMA = 0x403
    AAC = 0x406
    OPUS = 0x408


class Flags(IntFlag):
    """Flags of media records, as far as they are known."""

    I_FRAME = 1
    RATE_16K = 3 << 3
    RATE_48K = 8 << 3
    WIDTH_16 = 1 << 7
    STEREO = 1 << 9
    WATERMARK_TIME = 1 << 13
    SIZE_1080P = 1 << 17
    SIZE_720P = 2 << 17
    SIZE_360P = 3 << 17
    SIZE_1296P = 4 << 17
    SECOND_LENS = 0x40 << 16


SIZES: Final = {
    360: Flags.SIZE_360P,
    720: Flags.SIZE_720P,
    1080: Flags.SIZE_1080P,
    1296: Flags.SIZE_1296P,
}
SOUND_CODECS: Final[dict[AudioCodec, Codec]] = {
    "pcma": Codec.PCMA,
    "pcmu": Codec.PCMU,
    "pcm": Codec.PCM,
    "opus": Codec.OPUS,
    "aac": Codec.AAC,
}
SOUND_FLAGS: Final[dict[AudioCodec, Flags]] = {
    "pcma": Flags.WIDTH_16,
    "pcmu": Flags.WIDTH_16,
    "pcm": Flags.WIDTH_16,
    "opus": Flags.WIDTH_16 | Flags.RATE_48K | Flags.STEREO,
    "aac": Flags.WIDTH_16 | Flags.RATE_16K,
}
SOUND_NAMES: Final[dict[AudioCodec, bytes]] = {
    "pcma": b"g711a",
    "pcmu": b"g711u",
    "pcm": b"pcm",
    "opus": b"opus",
    "aac": b"aac",
}
"""What the answer to `Command.AUDIO_FORMAT_REQUEST` says."""
