"""Opus packets as they come from the camera, on an unbroken line of time."""

from __future__ import annotations

from typing import Final

from ..miss import Codec
from .mux import SoundPacket

__all__ = ["OpusTrack", "opus_duration"]

_SILENCE: Final = b"\xfc\xff\xfe"
"""20 ms of nothing in two channels, as encoders send it."""
_SILENCE_SECONDS: Final = 0.020
_SMOOTHING: Final = 1 / 50
_STEP: Final = 0.0002
"""How much a packet's time is moved at most to follow the stamps, in seconds."""
_TOO_FAR: Final = 0.080
_MAX_GAP: Final = 10.0

# Seconds of a frame by the configuration in a packet's first byte (RFC 6716 §3.1).
_SILK: Final = (0.010, 0.020, 0.040, 0.060)
_HYBRID: Final = (0.010, 0.020)
_CELT: Final = (0.0025, 0.005, 0.010, 0.020)
_FRAMES: Final = _SILK * 3 + _HYBRID * 2 + _CELT * 4


def opus_duration(packet: bytes) -> float:
    """Return the length of a packet's sound in seconds, 0 when it cannot be a packet."""
    if not packet:
        return 0.0
    frame, code = _FRAMES[packet[0] >> 3], packet[0] & 3
    if code < 3:
        return frame * (2 if code else 1)
    return frame * (packet[1] & 0x3F) if len(packet) > 1 else 0.0


class OpusTrack:
    """Gives Opus packets times that follow each other, and fills gaps with silence."""

    def __init__(self, start: float) -> None:
        """Begin at `start`, in seconds."""
        self.end = start
        self._error = 0.0
        self._joined = False

    def fill(self, until: float) -> list[SoundPacket]:
        """Return the packets of silence that take the line to `until`."""
        packets: list[SoundPacket] = []
        while self.end + _SILENCE_SECONDS <= until:
            self._joined = False
            packets.append(self._packet(_SILENCE, _SILENCE_SECONDS))
        return packets

    def add(self, data: bytes, at: float, *, follows: bool) -> list[SoundPacket]:
        """Return what one packet stamped `at` adds: itself, silence before it, or nothing."""
        duration = opus_duration(data)
        error = at - self.end
        if not duration or error > _MAX_GAP:
            return []
        if follows and self._joined:
            self._error += (error - self._error) * _SMOOTHING
            if abs(self._error) < _TOO_FAR:
                step = max(-_STEP, min(_STEP, self._error))
                self._error -= step
                self.end += step
                return [self._packet(data, duration)]
        packets = self.fill(at)
        if at < self.end - duration / 2:
            return packets
        self._error = 0.0
        self._joined = True
        return [*packets, self._packet(data, duration)]

    def _packet(self, data: bytes, duration: float) -> SoundPacket:
        packet = SoundPacket(Codec.OPUS, self.end, data)
        self.end += duration
        return packet
