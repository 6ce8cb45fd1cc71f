"""The journal of the gate: one JSON line per change, who, when, why and what.

It is a witness too: its newest line holds the state that change led to. Home Assistant's
and Supervisor's backups leave ``*.log`` out, and restoring one empties the folder first;
so after a restored backup the journal is missing, and pictures stay off until somebody
allows them. The parsers take any bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import json
from typing import TYPE_CHECKING

from .gate_record import GateRecord

if TYPE_CHECKING:
    from .gate_events import GateEvent

FILE_NAME = "mi_camera.gate.log"
MAX_BYTES = 256 * 1024
"""A longer journal is written anew with its newest lines."""
KEPT_BYTES = MAX_BYTES // 2
MAX_LINE = 64 * 1024
"""More than the longest line takes, every character escaped."""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One change, and the state it led to."""

    event: GateEvent
    record: GateRecord
    detail: str | None = None

    def __bytes__(self) -> bytes:
        """Return the line with its end."""
        event = self.event
        # What was seen of each camera in quarantine stands in the line of that event.
        held = dict.fromkeys(self.record.quarantined, "")
        line = {
            "event": event.type,
            "at": event.at,
            "user_id": event.user_id,
            "reason": event.reason,
            "did": event.did,
            "detail": self.detail,
            "cut": dict(event.cut),
            "record": replace(self.record, quarantined=held).as_dict(),
        }
        return json.dumps({key: value for key, value in line.items() if value}).encode() + b"\n"


def newest_record(tail: bytes) -> GateRecord | None:
    """Return the state in the last line of a journal's end, or None if it is damaged.

    A line without its end is one whose writing was interrupted.
    """
    if not tail.endswith(b"\n"):
        return None
    line = tail[:-1].rpartition(b"\n")[2]
    if len(line) > MAX_LINE:
        return None
    try:
        data = json.loads(line)
    except ValueError, RecursionError:
        return None
    return GateRecord.parse(data.get("record")) if isinstance(data, dict) else None


def newest_lines(raw: bytes) -> bytes:
    """Return whole lines from the end of `raw`, as many as are kept."""
    if len(raw) > KEPT_BYTES:
        raw = raw[-KEPT_BYTES:].partition(b"\n")[2]
    return raw[: raw.rfind(b"\n") + 1]
