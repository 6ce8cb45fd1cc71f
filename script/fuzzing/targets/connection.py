"""A CS2 connection: datagrams or stream bytes, timers, our own commands, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.channels import WINDOW
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.cs2_packets import push_drw, push_drw_ack
from custom_components.mi_camera.miss.errors import MissClosed, MissUnreachable
from custom_components.mi_camera.miss.limits import (
    MAX_BUFFERED,
    MAX_COMMAND,
    MAX_RECORD,
    Statistics,
    Timing,
)
from custom_components.mi_camera.miss.records import push_record

from ..target import Target, bounded, ensure
from .wire import DATAGRAMS, PICTURES, command_record, framed, media_record, with_length

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

CONNECTION_BYTES = 2 * (MAX_BUFFERED + WINDOW * 200) + MAX_RECORD + MAX_COMMAND + 4 * 1024 * 1024
"""Both channels full, a record begun on each, commands of ours under way, the bookkeeping."""

DATAGRAM, IN_ORDER, BURST, TIME, SEND, ACKNOWLEDGE, CLOSE = range(0, 0xE0, 0x20)
"""First bytes of an input: what the rest of it is."""

_PIECES = (b"", bytes(1024), bytes(60_000), b"")


class Driver:
    """Drives a connection as its owner does, and looks after its promises."""

    def __init__(self, *, stream: bool) -> None:
        """Open a connection."""
        self.now = 100.0
        self.closed = False
        self.connection = Cs2Connection(
            stream=stream, now=self.now, timing=Timing(), statistics=Statistics()
        )
        self._stream = stream
        self._next = [0, 0, 0, 0]

    def receive(self, packets: bytes) -> None:
        """Take what the network brought."""
        if self._stream:
            self.connection.receive_stream(packets, self.now)
        else:
            self.connection.receive_datagram(packets, self.now)

    def in_order(self, channel: int, data: bytes, ahead: int = 0) -> None:
        """Take data on a channel, `ahead` packets ahead of the next one."""
        channel &= 3
        for at in range(0, max(1, len(data)), 1024):
            sequence = self._next[channel] + ahead & 0xFFFF
            if not ahead:
                self._next[channel] = sequence + 1
            packet = push_drw(channel, sequence, data[at : at + 1024])
            self.receive(framed(packet) if self._stream else packet)

    def operate(self, data: bytes) -> None:
        """Do what an input says."""
        kind = data[0] & 0xE0 if data else TIME
        rest = data[1:]
        padded = rest.ljust(4, b"\0")
        if kind == DATAGRAM:
            self.receive(rest)
        elif kind == IN_ORDER:
            ahead = int.from_bytes(padded[1:2], signed=True)
            self.in_order(padded[0], rest[2:], ahead)
        elif kind == BURST:
            piece = _PIECES[padded[3] & 3] or rest[4 : 4 + 1024]
            # Over TCP all of it goes through at once: less does.
            for number in range(padded[1] * (1 if self._stream else 4)):
                sequence = self._next[padded[0] & 3] + number * (padded[2] & 0x7F) + 1 & 0xFFFF
                packet = push_drw(padded[0] & 3, sequence, piece)
                self.receive(framed(packet) if self._stream else packet)
        elif kind == SEND:
            self.send(bytes(int.from_bytes(padded[:2])), sound=bool(padded[2] & 1))
        elif kind == ACKNOWLEDGE:
            packet = push_drw_ack(padded[0] & 3, list(range(padded[1], padded[1] + padded[2])))
            self.receive(framed(packet) if self._stream else packet)
        elif kind == CLOSE and padded[0] == 0:
            self.connection.close(self.now)
        elif kind == CLOSE and self._stream:
            self.connection.stream_ended(MissClosed("the camera hung up"))
        else:
            self.pass_time(padded[0] / 20)

    def send(self, record: bytes, *, sound: bool) -> None:
        """Send a command or sound, as far as that is possible."""
        try:
            if sound:
                self.connection.send_sound(record, self.now)
            else:
                self.connection.send_command(record, self.now)
        except MissClosed, MissUnreachable:
            return

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every timer called when it is due."""
        end = self.now + seconds
        calls = 0
        while (due := self.connection.next_timer) is not None and due <= end:
            self.now = max(self.now, due)
            self.connection.handle_timer(self.now)
            self.settle()
            calls += 1
            ensure(calls < 2000, "timers come to an end")
        self.now = end

    def settle(self) -> None:
        """Take the events and the packets to send, as after every batch."""
        while (event := self.connection.next_event()) is not None:
            ensure(not self.closed, "nothing comes after the end")
            self.closed = type(event).__name__ == "ConnectionClosed"
        for packet in self.connection.packets_to_send(self.now):
            ensure(len(packet) <= 1400, "what is sent fits a datagram")
        ensure((self.connection.next_timer is None) == self.closed, "a timer until the end")


def _open(*, stream: bool) -> Feed:
    driver = Driver(stream=stream)

    def feed(data: bytes) -> None:
        driver.operate(data)
        driver.settle()
        bounded(driver.connection, CONNECTION_BYTES)

    return feed


def _seeds(*, stream: bool) -> list[Case]:
    packets = [framed(packet) for packet in DATAGRAMS] if stream else list(DATAGRAMS)
    records = [
        bytes([IN_ORDER, 2, 0]) + push_record(media_record(codec, plain, sequence=number))
        for number, (codec, plain) in enumerate(PICTURES)
    ]
    command = bytes([IN_ORDER, 0, 0]) + push_record(command_record(0x111, b"{}"))
    later = bytes([TIME, 20])
    return [
        tuple(b"\0" + packet for packet in packets),
        (command, *records, later, command),
        (bytes([SEND, 0, 200]), bytes([ACKNOWLEDGE, 0, 0, 1]), later, *records[:2]),
        (bytes([SEND, 8, 0, 1]), bytes([ACKNOWLEDGE, 3, 0, 1]), later, later, records[0]),
        (bytes([SEND, 8, 0, 1]), later, later, bytes([TIME, 60]), records[0], later),
        (bytes([SEND, 8, 0]), later, later, later, bytes([TIME, 200])),
        (records[0][:1] + b"\2\3" + records[0][3:], later, records[1], later),
        (bytes([BURST, 2, 60, 1, 1]), later, records[0], bytes([BURST, 2, 255, 4, 1]), later),
        (bytes([BURST, 2, 20, 8, 2]), later, records[0], bytes([BURST, 2, 20, 3, 0]), later),
        (bytes([BURST, 0, 10, 1, 0]) + b"abcd", later, bytes([TIME, 100])),
        (bytes([CLOSE, 0]), later, later, b"\0" + packets[7]),
        (bytes([CLOSE, 1]), later),
        (bytes([TIME, 100]), bytes([TIME, 255])),
    ]


def _repair(data: bytes) -> bytes:
    return data[:1] + with_length(data[1:]) if data and data[0] & 0xE0 == DATAGRAM else data


TARGETS = (
    Target(
        "connection-udp",
        lambda: _seeds(stream=False),
        lambda: _open(stream=False),
        repair=_repair,
        weight=4,
    ),
    Target("connection-tcp", lambda: _seeds(stream=True), lambda: _open(stream=True), weight=2),
)
