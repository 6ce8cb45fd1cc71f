"""A camera in miniature on real sockets, for what no sane camera does."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
import socket
from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.commands import REPLY_TO, Command
from custom_components.mi_camera.miss.cs2_packets import (
    PacketType,
    Uid,
    pull_packet,
    push_packet,
    push_stream_frame,
    push_uid,
)

from .fake import FakeCamera, make_keys

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from custom_components.mi_camera.miss import MissKeys

UID = Uid("MINI", 43, "PEER")
SEARCH_PORT = 32108


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, peer: MiniPeer, *, search: bool) -> None:
        self.peer, self.search = peer, search

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.search:
            self.peer.searched(addr)
        else:
            self.peer.client = addr
            self.peer.received(data)


class _Stream(asyncio.Protocol):
    def __init__(self, peer: MiniPeer) -> None:
        self.peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.peer.stream = transport
        self.peer.camera.stream = True

    def data_received(self, data: bytes) -> None:
        for packet in self.peer.camera.deframer.push(data):
            self.peer.received(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self.peer.stream = None
        self.peer.camera.stream = False


@dataclass
class MiniPeer:
    """Answers as told."""

    address: str
    keys: MissKeys = field(default_factory=make_keys)
    offers: tuple[PacketType, ...] = (PacketType.P2P_RDY,)
    listens: bool = True
    """Whether the TCP port it offers is open."""
    deaf_over: frozenset[str] = frozenset()
    """Over which transports nothing is answered."""
    welcome: bytes | None = b'{"result":"success"}'
    """The answer to the login."""
    hangs_up: bool = False
    """Closes in place of an answer to the login."""
    search_address: str | None = None
    """Where it hears searches, if not at its own address."""
    answers: dict[int, bytes] = field(default_factory=dict)
    """What it answers to a command: the body of the reply."""
    loses: Callable[[bytes], bool] = lambda _packet: False
    """Which packets of the client do not arrive."""
    acknowledges: bool = True
    answers_close: bool = True

    def __post_init__(self) -> None:
        self.camera = FakeCamera(self.keys)
        self.client: tuple[str, int] | None = None
        self.stream: asyncio.Transport | None = None
        self.seen: list[int] = []
        """Packet types received."""
        self.commands: list[int] = []
        self.bodies: list[bytes] = []
        """Of the commands."""
        self._media: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._media is not None
        port: int = self._media.get_extra_info("sockname")[1]
        return port

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[MiniPeer]:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.search_address or self.address, SEARCH_PORT))
        search, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self, search=True), sock=sock
        )
        media, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self, search=False), local_addr=(self.address, 0)
        )
        self._media = media
        if self.listens:
            self._server = await loop.create_server(lambda: _Stream(self), self.address, self.port)
        try:
            yield self
        finally:
            search.close()
            media.close()
            if self.stream is not None:
                self.stream.abort()
            if self._server is not None:
                self._server.close()
                await self._server.wait_closed()
            await asyncio.sleep(0)

    def searched(self, client: tuple[str, int]) -> None:
        self.client = client
        self.datagram(push_packet(PacketType.PUNCH_PKT, push_uid(UID)))

    def datagram(self, packet: bytes) -> None:
        if self._media is not None and self.client is not None:
            self._media.sendto(packet, self.client)

    def send(self, *packets: bytes) -> None:
        """Send over the client's transport; DRW packets of a stream are framed already."""
        for packet in packets:
            if self.stream is not None:
                framed = packet[2:3] == b"\x68"
                self.stream.write(packet if framed else push_stream_frame(packet))
            else:
                self.datagram(packet)

    def received(self, packet: bytes) -> None:
        if self.loses(packet):
            return
        kind, _ = pull_packet(packet)
        self.seen.append(kind)
        if ("udp" if self.stream is None else "tcp") in self.deaf_over and kind >= PacketType.DRW:
            return
        if kind == PacketType.PUNCH_PKT:
            for offer in self.offers:
                self.datagram(push_packet(offer, push_uid(UID)))
        elif kind == PacketType.CLOSE and self.answers_close:
            self.send(push_packet(PacketType.CLOSE_ACK))
        elif kind == PacketType.DRW:
            stream, self.camera.stream = self.camera.stream, False
            commands, acks = self.camera.read([packet])
            self.camera.stream = stream
            if self.acknowledges and not stream:
                self.send(*acks)
            for command, body in commands:
                self.commands.append(command)
                self.bodies.append(body)
                if command == 0x100:
                    self.logged_in()
                elif command in self.answers:
                    reply = REPLY_TO[Command(command)]
                    self.send(*self.camera.command(reply, self.answers[command]))

    def logged_in(self) -> None:
        if self.hangs_up:
            self.send(push_packet(PacketType.CLOSE))
        elif self.welcome is not None:
            self.send(*self.camera.welcome(self.welcome))


async def eventually(condition: object, timeout: float = 30.0) -> None:
    """Wait until a callable is true."""
    assert callable(condition)
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)
