"""Whether a decrypted piece of sound can be what its header says.

G.711 and PCM are any bytes, so little can be told of them; AAC and Opus have a form. What
breaks it is another key's noise or half a piece and must not reach a decoder. Forms are
those of ISO/IEC 14496-3 (AAC, ADTS) and RFC 6716 §3 (Opus). Whether cameras frame AAC by
ADTS or send it raw is not known; both are taken.
"""

from __future__ import annotations

from .frames import Codec
from .media import opus_channels

MAX_SOUND_BYTES = 64 * 1024
"""Of one piece; 40 ms of 48 kHz stereo PCM are 7680."""

_ADTS_BYTES = 7
_ADTS_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
# Six channels at most in 1024 samples of at most 6144 bits each.
_MAX_RAW_AAC = 6 * 768
_AAC_END = 7
_OPUS_MAX_FRAME = 1275
_OPUS_MAX_TENTHS = 1200


def inspect_sound(
    codec: Codec, data: bytes, sample_rate: int, channels: int
) -> tuple[int, int] | None:
    """Return (samples per second, channels) of a piece of sound; None when it cannot be one.

    Args:
        codec: what the header says it is.
        data: the decrypted payload.
        sample_rate: what the header says; what the sound itself says has precedence.
        channels: likewise.
    """
    if not 0 < len(data) <= MAX_SOUND_BYTES:
        return None
    match codec:
        case Codec.PCM:
            return None if len(data) % 2 else (sample_rate, channels)
        case Codec.AAC:
            if data[0] == 0xFF:
                return _adts(data)
            is_raw = len(data) <= _MAX_RAW_AAC and data[0] >> 5 != _AAC_END
            return (sample_rate, channels) if is_raw else None
        case Codec.OPUS:
            return (sample_rate, opus_channels(data)) if _is_opus(data) else None
        case _:
            return sample_rate, channels


def _adts(data: bytes) -> tuple[int, int] | None:
    """Walk the ADTS frames; they have to fill the data."""
    at = 0
    while at < len(data):
        head = data[at : at + _ADTS_BYTES]
        if len(head) < _ADTS_BYTES or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return None
        length = (head[3] & 0b11) << 11 | head[4] << 3 | head[5] >> 5
        if length <= _ADTS_BYTES or at + length > len(data):
            return None
        at += length
    rate = data[2] >> 2 & 0b1111
    channels = (data[2] & 1) << 2 | data[3] >> 6
    if rate >= len(_ADTS_RATES) or channels == 0:
        return None
    return _ADTS_RATES[rate], channels


def _is_opus(data: bytes) -> bool:
    code = data[0] & 0b11
    body = len(data) - 1
    if code == 0:
        return body <= _OPUS_MAX_FRAME
    if code == 1:
        return body % 2 == 0 and body <= 2 * _OPUS_MAX_FRAME
    if code == 2:
        return 1 <= body <= 2 * _OPUS_MAX_FRAME + 2
    count = data[1] & 0b111111 if body else 0
    return count > 0 and count * _opus_tenths(data[0] >> 3) <= _OPUS_MAX_TENTHS


def _opus_tenths(config: int) -> int:
    """Return the length of an Opus frame in tenths of a millisecond (RFC 6716, table 2)."""
    if config < 12:
        return (100, 200, 400, 600)[config & 0b11]
    if config < 16:
        return (100, 200)[config & 1]
    return (25, 50, 100, 200)[config & 0b11]
