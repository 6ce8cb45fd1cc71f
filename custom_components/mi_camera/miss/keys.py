"""The keys of one session, agreed through the vendor's cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from nacl.bindings import crypto_box_keypair

KEY_BYTES = 32
"""Size of an X25519 key, private or public."""
MAX_PEER_ID = 64
"""Longest peer id; the known ones have 20 characters."""


class Vendor(IntEnum):
    """Whose peer-to-peer transport carries a camera's sessions, as the cloud numbers them.

    From public protocol notes. Which of them can be spoken here `dialers` knows.
    """

    TUTK = 1
    AGORA = 3
    CS2 = 4
    MTP = 6


@dataclass(frozen=True, slots=True)
class MissKeys:
    """A client key pair, the camera's public key, and the cloud's signature over ours.

    With them goes what the cloud tells, in the same answer, of how the camera is reached:
    `vendor`, a `Vendor` or a number nobody has described, and `peer_id`, its name there (empty:
    it has none that is needed).

    Raises:
        ValueError: a key is not 32 bytes, or a text is not printable ASCII or too long.
    """

    client_private: bytes = field(repr=False)
    client_public: bytes
    device_public: bytes
    sign: str = field(repr=False)
    vendor: int = Vendor.CS2
    peer_id: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be keys; the text names no byte of them."""
        for name in ("client_private", "client_public", "device_public"):
            if len(getattr(self, name)) != KEY_BYTES:
                raise ValueError(f"{name} is not {KEY_BYTES} bytes")
        if not (self.sign.isascii() and self.sign.isprintable()):
            raise ValueError("sign is not printable ASCII text")
        if not is_peer_id(self.peer_id):
            raise ValueError("peer_id is not a short printable ASCII text")


def is_peer_id(text: str) -> bool:
    """Whether this can be a camera's name on its transport, or is empty."""
    return len(text) <= MAX_PEER_ID and text.isascii() and text.isprintable()


def new_client_key() -> tuple[bytes, bytes]:
    """Make a fresh X25519 key pair: (private, public), 32 bytes each."""
    public, private = crypto_box_keypair()
    return private, public
