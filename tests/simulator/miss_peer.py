"""A bare MISS client to examine the simulated camera with, written from the protocol notes alone.

It acknowledges, reorders and decrypts, and keeps everything it saw.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import json
import os
import struct
from typing import TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from nacl.bindings import crypto_box_beforenm

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera import CameraSpec
    from simulator.keys import KeyBook

LAN_SEARCH = bytes.fromhex("f1300000")
PING = bytes.fromhex("f1e00000")
CLOSE = bytes.fromhex("f1f00000")
Address = tuple[str, int]


@dataclass(frozen=True)
class Media:
    """A media record."""

    codec: int
    sequence: int
    flags: int
    timestamp_ms: int
    timestamp_s: int
    data: bytes

    @property
    def is_video(self) -> bool:
        return self.codec in {4, 5}

    @property
    def lens(self) -> int:
        return 1 if self.flags >> 16 & 0x140 else 0

    @property
    def is_key(self) -> bool:
        """Whether it starts with a parameter set, whatever the flags say."""
        start = self.data.index(b"\0\0\1") + 3
        first = self.data[start]
        return first & 31 in {5, 7} if self.codec == 4 else first >> 1 & 63 >= 16


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, peer: MissPeer) -> None:
        self.peer = peer

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer.datagram(data, addr)


class MissPeer:
    """One client; `async with MissPeer(spec, keys) as peer`."""

    def __init__(self, spec: CameraSpec, keys: KeyBook, *, acknowledge: bool = True) -> None:
        self.spec = spec
        private = X25519PrivateKey.generate()
        self.public = private.public_key().public_bytes_raw()
        self.sign = keys.sign(spec.did, self.public)
        self.key = crypto_box_beforenm(keys.device_public(spec.did), private.private_bytes_raw())
        self.acknowledge = acknowledge
        self.datagrams: list[tuple[bytes, Address]] = []
        self.drw: list[tuple[int, int]] = []
        """(channel, sequence) of every DRW, repeats included."""
        self.login: dict[str, Any] = {}
        self.answers: list[tuple[int, bytes]] = []
        self.media: list[Media] = []
        self.uid = b""
        self.camera: Address | None = None
        self.ready = 0
        self.readies: list[bytes] = []
        self.closed = asyncio.Event()
        self._changed = asyncio.Event()
        self._udp: asyncio.DatagramTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.Task[None] | None = None
        self._next: dict[int, int] = {}
        self._early: dict[tuple[int, int], bytes] = {}
        self._stream: dict[int, bytearray] = {}
        self._sent: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", 0), allow_broadcast=True
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._writer is not None:
            self._writer.close()
        if self._udp is not None:
            self._udp.close()
        await asyncio.sleep(0)

    # --- link ---------------------------------------------------------------

    def raw(self, data: bytes, to: Address | None = None) -> None:
        """Send one message."""
        if self._writer is not None:
            self._writer.write(struct.pack(">HB5x", len(data), 0x68) + data)
        else:
            address = to or self.camera
            assert self._udp is not None
            assert address is not None
            self._udp.sendto(data, address)

    async def search(self, to: str | None = None) -> None:
        """Send LAN searches until the camera punches."""
        for _ in range(50):
            self.raw(LAN_SEARCH, (to or self.spec.address, 32108))
            if await self.until(lambda: bool(self.uid), 0.2, check=False):
                return
        raise TimeoutError

    async def open(self, prefer: int = 0, to: str | None = None) -> None:
        """Get a link, of the kind the camera says first or of a preferred one."""
        await self.search(to)
        for _ in range(50):
            self.raw(struct.pack(">BBH", 0xF1, 0x41, 20) + self.uid)
            if await self.until(
                lambda: self.ready != 0 and prefer in {0, self.ready}, 0.2, check=False
            ):
                break
        if self.ready == 0x43:
            assert self.camera is not None
            reader, self._writer = await asyncio.open_connection(*self.camera)
            self._reader = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                head = await reader.readexactly(8)
                length, magic, zeros = struct.unpack(">HB5s", head)
                assert magic == 0x68
                assert zeros == bytes(5)
                self.message(await reader.readexactly(length))
        except OSError, asyncio.IncompleteReadError:
            self.closed.set()

    def datagram(self, data: bytes, addr: Address) -> None:
        self.datagrams.append((data, addr))
        if addr[0] != self.spec.address:
            return  # another camera that heard a broadcast
        if self.camera is None and data[:4] == b"\xf1\x41\0\x14" and len(data) == 24:
            self.uid = data[4:]
            self.camera = addr
        elif addr == self.camera and len(data) >= 4 and data[0] == 0xF1:
            self.message(data)
        self._changed.set()

    def message(self, data: bytes) -> None:
        magic, kind, length = struct.unpack_from(">BBH", data)
        assert magic == 0xF1
        body = data[4:]
        assert len(body) == length
        if kind in {0x42, 0x43}:
            assert body[:20] == self.uid
            self.readies.append(data)
            self.ready = kind
        elif kind == 0xE0:
            self.raw(b"\xf1\xe1\0\0")
        elif kind == 0xF0:
            self.closed.set()
        elif kind == 0xD0:
            _, channel, sequence = struct.unpack_from(">BBH", body)
            self._take(channel, sequence, body[4:])
        self._changed.set()

    def _take(self, channel: int, sequence: int, data: bytes) -> None:
        assert len(data) <= 1024
        self.drw.append((channel, sequence))
        if self._writer is None:
            if not self.acknowledge:
                return
            self.raw(struct.pack(">BBHBBHH", 0xF1, 0xD1, 6, 0xD1, channel, 1, sequence))
        expected = self._next.get(channel, 0)
        if (sequence - expected) & 0xFFFF < 0x8000:
            self._early[channel, sequence] = data
        while (chunk := self._early.pop((channel, expected), None)) is not None:
            self._stream.setdefault(channel, bytearray()).extend(chunk)
            expected = (expected + 1) & 0xFFFF
        self._next[channel] = expected
        stream = self._stream.setdefault(channel, bytearray())
        while len(stream) >= 4 and len(stream) >= (size := struct.unpack_from(">I", stream)[0]) + 4:
            record = bytes(stream[4 : 4 + size])
            del stream[: 4 + size]
            self._record(channel, record)

    def _record(self, channel: int, record: bytes) -> None:
        if channel == 2:
            size, codec, sequence, flags, ms, s, _ = struct.unpack_from("<IIIIQII", record)
            assert size == len(record) - 32
            self.media.append(Media(codec, sequence, flags, ms, s, self._crypt(record[32:])))
            return
        (command,) = struct.unpack_from(">I", record)
        if command == 0x101:
            self.login = json.loads(record[4:])
        elif command == 0x1001:
            plain = self._crypt(record[4:])
            self.answers.append((struct.unpack_from(">I", plain)[0], plain[4:]))

    def _crypt(self, sealed: bytes) -> bytes:
        cipher = Cipher(ChaCha20(self.key, bytes(8) + sealed[:8]), mode=None)
        return cipher.encryptor().update(sealed[8:])

    # --- session ------------------------------------------------------------

    def send_record(self, channel: int, record: bytes) -> None:
        """Send one record, in DRWs of at most 1024 bytes."""
        stream = struct.pack(">I", len(record)) + record
        for start in range(0, len(stream), 1024):
            chunk = stream[start : start + 1024]
            sequence = self._sent.get(channel, 0)
            self._sent[channel] = sequence + 1
            head = struct.pack(">BBHBBH", 0xF1, 0xD0, 4 + len(chunk), 0xD1, channel, sequence)
            self.raw(head + chunk)

    async def authenticate(self, **changes: object) -> dict[str, Any]:
        """Log in and return the answer."""
        fields = {"public_key": self.public.hex(), "sign": self.sign, "uuid": ""} | changes
        self.send_record(0, struct.pack(">I", 0x100) + json.dumps(fields).encode())
        await self.until(lambda: bool(self.login))
        return self.login

    def command(self, command: int, fields: dict[str, object] | bytes = b"") -> None:
        """Send an encrypted command."""
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        plain = struct.pack(">I", command) + body
        self.send_record(0, struct.pack(">I", 0x1001) + self.seal(plain))

    def seal(self, plain: bytes) -> bytes:
        """Encrypt with a nonce in front."""
        nonce = os.urandom(8)
        return nonce + self._crypt(nonce + plain)

    async def answer(self, command: int) -> bytes:
        """Wait for an answer and return its body."""
        await self.until(lambda: any(number == command for number, _ in self.answers))
        return next(body for number, body in self.answers if number == command)

    async def start(self, quality: int = 2, *, audio: int = 0, **more: object) -> None:
        """Open, log in and ask for pictures."""
        await self.open()
        assert (await self.authenticate())["result"] == "success"
        self.command(0x102, {"videoquality": quality, "enableaudio": audio} | more)

    def say(self, codec: int, frame: bytes, timestamp_ms: int = 1) -> None:
        """Send one frame to the speaker."""
        sealed = self.seal(frame)
        head = struct.pack("<IIIIQII", len(sealed), codec, 0, 0, timestamp_ms, 0, 0)
        self.send_record(3, head + sealed)

    async def ask(self, command: int, fields: dict[str, object] | bytes = b"") -> bytes:
        """Send a command and return the body of its answer, which has the next number."""
        self.answers = [answer for answer in self.answers if answer[0] != command + 1]
        self.command(command, fields)
        return await self.answer(command + 1)

    async def motor(self, **fields: object) -> dict[str, Any]:
        """Send a motor command and return its answer."""
        answer: dict[str, Any] = json.loads((await self.ask(0x112, fields)).rstrip(b"\0"))
        return answer

    @property
    def sounds(self) -> list[Media]:
        return [media for media in self.media if not media.is_video]

    @property
    def pictures(self) -> list[Media]:
        return [media for media in self.media if media.is_video]

    async def until(
        self, condition: Callable[[], bool], timeout: float = 5.0, *, check: bool = True
    ) -> bool:
        """Wait until something that arrived makes the condition true."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            if check:
                raise
            return False
        return True
