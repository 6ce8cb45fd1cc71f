"""A camera's sound as AAC, and as it comes where that is of use.

One piece of 40 ms costs about 0.1 ms of decoding, resampling and encoding, measured over
thousands: less than a switch to a thread and back would, so it is done where it arrives.
The programme's sound is the same whatever the camera speaks, and there from the first
picture on: silence stands in until the microphone is heard, and wherever it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import av
from av.error import FFmpegError

from ..miss import Codec
from .aac import FRAME_SECONDS, AacEncoder
from .mux import SoundPacket
from .opus_track import OpusTrack
from .sound_timeline import RATE, SAMPLE_BYTES, SoundTimeline

if TYPE_CHECKING:
    from .access_unit import SoundUnit

__all__ = ["SoundTrack"]

_DECODERS: Final = {
    Codec.PCM: "pcm_s16le",
    Codec.PCMU: "pcm_mulaw",
    Codec.PCMA: "pcm_alaw",
    Codec.AAC: "aac",
    Codec.OPUS: "opus",
}
_ADTS_SYNC: Final = 0xFFF0
_MAX_PIECE: Final = RATE
"""No camera sends a second in one piece."""

_HEAD_START: Final = 4.5 * FRAME_SECONDS
"""So much silence comes at once: who opens the stream learns from it what sound it has."""
_PATIENCE: Final = 0.5
"""How far behind the pictures sound that comes in may be before silence takes its place."""
_PATIENCE_WHEN_SILENT: Final = 0.1
_SILENT_AFTER: Final = 2.0


class SoundTrack:
    """The sound that goes with the pictures of one programme."""

    def __init__(self, start: float, *, opus: bool) -> None:
        """Begin at `start`, on the clock of the pictures in seconds.

        `opus` is whether the camera's own Opus packets are wanted as well.
        """
        # The encoder puts a frame of nothing before the first sample.
        self._line = SoundTimeline(start + FRAME_SECONDS)
        self._opus = OpusTrack(start) if opus else None
        self._start = self._line.end
        self._decoder: _Decoder | None = None
        self._encoder = AacEncoder()
        self._sequence: int | None = None
        self._heard = start - _SILENT_AFTER
        self.undecodable = 0

    @property
    def end(self) -> float:
        """Up to when there is sound, in seconds."""
        end = self._line.end
        return max(end, self._opus.end) if self._opus else end

    def begin(self) -> list[SoundPacket]:
        """Return the silence a programme begins with."""
        return self._fill(self._line.end + _HEAD_START)

    def advance(self, captured: float) -> list[SoundPacket]:
        """Follow the pictures: return silence for where sound should long have been."""
        silent = captured - self._heard > _SILENT_AFTER
        return self._fill(captured - (_PATIENCE_WHEN_SILENT if silent else _PATIENCE))

    def _fill(self, until: float) -> list[SoundPacket]:
        packets = self._encode(self._line.fill(until))
        return packets + self._opus.fill(until) if self._opus else packets

    def add(self, unit: SoundUnit) -> list[SoundPacket]:
        """Return what a piece of sound makes ready."""
        follows = self._sequence is not None and unit.sequence == self._sequence + 1
        self._sequence = unit.sequence
        try:
            sound = self._decode(unit)
        except FFmpegError, ValueError:
            self.undecodable += 1
            return []
        self._heard = max(self._heard, unit.captured)
        packets = self._encode(self._line.place(sound, unit.captured, follows=follows))
        if self._opus is not None and unit.codec is Codec.OPUS:
            packets += self._opus.add(unit.data, unit.captured, follows=follows)
        return packets

    def _decode(self, unit: SoundUnit) -> bytes:
        kind = unit.codec, unit.sample_rate, unit.channels
        if self._decoder is None or self._decoder.kind != kind:
            self._decoder = _Decoder(*kind)
        return self._decoder.decode(unit.data)

    def _encode(self, sound: bytes) -> list[SoundPacket]:
        """Encode what makes whole frames; the rest waits for more."""
        return [
            SoundPacket(Codec.AAC, self._start + frame.sample / RATE, frame.data)
            for frame in self._encoder.encode(sound)
        ]


class _Decoder:
    """From one way of coding to samples of the timeline."""

    def __init__(self, codec: Codec, rate: int, channels: int) -> None:
        self.kind = codec, rate, channels
        self._is_aac = codec is Codec.AAC
        self._context = cast("av.AudioCodecContext", av.CodecContext.create(_DECODERS[codec], "r"))
        self._context.sample_rate = rate
        self._context.layout = "stereo" if channels == 2 else "mono"
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)

    def decode(self, data: bytes) -> bytes:
        """Return the samples of one piece.

        Raises:
            FFmpegError, ValueError: that is no such piece.
        """
        if self._is_aac and int.from_bytes(data[:2]) & 0xFFF6 != _ADTS_SYNC:
            raise ValueError("raw AAC tells nothing of itself")
        parts: list[bytes] = []
        count = 0
        for decoded in self._context.decode(av.Packet(data)):
            decoded.pts = None
            for frame in self._resampler.resample(decoded):
                count += frame.samples
                if count > _MAX_PIECE:
                    raise ValueError("a piece of sound is too long")
                parts.append(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES])
        return b"".join(parts)
