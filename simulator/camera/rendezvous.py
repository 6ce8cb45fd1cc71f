"""The port a simulated camera punches for one client, and the link that comes of it.

A client that searched on 32108 gets a "punch" from a fresh port, echoes it there, and is told
which kind of link the camera has. UDP goes on over the same two ports; for TCP the client
connects to the same port number (observed in go2rtc).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, cast

from simulator.camera.cs2 import Message, WireError, pack_message, pack_uid, unpack_message
from simulator.camera.tcp_link import TcpLink
from simulator.camera.udp_link import UdpLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.link import Link
    from simulator.camera.quirks import Quirks
    from simulator.camera.spec import CameraSpec

PATIENCE = 5.0
"""Seconds a client has for each step."""
_RECEIVE_BUFFER = 1 << 20
_PORT_ATTEMPTS = 10
_ADDRESS = struct.Struct("<HH4s8x")
"""Family, port, and the IPv4 address backwards, as at 24, 26 and 28 of a longer "TCP ready"."""


class Rendezvous(asyncio.DatagramProtocol):
    """One client's way in.

    `on_link(self, link)` comes once, when the client is through; `on_ended(self)` once, when there
    will be no link any more.
    """

    def __init__(
        self,
        spec: CameraSpec,
        quirks: Quirks,
        peer: tuple[str, int],
        on_link: Callable[[Rendezvous, Link], None],
        on_ended: Callable[[Rendezvous], None],
    ) -> None:
        """Prepare to meet `peer`."""
        self.peer = peer
        self.ready = False
        """The client has echoed the punch: a link is there or about to be."""
        self.link: Link | None = None
        self._tcp = spec.transport == "tcp"
        self._both = quirks.both_ready
        self._address = spec.address
        self._uid = pack_uid(spec.did)
        self._quirks = quirks
        self._on_link = on_link
        self._on_ended = on_ended
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = False

    async def open(self) -> None:
        """Take a fresh port, for TCP the same number twice, and punch.

        Raises:
            OSError: the camera's address is not there, or no port is free.

        """
        for attempt in range(_PORT_ATTEMPTS):
            try:
                await self._bind()
                break
            except OSError:
                # The number may be taken for TCP: another one then.
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
        if self._ended:  # the camera stopped meanwhile
            self._let_go()
            return
        self._wait()
        self.punch()

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server = None
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind((self._address, 0))
            if self._tcp or self._both:
                port = sock.getsockname()[1]
                server = await loop.create_server(
                    lambda: _Door(self._connected), self._address, port
                )
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except BaseException:
            if self._transport is None:
                sock.close()
            if server is not None:
                server.close()
            raise
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def punch(self) -> None:
        """Send the punch (again)."""
        if not self.ready:
            self._send(Message.PUNCH)

    def _send(self, kind: Message, more: bytes = b"") -> None:
        if self._transport is None or self._quirks.silent:
            return
        message = pack_message(kind, self._uid + more)
        if self._quirks.garbage:
            message = self._quirks.random.randbytes(len(message))
        if self._quirks.random.random() >= self._quirks.loss:
            self._transport.sendto(message, self.peer)

    def _wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(PATIENCE, self.close)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram: only the client that searched is heard."""
        if addr != self.peer or self._ended:
            return
        with contextlib.suppress(WireError):
            kind, body = unpack_message(data)
            if kind == Message.PUNCH:
                if body == self._uid:
                    self._echoed()
                return
        if self._both and self.ready and self.link is None and self._transport is not None:
            if self._server is not None:
                self._server.close()
            self._linked(UdpLink(self._quirks, self._transport, self.peer))
        if isinstance(self.link, UdpLink):
            self.link.received(data)

    def error_received(self, exc: Exception) -> None:
        """Ignore what the network reports about a client that is gone: its silence tells."""

    def _echoed(self) -> None:
        if self._tcp:
            self._say_tcp()
        if self._both or not self._tcp:
            self._send(Message.P2P_RDY_UDP)
        if self._both and not self._tcp:
            self._say_tcp()
        if self.ready:
            return
        self.ready = True
        if self._tcp or self._both:
            self._wait()
        elif self._transport is not None:
            self._linked(UdpLink(self._quirks, self._transport, self.peer))

    def _say_tcp(self) -> None:
        more = b""
        if self._quirks.ready_address and self._transport is not None:
            host, port = self._transport.get_extra_info("sockname")
            more = _ADDRESS.pack(socket.AF_INET, port, socket.inet_aton(host)[::-1])
        self._send(Message.P2P_RDY_TCP, more)

    def _connected(self, transport: asyncio.Transport) -> None:
        """Take a TCP connection: one, from the client that searched."""
        host = transport.get_extra_info("peername")[0]
        if not self.ready or self._ended or self.link is not None or host != self.peer[0]:
            transport.abort()
            return
        link = TcpLink(self._quirks)
        transport.set_protocol(link)
        link.connection_made(transport)
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        self._linked(link)

    def _linked(self, link: Link) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self.link = link
        link.on_closed = self.close
        self._on_link(self, link)

    def close(self, *, polite: bool = False) -> None:
        """End the way in and its link."""
        if self._ended:
            return
        self._ended = True
        if self.link is not None:
            self.link.close(polite=polite)
        self._let_go()
        self._on_ended(self)

    def _let_go(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()


class _Door(asyncio.Protocol):
    """A TCP connection before it is known whose it is."""

    def __init__(self, connected: Callable[[asyncio.Transport], None]) -> None:
        self._connected = connected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connected(transport)
