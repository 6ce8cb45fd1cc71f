"""The service that keeps the pictures of events, by GET, at a host of its own.

    /miot/camera/app/v1/img            of the account's region
    /{region}/miot/camera/app/v1/img   of another region

The parameters come in the query, signed and encrypted like those of the device API, with the
token beside them. The client makes up a vector, and the body of the answer is the picture,
AES-CBC under the account's secret with that vector.
"""

from __future__ import annotations

import base64
from enum import StrEnum
import io
import os
import struct
from typing import TYPE_CHECKING, Final
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
import numpy as np
from PIL import Image

from simulator.tag import Tag, draw

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from simulator.camera.rpc import JSON

PATH: Final = "/miot/camera/app/v1/img"
SIZE: Final = (320, 180)
_MOST: Final = 50


class Trouble(StrEnum):
    """How the service may answer instead."""

    OTHER_VECTOR = "other_vector"
    """With a vector that nobody asked for."""
    OTHER_KEY = "other_key"
    """For another account."""
    HUGE = "huge"
    """With more than anybody wants."""
    HUGE_PICTURE = "huge_picture"
    """With few bytes that claim to be a picture of a gigapixel."""
    REDIRECT = "redirect"
    """With where else to look."""
    TEXT = "text"
    """With something that is no picture."""
    CUT = "cut"
    """With half a picture."""


class EventPictures:
    """The pictures of events. Knobs may be changed while it runs."""

    def __init__(self) -> None:
        """Keep none."""
        self._kept: dict[str, tuple[str, bytes]] = {}
        self.trouble: Trouble | None = None
        self.elsewhere = "http://127.0.0.1:9/"
        """Where a redirect leads to."""
        self.swapped: dict[str, str] = {}
        """Give the newest picture of the second device to whoever asks for the first's."""
        self.hold: asyncio.Event | None = None
        """When set, answers wait for it."""
        self.asked: list[Mapping[str, JSON]] = []
        """The last requests' parameters."""

    def add(self, did: str, number: int, at_ms: int, *, png: bool = False) -> str:
        """Keep a tagged picture, and return the id of where it is kept."""
        store_id = f"picture-{number}"
        self._kept[store_id] = did, picture(Tag(int(did), 0, number, at_ms), png=png)
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return store_id

    def answer(self, did: str, data: Mapping[str, JSON], secret: bytes) -> bytes | None:
        """Return the body of an answer, None where there is no such picture."""
        self.asked = [*self.asked[-_MOST:], data]
        store_id, vector = data.get("stoId"), data.get("segmentIv")
        if not isinstance(store_id, str) or not isinstance(vector, str):
            return None
        owner, plain = self._kept.get(store_id, ("", b""))
        if (other := self.swapped.get(did)) is not None:
            owner, plain = did, [one for kept, one in self._kept.values() if kept == other][-1]
        if owner != did or not plain:
            return None
        iv = base64.b64decode(vector)
        match self.trouble:
            case Trouble.OTHER_VECTOR:
                iv = os.urandom(16)
            case Trouble.OTHER_KEY:
                secret = os.urandom(16)
            case Trouble.HUGE:
                plain += bytes(4 * 1024 * 1024)
            case Trouble.HUGE_PICTURE:
                plain = _bomb()
            case Trouble.TEXT:
                plain = b"<html>not a picture</html>"
            case Trouble.CUT:
                plain = plain[: len(plain) // 2]
        return seal(plain, secret, iv)


def picture(tag: Tag, *, png: bool = False) -> bytes:
    """Draw a small picture with a tag."""
    luma = np.full((SIZE[1], SIZE[0]), 96, np.uint8)
    draw(luma, tag)
    out = io.BytesIO()
    Image.fromarray(luma).save(out, "PNG" if png else "JPEG", quality=90)
    return out.getvalue()


def seal(plain: bytes, secret: bytes, iv: bytes) -> bytes:
    """Encrypt a picture as the real service does."""
    padder = PKCS7(AES.block_size).padder()
    encryptor = Cipher(AES(secret), CBC(iv)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    return encryptor.update(padded) + encryptor.finalize()


def _bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
