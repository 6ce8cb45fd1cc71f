"""Keys of cameras as they are kept: what stands in their file, and when it is used.

The parser takes any bytes: the file may have been damaged, or written by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
import time
from typing import Any, Literal, Self

from .did import is_did
from .miss import MissKeys, Vendor

FILE_VERSION = 1
MAX_AGE = 30 * 24 * 3600.0
"""Seconds after which keys are not used any more."""
MAX_CAMERAS = 64
MAX_BYTES = 128 * 1024
"""Of the file; more than the keys of so many cameras take."""
# A clock that was set back a little must not cost the keys.
CLOCK_SLACK = 3600.0
MAX_TEXT = 1024
MAX_TIME = 2**40
_TEXTS = ("client_private", "client_public", "device_public", "sign", "account")


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """Keys of one camera; `fetched` is unix time in seconds, `account` the user id they are by."""

    keys: MissKeys = field(repr=False)
    account: str
    fetched: float
    source: Literal["cloud", "stored"] = "cloud"
    """Where this run of Home Assistant has them from."""

    @property
    def age(self) -> float:
        """Seconds since the cloud gave them."""
        return time.time() - self.fetched

    @property
    def usable(self) -> bool:
        """Whether they are young enough."""
        return -CLOCK_SLACK <= self.age <= MAX_AGE

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "client_private": self.keys.client_private.hex(),
            "client_public": self.keys.client_public.hex(),
            "device_public": self.keys.device_public.hex(),
            "sign": self.keys.sign,
            "vendor": self.keys.vendor,
            "peer_id": self.keys.peer_id,
            "account": self.account,
            "fetched": self.fetched,
        }

    @classmethod
    def parse(cls, data: object) -> Self | None:
        """Return the keys in what was stored, or None unless it is well-formed in every field."""
        if not isinstance(data, Mapping):
            return None
        fetched = data.get("fetched")
        if isinstance(fetched, bool) or not isinstance(fetched, int | float):
            return None
        texts = [
            text
            for name in _TEXTS
            if isinstance(text := data.get(name), str) and len(text) <= MAX_TEXT
        ]
        if len(texts) < len(_TEXTS):
            return None
        private, public, device, sign, account = texts
        if not 0 <= fetched < MAX_TIME:
            return None
        # Before these two were stored there were but cameras that need neither.
        vendor, peer_id = data.get("vendor", Vendor.CS2), data.get("peer_id", "")
        if isinstance(vendor, bool) or not isinstance(vendor, int) or not isinstance(peer_id, str):
            return None
        try:
            keys = MissKeys(
                bytes.fromhex(private),
                bytes.fromhex(public),
                bytes.fromhex(device),
                sign,
                vendor,
                peer_id,
            )
        except ValueError:
            return None
        return cls(keys, account, float(fetched), "stored")


def keys_text(kept: Mapping[str, KeptKeys], key: str) -> str:
    """Return the contents of the file, named `key`, with the keys that are young enough."""
    data = {did: one.as_dict() for did, one in kept.items() if one.usable}
    return json.dumps({"version": FILE_VERSION, "key": key, "data": data})


def read_keys(raw: bytes) -> tuple[dict[str, KeptKeys], bool]:
    """Return the keys by did in a file's contents, and whether something could not be used."""
    try:
        stored = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except ValueError, RecursionError:
        return {}, True
    if not isinstance(stored, dict) or stored.get("version") != FILE_VERSION:
        return {}, True
    data = stored.get("data")
    if not isinstance(data, dict):
        return {}, True
    kept = {
        did: keys
        for did, item in data.items()
        if is_did(did) and (keys := KeptKeys.parse(item)) is not None
    }
    newest = sorted(kept, key=lambda did: kept[did].fetched)[-MAX_CAMERAS:]
    return {did: kept[did] for did in newest}, len(newest) < len(data)
