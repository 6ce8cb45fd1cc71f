"""How requests to the device API are signed and hidden, and their replies.

From the account's `ssecurity` (16 bytes) and a nonce both ends derive SHA256(ssecurity, nonce).
It is the RC4 key of every parameter and of the reply, each from the start of the key stream
less its first 1024 bytes, and part of the two signatures (public protocol notes).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
import hashlib
import os
import time
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

if TYPE_CHECKING:
    from collections.abc import Mapping

SKIPPED: Final = 1024
"""Bytes of key stream that are thrown away."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """One request, ready to be sent: fields of a form, or of a query."""

    form: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)

    def open(self, body: bytes) -> bytes:
        """Plain text of the reply's body; raises `ValueError` when that is not base64."""
        return _rc4(self.key, base64.b64decode(body, validate=True))


def new_nonce() -> bytes:
    """Nonce of one request: 8 random bytes and the minute since 1970."""
    return os.urandom(8) + int(time.time() / 60).to_bytes(4)


def sign_request(
    path: str, data: str, ssecurity: bytes, nonce: bytes, method: str = "POST"
) -> SignedRequest:
    """Sign and encrypt a request; `path` is without the `/app` of the API, `data` is JSON."""
    key = hashlib.sha256(ssecurity + nonce).digest()
    plain = {"data": data}
    plain["rc4_hash__"] = _signature(method, path, plain, key)
    sealed = {
        name: base64.b64encode(_rc4(key, value.encode())).decode() for name, value in plain.items()
    }
    form = {
        **sealed,
        "signature": _signature(method, path, sealed, key),
        "_nonce": base64.b64encode(nonce).decode(),
    }
    return SignedRequest(form, key)


def _signature(method: str, path: str, parameters: Mapping[str, str], key: bytes) -> str:
    pairs = (f"{name}={value}" for name, value in sorted(parameters.items()))
    text = "&".join((method, path, *pairs, base64.b64encode(key).decode()))
    return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()


def _rc4(key: bytes, data: bytes) -> bytes:
    stream = Cipher(ARC4(key), mode=None).encryptor()
    stream.update(bytes(SKIPPED))
    return stream.update(data)
