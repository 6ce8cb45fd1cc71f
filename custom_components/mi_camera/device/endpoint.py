"""One UDP socket for all miio devices of a home."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import logging
import random
import socket
from typing import TYPE_CHECKING, Any, Final

from .errors import (
    MiioBadReply,
    MiioClosed,
    MiioDeviceError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
)
from .library import load_library
from .packet import (
    HEADER_SIZE,
    HELLO,
    MIIO_PORT,
    TOKEN_SIZE,
    Hello,
    JsonValue,
    PacketCodec,
    PacketError,
    read_hello,
)
from .resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .library import MiioLibrary
    from .push_port import PushPort

_LOGGER = logging.getLogger(__name__)

MAX_ID: Final = 0x7FFFFFFF
MAX_PEERS: Final = 512
HELLO_MAX_AGE: Final = 60.0
"""Seconds of silence after which a hello precedes a request: the device may have rebooted."""
HELLO_REPEATS: Final = 3
"""Hellos sent within one hello's time-out, since datagrams get lost."""
METHOD_UNKNOWN: Final = -32601
BUSY_PAUSE: Final = 0.2
BUSY_CODES: Final = frozenset({-30001, -9999})
"""Codes after which a repetition helps ("user ack timeout"; public protocol notes)."""


@dataclass(slots=True)
class EndpointCounters:
    """What went over the socket."""

    sent: int = 0
    accepted: int = 0
    undecryptable: int = 0
    """Datagrams from the right address that the token does not open."""
    unexpected: int = 0
    """Datagrams nobody had asked for: other address, other id, too late, wrong size."""
    socket_errors: int = 0


@dataclass(frozen=True, slots=True)
class _Pending:
    ident: int
    token: bytes = field(repr=False)
    reply: asyncio.Future[dict[str, JsonValue]]


