"""The keys of one session, agreed through the vendor's cloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from nacl.bindings import crypto_box_keypair

KEY_BYTES = 32
"""Size of an X25519 key, private or public."""


@dataclass(frozen=True, slots=True)
class MissKeys:
    """A client key pair, the camera's public key, and the cloud's signature over ours.

    Raises:
        ValueError: a key is not 32 bytes, or the signature is no printable ASCII text.
    """

    client_private: bytes = field(repr=False)
    client_public: bytes
    device_public: bytes
    sign: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be keys; the text names no byte of them."""
        for name in ("client_private", "client_public", "device_public"):
            if len(getattr(self, name)) != KEY_BYTES:
                raise ValueError(f"{name} is not {KEY_BYTES} bytes")
        if not (self.sign.isascii() and self.sign.isprintable()):
            raise ValueError("sign is not printable ASCII text")


def new_client_key() -> tuple[bytes, bytes]:
    """Make a fresh X25519 key pair: (private, public), 32 bytes each."""
    public, private = crypto_box_keypair()
    return private, public
