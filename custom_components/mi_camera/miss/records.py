"""From a channel's byte stream to its records: ``size u32 BE | record``, over and over.

Records may be split over packets and packed into one (public protocol notes).
"""

from __future__ import annotations

import re

from .errors import MissProtocolError
from .limits import MAX_COMMAND, MAX_RECORD
from .media import HEADER_BYTES as MEDIA_HEADER_BYTES

SIZE_BYTES = 4
# A media record's payload length is stated twice, here and in its header. Firmware that pads
# its records is not known, but nothing would be lost by it.
_MAX_PADDING = 64
# Where a media record may begin: a size and a length of at most 2 MiB and a codec number.
_RECORD_START = re.compile(
    rb"\x00[\x00-\x20].."  # size, big-endian
    rb"..[\x00-\x20]\x00"  # payload length, little-endian
    rb"(?:[\x01-\x3f]\x00|[\x00-\x1f]\x04)\x00\x00",  # codec, little-endian
    re.DOTALL,
)
_START_BYTES = 12


def push_record(record: bytes) -> bytes:
    """Put the size before a record."""
    return len(record).to_bytes(SIZE_BYTES) + record


class RecordAssembler:
    """Collects the records of a stream in which every byte matters (commands)."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        """Start at a record's beginning."""
        self._buffer = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the records that are complete now.

        Raises:
            MissProtocolError: a record is larger than any command.
        """
        buffer = self._buffer
        buffer += data
        records = []
        while len(buffer) >= SIZE_BYTES:
            size = int.from_bytes(buffer[:SIZE_BYTES])
            if size > MAX_COMMAND:
                raise MissProtocolError("a command is too large")
            end = SIZE_BYTES + size
            if len(buffer) < end:
                break
            records.append(bytes(buffer[SIZE_BYTES:end]))
            del buffer[:end]
        return records


class MediaAssembler:
    """Collects media records, and finds the next record's beginning after a loss.

    Nothing in the stream marks a beginning, but size, payload length and codec together are
    as good as a mark: by chance they fit once in 10^14 bytes.
    """

    __slots__ = ("_buffer", "_lost", "_needed")

    def __init__(self) -> None:
        """Start at a record's beginning."""
        self._buffer = bytearray()
        self._needed = _START_BYTES
        self._lost = False

    def lose(self) -> None:
        """Bytes are missing from here on: drop the begun record, look for the next one."""
        self._buffer.clear()
        self._needed = _START_BYTES
        self._lost = True

    def push(self, data: bytes) -> list[bytes | None]:
        """Take the next bytes; return the records that are complete now.

        None stands where the stream was out of step by the sender's fault, and records
        may be missing.
        """
        buffer = self._buffer
        buffer += data
        records: list[bytes | None] = []
        while len(buffer) >= self._needed:
            if self._lost and not self._find():
                break
            size = self._size(0)
            if size is None:
                self._lost = True
                records.append(None)
                # The same bytes are no beginning a second time.
                del buffer[:1]
                continue
            end = SIZE_BYTES + size
            if len(buffer) < end:
                self._needed = end
                break
            records.append(bytes(buffer[SIZE_BYTES:end]))
            del buffer[:end]
            self._needed = _START_BYTES
        return records

    def _find(self) -> bool:
        """Drop what comes before the next beginning; False when there is none yet."""
        buffer = self._buffer
        at = 0
        while (match := _RECORD_START.search(buffer, at)) is not None:
            at = match.start()
            if self._size(at) is not None:
                del buffer[:at]
                self._lost = False
                return True
            at += 1
        del buffer[: max(0, len(buffer) - _START_BYTES + 1)]
        return False

    def _size(self, at: int) -> int | None:
        """Return the size of the record that begins here, None when none can."""
        buffer = self._buffer
        size = int.from_bytes(buffer[at : at + 4])
        length = int.from_bytes(buffer[at + 4 : at + 8], "little")
        padding = size - MEDIA_HEADER_BYTES - length
        return size if size <= MAX_RECORD and 0 <= padding <= _MAX_PADDING else None
