"""The miio datagram, sealed and opened by python-miio's codec.

Layout, all big-endian (public protocol notes, checked against python-miio):

    0  u16  magic 0x2131          8  u32  device id, the low 32 bits of the did
    2  u16  length of everything 12  u32  stamp, seconds of the device's own clock
    4  u32  reserved             16  16s  MD5(bytes 0..15, token, ciphertext)
    32 ...  AES-128-CBC of JSON text

A hello is a bare header, all FF after the length: neither sealed nor signed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import hashlib
import hmac
import json
import logging
import struct
from typing import TYPE_CHECKING, Final

from .errors import MiioError
from .push_hello import PushOffer, read_offer

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from .library import MiioLibrary

type JsonValue = bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None

MIIO_PORT: Final = 54321
MAGIC: Final = 0x2131
HEADER_SIZE: Final = 32
BLOCK_SIZE: Final = 16
TOKEN_SIZE: Final = 16
MAX_REPLY: Final = 8192
"""Replies seen are below 1.5 KB."""
MAX_REQUEST: Final = 1024
"""Devices drop larger requests (public protocol notes)."""
HELLO: Final = struct.pack(">HH", MAGIC, HEADER_SIZE) + b"\xff" * 28
_HEAD: Final = struct.Struct(">HHIII")
_LIBRARY_LOGGER: Final = logging.getLogger("miio.protocol")


class PacketError(MiioError):
    """A datagram that is not a valid reply; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A device's answer to a hello."""

    did: int
    """The low 32 bits of the did."""
    stamp: int
    """Seconds of the device's clock, since its boot or since 1970."""
    offer: PushOffer | None = None
    """What it offers to subscribers, if it was asked."""


def read_hello(packet: bytes) -> Hello:
    """Hello from a reply; raises `PacketError`.

    Else the last 16 bytes are left alone: an unprovisioned device tells its token there.
    """
    if len(packet) != HEADER_SIZE:
        raise PacketError("not a hello")
    return replace(_read_head(packet), offer=read_offer(packet))


def _read_head(packet: bytes) -> Hello:
    if not HEADER_SIZE <= len(packet) <= MAX_REPLY:
        raise PacketError("size out of bounds")
    magic, length, _, device_id, stamp = _HEAD.unpack_from(packet)
    if magic != MAGIC or length != len(packet):
        raise PacketError("not miio")
    return Hello(device_id, stamp)


class PacketCodec:
    """Seals requests and opens replies with a device's token."""

    def __init__(self, library: MiioLibrary) -> None:
        """Use python-miio's construct definition of a datagram."""
        self.library = library
        self._message = library.message
        # A decrypted text that is no UTF-8 makes the library trip over a name of its own.
        self._errors: tuple[type[Exception], ...] = (*library.errors, UnboundLocalError)

    def seal(
        self, token: bytes, device_id: int, stamp: int, request: Mapping[str, JsonValue]
    ) -> bytes:
        """Datagram for a request; raises `MiioError` when it is larger than devices take."""
        # Of a much larger one the library cannot even write the length.
        if (size := len(json.dumps(request, ensure_ascii=False))) > 2 * MAX_REQUEST:
            raise MiioError(f"request of {size} characters is larger than devices take")
        header = {
            "length": 0,
            "unknown": 0,
            "device_id": device_id.to_bytes(4),
            "ts": datetime.fromtimestamp(stamp & 0xFFFFFFFF, UTC),
        }
        packet: bytes = self._message.build(
            {"data": {"value": request}, "header": {"value": header}, "checksum": 0}, token=token
        )
        if len(packet) > MAX_REQUEST:
            raise MiioError(f"request of {len(packet)} bytes is larger than devices take")
        return packet

    def open(self, token: bytes, packet: bytes) -> tuple[int, dict[str, JsonValue]]:
        """(stamp, JSON object) of a sealed reply; raises `PacketError`.

        The checksum is verified before anything is decrypted, so that only the holder of the
        token reaches the parsers.
        """
        head = _read_head(packet)
        ciphertext = packet[HEADER_SIZE:]
        if not ciphertext or len(ciphertext) % BLOCK_SIZE:
            raise PacketError("ciphertext is not whole blocks")
        checksum = hashlib.md5(packet[:16] + token + ciphertext, usedforsecurity=False).digest()
        if not hmac.compare_digest(checksum, packet[16:HEADER_SIZE]):
            raise PacketError("checksum does not match")
        try:
            with _quiet(_LIBRARY_LOGGER):
                # Only the payload part: the header part would build a naive UTC datetime.
                payload = self._message.data.parse(packet, _={"token": token}).value
        except self._errors:
            raise PacketError("payload is not JSON") from None
        if not isinstance(payload, dict):
            raise PacketError("payload is not a JSON object")
        return head.stamp, payload


@contextmanager
def _quiet(logger: logging.Logger) -> Generator[None]:
    """Mute a logger: the library logs texts it cannot parse, and `miIO.info` holds the token."""
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
