"""CS2 wire layouts of the simulated camera, against bytes from the protocol notes."""

from __future__ import annotations

import random
import struct

from hypothesis import given, strategies as st
import pytest

from simulator.camera.cs2 import (
    MAX_RECORD,
    Channel,
    Message,
    RecordReader,
    Reorder,
    Splitter,
    TcpReader,
    WireError,
    pack_ack,
    pack_drw,
    pack_message,
    pack_tcp,
    pack_uid,
    unpack_ack,
    unpack_drw,
    unpack_message,
)


def test_known_bytes() -> None:
    assert pack_message(Message.LAN_SEARCH) == bytes.fromhex("f1300000")
    assert pack_message(Message.PING) == bytes.fromhex("f1e00000")
    assert pack_drw(0, 258, b"abc") == bytes.fromhex("f1d00007d1000102616263")
    assert pack_ack(2, [1, 65535]) == bytes.fromhex("f1d10008d10200020001ffff")
    assert pack_tcp(bytes.fromhex("f1e00000")) == bytes.fromhex("0004680000000000f1e00000")
    assert len(pack_uid(1001001001)) == 20


@given(data=st.binary(max_size=60))
def test_only_whole_messages_are_taken(data: bytes) -> None:
    try:
        kind, body = unpack_message(data)
    except WireError:
        return
    assert data == bytes([0xF1, kind]) + len(body).to_bytes(2) + body


@given(body=st.binary(max_size=40))
def test_bodies_are_checked(body: bytes) -> None:
    for unpack in (unpack_drw, unpack_ack):
        try:
            unpack(body)
        except WireError:
            continue
        assert body[0] == 0xD1


@given(channel=st.sampled_from(Channel), sequences=st.lists(st.integers(0, 65535), max_size=20))
def test_acks_round_trip(channel: Channel, sequences: list[int]) -> None:
    kind, body = unpack_message(pack_ack(channel, sequences))
    assert kind == Message.DRW_ACK
    assert unpack_ack(body) == (channel, tuple(sequences))


def test_a_channel_that_is_not_there() -> None:
    with pytest.raises(WireError):
        unpack_drw(bytes.fromhex("d1040000"))


@given(
    records=st.lists(st.binary(max_size=3000), max_size=8),
    first=st.integers(0, 65535),
    seed=st.integers(),
)
def test_a_stream_survives_splitting_and_disorder(
    records: list[bytes], first: int, seed: int
) -> None:
    splitter = Splitter(Channel.MEDIA, first)
    messages = [message for record in records for message in splitter.split(record)]
    assert [number for number, _ in messages] == [
        (first + index) & 0xFFFF for index in range(len(messages))
    ]
    arriving = messages * 2
    random.Random(seed).shuffle(arriving)
    reorder, reader = Reorder(), RecordReader()
    reorder._next = first
    received: list[bytes] = []
    for number, message in arriving:
        channel, sequence, data = unpack_drw(unpack_message(message)[1])
        assert (channel, sequence) == (Channel.MEDIA, number)
        assert len(data) <= 1024
        for chunk in reorder.push(sequence, data) or []:
            received += reader.feed(chunk)
    assert received == records


def test_too_far_ahead_is_not_kept() -> None:
    reorder = Reorder()
    assert reorder.push(256, b"") is None
    assert reorder.push(255, b"") == []
    assert reorder.push(65535, b"") == []
    assert reorder.push(0, b"a") == [b"a"]


@given(messages=st.lists(st.binary(max_size=50), max_size=6), cut=st.integers(1, 9))
def test_tcp_frames_in_any_pieces(messages: list[bytes], cut: int) -> None:
    data = b"".join(map(pack_tcp, messages))
    reader = TcpReader()
    found: list[bytes] = []
    for start in range(0, len(data), cut):
        found += reader.feed(data[start : start + cut])
    assert found == messages


def test_what_cannot_be_resynchronised_is_an_error() -> None:
    with pytest.raises(WireError):
        TcpReader().feed(b"GET / HTTP/1.0\r\n")
    with pytest.raises(WireError):
        RecordReader().feed(struct.pack(">I", MAX_RECORD + 1))
