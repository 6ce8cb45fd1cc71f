"""How a request to the Xiaomi API is signed and hidden, and its answer.

From the account's `ssecurity` (16 bytes) and a nonce of the client (8 random bytes, then
the minute since 1970) both ends derive SHA256(ssecurity, nonce). In the form used today
that is an RC4 key: every parameter, a hash of all of them and the answer are encrypted
(public protocol notes; micloud does it so). The older form sends plain text with an
HMAC-SHA256 under the same key.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

if TYPE_CHECKING:
    from collections.abc import Mapping

_SKIPPED: Final = 1024
"""Bytes of RC4 key stream that are thrown away."""
_UNSIGNED: Final = frozenset({"signature", "_nonce", "ssecurity"})
_HASH: Final = "rc4_hash__"


class SignatureError(Exception):
    """A request that was not made with this account's secret; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """A request whose signature was right."""

    parameters: Mapping[str, str]
    """Parameters in plain text, normally just `data`."""
    encrypted: bool
    """Whether it came in the RC4 form, and its answer has to."""
    signed_nonce: bytes = field(repr=False)

    def seal(self, answer: bytes) -> bytes:
        """Return the body of the HTTP response."""
        if not self.encrypted:
            return answer
        return base64.b64encode(rc4(self.signed_nonce, answer))


def sign_nonce(ssecurity: bytes, nonce: bytes) -> bytes:
    """Return the key of one request, 32 bytes."""
    return hashlib.sha256(ssecurity + nonce).digest()


def rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt; every call starts the key stream anew."""
    stream = Cipher(ARC4(key), mode=None).encryptor()
    stream.update(bytes(_SKIPPED))
    return stream.update(data)


def sha1_signature(
    path: str, parameters: Mapping[str, str], signed_nonce: bytes, method: str = "POST"
) -> str:
    """Return the signature of the RC4 form; `path` is what follows ``/app``."""
    pairs = (f"{name}={value}" for name, value in sorted(parameters.items()))
    text = "&".join((method, path, *pairs, base64.b64encode(signed_nonce).decode()))
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def hmac_signature(
    path: str, parameters: Mapping[str, str], signed_nonce: bytes, nonce: str
) -> str:
    """Return the signature of the older form; `nonce` is as sent, in base64."""
    pairs = (f"{name}={value}" for name, value in sorted(parameters.items()))
    text = "&".join((path, base64.b64encode(signed_nonce).decode(), nonce, *pairs))
    return base64.b64encode(hmac.digest(signed_nonce, text.encode(), "sha256")).decode()


def open_request(
    form: Mapping[str, str], path: str, ssecurity: bytes, method: str = "POST"
) -> OpenedRequest:
    """Check a request's form fields and decrypt them; raises `SignatureError`.

    `path` is what follows ``/app``. Libraries disagree on whether the older form signs the
    path with or without ``/app``; both are accepted.
    """
    nonce_text = form.get("_nonce", "")
    nonce = _decode(nonce_text)
    if not 9 <= len(nonce) <= 16:
        raise SignatureError("nonce")
    signed_nonce = sign_nonce(ssecurity, nonce)
    sent = {name: value for name, value in form.items() if name not in _UNSIGNED}
    signature = form.get("signature", "")
    if _HASH not in sent:
        for signed_path in (path, f"/app{path}"):
            if _same(signature, hmac_signature(signed_path, sent, signed_nonce, nonce_text)):
                return OpenedRequest(sent, encrypted=False, signed_nonce=signed_nonce)
        raise SignatureError("signature")
    if not _same(signature, sha1_signature(path, sent, signed_nonce, method)):
        raise SignatureError("signature")
    try:
        plain = {name: rc4(signed_nonce, _decode(value)).decode() for name, value in sent.items()}
    except UnicodeDecodeError:
        raise SignatureError("encryption") from None
    claimed = plain.pop(_HASH)
    if not _same(claimed, sha1_signature(path, plain, signed_nonce, method)):
        raise SignatureError("rc4_hash__")
    return OpenedRequest(plain, encrypted=True, signed_nonce=signed_nonce)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error, ValueError:
        raise SignatureError("base64") from None
