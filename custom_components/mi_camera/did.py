"""The device id Xiaomi gives each device: what it looks like, and how a hello shortens it."""

from __future__ import annotations

import re
from typing import Final

_DID: Final = re.compile(r"[0-9]{1,20}")
_HELLO_BITS: Final = 0xFFFFFFFF
"""A hello has room for so much of a did."""


def is_did(text: str) -> bool:
    """Whether a text is a did: a decimal number of at most 20 digits."""
    return _DID.fullmatch(text) is not None


def is_same_did(did: str, told: int) -> bool:
    """Whether a hello's did is that of a camera, as far as it goes."""
    return int(did) & _HELLO_BITS == told & _HELLO_BITS
