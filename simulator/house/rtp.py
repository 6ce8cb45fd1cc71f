"""H.264 out of RTP packets (RFC 6184), as an RTSP server sends them."""

from __future__ import annotations

import base64
import binascii
import re
import struct

_START = b"\0\0\0\1"
_HEAD = struct.Struct(">BBHII")
_IDR, _SPS = 5, 7
_STAP_A, _FU_A = 24, 28
MAX_UNIT = 4 * 1024 * 1024
_SETS = re.compile(r"sprop-parameter-sets=([\w+/=]+),([\w+/=]+)")


class AccessUnits:
    """Puts the packets of one track together to access units in Annex B form."""

    def __init__(self, sdp: str = "") -> None:
        """Begin; ``sdp`` may hold parameter sets that the packets do not repeat."""
        self._sets = b""
        if match := _SETS.search(sdp):
            try:
                self._sets = b"".join(
                    _START + base64.b64decode(text, validate=True) for text in match.groups()
                )
            except binascii.Error:
                self._sets = b""
        self._unit = bytearray()
        self._kinds: set[int] = set()

    def push(self, packet: bytes) -> bytes | None:
        """Take one RTP packet; return the access unit whose last one it was."""
        if len(packet) < _HEAD.size:
            return None
        flags, kind, *_ = _HEAD.unpack_from(packet)
        offset = _HEAD.size + 4 * (flags & 0x0F)
        if flags & 0x10 and len(packet) >= offset + 4:
            offset += 4 + 4 * int.from_bytes(packet[offset + 2 : offset + 4])
        if flags >> 6 != 2 or len(packet) <= offset:
            return None
        self._payload(packet[offset:])
        if not kind & 0x80:
            return None
        unit, kinds = bytes(self._unit), self._kinds
        self._unit, self._kinds = bytearray(), set()
        if _IDR in kinds and _SPS not in kinds:
            unit = self._sets + unit
        return unit or None

    def _payload(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == _STAP_A:
            position = 1
            while position + 2 < len(payload):
                size = int.from_bytes(payload[position : position + 2])
                self._nal(payload[position + 2 : position + 2 + size])
                position += 2 + size
        elif kind == _FU_A and len(payload) > 2:
            if payload[1] & 0x80:
                self._nal(bytes([payload[0] & 0xE0 | payload[1] & 0x1F]))
            self._add(payload[2:])
        elif kind < _STAP_A:
            self._nal(payload)

    def _nal(self, data: bytes) -> None:
        if data:
            self._kinds.add(data[0] & 0x1F)
            self._add(_START + data)

    def _add(self, data: bytes) -> None:
        if len(self._unit) + len(data) <= MAX_UNIT:
            self._unit += data
