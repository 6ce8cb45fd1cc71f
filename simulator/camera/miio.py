"""A camera's miio server: hello and token-encrypted JSON RPC on UDP 54321.

What a device does not like it answers with silence: a wrong token, a bad checksum, a stamp
outside its window, text that is no JSON. Only a well-formed request for an unknown method
or with bad parameters gets an error (public protocol notes; python-miio agrees).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
import json
import random
import time
from typing import TYPE_CHECKING, Final

from simulator.camera.broadcast import open_broadcast
from simulator.camera.miio_methods import MiioMethods
from simulator.camera.miio_packet import (
    PORT,
    PacketError,
    TokenCipher,
    hello_reply,
    is_hello,
    read_header,
)
from simulator.camera.miio_push import PushServer
from simulator.camera.rpc import RpcError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.rpc import JSON
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState

type Address = tuple[str, int]

REPLY_CACHE_SECONDS: Final = 10.0
REPLY_CACHE_SIZE: Final = 128
MAX_DELAYED: Final = 256
MAX_ID: Final = 0x7FFFFFFF


@dataclass(slots=True)
class MiioKnobs:
    """How this camera misbehaves; all of it may be changed while it runs."""

    silent: bool = False
    """Answer nothing at all, as a camera without Wi-Fi."""
    garbage: bool = False
    """Answer every datagram with rubbish."""
    latency: float = 0.0
    """Seconds before an answer leaves."""
    drop_rate: float = 0.0
    """Share of incoming datagrams that are lost, 0 to 1."""
    nul_padding: int = 1
    """NULs after the JSON text; firmwares send none, one or several."""
    reserved: int = 0
    """The header's reserved word in answers; some devices send a small number."""
    unprovisioned: bool = False
    """Tell no FF but zeros in the hello, as a camera that was never paired."""
    oldest_stamp: int = 60
    """Seconds that a request's stamp may be behind (the real limit is not known)."""
    newest_stamp: int = 5
    """Seconds that a request's stamp may be ahead."""
    errors: list[tuple[int, str]] = field(default_factory=list)
    """Errors for the next requests, e.g. (-9999, "user ack timeout"), used up in order."""


@dataclass(frozen=True, slots=True)
class _Cached:
    answered: float
    reply: bytes = field(repr=False)


