"""One client's CS2 link over TCP."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from simulator.camera.cs2 import Channel, TcpReader, WireError, pack_tcp
from simulator.camera.link import LATE_BACKLOG, Link

if TYPE_CHECKING:
    from simulator.camera.quirks import Chaos


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
        if self.backlog > LATE_BACKLOG:
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
