"""What is remembered of the kill switch over a restart, and when it is believed.

Three witnesses are kept: a file of its own, the hub's options, and the newest line of the
journal. Pictures are allowed after a restart only if all three say so and agree; whatever
is missing, damaged or contradictory means off. The parsers take any bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
import json
import re
from typing import Any, Self, TypeGuard

from homeassistant.exceptions import HomeAssistantError

MAX_EPOCH = 2**53
MAX_TEXT = 255
"""Characters of a reason or a detail."""
MAX_CAMERAS = 256
"""Cameras hidden, and cameras in quarantine, that can be remembered."""
MAX_COUNTS = 16
MAX_BYTES = 1 << 20
"""Of the file; more than the largest record takes, every character escaped."""

_DID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_NAME = re.compile(r"[a-z_]{1,32}", re.ASCII)


class GateRecordError(HomeAssistantError):
    """The record could not be written, or does not read back as it was written."""


def clean_text(text: str | None) -> str | None:
    """Return one line of at most 255 printable characters, or None if nothing is left."""
    if not text:
        return None
    # Bounded before too, since what was given may be of any length.
    shown = "".join(one if one.isprintable() else " " for one in text[: 4 * MAX_TEXT])
    return " ".join(shown.split())[:MAX_TEXT].rstrip() or None


def clean_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return those of the counts that a record can hold."""
    fit = [one for one in counts.items() if _is_counts(dict([one]))]
    return dict(fit[:MAX_COUNTS])


@dataclass(frozen=True, slots=True)
class GateRecord:
    """One state of the switch: allowed or not, since which epoch, and what is held back.

    When, why, by whom and what was cut tell of the last change of the switch of all
    cameras. `doubted` says that nobody switched off: the witnesses could not be believed.
    """

    enabled: bool
    epoch: int
    changed_at: str | None = None
    reason: str | None = None
    user_id: str | None = None
    cut: Mapping[str, int] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    """The dids of cameras that somebody has hidden, sorted."""
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """The dids of cameras in quarantine, each with what was seen."""
    doubted: bool = False

    @classmethod
    def parse(cls, data: object) -> Self | None:
        """Return the record in `data`, or None unless it is well-formed in every field."""
        if not isinstance(data, Mapping):
            return None
        enabled, epoch = data.get("enabled"), data.get("epoch")
        changed_at, reason, user_id = (data.get(key) for key in ("changed_at", "reason", "user_id"))
        cut, hidden = data.get("cut", {}), data.get("hidden", [])
        quarantined, doubted = data.get("quarantined", {}), data.get("doubted", False)
        if not isinstance(enabled, bool) or not isinstance(doubted, bool):
            return None
        if not _is_count(epoch) or epoch == 0 or not _is_counts(cut):
            return None
        if not all(one is None or _is_text(one) for one in (changed_at, reason, user_id)):
            return None
        if not isinstance(hidden, list) or not _are_dids(hidden):
            return None
        if not isinstance(quarantined, Mapping) or not _are_dids(quarantined):
            return None
        if not all(text == "" or _is_text(text) for text in quarantined.values()):
            return None
        return cls(
            enabled,
            epoch,
            changed_at,
            reason,
            user_id,
            dict(cut),
            tuple(sorted(set(hidden))),
            dict(quarantined),
            doubted,
        )

    @classmethod
    def parse_file(cls, raw: bytes) -> Self | None:
        """Return the record that `as_file` wrote, or None."""
        if len(raw) > MAX_BYTES:
            return None
        try:
            stored = json.loads(raw)
        except ValueError, RecursionError:
            return None
        return cls.parse(stored.get("data")) if isinstance(stored, dict) else None

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-able data."""
        return {
            "enabled": self.enabled,
            "epoch": self.epoch,
            "changed_at": self.changed_at,
            "reason": self.reason,
            "user_id": self.user_id,
            "cut": dict(self.cut),
            "hidden": list(self.hidden),
            "quarantined": dict(self.quarantined),
            "doubted": self.doubted,
        }

    def as_file(self, key: str) -> bytes:
        """Return the contents of the record's own file, named `key`."""
        return json.dumps({"version": 1, "key": key, "data": self.as_dict()}).encode()

    def agrees(self, other: GateRecord) -> bool:
        """Whether both say the same where it matters."""
        return self._essence == other._essence

    @property
    def _essence(self) -> tuple[object, ...]:
        return (self.enabled, self.epoch, self.hidden, set(self.quarantined))


def judge(witnesses: tuple[GateRecord | None, ...]) -> GateRecord:
    """Return what to go by: on only if every witness is well-formed and all agree on it.

    One that says "off" suffices, quietly, as it is what an interrupted change looks like.
    All else is off and doubted. A camera is held back if anyone says so, and the epoch is
    the highest of all, so that the next one has never been.
    """
    known = [one for one in witnesses if one is not None]
    first = known[0] if known else None
    complete = first is not None and len(known) == len(witnesses)
    if first is not None and complete and first.enabled and all(map(first.agrees, known)):
        return first
    off = [one for one in known if not one.enabled]
    if off:
        record = max(off, key=lambda one: one.epoch)
    else:
        record = GateRecord(enabled=False, epoch=1, doubted=True)
    held: dict[str, str] = {}
    for one in known:
        held |= {did: held.get(did) or detail for did, detail in one.quarantined.items()}
    return replace(
        record,
        epoch=max([record.epoch, *(one.epoch for one in known)]),
        hidden=tuple(sorted({did for one in known for did in one.hidden})),
        quarantined=held,
    )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_EPOCH


def _is_counts(value: object) -> TypeGuard[Mapping[str, int]]:
    return (
        isinstance(value, Mapping)
        and len(value) <= MAX_COUNTS
        and all(isinstance(key, str) and _NAME.fullmatch(key) for key in value)
        and all(map(_is_count, value.values()))
    )


def _are_dids(values: Collection[object]) -> bool:
    return len(values) <= MAX_CAMERAS and all(
        isinstance(one, str) and _DID.fullmatch(one) for one in values
    )


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_TEXT and clean_text(value) == value
