"""Wire layouts of CS2."""

from __future__ import annotations

import contextlib

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import MissProtocolError
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    Uid,
    pull_drw,
    pull_drw_ack,
    pull_packet,
    pull_tcp_address,
    pull_uid,
    push_drw,
    push_drw_ack,
    push_packet,
    push_stream_frame,
    push_tcp_address,
    push_uid,
)

UID = Uid("XMSYSCNO", 0x000D23E5, "GBHWN")
UID_BYTES = b"XMSYSCNO" + bytes.fromhex("000d23e5") + b"GBHWN\0\0\0"
channels = st.sampled_from(Channel)
words = st.integers(0, 0xFFFF)


def test_known_bytes() -> None:
    assert push_packet(PacketType.LAN_SEARCH) == bytes.fromhex("f1300000")
    assert push_packet(PacketType.PUNCH_PKT, UID_BYTES)[:4] == bytes.fromhex("f1410014")
    assert push_drw(2, 0x1234, b"ab") == bytes.fromhex("f1d00006d1021234") + b"ab"
    assert push_drw_ack(0, [7]) == bytes.fromhex("f1d10006d10000010007")
    assert push_stream_frame(b"abc") == bytes.fromhex("00036800000000 00") + b"abc"
    assert push_uid(UID) == UID_BYTES
    assert pull_uid(UID_BYTES) == UID
    assert str(UID) == "XMSYSCNO-861157-GBHWN"


@given(st.sampled_from(PacketType), st.binary(max_size=2000), st.binary(max_size=10))
def test_packet(kind: PacketType, body: bytes, tail: bytes) -> None:
    assert pull_packet(push_packet(kind, body) + tail) == (kind, body)


@given(channels, words, st.binary(max_size=1024))
def test_drw(channel: Channel, sequence: int, data: bytes) -> None:
    packet = push_drw(channel, sequence, data)
    assert pull_drw(packet) == (channel, sequence, data)
    assert pull_packet(packet)[0] == PacketType.DRW


@given(channels, st.lists(words, max_size=256))
def test_drw_ack(channel: Channel, sequences: list[int]) -> None:
    kind, body = pull_packet(push_drw_ack(channel, sequences))
    assert kind == PacketType.DRW_ACK
    got, acknowledged = pull_drw_ack(body)
    assert (got, list(acknowledged)) == (channel, sequences)


text = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", max_size=8)


@given(text, st.integers(0, 2**32 - 1), text)
def test_uid(prefix: str, serial: int, check: str) -> None:
    uid = Uid(prefix, serial, check)
    assert pull_uid(push_uid(uid) + b"rest") == uid


@given(st.ip_addresses(v=4).map(str), words)
def test_tcp_address(address: str, port: int) -> None:
    body = UID_BYTES + push_tcp_address(address, port)
    assert pull_tcp_address(body) == (address, port)
    assert pull_tcp_address(body[:-1]) is None
    # Where the notes say these are, counted from the packet's start.
    packet = push_packet(PacketType.P2P_RDY_TCP, body)
    assert int.from_bytes(packet[26:28], "little") == port
    assert ".".join(map(str, packet[31:27:-1])) == address


@given(st.lists(st.binary(max_size=300), max_size=20), st.data())
def test_stream_in_any_pieces(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(push_stream_frame(packet) for packet in packets)
    deframer = StreamDeframer()
    got: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, 100))
        got += deframer.push(stream[:size])
        stream = stream[size:]
    assert got == packets


def test_stream_out_of_step() -> None:
    with pytest.raises(MissProtocolError):
        list(StreamDeframer().push(b"\0\x03" + bytes(6) + b"abc"))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes.fromhex("f1d0"),
        bytes.fromhex("f2d00000"),
        bytes.fromhex("f1d00001"),
    ],
)
def test_bad_packet(packet: bytes) -> None:
    with pytest.raises(MissProtocolError):
        pull_packet(packet)


@pytest.mark.parametrize(
    "packet",
    [
        bytes.fromhex("f1d00004d10200"),  # short
        bytes.fromhex("f1d00003d1020000"),  # says less than a header
        bytes.fromhex("f1d00005d1020000"),  # says more than there is
        bytes.fromhex("f1d00004d0020000"),  # no DRW magic
        bytes.fromhex("f1d00004d1040000"),  # channel 4
        bytes.fromhex("f1d00004d1ff0000"),
    ],
)
def test_bad_drw(packet: bytes) -> None:
    with pytest.raises(MissProtocolError):
        pull_drw(packet)


@pytest.mark.parametrize("body", ["", "d10000", "d00000010000", "d10000010000"[:-2], "d1040000"])
def test_bad_ack(body: str) -> None:
    with pytest.raises(MissProtocolError):
        pull_drw_ack(bytes.fromhex(body))


@given(st.binary(max_size=64))
def test_hostile_bytes(data: bytes) -> None:
    for pull in (pull_packet, pull_drw, pull_drw_ack, pull_uid, pull_tcp_address):
        with contextlib.suppress(MissProtocolError):
            pull(data)
    with contextlib.suppress(MissProtocolError):
        list(StreamDeframer().push(data))


@given(st.binary(min_size=4, max_size=64))
def test_hostile_bytes_with_the_right_start(data: bytes) -> None:
    for start in ("f1d0", "f1d1", "f1d0000cd1", "f1d10010d1"):
        packet = bytes.fromhex(start) + data
        for pull in (pull_packet, pull_drw, pull_drw_ack):
            with contextlib.suppress(MissProtocolError):
                pull(packet)


def test_uid_not_ascii() -> None:
    with pytest.raises(MissProtocolError):
        pull_uid(b"\xff" * 20)
