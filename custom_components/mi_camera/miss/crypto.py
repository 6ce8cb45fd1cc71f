"""Session key and record cipher of MISS.

The key is what NaCl calls the precomputed box key, HSalsa20(X25519(ours, theirs), 0). A
record is an 8-byte nonce and its ChaCha20 text: 20 rounds, counter from 0, and no
authentication whatever, so all that comes out of it is to be treated as hostile (public
protocol notes, verified against a vector).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from nacl.bindings import crypto_box_beforenm
from nacl.exceptions import CryptoError

from .errors import MissProtocolError, MissRefused

if TYPE_CHECKING:
    from .keys import MissKeys

NONCE_BYTES = 8

# ChaCha20 of `cryptography` takes counter and nonce as one 16-byte value: a 4-byte counter,
# then the 12-byte nonce, which is 4 zero bytes and ours.
_COUNTER_AND_PAD = bytes(8)


def session_key(keys: MissKeys) -> bytes:
    """Agree on the 32-byte session key.

    Raises:
        MissRefused: the camera's public key is a degenerate one, with which no secret is shared.
    """
    try:
        return crypto_box_beforenm(keys.device_public, keys.client_private)
    except CryptoError, RuntimeError:
        raise MissRefused("the camera's public key is unusable") from None


class RecordCipher:
    """Encrypts and decrypts records with one session's key."""

    __slots__ = ("_context",)

    def __init__(self, key: bytes) -> None:
        """Hold a 32-byte key."""
        algorithm = algorithms.ChaCha20(key, _COUNTER_AND_PAD + bytes(NONCE_BYTES))
        # Made once: making one takes as long as decrypting a record with it.
        self._context = Cipher(algorithm, mode=None).encryptor()

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "RecordCipher()"

    def encrypt(self, plain: bytes, nonce: bytes | None = None) -> bytes:
        """Return nonce and cipher text. The nonce is random unless given (8 bytes)."""
        if nonce is None:
            nonce = os.urandom(NONCE_BYTES)
        return nonce + self._apply(nonce, plain)

    def decrypt(self, record: bytes | memoryview) -> bytes:
        """Return the plain text of nonce and cipher text; rubbish if the key is another one.

        Raises:
            MissProtocolError: the record is shorter than a nonce.
        """
        if len(record) < NONCE_BYTES:
            raise MissProtocolError("an encrypted record is shorter than its nonce")
        return self._apply(bytes(record[:NONCE_BYTES]), record[NONCE_BYTES:])

    def _apply(self, nonce: bytes, data: bytes | memoryview) -> bytes:
        self._context.reset_nonce(_COUNTER_AND_PAD + nonce)
        return self._context.update(data)
