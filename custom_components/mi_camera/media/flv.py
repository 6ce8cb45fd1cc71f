"""Pictures out of FLV as it arrives: what an encoder writes to a pipe.

FLV because its muxer gives each picture away at once, whole and with its time (Adobe Flash
Video File Format Specification 10.1, annex E); in MPEG-TS one is known to be whole only
when the next begins, and raw H.264 has no times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FlvError", "FlvPicture", "FlvReader"]

_FILE_HEADER: Final = 9 + 4
_TAG_HEADER: Final = 11
_TAG_TRAILER: Final = 4
_VIDEO: Final = 9
_AVC: Final = 7
_KEY: Final = 1
_CONFIGURATION, _PICTURE = 0, 1
_START: Final = b"\0\0\0\1"
MAX_TAG: Final = 4 * 1024 * 1024
"""Far more than any picture of 720p."""


class FlvError(Exception):
    """That is no FLV of H.264."""


@dataclass(frozen=True, slots=True)
class FlvPicture:
    """One picture of H.264 in Annex B form; a key frame comes with its parameter sets.

    `at` is its time stamp in milliseconds.
    """

    at: int
    keyframe: bool
    data: bytes = field(repr=False)


class FlvReader:
    """Cuts FLV into pictures; what is not a picture of H.264 is passed over."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._data = bytearray()
        self._begun = False
        self._parameters = b""

    def feed(self, data: bytes) -> Iterator[FlvPicture]:
        """Take bytes; yield the pictures they complete.

        Raises:
            FlvError: it makes no sense.
        """
        self._data += data
        if not self._begun:
            if len(self._data) < _FILE_HEADER:
                return
            if not self._data.startswith(b"FLV\1"):
                raise FlvError("no FLV header")
            del self._data[:_FILE_HEADER]
            self._begun = True
        while len(self._data) >= _TAG_HEADER:
            size = int.from_bytes(self._data[1:4])
            if size > MAX_TAG:
                raise FlvError("a tag is too large")
            end = _TAG_HEADER + size
            if len(self._data) < end + _TAG_TRAILER:
                return
            kind = self._data[0]
            at = self._data[7] << 24 | int.from_bytes(self._data[4:7])
            body = bytes(self._data[_TAG_HEADER:end])
            del self._data[: end + _TAG_TRAILER]
            if kind == _VIDEO and (picture := self._video(at, body)) is not None:
                yield picture

    def _video(self, at: int, body: bytes) -> FlvPicture | None:
        if len(body) < 5 or body[0] & 0x0F != _AVC:
            raise FlvError("the video is not H.264")
        if body[1] == _CONFIGURATION:
            self._parameters = _parameters(body[5:])
        elif body[1] == _PICTURE:
            keyframe = body[0] >> 4 == _KEY
            data = b"".join(_START + unit for unit in _cut(body[5:], 4))
            return FlvPicture(at, keyframe, self._parameters + data if keyframe else data)
        return None


def _cut(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the units that have their length before them."""
    position = 0
    while position < len(data):
        start = position + length_size
        position = start + int.from_bytes(data[position:start])
        if position > len(data):
            raise FlvError("a unit is longer than its picture")
        yield data[start:position]


def _parameters(record: bytes) -> bytes:
    """Return the parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15)."""
    if len(record) < 7 or record[4] & 3 != 3:
        raise FlvError("the lengths of units are not told in four bytes")
    found = b""
    position = 5
    for mask in (0x1F, 0xFF):
        if position >= len(record):
            raise FlvError("a parameter set is missing")
        count = record[position] & mask
        position += 1
        for _ in range(count):
            start = position + 2
            position = start + int.from_bytes(record[position:start])
            if position > len(record):
                raise FlvError("a parameter set is cut off")
            found += _START + record[start:position]
    return found
