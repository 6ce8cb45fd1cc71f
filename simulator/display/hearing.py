"""What somebody in front of the display hears, blocking: it belongs into the decoder's thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

RATE = 16_000
"""Samples per second of what is looked at; cameras and speech give no more."""
PIECE = RATE // 4
"""Samples of which one `Tone` tells."""
SILENT = 1e-3
"""What is below this loudness has no pitch."""
GAP = 0.005
"""Seconds by which sound may be off from where the sound before it ended."""
KEPT = 1200
"""Tones that are remembered; five minutes."""


@dataclass(frozen=True, slots=True)
class Tone:
    """A quarter of a second of sound."""

    at: float
    """Presentation time of its start, seconds on the stream's own clock."""
    hertz: float
    """The strongest frequency; 0 in silence."""
    loudness: float
    """Amplitude of a tone that is as strong, 1 being as loud as can be."""


class Hearing:
    """The sound of one media session, decoded as it comes."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self.seconds = 0.0
        """How much sound has been decoded."""
        self.gaps = 0
        """How often sound did not begin where the sound before it ended."""
        self.damaged = 0
        """Packets that could not be decoded."""
        self.tones: deque[Tone] = deque(maxlen=KEPT)
        self._context: av.AudioCodecContext | None = None
        self._resampler: av.AudioResampler | None = None
        self._end: float | None = None
        self._samples: np.ndarray[Any, np.dtype[np.float32]] = np.zeros(0, np.float32)
        self._began = 0.0

    def restart(self) -> None:
        """Be ready for a stream that does not go on with the one before."""
        self._context = self._resampler = self._end = None
        self._samples = self._samples[:0]

    def hear(self, stream: AudioStream, packet: av.Packet[AudioStream]) -> None:
        """Take a packet of sound."""
        if self._context is None:
            self._context = self._open(stream)
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        assert self._resampler is not None
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            length = frame.samples / frame.sample_rate
            self.seconds += length
            if frame.pts is None or frame.time_base is None:
                continue
            at = float(frame.pts * frame.time_base)
            if self._end is not None and abs(at - self._end) > GAP:
                self.gaps += 1
                self._samples = self._samples[:0]
            self._end = at + length
            if not len(self._samples):
                self._began = at
            frame.pts = None
            for piece in self._resampler.resample(frame):
                self._samples = np.concatenate((self._samples, piece.to_ndarray().reshape(-1)))
        while len(self._samples) >= PIECE:
            self.tones.append(_tone(self._began, self._samples[:PIECE]))
            self._samples = self._samples[PIECE:]
            self._began += PIECE / RATE

    def _open(self, stream: AudioStream) -> av.AudioCodecContext:
        described = stream.codec_context
        context = av.CodecContext.create(described.codec.name, "r")
        assert isinstance(context, av.AudioCodecContext)
        context.extradata = described.extradata
        return context


def _tone(at: float, samples: np.ndarray[Any, np.dtype[np.float32]]) -> Tone:
    loudness = float(np.sqrt(2 * np.mean(samples**2)))
    if loudness < SILENT:
        return Tone(at, 0.0, loudness)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return Tone(at, float(np.argmax(spectrum) * RATE / len(samples)), loudness)
