"""CS2 wire layouts and byte streams, without any socket.

Every message is ``F1 | type | u16 BE length of what follows``. All facts here: public protocol
notes, and observed in go2rtc. Channels carry byte streams of records ``u32 BE size | record``,
cut into numbered DRW messages of at most 1024 bytes of data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
import struct

MAGIC = 0xF1
MAGIC_DRW = 0xD1
MAGIC_TCP = 0x68
PORT = 32108
MAX_DRW_DATA = 1024
MAX_RECORD = 64 * 1024
"""Longest record taken from a client; commands and speaker frames are far shorter."""

_HEAD = struct.Struct(">BBH")
_DRW = struct.Struct(">BBHBBH")
_ACK = struct.Struct(">BBH")
_TCP = struct.Struct(">HB5x")
_SIZE = struct.Struct(">I")
_REORDER = 256
"""How far ahead of the next expected number a DRW may be."""


class WireError(Exception):
    """What the peer sent breaks the protocol beyond repair."""


class Message(IntEnum):
    """Message types."""

    LAN_SEARCH = 0x30
    LAN_SEARCH_EXT = 0x32
    PUNCH = 0x41
    P2P_RDY_UDP = 0x42
    P2P_RDY_TCP = 0x43
    DRW = 0xD0
    DRW_ACK = 0xD1
    PING = 0xE0
    PONG = 0xE1
    CLOSE = 0xF0
    CLOSE_ACK = 0xF1


class Channel(IntEnum):
    """DRW channels."""

    COMMAND = 0
    RDT = 1
    MEDIA = 2
    SPEAKER = 3


def pack_message(kind: Message, body: bytes = b"") -> bytes:
    """Return one message."""
    return _HEAD.pack(MAGIC, kind, len(body)) + body


def unpack_message(data: bytes) -> tuple[int, bytes]:
    """Return the type and body of one message.

    Raises:
        WireError: it is none, or not as long as it says.

    """
    if len(data) < _HEAD.size or data[0] != MAGIC:
        raise WireError("not a CS2 message")
    _, kind, length = _HEAD.unpack_from(data)
    if len(data) != _HEAD.size + length:
        raise WireError("CS2 message of a wrong length")
    return kind, data[_HEAD.size :]


def pack_uid(did: int) -> bytes:
    """Return the 20-byte UID of a simulated camera: prefix, serial number, check text."""
    return struct.pack(">8sI8s", b"SIMCAM", did & 0xFFFFFFFF, b"HOUSE")


def pack_drw(channel: int, sequence: int, data: bytes | memoryview) -> bytes:
    """Return one DRW message, at most 1024 bytes of data."""
    head = _DRW.pack(MAGIC, Message.DRW, 4 + len(data), MAGIC_DRW, channel, sequence)
    return head + data


def unpack_drw(body: bytes) -> tuple[int, int, bytes]:
    """Return channel, sequence and data of a DRW message's body.

    Raises:
        WireError: it is too short, wrongly marked or of a channel that is not there.

    """
    if len(body) < _ACK.size or body[0] != MAGIC_DRW:
        raise WireError("malformed DRW")
    _, channel, sequence = _ACK.unpack_from(body)
    if channel > Channel.SPEAKER:
        raise WireError("DRW for an unknown channel")
    return channel, sequence, body[_ACK.size :]


def pack_ack(channel: int, sequences: list[int]) -> bytes:
    """Return one DRW ACK message for any number of sequences."""
    body = _ACK.pack(MAGIC_DRW, channel, len(sequences))
    return pack_message(Message.DRW_ACK, body + struct.pack(f">{len(sequences)}H", *sequences))


def unpack_ack(body: bytes) -> tuple[int, tuple[int, ...]]:
    """Return channel and acknowledged sequences of a DRW ACK message's body.

    Raises:
        WireError: it is too short or not as long as its count says.

    """
    if len(body) < _ACK.size or body[0] != MAGIC_DRW:
        raise WireError("malformed DRW ACK")
    _, channel, count = _ACK.unpack_from(body)
    if len(body) != _ACK.size + 2 * count:
        raise WireError("DRW ACK of a wrong length")
    return channel, struct.unpack_from(f">{count}H", body, _ACK.size)


def pack_tcp(message: bytes) -> bytes:
    """Return one message as it goes over a TCP link."""
    return _TCP.pack(len(message), MAGIC_TCP) + message


class TcpReader:
    """Cuts the bytes of a TCP link into messages."""

    def __init__(self) -> None:
        """Start empty."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the messages that are complete.

        Raises:
            WireError: a frame does not start as one.

        """
        self._buffer += data
        messages = []
        while len(self._buffer) >= _TCP.size:
            length, magic = _TCP.unpack_from(self._buffer)
            if magic != MAGIC_TCP:
                raise WireError("not a CS2 frame")
            if len(self._buffer) < _TCP.size + length:
                break
            messages.append(bytes(self._buffer[_TCP.size : _TCP.size + length]))
            del self._buffer[: _TCP.size + length]
        return messages


class RecordReader:
    """Cuts one channel's byte stream into records."""

    def __init__(self) -> None:
        """Start empty."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the records that are complete.

        Raises:
            WireError: a record would be longer than `MAX_RECORD`.

        """
        self._buffer += data
        records = []
        while len(self._buffer) >= _SIZE.size:
            (size,) = _SIZE.unpack_from(self._buffer)
            if size > MAX_RECORD:
                raise WireError("record too long")
            if len(self._buffer) < _SIZE.size + size:
                break
            records.append(bytes(self._buffer[_SIZE.size : _SIZE.size + size]))
            del self._buffer[: _SIZE.size + size]
        return records


class Reorder:
    """Puts one channel's DRW messages back in order."""

    def __init__(self) -> None:
        """Expect sequence 0."""
        self._next = 0
        self._early: dict[int, bytes] = {}

    def push(self, sequence: int, data: bytes) -> list[bytes] | None:
        """Take one message; return what is in order now, or None when it lies too far ahead.

        None means that it was not kept and must not be acknowledged. A message that came
        before gives an empty list: it must be acknowledged again.
        """
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return []
        if ahead >= _REORDER:
            return None
        self._early.setdefault(sequence, data)
        ready = []
        while (chunk := self._early.pop(self._next, None)) is not None:
            ready.append(chunk)
            self._next = (self._next + 1) & 0xFFFF
        return ready


@dataclass(slots=True)
class Splitter:
    """Numbers and cuts one channel's records for sending."""

    channel: int
    sequence: int = 0

    def split(self, record: bytes) -> list[tuple[int, bytes]]:
        """Return the record as (sequence, DRW message) pairs, in order."""
        stream = memoryview(_SIZE.pack(len(record)) + record)
        messages = []
        for start in range(0, len(stream), MAX_DRW_DATA):
            chunk = stream[start : start + MAX_DRW_DATA]
            messages.append((self.sequence, pack_drw(self.channel, self.sequence, chunk)))
            self.sequence = (self.sequence + 1) & 0xFFFF
        return messages
