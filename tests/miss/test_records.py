"""Records out of byte streams."""

from __future__ import annotations

import contextlib

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import MissProtocolError
from custom_components.mi_camera.miss.limits import MAX_COMMAND, MAX_RECORD
from custom_components.mi_camera.miss.media import MediaHeader, push_media_header
from custom_components.mi_camera.miss.records import MediaAssembler, RecordAssembler, push_record


def media_record(payload: bytes, codec: int = 4, padding: bytes = b"") -> bytes:
    header = MediaHeader(len(payload), codec, 1, 2, 3, 4)
    return push_media_header(header) + payload + padding


def cut(stream: bytes, data: st.DataObject, largest: int = 200) -> list[bytes]:
    pieces = []
    while stream:
        size = data.draw(st.integers(1, largest))
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


@given(st.lists(st.binary(max_size=300), max_size=10), st.data())
def test_commands_in_any_pieces(records: list[bytes], data: st.DataObject) -> None:
    assembler = RecordAssembler()
    got: list[bytes] = []
    for piece in cut(b"".join(map(push_record, records)), data):
        got += assembler.push(piece)
    assert got == records


def test_command_too_large() -> None:
    assert RecordAssembler().push((MAX_COMMAND).to_bytes(4)) == []
    with pytest.raises(MissProtocolError):
        RecordAssembler().push((MAX_COMMAND + 1).to_bytes(4))


payloads = st.lists(st.binary(max_size=400), max_size=10)


@given(payloads, st.data())
def test_media_in_any_pieces(records: list[bytes], data: st.DataObject) -> None:
    whole = [media_record(payload) for payload in records]
    assembler = MediaAssembler()
    got: list[bytes | None] = []
    for piece in cut(b"".join(map(push_record, whole)), data):
        got += assembler.push(piece)
    assert got == whole


@given(payloads, st.data())
def test_finds_the_next_beginning_after_a_loss(records: list[bytes], data: st.DataObject) -> None:
    """Lose a piece anywhere: what comes is whole, in order, and all of what begins later."""
    whole = [media_record(b"%d" % i + payload) for i, payload in enumerate(records)]
    stream = b"".join(map(push_record, whole))
    start = data.draw(st.integers(0, len(stream)))
    end = data.draw(st.integers(start, len(stream)))
    assembler = MediaAssembler()
    got: list[bytes | None] = list(assembler.push(stream[:start]))
    assembler.lose()
    for piece in cut(stream[end:], data):
        got += assembler.push(piece)
    before = after = position = 0
    for record in whole:
        before += position + 4 + len(record) <= start
        after += position >= end
        position += 4 + len(record)
    assert got == whole[:before] + whole[len(whole) - after :]


def test_padded_records_are_taken() -> None:
    padded = media_record(b"12345678abc", padding=bytes(5))
    assert MediaAssembler().push(push_record(padded)) == [padded]
    assembler = MediaAssembler()
    assembler.lose()
    assert assembler.push(b"tail of another" + push_record(padded)) == [padded]


@pytest.mark.parametrize(
    "rubbish",
    [
        (MAX_RECORD + 1).to_bytes(4) + (MAX_RECORD + 1 - 32).to_bytes(4, "little") + bytes(28),
        (100).to_bytes(4) + (500).to_bytes(4, "little") + bytes(28),
        (5).to_bytes(4) + bytes(40),
        b"\xff" * 100,
    ],
    ids=["too large", "lengths differ", "shorter than its header", "rubbish"],
)
def test_out_of_step_once_and_found_again(rubbish: bytes) -> None:
    good = media_record(b"12345678abc")
    assembler = MediaAssembler()
    assert assembler.push(push_record(good) + rubbish + push_record(good)) == [good, None, good]


def test_codec_of_the_future_is_no_loss() -> None:
    record = media_record(b"12345678abc", codec=0x7777)
    assert MediaAssembler().push(push_record(record)) == [record]


def test_waits_for_large_records_only_as_long_as_they_can_be() -> None:
    header = push_media_header(MediaHeader(MAX_RECORD - 32, 4, 0, 0, 0, 0))
    assembler = MediaAssembler()
    assert assembler.push(MAX_RECORD.to_bytes(4) + header) == []
    assert assembler.push(bytes(MAX_RECORD - 32)) == [header + bytes(MAX_RECORD - 32)]


def test_searching_holds_next_to_nothing() -> None:
    assembler = MediaAssembler()
    assembler.lose()
    for _ in range(100):
        assert assembler.push(bytes(1000)) == []
    assert len(assembler._buffer) < 64


@given(st.lists(st.binary(max_size=100), max_size=20), st.booleans())
def test_hostile_bytes(pieces: list[bytes], lost: bool) -> None:
    media, commands = MediaAssembler(), RecordAssembler()
    if lost:
        media.lose()
    for piece in pieces:
        for record in media.push(piece):
            assert record is None or len(record) >= 32
        with contextlib.suppress(MissProtocolError):
            commands.push(piece)
