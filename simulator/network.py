"""A bad network between a client and a simulated camera, in user space.

A path has an address of its own, at which the client looks for the camera. It forwards the
search port and, for every client, each port the camera answers from, under the same number.
Datagrams are lost, doubled, delayed and overtake each other in both directions; bytes of a TCP
connection are only late, as TCP mends the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
import random
import socket
from typing import TYPE_CHECKING, Self

from simulator.camera.cs2 import PORT, Message, WireError, unpack_message

if TYPE_CHECKING:
    from collections.abc import Callable

type _Address = tuple[str, int]

OVERTAKEN_MS = 30.0
"""How much later a datagram comes that others are to overtake."""
MAX_FLYING = 8192
"""Datagrams under way at one time; more are lost, as in a full queue."""
MAX_CLIENTS = 64
MAX_PORTS = 64
"""Ports of the camera, per client."""
_MAX_DATAGRAM = 65536
_BUFFER = 1 << 20
_CHUNK = 16 * 1024
_BACKLOG = 4


@dataclass(slots=True)
class Traffic:
    """Counts of one direction."""

    datagrams: int = 0
    """Taken from the sender."""
    lost: int = 0
    """Not passed on, in blackouts too."""
    doubled: int = 0
    stream_bytes: int = 0
    """Passed on over TCP."""


class LossyPath:
    """Forwards between clients and one camera, badly. All knobs may be turned at any time."""

    def __init__(
        self,
        camera_address: str,
        path_address: str,
        *,
        loss: float = 0.0,
        reorder: float = 0.0,
        jitter_ms: float = 0.0,
        duplicate: float = 0.0,
        delay_ms: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """Prepare a path; clients go to `path_address`, an IPv4 address nobody else uses."""
        self.camera_address = camera_address
        """Where the camera is; a change counts for clients that come later."""
        self.path_address = path_address
        self.loss = loss
        """Share of datagrams lost, each way, 0 to 1."""
        self.reorder = reorder
        """Share of datagrams that come `OVERTAKEN_MS` late, each way."""
        self.jitter_ms = jitter_ms
        """Each datagram comes 0 to this much late, by chance, and so overtakes others."""
        self.duplicate = duplicate
        """Share of datagrams that come twice, each way."""
        self.delay_ms = delay_ms
        """Everything comes this much late, TCP too."""
        self.to_camera = Traffic()
        self.to_client = Traffic()
        self._random = random.Random(seed)
        self._door: _Port | None = None
        self._clients: dict[_Address, _Client] = {}
        self._flying: set[asyncio.TimerHandle] = set()
        self._passable = asyncio.Event()
        self._passable.set()

    @property
    def blackout(self) -> bool:
        """Whether nothing passes: datagrams are lost, TCP stands still."""
        return not self._passable.is_set()

    @blackout.setter
    def blackout(self, on: bool) -> None:
        if on:
            self._passable.clear()
        else:
            self._passable.set()

    @property
    def flying(self) -> int:
        """Datagrams under way now."""
        return len(self._flying)

    async def start(self) -> None:
        """Open the search port.

        Raises:
            OSError: the address is not there or taken.

        """
        self._door = _Port(self.path_address, PORT, self._searched)

    async def stop(self) -> None:
        """Close every socket; what is under way is lost."""
        for handle in self._flying:
            handle.cancel()
        self._flying.clear()
        if self._door is not None:
            self._door.close()
            self._door = None
        clients = tuple(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()

    def forget(self) -> None:
        """Close the ports of all clients so far, as a router that was restarted."""
        for client in self._clients.values():
            client.shut()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def passable(self) -> None:
        """Wait for the end of a blackout."""
        await self._passable.wait()

    def fly(self, traffic: Traffic, land: Callable[[], None]) -> None:
        """Carry one datagram: never, once or twice, now or later."""
        traffic.datagrams += 1
        chance = self._random.random
        if self.blackout or chance() < self.loss or len(self._flying) >= MAX_FLYING:
            traffic.lost += 1
            return
        copies = 1
        if self.duplicate and chance() < self.duplicate:
            traffic.doubled += 1
            copies = 2
        for _ in range(copies):
            late = self.delay_ms + chance() * self.jitter_ms
            if self.reorder and chance() < self.reorder:
                late += OVERTAKEN_MS
            if late > 0:
                self._later(late / 1000, land)
            else:
                land()

    def _later(self, seconds: float, land: Callable[[], None]) -> None:
        def arrive() -> None:
            self._flying.discard(handle)
            land()

        handle = asyncio.get_running_loop().call_later(seconds, arrive)
        self._flying.add(handle)

    def _searched(self, datagram: bytes, source: _Address) -> None:
        client = self._clients.get(source)
        if client is None or client.is_shut:
            if len(self._clients) >= MAX_CLIENTS:
                oldest = next(iter(self._clients))
                self._clients.pop(oldest).shut()
            client = self._clients[source] = _Client(self, source, self._answer)
        client.to_camera(datagram, PORT)

    def _answer(self, datagram: bytes, client: _Address) -> None:
        if self._door is not None:
            self._door.send(datagram, client)


class _Port:
    """A UDP socket at an address, read in the event loop."""

    def __init__(
        self, address: str, port: int, received: Callable[[bytes, _Address], None]
    ) -> None:
        self._received = received
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.bind((address, port))
        except BaseException:
            self._socket.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # in the rule: there is no more
            while self._socket.fileno() >= 0:
                self._received(*self._socket.recvfrom(_MAX_DATAGRAM))

    def send(self, datagram: bytes, address: _Address) -> None:
        """Send, or lose it where the system does not take it."""
        if self._socket.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._socket.sendto(datagram, address)

    def close(self) -> None:
        """Close at once."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()


