"""Drives the sans-IO core of one session with sockets and the loop's clock."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

from .cs2 import Cs2Connection
from .discovery import Discovery
from .errors import MissClosed, MissError, MissUnreachable
from .links import DatagramLink, StreamLink
from .session import LoggedIn, MissSession, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .cs2_packets import Uid
    from .discovery import Address, Offer, Transport
    from .keys import MissKeys
    from .limits import Statistics, Timing
    from .links import Batch
    from .session import Event


class Driver:
    """Owns the sockets, the timer and the core of one session."""

    def __init__(
        self,
        keys: MissKeys,
        *,
        timing: Timing,
        statistics: Statistics,
        on_event: Callable[[Event], None],
    ) -> None:
        """Open nothing yet. `on_event` takes a logged-in session's events, also its end."""
        self.transport: Transport | None = None
        self.error: MissError | None = None
        """Why it is shut; None before."""
        self._keys = keys
        self._timing = timing
        self._statistics = statistics
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._is_open = False
        self._uid: Uid | None = None
        self._datagrams: DatagramLink | None = None
        self._stream: StreamLink | None = None
        self._peer: Address | None = None
        self._discovery: Discovery | None = None
        self._connection: Cs2Connection | None = None
        self._session: MissSession | None = None
        self._timer: asyncio.TimerHandle | None = None
        # They get no exceptions: who wakes looks at `error`.
        self._offered: asyncio.Future[None] | None = None
        self._logged_in: asyncio.Future[None] | None = None

    @property
    def session(self) -> MissSession:
        """The open session.

        Raises:
            MissError: it is over; what ended it.
            MissClosed: it has not begun.
        """
        if self.error is not None:
            raise self.error
        if self._session is None or not self._is_open:
            raise MissClosed("there is no open session")
        return self._session

    @property
    def now(self) -> float:
        """The clock of everything here, seconds."""
        return self._loop.time()

    @property
    def uid(self) -> Uid | None:
        """The camera's CS2 name, once it has answered."""
        return self._uid if self._discovery is None else self._discovery.uid

    @property
    def stage(self) -> str:
        """How far connecting came, for an error's text."""
        return "its name is not found" if self._discovery is None else self._discovery.stage

    # -- connecting ---------------------------------------------------------------------

    async def connect(self, host: str, port: int, transports: Sequence[Transport]) -> None:
        """Find the camera, agree on a transport and log in. Takes as long as it is let.

        Raises:
            MissError: no session comes of it.
            OSError: there is no socket or no such host.
        """
        address = await _resolve(host)
        self._check()
        link = await DatagramLink.open(self._receive_datagrams)
        if self.error is not None:
            link.abort()
            raise self.error
        self._datagrams = link
        self._discovery = discovery = Discovery(
            address,
            port,
            transports,
            now=self.now,
            timing=self._timing,
            statistics=self._statistics,
        )
        while True:
            offer = await self._next_offer(discovery)
            if await self._try(offer, discovery):
                break
        self._is_open = True
        self._uid = discovery.uid
        self._discovery = None
        if self._stream is not None:
            link.abort()

    async def _next_offer(self, discovery: Discovery) -> Offer:
        while discovery.offer is None:
            self._offered = self._loop.create_future()
            self.pump()
            await self._offered
            self._check()
        return discovery.offer

    async def _try(self, offer: Offer, discovery: Discovery) -> bool:
        """Log in over one transport; False when this does not work and another is on offer.

        Raises:
            MissError: it does not work, and there is no other.
        """
        self.transport = offer.transport
        try:
            async with asyncio.timeout(self._timing.transport_trial):
                await self._use(offer)
        except TimeoutError, OSError:
            if discovery.reject(offer.transport):
                return False
            raise MissUnreachable("the camera does not take the connection it offers") from None
        self._check()
        self._logged_in = logged_in = self._loop.create_future()
        self.pump()
        await asyncio.wait((logged_in,), timeout=self._timing.transport_trial)
        if not logged_in.done() and discovery.reject(offer.transport):
            self._leave()
            return False
        await logged_in
        self._check()
        return True

    async def _use(self, offer: Offer) -> None:
        if offer.transport == "tcp":
            link = await StreamLink.open(offer.address, self._receive_stream, self._stream_ended)
            if self.error is not None:
                link.abort()
                return
            self._stream = link
        self._peer = offer.address
        self._connection = Cs2Connection(
            stream=self._stream is not None,
            now=self.now,
            timing=self._timing,
            statistics=self._statistics,
        )
        self._session = MissSession(
            self._connection, self._keys, timing=self._timing, statistics=self._statistics
        )
        self._session.login(self.now)

    def _leave(self) -> None:
        """Leave a transport that does not work, for another one."""
        self._say_goodbye()
        if self._stream is not None:
            self._stream.abort()
            self._stream = None
        self._connection = self._session = self._peer = None

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    # -- closing ------------------------------------------------------------------------

    def close(self) -> None:
        """Say goodbye until it is answered; ends in `SessionClosed`."""
        if self._connection is not None:
            self._connection.close(self.now)
        self.pump()

    def shut(self, error: MissError) -> None:
        """Let everything go at once; no event comes after this."""
        if self.error is not None:
            return
        self._say_goodbye()
        self.error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for link in (self._datagrams, self._stream):
            if link is not None:
                link.abort()
        self._connection = self._session = None
        _wake(self._offered)
        _wake(self._logged_in)

    def _say_goodbye(self) -> None:
        if self._connection is not None:
            self._connection.fail(MissClosed("this side is gone"))
            self._send()

    # -- bytes in and out -----------------------------------------------------------------

    def _receive_datagrams(self, batch: Batch) -> None:
        now = self.now
        peer = None if self._stream is not None else self._peer
        for datagram, address in batch:
            if self._connection is not None and address == peer:
                self._connection.receive_datagram(datagram, now)
            elif self._discovery is None:
                self._statistics.foreign += 1
            if self._discovery is not None:
                self._discovery.receive(datagram, address, now)
        self.pump()

    def _receive_stream(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.receive_stream(data, self.now)
        self.pump()

    def _stream_ended(self) -> None:
        if self._connection is not None:
            self._connection.stream_ended()
        self.pump()

    def _on_timer(self) -> None:
        self._timer = None
        if self._session is not None:
            self._session.handle_timer(self.now)
        self.pump()

    def pump(self) -> None:
        """Pass events on, send what has to go out, set the timer."""
        session = self._session
        try:
            if session is not None:
                session.process(self.now)
                # An event's taker may shut this.
                while self._session is session and (event := session.next_event()) is not None:
                    self._handle(event)
        finally:
            if self.error is None:
                self._send()
                self._search()
                self._schedule()

    def _handle(self, event: Event) -> None:
        if isinstance(event, LoggedIn):
            _wake(self._logged_in)
        elif isinstance(event, SessionClosed) and not self._is_open:
            self.shut(event.error or MissClosed("the session is closed"))
        else:
            self._on_event(event)

    def _send(self) -> None:
        if self._connection is None:
            return
        for packet in self._connection.packets_to_send(self.now):
            if self._stream is not None:
                self._stream.send(packet)
            elif self._datagrams is not None and self._peer is not None:
                self._datagrams.send(packet, self._peer)

    def _search(self) -> None:
        if self._discovery is None or self._datagrams is None:
            return
        for datagram, address in self._discovery.handle_timer(self.now):
            self._datagrams.send(datagram, address)
        if self._discovery.offer is not None:
            _wake(self._offered)

    def _schedule(self) -> None:
        deadline = None if self._session is None else self._session.next_timer
        if self._discovery is not None and (other := self._discovery.next_timer) is not None:
            deadline = other if deadline is None else min(deadline, other)
        if deadline is None:
            return
        if self._timer is not None:
            # One that fires early does no harm; most are put off with every packet.
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_timer)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


async def _resolve(host: str) -> str:
    """Return an IPv4 address: the protocol knows no other."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ipaddress.AddressValueError:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    return str(found[0][4][0])
