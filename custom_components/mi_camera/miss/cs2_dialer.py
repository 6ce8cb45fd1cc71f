"""Reaches a camera by CS2: search, sockets, and the connection over what it offers."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

from .cs2 import Cs2Connection
from .cs2_packets import SEARCH_PORT
from .discovery import Discovery
from .errors import MissClosed, MissUnreachable
from .links import DatagramLink, StreamLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from .discovery import Address, Offer
    from .errors import MissError
    from .limits import Statistics, Timing
    from .links import Batch
    from .transport import Line, Target, Transport


class _DatagramLine:
    """A connection over the socket the camera was found with."""

    transport: Transport = "udp"

    def __init__(self, connection: Cs2Connection, link: DatagramLink, peer: Address) -> None:
        self.connection = connection
        self.peer = peer
        self._link = link
        self._clock = asyncio.get_running_loop().time

    def flush(self) -> None:
        """Send what the connection has to send."""
        for packet in self.connection.packets_to_send(self._clock()):
            self._link.send(packet, self.peer)

    def abort(self) -> None:
        """Leave the socket to the dialer, whose it is."""


class _StreamLine:
    """A connection over a TCP connection of its own."""

    transport: Transport = "tcp"

    def __init__(self, connection: Cs2Connection, on_activity: Callable[[], None]) -> None:
        self.connection = connection
        self._on_activity = on_activity
        self._link: StreamLink | None = None
        self._clock = asyncio.get_running_loop().time

    async def open(self, address: Address) -> None:
        """Connect.

        Raises:
            OSError: the camera does not take the connection.
        """
        self._link = await StreamLink.open(address, self._receive, self._ended)

    def flush(self) -> None:
        """Send what the connection has to send."""
        if self._link is not None and (packets := self.connection.packets_to_send(self._clock())):
            self._link.send(b"".join(packets))

    def abort(self) -> None:
        """Close the TCP connection at once."""
        if self._link is not None:
            self._link.abort()

    def _receive(self, data: bytes) -> None:
        self.connection.receive_stream(data, self._clock())
        self._on_activity()

    def _ended(self, error: MissError) -> None:
        self.connection.stream_ended(error)
        self._on_activity()


class Cs2Dialer:
    """Finds a camera in the local network and opens what it offers."""

    def __init__(
        self,
        target: Target,
        *,
        timing: Timing,
        statistics: Statistics,
        on_activity: Callable[[], None],
    ) -> None:
        """Open nothing yet.

        Args:
            target: whom to reach.
            timing: how often and how long.
            statistics: where refused datagrams are counted.
            on_activity: called when a connection has taken something in.

        Raises:
            ValueError: a broadcast address is no IPv4 address.
        """
        self._target = target
        self._broadcasts = [str(ipaddress.IPv4Address(address)) for address in target.broadcasts]
        self._timing = timing
        self._statistics = statistics
        self._on_activity = on_activity
        self._loop = asyncio.get_running_loop()
        self._aborted = False
        self._name: str | None = None
        self._discovery: Discovery | None = None
        self._datagrams: DatagramLink | None = None
        self._line: _DatagramLine | _StreamLine | None = None
        # Those of the line, where datagrams are concerned; two names for a short way.
        self._connection: Cs2Connection | None = None
        self._peer: Address | None = None
        self._timer: asyncio.TimerHandle | None = None
        # It gets no exception: who wakes looks at what there is.
        self._offered: asyncio.Future[None] | None = None

    @property
    def name(self) -> str | None:
        """The camera's UID, as printed on devices; None before it has answered."""
        return self._name

    @property
    def stage(self) -> str:
        """How far this came, for an error's text."""
        return "its name is not found" if self._discovery is None else self._discovery.stage

    # -- the way to a line --------------------------------------------------------------

    async def dial(self) -> Line:
        """Open the best line that is on offer, once there is one.

        Raises:
            MissUnreachable: the camera does not take the connection it offers.
            MissClosed: `abort` was called.
            OSError: there is no socket or no such host.
        """
        discovery = self._discovery or await self._search()
        while True:
            offer = await self._next_offer(discovery)
            try:
                async with asyncio.timeout(self._timing.transport_trial):
                    return await self._open(offer)
            except TimeoutError, OSError:
                if not discovery.reject(offer.transport):
                    text = "the camera does not take the connection it offers"
                    raise MissUnreachable(text) from None

    def reject(self, line: Line) -> bool:
        """Take a line for useless; return whether another one is on offer."""
        if self._discovery is None or not self._discovery.reject(line.transport):
            return False
        self._line = self._connection = self._peer = None
        return True

    def settle(self) -> None:
        """Search no more; keep the sockets the line needs."""
        self._discovery = None
        self._stop_timer()
        if self._datagrams is not None and self._connection is None:
            self._datagrams.abort()

    def abort(self) -> None:
        """Close everything at once."""
        self._aborted = True
        self._stop_timer()
        for part in (self._line, self._datagrams):
            if part is not None:
                part.abort()
        self._line = self._connection = self._peer = None
        self._wake()

    async def _search(self) -> Discovery:
        address = await _resolve(self._target.host)
        self._check()
        link = await DatagramLink.open(self._receive_datagrams)
        if self._aborted:
            link.abort()
        self._check()
        self._datagrams = link
        self._discovery = Discovery(
            address,
            SEARCH_PORT if self._target.port is None else self._target.port,
            self._target.transports,
            broadcasts=self._broadcasts,
            now=self._loop.time(),
            timing=self._timing,
            statistics=self._statistics,
        )
        return self._discovery

    async def _next_offer(self, discovery: Discovery) -> Offer:
        while discovery.offer is None:
            self._offered = self._loop.create_future()
            self._pump()
            await self._offered
            self._check()
        return discovery.offer

    async def _open(self, offer: Offer) -> Line:
        connection = Cs2Connection(
            stream=offer.transport == "tcp",
            now=self._loop.time(),
            timing=self._timing,
            statistics=self._statistics,
        )
        if offer.transport == "udp":
            assert self._datagrams is not None
            self._line = _DatagramLine(connection, self._datagrams, offer.address)
            self._connection, self._peer = connection, offer.address
            return self._line
        line = _StreamLine(connection, self._on_activity)
        await line.open(offer.address)
        if self._aborted:
            line.abort()
        self._check()
        self._line = line
        return line

    def _check(self) -> None:
        if self._aborted:
            raise MissClosed("the session was aborted")

    # -- datagrams and time ---------------------------------------------------------------

    def _receive_datagrams(self, batch: Batch) -> None:
        now = self._loop.time()
        connection, peer, discovery = self._connection, self._peer, self._discovery
        if connection is not None and discovery is None:
            ours = [datagram for datagram, address in batch if address == peer]
            self._statistics.foreign += len(batch) - len(ours)
            connection.receive_datagrams(ours, now)
            self._on_activity()
            return
        for datagram, address in batch:
            if connection is not None and address == peer:
                connection.receive_datagram(datagram, now)
            elif discovery is None:
                self._statistics.foreign += 1
            if discovery is not None:
                discovery.receive(datagram, address, now)
        if discovery is not None:
            self._pump()
        if connection is not None:
            self._on_activity()

    def _pump(self) -> None:
        """Send what the search has to send, tell of an offer, set the timer."""
        self._stop_timer()
        discovery, link = self._discovery, self._datagrams
        if discovery is None or link is None:
            return
        for datagram, address in discovery.handle_timer(self._loop.time()):
            link.send(datagram, address)
        if (uid := discovery.uid) is not None:
            self._name = str(uid)
        if discovery.offer is not None:
            self._wake()
        if (deadline := discovery.next_timer) is not None:
            self._timer = self._loop.call_at(deadline, self._pump)

    def _wake(self) -> None:
        if self._offered is not None and not self._offered.done():
            self._offered.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _resolve(host: str) -> str:
    """Return an IPv4 address: the protocol knows no other."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ipaddress.AddressValueError:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    return str(found[0][4][0])
