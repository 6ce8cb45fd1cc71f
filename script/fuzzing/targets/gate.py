"""What is remembered of the gate: a file and a journal that anything may have damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_journal import (
    KEPT_BYTES,
    JournalLine,
    newest_lines,
    newest_record,
)
from custom_components.mi_camera.gate_record import GateRecord, judge

from ..target import Target, bounded, ensure

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_MAX_RECORD = 4 << 20
_RECORDS = (
    GateRecord(True, 1),
    GateRecord(False, 7, "2026-01-01T00:00:00.000+00:00", "Guests", "0" * 32, {"viewers": 2}),
    GateRecord(True, 9, hidden=("1", "2"), quarantined={"3": "a picture of another camera"}),
)


def _file() -> Feed:
    def feed(data: bytes) -> None:
        _check(GateRecord.parse_file(data))

    return feed


def _journal() -> Feed:
    def feed(data: bytes) -> None:
        record = newest_record(data)
        _check(record)
        kept = newest_lines(data)
        ensure(len(kept) <= KEPT_BYTES, "the journal is bounded")
        ensure(kept == b"" or (kept.endswith(b"\n") and kept in data), "whole lines are kept")
        if record is not None:
            again = newest_record(kept)
            ensure(again is not None and again.agrees(record), "the newest line is among them")

    return feed


def _check(record: GateRecord | None) -> None:
    ensure(not judge((record, None, record)).enabled, "without all witnesses it is off")
    if record is None:
        return
    bounded(record, _MAX_RECORD)
    ensure(GateRecord.parse(record.as_dict()) == record, "what was read can be kept")
    ensure(judge((record,) * 3).enabled == record.enabled, "three that agree are believed")


def _files() -> list[Case]:
    return [(record.as_file("mi_camera.gate"),) for record in _RECORDS]


def _journals() -> list[Case]:
    event = GateEvent(GateEventType.DISABLED, "2026-01-01T00:00:00.000+00:00", reason="why")
    lines = [bytes(JournalLine(event, record, "seen")) for record in _RECORDS]
    return [(lines[0],), (b"".join(lines),), (b"{}\n" + lines[1],)]


TARGETS = (
    Target("gate-file", _files, _file, json=True),
    Target("gate-journal", _journals, _journal, json=True),
)
