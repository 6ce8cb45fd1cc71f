"""Wire layout of CS2, the peer-to-peer transport below MISS.

A packet is ``F1 | type | length u16 BE | body``; over TCP each is framed once more. Layouts
and numbers are from public protocol notes, checked against an independent client. Each
``pull_`` reads what its ``push_`` writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
import struct
from typing import TYPE_CHECKING

from .errors import MissProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEARCH_PORT = 32108
MAGIC = 0xF1
DRW_MAGIC = 0xD1
STREAM_MAGIC = 0x68
HEADER_BYTES = 4
DRW_HEADER_BYTES = 8
STREAM_HEADER_BYTES = 8
UID_BYTES = 20
MAX_DRW_DATA = 1024
"""Data bytes per packet a camera accepts."""
MAX_ACKS_PER_PACKET = 256

_HEADER = struct.Struct(">BBH")
_DRW_HEADER = struct.Struct(">BBHBBH")
_ACK_HEADER = struct.Struct(">BBH")
_STREAM_HEADER = struct.Struct(">HB5x")
# The same, and the frame before it over TCP, with the magic numbers in one with what follows.
_MEDIA_HEADER = struct.Struct(">HHHH")
_MEDIA_FRAME = struct.Struct(">HB5xHHH2x")
_DRW_KIND = 0xF1D0
_MEDIA_CHANNEL = 0xD102
_UID = struct.Struct(">8sI8s")
# A sockaddr in an unusual byte order, seen in one comment of one client only.
_TCP_ADDRESS = struct.Struct("<2xH4s")


class PacketType(IntEnum):
    """Packet types, by the names the protocol's users give them."""

    LAN_SEARCH = 0x30
    LAN_SEARCH_EXT = 0x32
    PUNCH_PKT = 0x41
    P2P_RDY = 0x42
    P2P_RDY_TCP = 0x43
    DRW = 0xD0
    DRW_ACK = 0xD1
    ALIVE = 0xE0
    ALIVE_ACK = 0xE1
    CLOSE = 0xF0
    CLOSE_ACK = 0xF1


class Channel(IntEnum):
    """Logical channels of a connection."""

    COMMAND = 0
    RDT = 1
    """Files and catalogue of the memory card."""
    MEDIA = 2
    SPEAKER = 3
    """Sound to the camera."""


@dataclass(frozen=True, slots=True)
class Uid:
    """A camera's CS2 name: the batch's prefix, a serial number, a check code."""

    prefix: str
    serial: int
    check: str

    def __str__(self) -> str:
        """Show it as printed on devices."""
        return f"{self.prefix}-{self.serial:06d}-{self.check}"


def pull_packet(packet: bytes) -> tuple[int, bytes]:
    """Return (type, body). Bytes after the stated length are ignored.

    Raises:
        MissProtocolError: no CS2 packet, or shorter than it says.
    """
    if len(packet) < HEADER_BYTES:
        raise MissProtocolError("a packet is shorter than its header")
    magic, kind, length = _HEADER.unpack_from(packet)
    if magic != MAGIC:
        raise MissProtocolError("a packet does not begin with the CS2 magic")
    if len(packet) < HEADER_BYTES + length:
        raise MissProtocolError("a packet is shorter than it says")
    return kind, packet[HEADER_BYTES : HEADER_BYTES + length]


def push_packet(kind: PacketType, body: bytes = b"") -> bytes:
    """Build a packet."""
    return _HEADER.pack(MAGIC, kind, len(body)) + body


def pull_drw(packet: bytes) -> tuple[int, int, bytes]:
    """Return (channel, sequence number, data) of a whole DRW packet.

    Raises:
        MissProtocolError: lengths do not fit, or the channel does not exist.
    """
    if len(packet) < DRW_HEADER_BYTES:
        raise MissProtocolError("a DRW packet is shorter than its header")
    _magic, _kind, length, drw_magic, channel, sequence = _DRW_HEADER.unpack_from(packet)
    end = HEADER_BYTES + length
    if drw_magic != DRW_MAGIC or not DRW_HEADER_BYTES <= end <= len(packet):
        raise MissProtocolError("a DRW packet's lengths do not fit")
    if channel > Channel.SPEAKER:
        raise MissProtocolError("a DRW packet is for a channel that does not exist")
    return channel, sequence, packet[DRW_HEADER_BYTES:end]


def pull_media_run(packets: Sequence[bytes], start: int, sequence: int) -> list[bytes]:
    """Return the data of the DRW packets of the media channel, from `packets[start]` on.

    They have `sequence` and the numbers that follow. Ends before the first other packet.
    """
    run: list[bytes] = []
    for packet in packets[start:]:
        size = len(packet)
        if size <= DRW_HEADER_BYTES:
            break
        kind, length, channel, number = _MEDIA_HEADER.unpack_from(packet)
        if (
            number != sequence
            or channel != _MEDIA_CHANNEL
            or kind != _DRW_KIND
            or length != size - HEADER_BYTES
        ):
            break
        run.append(packet[DRW_HEADER_BYTES:])
        sequence = (sequence + 1) & 0xFFFF
    return run


