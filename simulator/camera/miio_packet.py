"""The miio datagram: header, checksum and token encryption (UDP 54321).

Layout, all integers big-endian (public protocol notes; python-miio reads the same):

    0  u16  magic 0x2131          8  u32  device id (low 32 bits of the did)
    2  u16  length of everything 12  u32  stamp, seconds of the device's own clock
    4  u32  reserved             16  16s  MD5(bytes 0..15, token, ciphertext)
    32 ...  AES-128-CBC, PKCS#7, of JSON text that may end in NULs

The key is MD5(token) and the IV is MD5(key, token). A *hello* is a bare header filled with
FF: it is neither encrypted nor signed and tells the device id and the stamp.
"""

from __future__ import annotations

from dataclasses import dataclass
import hashlib
import hmac
import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

PORT: Final = 54321
MAGIC: Final = 0x2131
HEADER_SIZE: Final = 32
MAX_DATAGRAM: Final = 4096
TOKEN_SIZE: Final = 16
_HEAD: Final = struct.Struct(">HHIII")
_BLOCK: Final = 16


class PacketError(Exception):
    """A datagram that a device answers with silence; the text never quotes its content."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first 16 bytes of a datagram."""

    length: int
    reserved: int
    device_id: int
    stamp: int


def read_header(data: bytes) -> Header:
    """Read the header, bounds checked; raises `PacketError`."""
    if not HEADER_SIZE <= len(data) <= MAX_DATAGRAM:
        raise PacketError("size out of bounds")
    magic, length, reserved, device_id, stamp = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise PacketError("not miio")
    if length != len(data):
        raise PacketError("length field does not match")
    return Header(length, reserved, device_id, stamp)


def is_hello(data: bytes) -> bool:
    """Whether a datagram asks who is there: a bare header, FF up to the stamp.

    What follows the stamp varies: FF, or the client's own id in Xiaomi's integration.
    """
    return len(data) == HEADER_SIZE and data[:16] == b"\x21\x31\x00\x20" + b"\xff" * 12


def hello_reply(
    device_id: int, stamp: int, *, reserved: int = 0, tail: bytes = b"\xff" * 16
) -> bytes:
    """Return the 32-byte answer to a hello; `tail` is FF on a provisioned device."""
    return _HEAD.pack(MAGIC, HEADER_SIZE, reserved, device_id, stamp) + tail


class TokenCipher:
    """Seals and opens datagrams with one device token (16 bytes)."""

    def __init__(self, token: bytes) -> None:
        """Derive key and IV from the token."""
        if len(token) != TOKEN_SIZE:
            raise ValueError("a miio token has 16 bytes")
        key = hashlib.md5(token, usedforsecurity=False).digest()
        iv = hashlib.md5(key + token, usedforsecurity=False).digest()
        self._token = token
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(iv))

    def _checksum(self, head: bytes, ciphertext: bytes) -> bytes:
        return hashlib.md5(head + self._token + ciphertext, usedforsecurity=False).digest()

    def seal(self, device_id: int, stamp: int, plaintext: bytes, *, reserved: int = 0) -> bytes:
        """Return the complete datagram that carries `plaintext`."""
        padder = PKCS7(_BLOCK * 8).padder()
        encryptor = self._cipher.encryptor()
        padded = padder.update(plaintext) + padder.finalize()
        ciphertext = encryptor.update(padded) + encryptor.finalize()
        length = HEADER_SIZE + len(ciphertext)
        head = _HEAD.pack(MAGIC, length, reserved, device_id, stamp)
        return head + self._checksum(head, ciphertext) + ciphertext

    def open(self, data: bytes) -> bytes:
        """Return the plaintext without trailing NULs; a wrong token as rubbish is a `PacketError`."""
        read_header(data)
        ciphertext = data[HEADER_SIZE:]
        if not ciphertext or len(ciphertext) % _BLOCK:
            raise PacketError("ciphertext is not whole blocks")
        if not hmac.compare_digest(data[16:HEADER_SIZE], self._checksum(data[:16], ciphertext)):
            raise PacketError("checksum does not match")
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        unpadder = PKCS7(_BLOCK * 8).unpadder()
        try:
            plaintext = unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise PacketError("padding does not match") from None
        return plaintext.rstrip(b"\x00")
