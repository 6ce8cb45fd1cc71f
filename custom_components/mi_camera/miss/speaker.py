"""Sound to the camera's speaker: the records of channel 3 and the answer to the wish to speak.

A record is the media header, here with nothing in it but length, codec and time, and the
encrypted sound, 40 ms at a time (public protocol notes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import MissStatus, load_status
from .errors import MissProtocolError, MissSpeakerRefused
from .media import MediaHeader, push_media_header

if TYPE_CHECKING:
    from .crypto import RecordCipher
    from .frames import Codec

MAX_SOUND_BYTES = 16 * 1024
"""Of one piece; 40 ms of 48 kHz stereo PCM are 7680."""


def push_sound(cipher: RecordCipher, codec: Codec, data: bytes, timestamp_ms: int) -> bytes:
    """Build a record.

    Raises:
        ValueError: no codec for sound, no or too much data, or a time that is none.
    """
    if codec.is_video:
        raise ValueError(f"{codec.name} is no codec for sound")
    if not 0 < len(data) <= MAX_SOUND_BYTES:
        raise ValueError(f"a piece of sound is 1 to {MAX_SOUND_BYTES} bytes")
    if not 0 <= timestamp_ms < 1 << 64:
        raise ValueError("a time is a positive number of milliseconds")
    sealed = cipher.encrypt(data)
    return push_media_header(MediaHeader(len(sealed), codec, 0, 0, timestamp_ms, 0)) + sealed


def check_speaker_reply(body: bytes) -> None:
    """Return when the camera is ready to be spoken to.

    Raises:
        MissSpeakerRefused: it is not.
    """
    try:
        status = load_status(body)
    except MissProtocolError:
        raise MissSpeakerRefused("the camera's answer to the wish to speak is none") from None
    if status != MissStatus.OK:
        raise MissSpeakerRefused(f"the camera does not let anybody speak: status {status}")