def push_drw(channel: int, sequence: int, data: bytes) -> bytes:
    """Build a whole DRW packet; at most 1024 data bytes."""
    length = DRW_HEADER_BYTES - HEADER_BYTES + len(data)
    header = _DRW_HEADER.pack(MAGIC, PacketType.DRW, length, DRW_MAGIC, channel, sequence)
    return header + data


def pull_drw_ack(body: bytes) -> tuple[int, Sequence[int]]:
    """Return (channel, acknowledged sequence numbers) of an ACK's body.

    Raises:
        MissProtocolError: lengths do not fit, or the channel does not exist.
    """
    if len(body) < _ACK_HEADER.size:
        raise MissProtocolError("an ACK is shorter than its header")
    magic, channel, count = _ACK_HEADER.unpack_from(body)
    if magic != DRW_MAGIC or channel > Channel.SPEAKER or len(body) < 4 + 2 * count:
        raise MissProtocolError("an ACK's lengths do not fit")
    return channel, struct.unpack_from(f">{count}H", body, _ACK_HEADER.size)


def push_drw_ack(channel: int, sequences: Sequence[int]) -> bytes:
    """Build a whole ACK packet for one channel; at most 256 sequence numbers."""
    count = len(sequences)
    return struct.pack(
        f">BBHBBH{count}H",
        MAGIC,
        PacketType.DRW_ACK,
        _ACK_HEADER.size + 2 * count,
        DRW_MAGIC,
        channel,
        count,
        *sequences,
    )


def pull_uid(body: bytes) -> Uid:
    """Read the UID at the start of a body.

    Raises:
        MissProtocolError: too short, or not ASCII.
    """
    if len(body) < UID_BYTES:
        raise MissProtocolError("a UID is too short")
    prefix, serial, check = _UID.unpack_from(body)
    try:
        return Uid(
            prefix.rstrip(b"\0").decode("ascii"), serial, check.rstrip(b"\0").decode("ascii")
        )
    except UnicodeDecodeError:
        raise MissProtocolError("a UID is not ASCII") from None


def push_uid(uid: Uid) -> bytes:
    """Build the 20 bytes of a UID."""
    return _UID.pack(uid.prefix.encode("ascii"), uid.serial, uid.check.encode("ascii"))


def pull_tcp_address(body: bytes) -> tuple[str, int] | None:
    """Return the (IPv4 address, port) a long TCP-ready packet carries after the UID, if any."""
    if len(body) < UID_BYTES + _TCP_ADDRESS.size:
        return None
    port, address = _TCP_ADDRESS.unpack_from(body, UID_BYTES)
    return ".".join(str(byte) for byte in reversed(address)), port


def push_tcp_address(address: str, port: int) -> bytes:
    """Build what follows the UID in a long TCP-ready packet."""
    return _TCP_ADDRESS.pack(port, bytes(int(part) for part in reversed(address.split("."))))


def push_stream_frame(packet: bytes) -> bytes:
    """Frame a packet for TCP."""
    return _STREAM_HEADER.pack(len(packet), STREAM_MAGIC) + packet


class StreamDeframer:
    """Cuts a TCP byte stream into packets. Holds less than one frame, 64 KiB at most."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        """Start at a frame's beginning."""
        self._rest = b""

    def push(self, data: bytes) -> Iterator[bytes]:
        """Yield the packets that are complete now. Exhaust it before the next push.

        Raises:
            MissProtocolError: the stream is out of step; there is no way back.
        """
        if self._rest:
            data = self._rest + data
        offset, total = 0, len(data)
        while total - offset >= STREAM_HEADER_BYTES:
            length, magic = _STREAM_HEADER.unpack_from(data, offset)
            if magic != STREAM_MAGIC:
                raise MissProtocolError("the stream has lost its framing")
            end = offset + STREAM_HEADER_BYTES + length
            if end > total:
                break
            yield data[offset + STREAM_HEADER_BYTES : end]
            offset = end
        self._rest = data[offset:]

    def push_runs(self, data: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield what is complete now: a packet, and before it the media channel's data.

        Like `push`, but nearly all packets are DRW of that channel: of these only the data
        comes out, and an empty packet when no other one follows.

        Raises:
            MissProtocolError: the stream is out of step; there is no way back.
        """
        if self._rest:
            data = self._rest + data
        at, total = 0, len(data)
        run: list[bytes] = []
        while total - at >= STREAM_HEADER_BYTES:
            if total - at > _MEDIA_FRAME.size:
                length, magic, kind, inner, channel = _MEDIA_FRAME.unpack_from(data, at)
            else:
                (length, magic), channel = _STREAM_HEADER.unpack_from(data, at), 0
            if magic != STREAM_MAGIC:
                raise MissProtocolError("the stream has lost its framing")
            end = at + STREAM_HEADER_BYTES + length
            if end > total:
                break
            if channel == _MEDIA_CHANNEL and kind == _DRW_KIND and inner == length - HEADER_BYTES:
                run.append(data[at + _MEDIA_FRAME.size : end])
            else:
                yield data[at + STREAM_HEADER_BYTES : end], run
                run = []
            at = end
        self._rest = data[at:]
        if run:
            yield b"", run
