"""The file with the kept keys of cameras, which anything may have damaged."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from custom_components.mi_camera.kept_keys import (
    MAX_BYTES,
    MAX_CAMERAS,
    MAX_TEXT,
    KeptKeys,
    keys_text,
    read_keys,
)
from custom_components.mi_camera.miss import MissKeys

from ..target import Target, bounded, ensure
from .wire import KEYS

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_NAME = "mi_camera.keys"


def _file() -> Feed:
    def feed(data: bytes) -> None:
        kept, damaged = read_keys(data)
        if not damaged:
            ensure(json.loads(data)["data"].keys() == kept.keys(), "what is left out is told of")
        ensure(len(kept) <= MAX_CAMERAS, "a bounded number of cameras")
        bounded(kept, MAX_BYTES + MAX_CAMERAS * 1024)
        for did, one in kept.items():
            ensure(did.isascii() and did.isdigit(), "a did is a number")
            ensure(len(one.account) <= MAX_TEXT and len(one.keys.sign) <= MAX_TEXT, "short texts")
            ensure(one.source == "stored", "it is told where they are from")
            ensure(KeptKeys.parse(one.as_dict()) == one, "what was read can be kept")
        usable = {did: one for did, one in kept.items() if one.usable}
        again, _ = read_keys(keys_text(kept, _NAME).encode())
        ensure(again == usable, "the file holds what is young enough, and it is read again")

    return feed


def _files() -> list[Case]:
    other = MissKeys(bytes(32), bytes(32), bytes(32), "5167", 1, "PEER-000001-ABCDE")
    now = time.time()
    kept = {"1001": KeptKeys(KEYS, "57", now), "1002": KeptKeys(other, "58", now - 3600)}
    return [
        (keys_text({}, _NAME).encode(),),
        (keys_text(kept, _NAME).encode(),),
    ]


TARGETS = (Target("kept-keys", _files, _file, json=True),)
