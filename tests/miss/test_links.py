"""Sockets."""

from __future__ import annotations

import asyncio
import socket

from custom_components.mi_camera.miss import MissClosed, MissError, MissUnreachable
from custom_components.mi_camera.miss.cs2_packets import PacketType, push_packet, push_stream_frame
from custom_components.mi_camera.miss.links import DatagramLink, StreamLink

from .peer import eventually


async def test_datagrams_come_in_bunches_and_in_order() -> None:
    batches: list[list[tuple[bytes, tuple[str, int]]]] = []
    link = await DatagramLink.open(batches.append)
    sock = link._sock
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1024 * 1024
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.43.3", 0))
        for number in range(200):
            sender.sendto(b"%d" % number, ("127.0.0.1", sock.getsockname()[1]))
        await eventually(lambda: sum(map(len, batches)) == 200)
        got = [entry for batch in batches for entry in batch]
        assert got == [(b"%d" % number, sender.getsockname()) for number in range(200)]
        assert max(map(len, batches)) == 64
        assert len(batches) < 50
        # What lies in the socket when the link is aborted is passed to nobody.
        sender.sendto(b"late", ("127.0.0.1", sock.getsockname()[1]))
    link.abort()
    await asyncio.sleep(0.02)
    assert sum(map(len, batches)) == 200
    link.send(b"nothing", ("127.0.43.3", 9))


async def test_batch_ends_with_an_abort_in_the_middle() -> None:
    batches: list[object] = []

    def receive(batch: object) -> None:
        batches.append(batch)
        link.abort()

    link = await DatagramLink.open(receive)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(100):
            sender.sendto(b"x", ("127.0.0.1", link._sock.getsockname()[1]))
        await eventually(lambda: batches)
        await asyncio.sleep(0.02)
    assert len(batches) == 1


async def test_unreachable_network_is_no_exception() -> None:
    link = await DatagramLink.open(print)
    link.send(b"x", ("127.0.43.3", 0))  # no such port
    await asyncio.sleep(0)
    link.abort()
    await asyncio.sleep(0)


async def test_aborted_stream_says_nothing_more() -> None:
    received: list[bytes] = []
    lost: list[MissError] = []

    class Greeter(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"hello")

    server = await asyncio.get_running_loop().create_server(Greeter, "127.0.43.3", 0)
    address = server.sockets[0].getsockname()
    link = await StreamLink.open(address, received.append, lost.append)
    await eventually(lambda: received == [b"hello"])
    link.abort()
    link.data_received(b"late")
    link.send(b"late")
    server.close()
    await asyncio.sleep(0.02)
    assert received == [b"hello"]
    assert lost == []


async def test_end_of_a_stream_is_told_with_its_reason() -> None:
    lost: list[MissError] = []
    server = await asyncio.get_running_loop().create_server(Hangup, "127.0.43.3", 0)
    await StreamLink.open(server.sockets[0].getsockname(), print, lost.append)
    await eventually(lambda: lost)
    server.close()
    assert [type(error) for error in lost] == [MissClosed]


class Hangup(asyncio.Protocol):
    """A camera that closes at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close."""
        transport.close()


async def test_stream_to_a_camera_that_pings_and_never_reads_ends() -> None:
    """What it does not take is held for it up to a limit only."""
    loop = asyncio.get_running_loop()
    pings = push_stream_frame(push_packet(PacketType.ALIVE)) * 100
    lost: list[MissError] = []
    held: list[int] = []

    def answer(_data: bytes) -> None:
        link.send(bytes(16 * 1024))
        assert link._transport is not None
        held.append(link._transport.get_write_buffer_size())

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.setblocking(False)
        listener.bind(("127.0.43.3", 0))
        listener.listen()
        link = await StreamLink.open(listener.getsockname(), answer, lost.append)
        peer, _ = await loop.sock_accept(listener)
        with peer:
            peer.setblocking(False)
            assert link._transport is not None
            ours = link._transport.get_extra_info("socket")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            async with asyncio.timeout(5):
                while not lost:
                    await loop.sock_sendall(peer, pings)
                    await asyncio.sleep(0)
    link.abort()
    assert [type(error) for error in lost] == [MissUnreachable]
    assert "does not read" in str(lost[0])
    assert max(held) <= 256 * 1024
    sent = len(held)
    link.send(b"late")
    await asyncio.sleep(0.02)
    assert len(held) == sent
    assert len(lost) == 1
