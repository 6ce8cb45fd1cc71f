"""The speaker of a simulated camera: what it takes, and what was heard of it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
import time
from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np

from simulator.camera.miss_wire import SOUND_CODECS, Codec, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.camera.spec import AudioCodec

KEPT_FRAMES: Final = 1500
"""One minute of sound in frames of 40 ms."""
LONGEST_FRAME: Final = 0.2
"""Seconds in one frame; longer ones are refused."""
_RATES: Final[dict[AudioCodec, int]] = {
    "pcma": 8000,
    "pcmu": 8000,
    "pcm": 8000,
    "opus": 48000,
    "aac": 16000,
}
_DECODERS: Final[dict[AudioCodec, str]] = {
    "pcma": "pcm_alaw",
    "pcmu": "pcm_mulaw",
    "pcm": "pcm_s16le",
    "opus": "libopus",
    "aac": "aac",
}
_ADTS_START = 0xFFF06040  # AAC-LC, 16 kHz, one channel
_ADTS_MASK = 0xFFF6FDC0
_AAC_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class SpeakerFrame:
    """One piece of sound that came for the speaker."""

    at: float
    """When it arrived, by `time.monotonic`."""
    timestamp_ms: int
    """What its sender said."""
    seconds: float
    """How long it sounds."""
    data: bytes = field(repr=False)


class Speaker:
    """Takes sound of one client at a time, and keeps the last of it."""

    def __init__(self, codec: AudioCodec | None) -> None:
        """Take sound of this codec only; None is no speaker at all."""
        self.codec = codec
        self.busy = False
        """Tell everybody that another is speaking."""
        self.status_as_text = False
        """Answer in ASCII, as some cameras do."""
        self.frames: deque[SpeakerFrame] = deque(maxlen=KEPT_FRAMES)
        self.refused: Counter[str] = Counter()
        """What was not taken, by reason: ``unasked``, ``codec``, ``malformed``."""
        self.seconds = 0.0
        """All sound ever taken."""
        self._owner: object = None

    def start(self, owner: object) -> Status:
        """Give the speaker to a client."""
        if self.codec is None:
            return Status.UNSUPPORTED
        if self.busy or self._owner not in {None, owner}:
            return Status.TOO_MANY_SESSIONS
        self._owner = owner
        return Status.OK

    def stop(self, owner: object) -> None:
        """Take it back, if it was this client's."""
        if self._owner is owner:
            self._owner = None

    def take(self, owner: object, codec: int, timestamp_ms: int, data: bytes) -> None:
        """Take one frame, or count why not."""
        if self.codec is None or self._owner is not owner:
            self.refused["unasked"] += 1
        elif codec != SOUND_CODECS[self.codec]:
            self.refused["codec"] += 1
        elif not 0 < (seconds := _duration(codec, data)) <= LONGEST_FRAME:
            self.refused["malformed"] += 1
        else:
            self.seconds += seconds
            self.frames.append(SpeakerFrame(time.monotonic(), timestamp_ms, seconds, data))

    def sound(self) -> tuple[NDArray[np.int16], int]:
        """Return what was taken last, decoded to one channel, and its samples per second."""
        if self.codec is None:
            return np.zeros(0, np.int16), 8000
        rate = _RATES[self.codec]
        if not self.frames:
            return np.zeros(0, np.int16), rate
        name = _DECODERS[self.codec]
        context = cast("av.AudioCodecContext", av.CodecContext.create(name, "r"))
        context.sample_rate = rate
        context.layout = "mono"
        resampler = av.AudioResampler("s16", "mono", rate)
        pieces: list[NDArray[np.int16]] = []
        for taken in tuple(self.frames):
            try:
                decoded = context.decode(av.Packet(taken.data))
            except av.FFmpegError:
                continue  # a gap, as one would hear it
            for frame in decoded:
                frame.pts = None
                pieces += [
                    even.to_ndarray().ravel().astype(np.int16) for even in resampler.resample(frame)
                ]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16), rate


def _duration(codec: int, data: bytes) -> float:
    """Return the seconds in a frame, 0 for one that cannot be right."""
    match codec:
        case Codec.PCMA | Codec.PCMU:
            return len(data) / 8000
        case Codec.PCM:
            return len(data) / 16000 if len(data) % 2 == 0 else 0
        case Codec.OPUS:
            return _opus_duration(data)
        case Codec.AAC:
            usual = len(data) > 7 and int.from_bytes(data[:4]) & _ADTS_MASK == _ADTS_START
            return _AAC_SAMPLES / _RATES["aac"] if usual else 0
    return 0


def _opus_duration(data: bytes) -> float:
    """Return the seconds in an Opus packet, by its first bytes (RFC 6716 §3.1, §3.2)."""
    if len(data) < 2:
        return 0
    config = data[0] >> 3
    one: float
    if config < 12:
        one = (10, 20, 40, 60)[config & 3]
    elif config < 16:
        one = (10, 20)[config & 1]
    else:
        one = (2.5, 5, 10, 20)[config & 3]
    count = (1, 2, 2, data[1] & 0x3F)[data[0] & 3]
    return one * count / 1000
