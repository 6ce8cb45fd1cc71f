"""One client's CS2 link to a simulated camera: reliable channels over UDP or TCP."""

from __future__ import annotations

from abc import ABC, abstractmethod
import asyncio
from collections import deque
from dataclasses import dataclass
import os
import random
from typing import TYPE_CHECKING

from simulator.camera.cs2 import (
    Channel,
    Message,
    RecordReader,
    Reorder,
    Splitter,
    TcpReader,
    WireError,
    pack_ack,
    pack_message,
    pack_tcp,
    unpack_ack,
    unpack_drw,
    unpack_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RETRANSMIT_AFTER = 0.2
MAX_ATTEMPTS = 50
WINDOW = 64
"""DRW messages under way without acknowledgement, over all channels."""
MAX_BACKLOG = 1 << 20
"""Bytes waiting for one client before pictures are left out."""
_TICK = 0.05
_PING_EVERY = 1.0
_LATE_BACKLOG = 4 * MAX_BACKLOG


class Chaos:
    """How badly the network around a camera behaves. All knobs may be turned at any time."""

    def __init__(self) -> None:
        """Start with a good network and a camera of sound mind."""
        self.loss = 0.0
        """Share of UDP datagrams lost, each way."""
        self.duplicate = 0.0
        """Share of UDP datagrams sent twice."""
        self.delay = 0.0
        """UDP datagrams come 0 to this many seconds late, and so out of order; TCP is late by it."""
        self.chatter = 0.1
        """Unasked records on channel 0, per second and client."""
        self.garbage = False
        """Send random bytes instead of every message."""
        self.silent = False
        """Send nothing at all, as a camera whose cable was pulled."""
        self.silence_timeout = 10.0
        """A client not heard for this many seconds is dropped."""
        self.random = random.Random()


class Link(ABC):
    """What a MISS session needs of its transport.

    Records come out of `on_record(channel, record)`. `on_closed()` comes once, when the link
    ends for any reason but `close()`.
    """

    def __init__(self, chaos: Chaos) -> None:
        """Make a link that is not open yet."""
        self.chaos = chaos
        self.on_record: Callable[[int, bytes], None] = lambda _channel, _record: None
        self.on_closed: Callable[[], None] = lambda: None
        self.on_media_bytes: Callable[[int], None] = lambda _size: None
        self.on_tick: Callable[[float], None] = lambda _now: None
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._readers = {channel: RecordReader() for channel in Channel}
        self._splitters = {channel: Splitter(channel) for channel in Channel}
        self._heard = self._pinged = self._loop.time()
        self._late: set[asyncio.TimerHandle] = set()
        self._timer = self._loop.call_later(_TICK, self._tick)

    @property
    @abstractmethod
    def backlog(self) -> int:
        """Bytes waiting for the client."""

    @abstractmethod
    def send(self, channel: Channel, record: bytes) -> None:
        """Send one record, in order and reliably."""

    @abstractmethod
    def _send_message(self, message: bytes) -> None:
        """Give one message to the network."""

    @abstractmethod
    def _release(self, *, polite: bool) -> None:
        """Let the sockets go; politely means that what was sent may still go out."""

    def _take(self, message: bytes) -> None:
        """Handle one message of the client."""
        try:
            kind, body = unpack_message(message)
            self._heard = self._loop.time()
            match kind:
                case Message.DRW:
                    self._take_drw(*unpack_drw(body))
                case Message.DRW_ACK:
                    self._take_ack(*unpack_ack(body))
                case Message.PING:
                    self._send_message(pack_message(Message.PONG))
                case Message.CLOSE:
                    self._send_message(pack_message(Message.CLOSE_ACK))
                    self.end()
                case _:
                    pass
        except WireError:
            self._bad_message()

    @abstractmethod
    def _bad_message(self) -> None: ...

    @abstractmethod
    def _take_drw(self, channel: int, sequence: int, data: bytes) -> None: ...

    @abstractmethod
    def _take_ack(self, channel: int, sequences: tuple[int, ...]) -> None: ...

    def _records(self, channel: int, data: bytes) -> None:
        try:
            records = self._readers[Channel(channel)].feed(data)
        except WireError:
            self.end()
            return
        for record in records:
            if self.closed:
                return
            self.on_record(channel, record)

    def _tick(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(_TICK, self._tick)
        if now - self._heard > self.chaos.silence_timeout:
            self.end()
            return
        if now - self._pinged >= _PING_EVERY:
            self._pinged = now
            self._send_message(pack_message(Message.PING))
        self._watch(now)
        if not self.closed:
            self.on_tick(now)

    @abstractmethod
    def _watch(self, now: float) -> None: ...

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        def run() -> None:
            self._late.discard(handle)
            action()

        handle = self._loop.call_later(delay, run)
        self._late.add(handle)

    def end(self) -> None:
        """End the link and report it, as if the client had gone."""
        if not self.closed:
            self.close(polite=False)
            self.on_closed()

    def close(self, *, polite: bool) -> None:
        """End the link at once; a polite camera says so to the client."""
        if self.closed:
            return
        if polite:
            self._send_message(pack_message(Message.CLOSE))
        self.closed = True
        self._timer.cancel()
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        self._release(polite=polite)


@dataclass(slots=True)
class _Sent:
    message: bytes
    at: float
    attempts: int = 1


class UdpLink(Link):
    """A link over the datagram socket on which the camera punched."""

    def __init__(
        self, chaos: Chaos, transport: asyncio.DatagramTransport, peer: tuple[str, int]
    ) -> None:
        """Use `transport` towards `peer` only."""
        super().__init__(chaos)
        self._transport = transport
        self._peer = peer
        self._reorder = {channel: Reorder() for channel in Channel}
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._waiting_bytes = 0
        self._sent: dict[tuple[int, int], _Sent] = {}

    @property
    def backlog(self) -> int:
        """Bytes waiting for the client or for its acknowledgement."""
        return self._waiting_bytes + len(self._sent) * 1032

    def received(self, message: bytes) -> None:
        """Take a datagram that came from the peer."""
        if not self.closed and self.chaos.random.random() >= self.chaos.loss:
            self._take(message)

    def _bad_message(self) -> None:
        """Ignore it: anybody can send a datagram."""

    def _take_drw(self, channel: int, sequence: int, data: bytes) -> None:
        ready = self._reorder[Channel(channel)].push(sequence, data)
        if ready is None:
            return
        self._send_message(pack_ack(channel, [sequence]))
        for chunk in ready:
            if not self.closed:
                self._records(channel, chunk)

    def _take_ack(self, channel: int, sequences: tuple[int, ...]) -> None:
        for sequence in sequences:
            self._sent.pop((channel, sequence), None)
        self._pump()

    def send(self, channel: Channel, record: bytes) -> None:
        """Send one record; it is repeated until acknowledged."""
        if self.closed:
            return
        for sequence, message in self._splitters[channel].split(record):
            self._waiting.append((channel, sequence, message))
            self._waiting_bytes += len(message)
        self._pump()
        if self._waiting_bytes > _LATE_BACKLOG:
            self.end()

    def _pump(self) -> None:
        now = self._loop.time()
        while self._waiting and len(self._sent) < WINDOW and not self.closed:
            channel, sequence, message = self._waiting.popleft()
            self._waiting_bytes -= len(message)
            self._sent[channel, sequence] = _Sent(message, now)
            self._send_message(message)

    def _watch(self, now: float) -> None:
        for sent in list(self._sent.values()):
            if now - sent.at < RETRANSMIT_AFTER:
                continue
            if sent.attempts >= MAX_ATTEMPTS:
                self.end()
                return
            sent.at = now
            sent.attempts += 1
            self._send_message(sent.message)

    def _send_message(self, message: bytes) -> None:
        chaos = self.chaos
        copies = 2 if chaos.duplicate and chaos.random.random() < chaos.duplicate else 1
        for _ in range(copies):
            if chaos.silent or (chaos.loss and chaos.random.random() < chaos.loss):
                continue
            if chaos.delay:
                if len(self._late) < 4 * WINDOW:
                    late = chaos.random.uniform(0, chaos.delay)
                    self._later(late, lambda: self._emit(message))
            else:
                self._emit(message)

    def _emit(self, message: bytes) -> None:
        if self._transport.is_closing():
            return
        if message[1] == Message.DRW and message[5] == Channel.MEDIA:
            self.on_media_bytes(len(message))
        if self.chaos.garbage:
            message = os.urandom(len(message))
        self._transport.sendto(message, self._peer)

    def _release(self, *, polite: bool) -> None:
        self._waiting.clear()
        self._sent.clear()
        self._waiting_bytes = 0
        self._transport.close()


class TcpLink(Link, asyncio.Protocol):
    """A link over the TCP connection a client made after the camera said "TCP ready"."""

    def __init__(self, chaos: Chaos) -> None:
        """Make the protocol of one connection."""
        super().__init__(chaos)
        self._reader = TcpReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self.end()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        try:
            messages = self._reader.feed(data)
        except WireError:
            self.end()
            return
        for message in messages:
            if not self.closed:
                self._take(message)

    def _bad_message(self) -> None:
        self.end()

    @property
    def backlog(self) -> int:
        """Bytes in the send buffer."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def _take_drw(self, channel: int, sequence: int, data: bytes) -> None:
        self._records(channel, data)

    def _take_ack(self, channel: int, sequences: tuple[int, ...]) -> None:
        """Ignore it: TCP acknowledges."""

    def _watch(self, now: float) -> None:
        """Do nothing: TCP repeats what is lost."""

    def send(self, channel: Channel, record: bytes) -> None:
        """Send one record, in one write."""
        if self.closed or self._transport is None or self._transport.is_closing():
            return
        messages = [message for _, message in self._splitters[channel].split(record)]
        self._transmit(b"".join(map(pack_tcp, messages)))
        if channel == Channel.MEDIA and not self.chaos.silent:
            self.on_media_bytes(sum(map(len, messages)))
        if self.backlog > _LATE_BACKLOG:
            self.end()

    def _send_message(self, message: bytes) -> None:
        self._transmit(pack_tcp(message))

    def _transmit(self, frames: bytes) -> None:
        if self.chaos.silent:
            return
        if self.chaos.delay:
            self._later(self.chaos.delay, lambda: self._emit(frames))
        else:
            self._emit(frames)

    def _emit(self, frames: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(os.urandom(len(frames)) if self.chaos.garbage else frames)

    def _release(self, *, polite: bool) -> None:
        if self._transport is not None:
            if polite and self._transport.get_write_buffer_size() == 0:
                self._transport.close()
            else:
                self._transport.abort()
