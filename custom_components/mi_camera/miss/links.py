"""The sockets under a session. Once aborted, a link passes nothing on any more."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .discovery import Address

# A key frame of a 4K camera comes as one burst; what the kernel drops costs a repetition.
_RECEIVE_BUFFER = 1024 * 1024
# A frame is a burst of some ten datagrams, and waking up costs more than reading one. More
# than this at once would keep the loop from others.
_BATCH = 64
_MAX_DATAGRAM = 64 * 1024

type Batch = list[tuple[bytes, Address]]


class DatagramLink(asyncio.DatagramProtocol):
    """A UDP socket of our own, on a fresh port."""

    def __init__(self, sock: socket.socket, receive: Callable[[Batch], None]) -> None:
        """Pass what comes, with the senders' addresses, to `receive`, some at a time."""
        self._sock = sock
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._aborted = False

    @classmethod
    async def open(cls, receive: Callable[[Batch], None]) -> DatagramLink:
        """Open the socket.

        Raises:
            OSError: there is none to be had.
        """
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.bind(("0.0.0.0", 0))
            _transport, link = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: cls(sock, receive), sock=sock
            )
        except BaseException:
            sock.close()
            raise
        return link

    def send(self, datagram: bytes, address: Address) -> None:
        """Send a datagram, or lose it: everything that matters is repeated anyway."""
        if self._transport is not None and not self._aborted:
            self._transport.sendto(datagram, address)

    def abort(self) -> None:
        """Close at once."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Pass on a datagram and those that wait behind it."""
        if self._aborted:
            return
        batch = [(data, addr)]
        with contextlib.suppress(OSError):  # in the rule: there is no more
            while len(batch) < _BATCH:
                batch.append(self._sock.recvfrom(_MAX_DATAGRAM))
        self._receive(batch)

    def error_received(self, exc: Exception) -> None:
        """Ignore what the network reports of one datagram; silence is noticed elsewhere."""


class StreamLink(asyncio.Protocol):
    """A TCP connection to the camera."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """Pass bytes to `receive`; call `lost` when the connection ends but by `abort`."""
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._aborted = False

    @classmethod
    async def open(
        cls, address: Address, receive: Callable[[bytes], None], lost: Callable[[], None]
    ) -> StreamLink:
        """Connect.

        Raises:
            OSError: the camera does not take the connection.
        """
        loop = asyncio.get_running_loop()
        _transport, link = await loop.create_connection(lambda: cls(receive, lost), *address)
        return link

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None and not self._aborted:
            self._transport.write(data)

    def abort(self) -> None:
        """Close at once; what the network took of the bytes before still arrives."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if not self._aborted:
            self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end, whoever made it."""
        if not self._aborted:
            self._aborted = True
            self._lost()
