"""What a client's CS2 link to a simulated camera is, over UDP or TCP."""

from __future__ import annotations

from abc import ABC, abstractmethod
import asyncio
from typing import TYPE_CHECKING

from simulator.camera.cs2 import (
    Channel,
    Message,
    RecordReader,
    Splitter,
    WireError,
    pack_message,
    unpack_ack,
    unpack_drw,
    unpack_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.quirks import Chaos

MAX_BACKLOG = 1 << 20
"""Bytes waiting for one client before pictures are left out."""
LATE_BACKLOG = 4 * MAX_BACKLOG
"""Bytes waiting for one client before it is given up."""
_TICK = 0.05
_PING_EVERY = 1.0


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
        self.said_goodbye = False
        """The client ended the link as it should."""
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
                    self.said_goodbye = True
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
