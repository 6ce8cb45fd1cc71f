"""One client's CS2 link over UDP: repeated until acknowledged, put back in order."""

from __future__ import annotations

from collections import deque
import contextlib
from dataclasses import dataclass
import os
import socket
from typing import TYPE_CHECKING

from simulator.camera.cs2 import Channel, Message, Reorder, pack_ack, pack_drw, pack_message
from simulator.camera.link import LATE_BACKLOG, Link

if TYPE_CHECKING:
    import asyncio

    from simulator.camera.quirks import Chaos

RETRANSMIT_AFTER = 0.2
MAX_ATTEMPTS = 50
WINDOW = 64
"""DRW messages under way without acknowledgement, over all channels."""


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
        self._foreign_at = 0.0

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
        if self._waiting_bytes > LATE_BACKLOG:
            self.end()

    def _pump(self) -> None:
        now = self._loop.time()
        while self._waiting and len(self._sent) < WINDOW and not self.closed:
            channel, sequence, message = self._waiting.popleft()
            self._waiting_bytes -= len(message)
            self._sent[channel, sequence] = _Sent(message, now)
            self._send_message(message)

    def _watch(self, now: float) -> None:
        if self.chaos.foreign > 0 and now - self._foreign_at >= 1 / self.chaos.foreign:
            self._foreign_at = now
            self._send_foreign()
        for sent in list(self._sent.values()):
            if now - sent.at < RETRANSMIT_AFTER:
                continue
            if sent.attempts >= MAX_ATTEMPTS:
                self.end()
                return
            sent.at = now
            sent.attempts += 1
            self._send_message(sent.message)

    def _send_foreign(self) -> None:
        """Send the client, from another port, what would harm it if it came from here."""
        sequence = self._splitters[Channel.MEDIA].sequence
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_INET, kind) as sock, contextlib.suppress(OSError):
            sock.bind((self._transport.get_extra_info("sockname")[0], 0))
            for channel in Channel:
                sock.sendto(pack_drw(channel, sequence, os.urandom(64)), self._peer)
            sock.sendto(pack_message(Message.CLOSE), self._peer)

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
