"""The picture that the cloud keeps of an event.

It comes from a host of its own, by GET: the client makes up an initialization vector, and the
body of the answer is AES-CBC under the account's `ssecurity` with that vector (public clients
do it so). That proves that the picture was sent for this request to this account, and nothing
about which of the account's cameras it is of: for that there is only the cloud's word.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
import io
import struct
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from .transport import JsonValue

PATH: Final = "/miot/camera/app/v1/img"
MAX_BYTES: Final = 2 * 1024 * 1024
"""Bytes an answer may have."""
MAX_SIDE: Final = 4096
"""Pixels a picture may be wide or high."""
IV_BYTES: Final = AES.block_size // 8
_KEY_BYTES: Final = frozenset({16, 24, 32})
_TYPES: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class NotAPictureError(ValueError):
    """That is no picture, or none within bounds; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class PictureRef:
    """Where the cloud keeps a picture, taken from an event that names its camera."""

    file_id: str = field(repr=False)
    store_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventPicture:
    """A picture that has been decoded once, so it is one."""

    data: bytes = field(repr=False)
    content_type: str


def picture_query(did: str, ref: PictureRef, iv: bytes) -> dict[str, JsonValue]:
    """Parameters of a request; `iv` is random, 16 bytes."""
    return {
        "did": did,
        "fileId": ref.file_id,
        "stoId": ref.store_id,
        "segmentIv": base64.b64encode(iv).decode(),
    }


def open_picture(body: bytes, secret: bytes, iv: bytes) -> bytes:
    """Decrypt an answer; raises `NotAPictureError`, also for a picture of another key or vector."""
    if len(secret) not in _KEY_BYTES or not body or len(body) % IV_BYTES:
        raise NotAPictureError("not encrypted as pictures are")
    decryptor = Cipher(AES(secret), CBC(iv)).decryptor()
    unpadder = PKCS7(AES.block_size).unpadder()
    try:
        data = unpadder.update(decryptor.update(body) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise NotAPictureError("encrypted for somebody else") from None
    if _type_of(data) is None:
        raise NotAPictureError("neither JPEG nor PNG")
    return data


def check_picture(data: bytes) -> EventPicture:
    """Decode a picture, which may take a while; raises `NotAPictureError`."""
    content_type = _type_of(data)
    if content_type is None or len(data) > MAX_BYTES:
        raise NotAPictureError("neither JPEG nor PNG")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            # Known from the header, before anything is made of it.
            if not (0 < image.width <= MAX_SIDE and 0 < image.height <= MAX_SIDE):
                raise NotAPictureError("too large")
            image.load()
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        EOFError,
        IndexError,
        OSError,
        SyntaxError,
        struct.error,
        ValueError,
    ) as err:
        if isinstance(err, NotAPictureError):
            raise
        raise NotAPictureError("it cannot be decoded") from None
    return EventPicture(data, content_type)


def _type_of(data: bytes) -> str | None:
    return next((name for magic, name in _TYPES.items() if data.startswith(magic)), None)
