"""One unbroken line of samples, whatever a camera's microphone sends and when."""

from __future__ import annotations

from typing import Final

__all__ = ["RATE", "SAMPLE_BYTES", "SoundTimeline"]

RATE: Final = 16_000
"""Samples per second. Cameras speak G.711 at 8 kHz or wide-band voice: more would be air."""
SAMPLE_BYTES: Final = 4
"""One channel of 32-bit floating point."""

_SMOOTHING: Final = 1 / 50
# What is not worth a correction, and what is too much for a gentle one, in seconds.
_TOLERANCE: Final = 0.010
_TOO_FAR: Final = 0.080
# One sample more or less in a piece of 40 ms is 1560 ppm: far more than clocks drift, and
# nothing an ear would find.
_CORRECTION: Final = 1
_MAX_GAP: Final = 10.0


class SoundTimeline:
    """Puts pieces of sound where their time stamps say, and silence where there is none.

    A microphone's samples are counted by another clock than the one that stamps them, and
    stamps jitter. So pieces that follow each other are joined as they are, and the mean of
    what the stamps say against that is taken back a sample at a time. Only after a gap, or
    when they are far off, are the stamps obeyed at once.
    """

    def __init__(self, start: float) -> None:
        """Begin at `start`: the time of the first sample, seconds."""
        self._start = start
        self._samples = 0
        self._error = 0.0
        self._joined = False

    @property
    def end(self) -> float:
        """The time of the next sample, seconds."""
        return self._start + self._samples / RATE

    def fill(self, until: float) -> bytes:
        """Return silence that takes the line to `until`, none if it is there already."""
        missing = int((until - self.end) * RATE)
        if missing <= 0:
            return b""
        self._joined = False
        self._samples += missing
        return bytes(missing * SAMPLE_BYTES)

    def place(self, sound: bytes, at: float, *, follows: bool) -> bytes:
        """Return what a piece adds to the line: silence before it, or less than all of it.

        Args:
            sound: the samples.
            at: the time of the first one by its stamp, seconds.
            follows: whether no piece is missing before it.
        """
        error = at - self.end
        if follows and self._joined:
            self._error += (error - self._error) * _SMOOTHING
            if abs(self._error) < _TOO_FAR:
                return self._add(self._corrected(sound))
        if error > _MAX_GAP:
            return b""
        self._error = 0.0
        gap = round(error * RATE)
        size = gap * SAMPLE_BYTES
        sound = bytes(size) + sound if gap >= 0 else sound[-size:]
        self._joined = bool(sound)
        return self._add(sound)

    def _corrected(self, sound: bytes) -> bytes:
        step = _CORRECTION * SAMPLE_BYTES
        if self._error > _TOLERANCE:
            self._error -= _CORRECTION / RATE
            return sound + sound[-step:]
        if self._error < -_TOLERANCE:
            self._error += _CORRECTION / RATE
            return sound[:-step]
        return sound

    def _add(self, sound: bytes) -> bytes:
        self._samples += len(sound) // SAMPLE_BYTES
        return sound
