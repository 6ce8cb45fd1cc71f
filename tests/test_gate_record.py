"""What is remembered of the gate: parsers of any bytes, and what is believed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, strategies as st
import pytest

from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_journal import (
    KEPT_BYTES,
    MAX_LINE,
    JournalLine,
    newest_lines,
    newest_record,
)
from custom_components.mi_camera.gate_record import (
    MAX_BYTES,
    MAX_CAMERAS,
    MAX_TEXT,
    GateRecord,
    clean_counts,
    clean_text,
    judge,
)

dids = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)
texts = st.text(max_size=300).map(clean_text)
records = st.builds(
    GateRecord,
    st.booleans(),
    st.integers(1, 2**53 - 1),
    texts,
    texts,
    texts,
    st.dictionaries(st.sampled_from(["viewers", "casts", "webrtc"]), st.integers(0, 999)),
    st.sets(dids, max_size=3).map(lambda some: tuple(sorted(some))),
    st.dictionaries(dids, texts.map(lambda text: text or ""), max_size=3),
    st.booleans(),
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some),
    max_leaves=12,
)


def line(record: GateRecord, **changes: Any) -> JournalLine:
    return JournalLine(GateEvent.now(GateEventType.DISABLED, **changes), record)


@given(st.text() | st.none())
@example("a\x00b\x1b[31mc\nd\u202ee\ud800f\u2028g")
@example("x" * 5000)
def test_a_text_becomes_one_printable_line(text: str | None) -> None:
    clean = clean_text(text)
    if clean is None:
        return
    assert 0 < len(clean) <= MAX_TEXT
    assert clean.isprintable()
    assert clean == clean.strip()
    assert clean_text(clean) == clean
    clean.encode()


@given(st.dictionaries(st.text(max_size=5) | st.just("viewers"), st.integers()))
def test_only_counts_that_can_be_kept_are_kept(counts: dict[str, int]) -> None:
    record = GateRecord(False, 1, cut=clean_counts(counts))
    assert GateRecord.parse(record.as_dict()) == record


@given(records)
def test_a_record_reads_back_as_it_was(record: GateRecord) -> None:
    assert GateRecord.parse(record.as_dict()) == record
    assert GateRecord.parse_file(record.as_file("name")) == record
    read = newest_record(b"{}\n" + bytes(line(record)))
    assert read is not None
    assert read.agrees(record)


@given(st.binary(max_size=200) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_bytes_are_a_record_or_nothing(raw: bytes) -> None:
    for record in (GateRecord.parse_file(raw), newest_record(raw), newest_record(raw + b"\n")):
        assert record is None or GateRecord.parse(record.as_dict()) == record


@given(records, st.data())
def test_any_field_of_the_wrong_kind_spoils_the_record(record: GateRecord, data: Any) -> None:
    stored = record.as_dict()
    key = data.draw(st.sampled_from(sorted(stored)))
    stored[key] = data.draw(trees)
    read = GateRecord.parse(stored)
    assert read is None or GateRecord.parse(read.as_dict()) == read


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 0},
        {"epoch": -1},
        {"epoch": 2**53},
        {"epoch": 1.0},
        {"epoch": True},
        {"enabled": 1},
        {"enabled": None},
        {"doubted": None},
        {"reason": "x" * (MAX_TEXT + 1)},
        {"reason": "two\nlines"},
        {"reason": ""},
        {"user_id": 7},
        {"cut": {"viewers": -1}},
        {"cut": {"viewers": True}},
        {"cut": {"Not a name": 1}},
        {"cut": {f"a{'b' * number}": 1 for number in range(17)}},
        {"cut": []},
        {"hidden": "123"},
        {"hidden": [123]},
        {"hidden": [""]},
        {"hidden": ["1\n"]},
        {"hidden": [str(number) for number in range(MAX_CAMERAS + 1)]},
        {"quarantined": ["1"]},
        {"quarantined": {"1": None}},
        {"quarantined": {"1": "x" * (MAX_TEXT + 1)}},
        {"quarantined": {str(number): "" for number in range(MAX_CAMERAS + 1)}},
    ],
    ids=repr,
)
def test_what_no_record_holds_is_no_record(changes: dict[str, Any]) -> None:
    good = GateRecord(True, 3, "now", "why", hidden=("1",), quarantined={"2": "seen"})
    assert GateRecord.parse(good.as_dict()) == good
    assert GateRecord.parse(good.as_dict() | changes) is None


def test_what_an_earlier_version_wrote_can_be_read() -> None:
    stored = {"enabled": False, "epoch": 7, "changed_at": None, "reason": "Guests"}
    assert GateRecord.parse(stored) == GateRecord(False, 7, reason="Guests")


def test_the_largest_record_fits_the_bounds_of_both_files() -> None:
    widest = "\U0001f600" * MAX_TEXT
    names = [f"{number:064}" for number in range(MAX_CAMERAS)]
    record = GateRecord(
        True,
        2**53 - 1,
        widest,
        widest,
        widest,
        {"a" * 31 + chr(ord("a") + number): 2**53 - 1 for number in range(16)},
        tuple(names),
        dict.fromkeys(names, widest),
    )
    assert len(record.as_file("mi_camera.gate")) < MAX_BYTES
    assert GateRecord.parse_file(record.as_file("mi_camera.gate")) == record
    event = GateEvent(GateEventType.QUARANTINED, widest, widest, widest, names[0], record.cut)
    raw = bytes(JournalLine(event, record, widest))
    assert len(raw) < MAX_LINE
    assert len(raw) < KEPT_BYTES
    read = newest_record(raw)
    assert read is not None
    assert read.agrees(record)


def test_the_journal_says_who_when_why_and_what() -> None:
    event = GateEvent(
        GateEventType.HIDDEN, "2026-01-01", "someone", "why", "123", {"viewers": 2}, None
    )
    stored = json.loads(bytes(JournalLine(event, GateRecord(True, 3), "seen")))
    assert stored.pop("record")["epoch"] == 3
    assert stored == {
        "event": "hidden",
        "at": "2026-01-01",
        "user_id": "someone",
        "reason": "why",
        "did": "123",
        "detail": "seen",
        "cut": {"viewers": 2},
    }


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\n",
        b"{}\n",
        b"null\n",
        b"[]\n",
        b'{"record": null}\n',
        b'{"record": {"enabled": true}}\n',
        b"[" * 9000 + b"\n",
        b'{"record": ' + b"1" * 5000 + b"}\n",
        b"\xff\n",
        bytes(line(GateRecord(True, 1)))[:-1],
        bytes(line(GateRecord(True, 1))) + b"{",
        bytes(line(GateRecord(True, 1))) + b"\n",
        b" " * MAX_LINE + bytes(line(GateRecord(True, 1))),
    ],
    # Not by their text, which holds the time.
    ids=range(14),
)
def test_a_damaged_end_of_the_journal_says_nothing(tail: bytes) -> None:
    assert newest_record(tail) is None


@given(st.lists(st.integers(1, KEPT_BYTES), max_size=6), st.binary(max_size=3))
def test_the_newest_whole_lines_are_kept(lengths: list[int], rest: bytes) -> None:
    rest = rest.replace(b"\n", b"")
    lines = [b"x" * (length - 1) + b"\n" for length in lengths]
    kept = newest_lines(b"".join(lines) + rest)
    assert len(kept) <= KEPT_BYTES
    assert not kept or kept.endswith(b"\n")
    assert b"".join(lines).endswith(kept)


few = st.builds(
    GateRecord,
    st.sampled_from([True, True, False]),
    st.sampled_from([5, 5, 5, 6]),
    hidden=st.sampled_from([(), (), ("1",)]),
    quarantined=st.sampled_from([{}, {}, {"2": "seen"}]),
)


@given(st.tuples(*[st.none() | few] * 3))
def test_on_is_believed_only_when_all_agree(
    witnesses: tuple[GateRecord | None, GateRecord | None, GateRecord | None],
) -> None:
    known = [one for one in witnesses if one is not None]
    believed = judge(witnesses)
    said = {(one.enabled, one.epoch, one.hidden, tuple(one.quarantined)) for one in known}
    assert believed.enabled == (
        len(known) == 3 and len(said) == 1 and all(one.enabled for one in known)
    )
    # One that says off is what an interrupted change looks like: no reason for doubt.
    if not believed.enabled:
        assert believed.doubted == all(one.enabled for one in known)
    for one in known:
        assert believed.epoch >= one.epoch
        assert set(believed.hidden) >= set(one.hidden)
        assert believed.quarantined.keys() >= one.quarantined.keys()


def test_what_was_seen_of_a_camera_is_taken_from_whoever_knows() -> None:
    vague = GateRecord(True, 5, quarantined={"2": ""})
    exact = GateRecord(True, 6, quarantined={"2": "seen"})
    assert judge((vague, exact, None)).quarantined == {"2": "seen"}
    assert judge((exact, vague, None)).quarantined == {"2": "seen"}