@dataclass(slots=True)
class _Peer:
    """What is known of the device at one address."""

    address: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a request is in flight: cheap firmwares drop a second one."""
    hello: Hello | None = None
    offset: float = 0.0
    """Device stamp minus loop time, in seconds."""
    sealed: float | None = None
    """The same as of the last opened reply: anybody can say hello."""
    heard: float = 0.0
    """Loop time of the last hello or opened reply."""
    users: int = 0
    greeting: asyncio.Future[Hello] | None = None
    pending: _Pending | None = None
    push: PushPort | None = None


class MiioEndpoint:
    """Requests to any number of miio devices over one datagram socket.

    A reply counts only when it comes from the device's address and port, opens with its token
    and carries the request's id; everything else is counted and forgotten.

    Calls to one device wait for each other, and repeat what is lost; so `allowed` is asked
    before each datagram, and ends the call with `MiioNotAllowed` when it says no.
    """

    def __init__(self, *, port: int = MIIO_PORT) -> None:
        """Make a closed endpoint; `port` is the devices' port."""
        self.counters = EndpointCounters()
        self._port = port
        self._codec: PacketCodec | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._lost: asyncio.Future[None] | None = None
        self._peers: dict[str, _Peer] = {}
        self._waiting: set[asyncio.Future[Any]] = set()
        self._next_id = random.randrange(1, MAX_ID)

    @property
    def library(self) -> MiioLibrary:
        """python-miio; raises `MiioClosed` before `open`."""
        return self._opened().library

    async def open(self) -> None:
        """Load python-miio (in an executor thread) and open the socket; raises `OSError`."""
        if self._transport is not None:
            return
        if self._codec is None:
            self._codec = PacketCodec(await load_library())
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("0.0.0.0", 0), family=socket.AF_INET
        )
        self._lost = loop.create_future()

    async def close(self) -> None:
        """Close the socket; whoever waits for an answer gets `MiioClosed`."""
        transport, self._transport = self._transport, None
        for future in tuple(self._waiting):
            if not future.done():
                future.set_exception(MiioClosed())
        self._peers.clear()
        if transport is not None:
            transport.abort()
        if self._lost is not None:
            await self._lost

    async def hello(
        self,
        host: str,
        timeout: float = 3.0,
        *,
        allowed: Callable[[], bool],
        packet: bytes = HELLO,
    ) -> Hello:
        """Ask who is at `host` (address or name); raises `MiioTimeout` after `timeout` seconds.

        Needs no token, proves nothing: the answer is not signed. `packet` is the hello to send.
        Raises `MiioError`.
        """
        peer = await self._peer(host, allowed)
        try:
            async with peer.lock:
                return await self._greet(peer, host, timeout, allowed, packet)
        finally:
            peer.users -= 1

    async def listen(self, host: str, port: PushPort) -> Callable[[], None]:
        """Take what the device at `host` pushes, until the returned function is called.

        Raises `MiioError`. A later call for the same address takes the place of this one.
        """
        peer = await self._peer(host, port.allowed)
        peer.users -= 1
        peer.push = port

        def stop() -> None:
            if peer.push is port:
                peer.push = None

        return stop

    async def request(
        self,
        host: str,
        token: bytes,
        method: str,
        params: JsonValue,
        *,
        allowed: Callable[[], bool],
        timeout: float = 3.0,
        attempts: int = 2,
        did: int | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Call a method; after a time-out a hello and the call with a new id follow.

        Takes at most 2 * `attempts` * `timeout` seconds (an absent device: one `timeout`),
        plus the time other calls to this device take. `did`, when given, must be who answers
        there. `extra` are further top-level parameters. Raises `MiioError`.
        """
        if len(token) != TOKEN_SIZE:
            raise ValueError("a miio token has 16 bytes")
        peer = await self._peer(host, allowed)
        call: dict[str, JsonValue] = {"method": method, "params": params, **(extra or {})}
        try:
            async with peer.lock:
                return await self._exchange(
                    peer, host, token, call, timeout, attempts, did, allowed
                )
        finally:
            peer.users -= 1

    async def _exchange(
        self,
        peer: _Peer,
        host: str,
        token: bytes,
        call: Mapping[str, JsonValue],
        timeout: float,
        attempts: int,
        did: int | None,
        allowed: Callable[[], bool],
    ) -> JsonValue:
        error: MiioTimeout | MiioDeviceError = MiioTimeout(host, answered_hello=False)
        for attempt in range(attempts):
            if isinstance(error, MiioDeviceError):
                await self._pause(BUSY_PAUSE)
            elif attempt:
                peer.hello = None
            hello = await self._who_is_there(peer, host, timeout, did, allowed)
            reply = await self._ask(peer, hello, token, call, timeout, allowed)
            if reply is None:
                error = MiioTimeout(host, answered_hello=True)
                continue
            if reply.get("error") is None:
                return reply.get("result", reply)
            error = _device_error(reply["error"])
            if error.code not in BUSY_CODES:
                break
        raise error

    async def _who_is_there(
        self,
        peer: _Peer,
        host: str,
        timeout: float,
        did: int | None,
        allowed: Callable[[], bool],
    ) -> Hello:
        now = asyncio.get_running_loop().time()
        hello = peer.hello if now - peer.heard < HELLO_MAX_AGE else None
        expected = None if did is None else did & 0xFFFFFFFF
        if hello is None or expected not in {None, hello.did}:
            hello = await self._greet(peer, host, timeout, allowed)
        if did is not None and expected != hello.did:
            raise MiioWrongDevice(host, did, hello.did)
        return hello

    async def _greet(
        self,
        peer: _Peer,
        host: str,
        timeout: float,
        allowed: Callable[[], bool],
        packet: bytes = HELLO,
    ) -> Hello:
        peer.hello = None
        greeting: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        peer.greeting = greeting
        try:
            for _ in range(HELLO_REPEATS):
                self._send(packet, peer, allowed)
                hello = await self._wait(greeting, timeout / HELLO_REPEATS)
                if hello is not None:
                    peer.hello = hello
                    return hello
        finally:
            peer.greeting = None
        raise MiioTimeout(host, answered_hello=False)

    async def _ask(
        self,
        peer: _Peer,
        hello: Hello,
        token: bytes,
        call: Mapping[str, JsonValue],
        timeout: float,
        allowed: Callable[[], bool],
    ) -> dict[str, JsonValue] | None:
        """One datagram and its reply, None when none came."""
        loop = asyncio.get_running_loop()
        ident = self._next_id
        self._next_id = ident % MAX_ID + 1
        stamp = int(loop.time() + peer.offset)
        packet = self._opened().seal(token, hello.did, stamp, {"id": ident, **call})
        peer.pending = pending = _Pending(ident, token, loop.create_future())
        try:
            self._send(packet, peer, allowed)
            return await self._wait(pending.reply, timeout)
        finally:
            peer.pending = None

    async def _wait[T](self, future: asyncio.Future[T], timeout: float) -> T | None:
        """Return the result of a future, None after `timeout` seconds; the future stays usable then."""
        if self._transport is None:
            raise MiioClosed
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=timeout)
            return future.result() if future.done() else None
        finally:
            self._waiting.discard(future)

    async def _pause(self, seconds: float) -> None:
        await self._wait(asyncio.get_running_loop().create_future(), seconds)

    async def _peer(self, host: str, allowed: Callable[[], bool]) -> _Peer:
        if self._transport is None:
            raise MiioClosed
        if not allowed():  # not even its name is looked up
            raise MiioNotAllowed
        address = await resolve(host)
        peer = self._peers.pop(address, None)
        if peer is None:
            idle = [
                known for known, other in self._peers.items() if not (other.users or other.push)
            ]
            if len(self._peers) >= MAX_PEERS and idle:
                del self._peers[idle[0]]
            peer = _Peer(address)
        self._peers[address] = peer  # at the end: the one used last
        peer.users += 1
        return peer

    def _opened(self) -> PacketCodec:
        if self._codec is None:
            raise MiioClosed
        return self._codec

    def _send(self, packet: bytes, peer: _Peer, allowed: Callable[[], bool]) -> None:
        if self._transport is None:
            raise MiioClosed
        if not allowed():
            raise MiioNotAllowed
        self.counters.sent += 1
        self._transport.sendto(packet, (peer.address, self._port))

    def received(self, packet: bytes, source: tuple[str, int]) -> None:
        """Take one datagram, from anybody."""
        peer = self._peers.get(source[0])
        if peer is None or source[1] != self._port or self._codec is None:
            self.counters.unexpected += 1
        elif len(packet) == HEADER_SIZE:
            self._received_hello(peer, packet)
        else:
            self._received_sealed(peer, self._codec, packet)

    def _received_hello(self, peer: _Peer, packet: bytes) -> None:
        try:
            hello = read_hello(packet)
        except PacketError:
            self.counters.unexpected += 1
            return
        if peer.greeting is None or peer.greeting.done():
            self.counters.unexpected += 1
            return
        self._heard(peer, hello.stamp)
        peer.greeting.set_result(hello)

    def _received_sealed(self, peer: _Peer, codec: PacketCodec, packet: bytes) -> None:
        pending, push = peer.pending, peer.push
        opener = pending or push
        if opener is None:
            self.counters.unexpected += 1
            return
        try:
            stamp, payload = codec.open(opener.token, packet)
        except PacketError as err:
            self.counters.undecryptable += 1
            _LOGGER.debug("Ignored a datagram from %s: %s", peer.address, err)
            return
        if push is not None and opener.token == push.token and "method" in payload:
            self._received_push(peer, push, stamp, payload)
        elif pending is None:
            self.counters.unexpected += 1
        else:
            self._received_reply(peer, pending, stamp, payload)

    def _received_push(
        self, peer: _Peer, push: PushPort, stamp: int, payload: dict[str, JsonValue]
    ) -> None:
        if peer.sealed is None:
            return
        now = asyncio.get_running_loop().time()
        clock = now + peer.sealed
        answer = push.take(payload, stamp=stamp, clock=clock, now=now)
        if answer is not None and self._transport is not None:
            packet = self._opened().seal(push.token, push.did & 0xFFFFFFFF, int(clock), answer)
            self._send(packet, peer, push.allowed)

    def _received_reply(
        self, peer: _Peer, pending: _Pending, stamp: int, payload: dict[str, JsonValue]
    ) -> None:
        if payload.get("id") != pending.ident or pending.reply.done():
            self.counters.unexpected += 1
            return
        self._heard(peer, stamp)
        peer.sealed = peer.offset
        pending.reply.set_result(payload)

    def _heard(self, peer: _Peer, stamp: int) -> None:
        self.counters.accepted += 1
        peer.heard = asyncio.get_running_loop().time()
        peer.offset = stamp - peer.heard

    def failed(self) -> None:
        """Count a datagram the operating system refused; its request times out."""
        self.counters.socket_errors += 1

    def lost(self) -> None:
        """Note that the socket is closed."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)


def ungated() -> bool:
    """Stand for `allowed` where no gate applies, as while a user adds a camera."""
    return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, endpoint: MiioEndpoint) -> None:
        self._endpoint = endpoint

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._endpoint.received(data, addr)

    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("miio socket: %s", exc)
        self._endpoint.failed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.lost()


def _device_error(error: JsonValue) -> MiioDeviceError:
    """Error of a reply; raises `MiioBadReply` when it has no code."""
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        if isinstance(code, int):
            kind = MiioUnsupported if code == METHOD_UNKNOWN else MiioDeviceError
            return kind(code, message if isinstance(message, str) else "")
    raise MiioBadReply("the device's error has no code")