@dataclass(slots=True)
class _Client:
    """One client: a socket towards the camera, and one for each port the camera answers from."""

    path: LossyPath
    address: _Address
    answer: Callable[[bytes, _Address], None]
    camera_address: str = field(init=False)
    is_shut: bool = False
    _camera_side: _Port = field(init=False)
    _ports: dict[int, _Port] = field(default_factory=dict)
    _streams: dict[int, _StreamPort] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.camera_address = self.path.camera_address
        self._camera_side = _Port(self.path.path_address, 0, self._from_camera)

    def to_camera(self, datagram: bytes, port: int) -> None:
        """Carry a datagram of the client to a port of the camera."""
        target = (self.camera_address, port)
        self.path.fly(self.path.to_camera, lambda: self._camera_side.send(datagram, target))

    def _from_camera(self, datagram: bytes, source: _Address) -> None:
        host, number = source
        if host != self.camera_address:
            return
        if number == PORT:
            self.path.fly(self.path.to_client, lambda: self.answer(datagram, self.address))
            return
        port = self._ports.get(number)
        if port is None:
            if len(self._ports) >= MAX_PORTS:
                return
            port = self._ports[number] = self._open(number)
        if _is_tcp_ready(datagram) and number not in self._streams:
            self._streams[number] = _StreamPort(self.path, (host, number))
        self.path.fly(self.path.to_client, lambda: port.send(datagram, self.address))

    def _open(self, number: int) -> _Port:
        def received(datagram: bytes, source: _Address) -> None:
            if source == self.address:
                self.to_camera(datagram, number)

        return _Port(self.path.path_address, number, received)

    def shut(self) -> None:
        """Close the UDP sockets."""
        self.is_shut = True
        self._camera_side.close()
        for port in self._ports.values():
            port.close()

    async def close(self) -> None:
        """Close everything."""
        self.shut()
        for stream in self._streams.values():
            await stream.close()


def _is_tcp_ready(datagram: bytes) -> bool:
    try:
        return unpack_message(datagram)[0] == Message.P2P_RDY_TCP
    except WireError:
        return False


class _StreamPort:
    """Takes TCP connections under a number and carries their bytes to the camera's port."""

    def __init__(self, path: LossyPath, target: _Address) -> None:
        self._path = path
        self._target = target
        self._socket = socket.create_server((path.path_address, target[1]), backlog=_BACKLOG)
        self._socket.setblocking(False)
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin(self._accept())

    def _begin(self, work: asyncio._CoroutineLike[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(self._socket)
            self._begin(self._carry(near))

    async def _carry(self, near: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=near)
        try:
            # The camera knows its client by the address it searched from.
            far_reader, far_writer = await asyncio.open_connection(
                *self._target, local_addr=(self._path.path_address, 0)
            )
        except OSError:
            writer.transport.abort()
            return
        path = self._path
        tasks = [
            asyncio.ensure_future(self._copy(reader, far_writer, path.to_camera)),
            asyncio.ensure_future(self._copy(far_reader, writer, path.to_client)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            writer.transport.abort()
            far_writer.transport.abort()
            await asyncio.wait(tasks)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, traffic: Traffic
    ) -> None:
        """Copy until one end is closed. The delay is not per chunk: bytes queue behind it."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - loop.time()))
                await self._path.passable()
                writer.write(data)
                traffic.stream_bytes += len(data)
                await writer.drain()

        delivering = asyncio.ensure_future(deliver())
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(_CHUNK):
                    await queue.put((loop.time() + self._path.delay_ms / 1000, data))
                    if delivering.done():
                        return
        finally:
            delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await delivering

    async def close(self) -> None:
        """End everything."""
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._socket.close()
