"""The sockets under a session. Once aborted, a link passes nothing on any more."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from .cs2_packets import DRW_HEADER_BYTES, MAX_DRW_DATA
from .errors import MissClosed, MissUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .discovery import Address
    from .errors import MissError

# A key frame of a 4K camera comes as one burst; what the kernel drops costs a repetition.
_RECEIVE_BUFFER = 1024 * 1024
# A frame is a burst of some ten datagrams, and waking up costs more than reading one. More
# than this at once would keep the loop from others.
_BATCH = 64
# None is longer than Ethernet's 1500 bytes.
_MAX_DATAGRAM = 2048
# All of a picture's datagrams but the last are full. Over Wi-Fi they come one by one: to wait
# this long, in seconds, for the others saves waking up for each.
_FULL_DATAGRAM = DRW_HEADER_BYTES + MAX_DRW_DATA
_GATHER = 0.001
# What we say to a camera is commands and a speaker's sound, 32 kB in a second at 16 kHz: one
# that reads at all is never so far behind.
_MAX_UNSENT = 256 * 1024

type Batch = list[tuple[bytes, Address]]


class DatagramLink:
    """A UDP socket of our own, on a fresh port.

    It is read without a transport of the loop's, which hands out one datagram at a time.
    """

    def __init__(self, sock: socket.socket, receive: Callable[[Batch], None]) -> None:
        """Pass what comes, with the senders' addresses, to `receive`, some at a time."""
        self._sock = sock
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._aborted = False
        self._held: Batch = []
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock, self._readable)

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
            return cls(sock, receive)
        except BaseException:
            sock.close()
            raise

    def send(self, datagram: bytes, address: Address) -> None:
        """Send a datagram, or lose it: everything that matters is repeated anyway."""
        if not self._aborted:
            with contextlib.suppress(OSError):
                self._sock.sendto(datagram, address)

    def abort(self) -> None:
        """Close at once."""
        if self._aborted:
            return
        self._aborted = True
        self._loop.remove_reader(self._sock)
        if self._pause is not None:
            self._pause.cancel()
        self._sock.close()

    def _readable(self) -> None:
        """Read all there is, and hold it back when there is soon more of the same picture."""
        self._read()
        held = self._held
        if held and len(held) < _BATCH and len(held[-1][0]) == _FULL_DATAGRAM:
            self._loop.remove_reader(self._sock)
            self._pause = self._loop.call_later(_GATHER, self._gathered)
        elif held:
            self._pass_on()

    def _gathered(self) -> None:
        self._pause = None
        self._read()
        self._loop.add_reader(self._sock, self._readable)
        self._pass_on()

    def _read(self) -> None:
        held = self._held
        with contextlib.suppress(OSError):  # in the rule: there is no more
            for _ in range(_BATCH - len(held)):
                held.append(self._sock.recvfrom(_MAX_DATAGRAM))

    def _pass_on(self) -> None:
        held, self._held = self._held, []
        self._receive(held)


class StreamLink(asyncio.Protocol):
    """A TCP connection to the camera."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[MissError], None]) -> None:
        """Pass bytes to `receive`; tell `lost` why the connection ends, unless by `abort`."""
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._aborted = False
        self._overfull = False

    @classmethod
    async def open(
        cls, address: Address, receive: Callable[[bytes], None], lost: Callable[[MissError], None]
    ) -> StreamLink:
        """Connect.

        Raises:
            OSError: the camera does not take the connection.
        """
        loop = asyncio.get_running_loop()
        _transport, link = await loop.create_connection(lambda: cls(receive, lost), *address)
        return link

    def send(self, data: bytes) -> None:
        """Send bytes. A camera that does not read them ends the connection, in time."""
        if self._transport is not None and not self._aborted and not self._overfull:
            self._transport.write(data)

    def abort(self) -> None:
        """Close at once; what the network took of the bytes before still arrives."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_MAX_UNSENT)

    def pause_writing(self) -> None:
        """End the connection: more than the limit waits for the camera to read it.

        The transport drops it all, and tells the end when the loop comes to it: whoever
        sends just now is not called back from within.
        """
        self._overfull = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if not self._aborted:
            self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end, whoever made it."""
        if not self._aborted:
            self._aborted = True
            if self._overfull:
                self._lost(MissUnreachable("the camera does not read"))
            else:
                self._lost(MissClosed("the camera hung up"))
