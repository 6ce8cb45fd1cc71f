"""Pictures out of MPEG-TS as it arrives, each with the moment its last byte came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKET = 188
_SYNC = 0x47
_IDR, _SPS, _PPS = 5, 7, 8


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit of H.264 in Annex B form."""

    data: bytes = field(repr=False)
    at: float
    """When its last byte arrived, in whatever unit the reader counts time."""

    @property
    def is_start(self) -> bool:
        """Whether a decoder can begin here: an IDR picture with its parameter sets."""
        kinds = set[int]()
        position = self.data.find(b"\0\0\1")
        while 0 <= position < len(self.data) - 3:
            kinds.add(self.data[position + 3] & 0x1F)
            position = self.data.find(b"\0\0\1", position + 3)
        return {_IDR, _SPS, _PPS} <= kinds


class TransportStream:
    """Cuts a transport stream into the pictures of its video.

    A picture is known to be whole when the next one begins, hence comes out one late; its time
    is that of its own last byte all the same.
    """

    def __init__(self) -> None:
        """Start before the first byte."""
        self._rest = b""
        self._pid: int | None = None
        self._data = bytearray()
        self._at = 0.0

    def feed(self, data: bytes, at: float) -> Iterator[Unit]:
        """Take bytes that arrived at ``at``; yield the pictures they complete."""
        data = self._rest + data
        position = 0
        while position + _PACKET <= len(data):
            if data[position] != _SYNC:
                position += 1
                continue
            yield from self._packet(data[position : position + _PACKET], at)
            position += _PACKET
        self._rest = data[position:]

    def _packet(self, packet: bytes, at: float) -> Iterator[Unit]:
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        control = packet[3] >> 4 & 3
        if not control & 1:
            return
        payload = packet[5 + packet[4] :] if control & 2 else packet[4:]
        if packet[1] & 0x40:
            # Stream ids E0 to EF are video.
            if len(payload) < 9 or payload[:3] != b"\0\0\1" or payload[3] & 0xF0 != 0xE0:
                return
            self._pid = pid
            if self._data:
                yield Unit(bytes(self._data), self._at)
            self._data = bytearray(payload[9 + payload[8] :])
        elif pid == self._pid:
            self._data += payload
        else:
            return
        self._at = at
