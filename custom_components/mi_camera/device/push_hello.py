"""The hello that asks whether a device may be subscribed to, and what is answered.

It carries the subscriber's own id instead of filling; all of it big-endian (public protocol
notes, as of Xiaomi's own Home Assistant integration):

    hello    0  2131 0020      4  12 bytes FF     16  "MDID"   20  u64  subscriber's id  28  0000 0000
    answer   0  as any hello   16  "MSUB"         20  u32 time of the subscription
             24 "PUB"          27  u8 kind        28  u8 FE: may be subscribed to

The kinds 0, 1 and 4 ask to be subscribed to (again).
"""

from __future__ import annotations

from dataclasses import dataclass
import struct
from typing import Final

WILDCARD: Final = 0xFE
ASKING_KINDS: Final = frozenset({0, 1, 4})
_HELLO: Final = struct.Struct(">HH12s4sQ4x")
_OFFER: Final = struct.Struct(">4sI3sBB3x")


@dataclass(frozen=True, slots=True)
class PushOffer:
    """What a device's hello says of subscriptions."""

    subscribed_at: int
    """The `update_ts` of the subscription it has; 0 without one."""
    kind: int

    @property
    def asks(self) -> bool:
        """Whether the device asks to be subscribed to."""
        return self.kind in ASKING_KINDS


def push_hello(subscriber: int) -> bytes:
    """Return a hello that asks what the device offers; `subscriber` is an unsigned 64-bit id."""
    return _HELLO.pack(0x2131, 0x20, b"\xff" * 12, b"MDID", subscriber)


def read_offer(packet: bytes) -> PushOffer | None:
    """Return what a hello's answer (32 bytes) offers, None when it is nothing of use."""
    mark, subscribed_at, then, kind, flags = _OFFER.unpack_from(packet, 16)
    if mark != b"MSUB" or then != b"PUB" or flags != WILDCARD:
        return None
    return PushOffer(subscribed_at, kind)
