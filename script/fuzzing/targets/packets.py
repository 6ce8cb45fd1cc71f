"""CS2 packets and the framing of the TCP variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.cs2_packets import (
    StreamDeframer,
    pull_drw,
    pull_drw_ack,
    pull_packet,
    pull_tcp_address,
    pull_uid,
    push_drw,
    push_drw_ack,
    push_packet,
    push_uid,
)
from custom_components.mi_camera.miss.errors import MissProtocolError

from ..target import Target, bounded, ensure
from .wire import DATAGRAMS, framed, with_length

if TYPE_CHECKING:
    from ..target import Feed

_FRAME = 8 + 0xFFFF


def _packet() -> Feed:
    def feed(data: bytes) -> None:
        kind, body = pull_packet(data)
        ensure(data[1] == kind and data[4:].startswith(body), "a packet is what was sent")
        pushed = push_packet(kind, body)  # type: ignore[arg-type]
        ensure(data.startswith(pushed), "push writes what pull reads")

    return feed


def _drw() -> Feed:
    def feed(data: bytes) -> None:
        channel, sequence, piece = pull_drw(data)
        ensure(channel <= 3 and sequence <= 0xFFFF, "numbers are in range")
        ensure(data[4:].startswith(push_drw(channel, sequence, piece)[4:]), "the same again")

    return feed


def _ack() -> Feed:
    def feed(data: bytes) -> None:
        channel, sequences = pull_drw_ack(data)
        ensure(2 * len(sequences) <= len(data), "no more numbers than bytes")
        again = push_drw_ack(channel, sequences) if len(sequences) < 32766 else b""
        ensure(data.startswith(again[4:]), "the same again")

    return feed


def _uid() -> Feed:
    def feed(data: bytes) -> None:
        pull_tcp_address(data)
        uid = pull_uid(data)
        ensure(len(str(uid)) < 64, "a name is short")
        ensure(push_uid(uid) == data[:20], "the same again")

    return feed


def _stream() -> Feed:
    deframer = StreamDeframer()

    def feed(data: bytes) -> None:
        for packet in deframer.push(data):
            ensure(len(packet) <= 0xFFFF, "a packet fits its length field")
        bounded(deframer, _FRAME)

    return feed


def _one_each(packets: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    return [(packet,) for packet in packets]


_BODIES = tuple(packet[4:] for packet in DATAGRAMS)
_STREAM = b"".join(map(framed, DATAGRAMS))

TARGETS = (
    Target(
        "cs2-packet",
        lambda: _one_each(DATAGRAMS),
        _packet,
        permits=(MissProtocolError,),
        repair=with_length,
    ),
    Target(
        "cs2-drw",
        lambda: _one_each(DATAGRAMS),
        _drw,
        permits=(MissProtocolError,),
        repair=with_length,
    ),
    Target("cs2-ack", lambda: _one_each(_BODIES), _ack, permits=(MissProtocolError,)),
    Target("cs2-uid", lambda: _one_each(_BODIES), _uid, permits=(MissProtocolError,)),
    Target(
        "cs2-stream",
        lambda: [
            tuple(map(framed, DATAGRAMS)),
            tuple(_STREAM[at : at + 20] for at in range(0, len(_STREAM), 20)),
            (b"\xff\xf8\x68" + bytes(5), bytes(40000)),
        ],
        _stream,
        permits=(MissProtocolError,),
    ),
)