class MiioServer:
    """Serves one camera's RPC on its own address.

    `spec` says who it is, `state` holds its properties and counts the requests carried out.
    `on_reboot` is called soon after a client asked for a restart and was answered, `on_wake`
    when one asked a battery camera to wake.
    """

    def __init__(
        self,
        spec: CameraSpec,
        state: CameraState,
        *,
        on_reboot: Callable[[], None] | None = None,
        on_wake: Callable[[], None] | None = None,
        port: int = PORT,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a server; `seed` makes its losses and rubbish repeatable."""
        self.knobs = MiioKnobs()
        self.methods = MiioMethods(spec, state, on_restart=on_reboot, on_wake=on_wake)
        self.ignored_count = 0
        """Datagrams answered with silence because something in them was wrong."""
        self.packets = 0
        """Datagrams that came and went, whatever they were."""
        self.bytes = 0
        """The payload of those."""
        self.push = PushServer(self._push, self.methods.miot.values) if spec.push else None
        """What it tells subscribers by itself, where it does."""
        self._unfollow: Callable[[], None] | None = None
        self._spec = spec
        self._port = port
        self._state = state
        self._clock = clock
        self._random = random.Random(seed)
        self._cipher = TokenCipher(spec.token)
        self._device_id = spec.did & 0xFFFFFFFF
        self._booted = clock()
        self._cache: OrderedDict[int, _Cached] = OrderedDict()
        self._delayed: set[asyncio.TimerHandle] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._broadcasts: asyncio.DatagramTransport | None = None

    @property
    def stamp(self) -> int:
        """Seconds since this camera booted."""
        return int(self._clock() - self._booted)

    async def start(self) -> None:
        """Bind the address; raises `OSError` when it is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Protocol(self.receive), local_addr=(self._spec.address, self._port)
        )
        try:
            self._broadcasts = await open_broadcast(
                lambda: _Protocol(self._receive_broadcast), self._spec.address, self._port
            )
        except OSError:
            await self.stop()
            raise
        if self.push is not None:
            self._unfollow = self._state.subscribe(self.push.changed)

    async def stop(self) -> None:
        """Close the socket; answers still on their way are dropped."""
        for handle in self._delayed:
            handle.cancel()
        self._delayed.clear()
        if self.push is not None:
            self.push.forget()
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        if self._broadcasts is not None:
            self._broadcasts.abort()
            self._broadcasts = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
            await asyncio.sleep(0)

    def reboot(self) -> None:
        """Start the stamp anew and forget replies, as after a power cut."""
        self._booted = self._clock()
        self._cache.clear()
        if self.push is not None:
            self.push.forget()

    def _receive_broadcast(self, data: bytes, address: Address) -> None:
        """Hear hellos only: what is sealed is for one camera."""
        if is_hello(data):
            self.receive(data, address)

    def receive(self, data: bytes, address: Address) -> None:
        """One datagram came in."""
        self._count(data)
        knobs = self.knobs
        if (
            self._state.sleeping
            or knobs.silent
            or (knobs.drop_rate and self._random.random() < knobs.drop_rate)
        ):
            return
        if knobs.garbage:
            self._send(self._rubbish(), address)
        elif is_hello(data):
            tail = bytes(16) if knobs.unprovisioned else b"\xff" * 16
            tail = (self.push.offer(data) if self.push else None) or tail
            self._send(
                hello_reply(self._device_id, self.stamp, reserved=knobs.reserved, tail=tail),
                address,
            )
        else:
            try:
                reply = self._answer(data, address)
            except PacketError:
                self.ignored_count += 1
                return
            if not reply:
                return
            # Sealed last, so that the stamp is the one of the answer.
            self._send(
                self._cipher.seal(
                    self._device_id,
                    self.stamp,
                    reply + bytes(knobs.nul_padding),
                    reserved=knobs.reserved,
                ),
                address,
            )

    def _answer(self, data: bytes, address: Address) -> bytes:
        """Reply text to a sealed request; raises `PacketError` where a device keeps silent.

        Empty for what was itself an answer.
        """
        header = read_header(data)
        if header.device_id != self._device_id:
            raise PacketError("for another device")
        if not -self.knobs.oldest_stamp <= header.stamp - self.stamp <= self.knobs.newest_stamp:
            raise PacketError("stamp outside the window")
        request = _parse(self._cipher.open(data))
        if self.push is not None and self.push.answer(request, address):
            return b""
        request_id = request.get("id")
        if (
            not isinstance(request_id, int)
            or isinstance(request_id, bool)
            or not 0 < request_id <= MAX_ID
        ):
            raise PacketError("no usable id")
        now = self._clock()
        self._forget(now)
        if (cached := self._cache.get(request_id)) is not None:
            return cached.reply
        self._state.rpc_count += 1
        reply = json.dumps(
            self._carry_out(request_id, request, address), separators=(",", ":")
        ).encode()
        self._cache[request_id] = _Cached(now, reply)
        return reply

    def _carry_out(self, request_id: int, request: dict[str, JSON], address: Address) -> JSON:
        method, params = request.get("method"), request.get("params", [])
        if self.knobs.errors:
            code, message = self.knobs.errors.pop(0)
            return {"id": request_id, "error": {"code": code, "message": message}}
        try:
            name = method if isinstance(method, str) else ""
            reply = self.push.reply(name, params, address) if self.push else None
            reply = reply or self.methods.reply(name, params)
        except RpcError as err:
            return {"id": request_id, "error": {"code": err.code, "message": err.message}}
        return {"id": request_id, **reply}

    def _forget(self, now: float) -> None:
        while self._cache:
            oldest = next(iter(self._cache.values()))
            fresh = now - oldest.answered < REPLY_CACHE_SECONDS
            if fresh and len(self._cache) < REPLY_CACHE_SIZE:
                return
            self._cache.popitem(last=False)

    def _rubbish(self) -> bytes:
        """By turns: noise, a header without its rest, a datagram whose checksum is wrong."""
        kind = self._random.randrange(3)
        if kind == 0:
            return self._random.randbytes(self._random.randrange(1, 64))
        if kind == 1:
            return hello_reply(self._device_id, self.stamp)[: self._random.randrange(1, 31)]
        sealed = bytearray(self._cipher.seal(self._device_id, self.stamp, b"{}"))
        sealed[-1] ^= 0x55
        return bytes(sealed)

    def _push(self, request: dict[str, JSON], address: Address) -> None:
        text = json.dumps(request, separators=(",", ":")).encode()
        if not self.knobs.silent:
            self._send(self._cipher.seal(self._device_id, self.stamp, text), address)

    def _send(self, data: bytes, address: Address) -> None:
        if self.knobs.latency <= 0:
            self._transmit(data, address)
        elif len(self._delayed) < MAX_DELAYED:

            def later() -> None:
                self._delayed.discard(handle)
                self._transmit(data, address)

            handle = asyncio.get_running_loop().call_later(self.knobs.latency, later)
            self._delayed.add(handle)

    def _transmit(self, data: bytes, address: Address) -> None:
        if self._transport is not None:
            self._count(data)
            self._transport.sendto(data, address)

    def _count(self, data: bytes) -> None:
        self.packets += 1
        self.bytes += len(data)


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)


def _parse(plaintext: bytes) -> dict[str, JSON]:
    try:
        value = json.loads(plaintext)
    except ValueError, RecursionError:
        raise PacketError("not JSON") from None
    if not isinstance(value, dict):
        raise PacketError("not a request")
    return value
