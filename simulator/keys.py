"""The secrets the simulated cloud and the simulated cameras share.

On the real system the vendor's cloud knows each camera's X25519 public key and can sign a
client's public key so that the camera believes it (public protocol notes on
``/v2/device/miss_get_vendor``). How the real signature is made is not public; here it is an
HMAC-SHA256 under a secret per camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from simulator.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Secrets:
    private: bytes = field(repr=False)
    public: bytes
    signing: bytes = field(repr=False)

    @classmethod
    def new(cls) -> _Secrets:
        key = X25519PrivateKey.generate()
        return cls(key.private_bytes_raw(), key.public_key().public_bytes_raw(), os.urandom(32))


class KeyBook:
    """Key pairs and signing secrets by did, made when first asked for."""

    def __init__(self) -> None:
        """Start with an empty book."""
        self._secrets: dict[int, _Secrets] = {}
        self.ledger = Ledger()
        """Signatures handed out, and what sessions are encrypted with."""

    def _of(self, did: int) -> _Secrets:
        if (secrets := self._secrets.get(did)) is None:
            secrets = self._secrets[did] = _Secrets.new()
        return secrets

    def device_public(self, did: int) -> bytes:
        """Return the camera's X25519 public key, 32 bytes."""
        return self._of(did).public

    def device_private(self, did: int) -> bytes:
        """Return the camera's X25519 private key, 32 bytes."""
        return self._of(did).private

    def rotate(self, did: int) -> None:
        """Replace the camera's keys: every signature given before is void."""
        self._secrets[did] = _Secrets.new()

    def sign(self, did: int, client_public: bytes) -> str:
        """Return the cloud's signature, in hex, over a client's public key."""
        sign = hmac.new(self._of(did).signing, client_public, hashlib.sha256).hexdigest()
        self.ledger.note("signature of a client key", sign)
        return sign

    def check(self, did: int, client_public: bytes, sign: str) -> bool:
        """Return whether the signature is the current one for this camera and client key."""
        return hmac.compare_digest(
            self.sign(did, client_public).encode(), sign.encode(errors="replace")
        )
