"""The display's framing and protobuf, against the protobuf library and against bad senders."""

from __future__ import annotations

import asyncio
from contextlib import suppress
import struct
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
from pychromecast.generated.cast_channel_pb2 import CastMessage as Judge
import pytest

from simulator.display import CastDisplay
from simulator.display.wire import (
    MAX_MESSAGE,
    CastMessage,
    Namespace,
    WireError,
    decode,
    encode,
    read_message,
)
from tests.simulator.cast_sender import CastSender, running

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

ADDRESS = "127.0.42.1"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
messages = st.builds(CastMessage, texts, texts, texts, texts | st.binary(max_size=2000))


@given(messages)
def test_round_trip(message: CastMessage) -> None:
    data = encode(message)
    (size,) = struct.unpack_from(">I", data)
    assert size == len(data) - 4
    assert decode(data[4:]) == message


@given(messages)
def test_the_protobuf_library_reads_ours_and_we_read_its(message: CastMessage) -> None:
    judge = Judge()
    judge.ParseFromString(encode(message)[4:])
    assert judge.protocol_version == Judge.CASTV2_1_0
    assert judge.source_id == message.source
    assert judge.destination_id == message.destination
    assert judge.namespace == message.namespace
    if isinstance(message.payload, str):
        assert judge.payload_type == Judge.STRING
        assert judge.payload_utf8 == message.payload
    else:
        assert judge.payload_type == Judge.BINARY
        assert judge.payload_binary == message.payload
    assert decode(judge.SerializeToString()) == message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    try:
        message = decode(data)
    except WireError:
        return
    assert decode(encode(message)[4:]) == message


@given(messages, st.data())
def test_a_message_cut_short_is_an_error(message: CastMessage, data: st.DataObject) -> None:
    body = encode(message)[4:]
    # Every required field but the payload comes first; what is after it may be missing.
    cut = data.draw(st.integers(0, len(body) - 1))
    try:
        short = decode(body[:cut])
    except WireError:
        return
    assert short.payload in {"", b""}


@given(messages, st.lists(st.tuples(st.integers(8, 2000), st.sampled_from([0, 1, 2, 5]))))
def test_unknown_fields_are_skipped(message: CastMessage, extra: list[tuple[int, int]]) -> None:
    body = bytearray(encode(message)[4:])
    for field, wire_type in extra:
        key = field << 3 | wire_type
        while key >= 0x80:
            body.append(key & 0x7F | 0x80)
            key >>= 7
        body.append(key)
        body += {0: b"\x01", 1: bytes(8), 2: b"\x02ab", 5: bytes(4)}[wire_type]
    assert decode(bytes(body)) == message


@pytest.mark.parametrize(
    "body",
    [
        b"\x0b",  # a group
        b"\x00\x01",  # field 0
        b"\x0a\x01a",  # the version as bytes
        b"\x08" + b"\xff" * 11,  # a number without an end
        encode(CastMessage("a", "b", "c", "d"))[6:],  # no version
        b"\x08\x00\x12\x01\xff\x1a\x01b\x22\x01c\x28\x00",  # not UTF-8
        b"\x08\x00\x12\x01a\x1a\x01b\x22\x01c\x28\x07",  # an unknown payload type
        b"\x08\x00\x12\x01a\x1a\x01b\x28\x00",  # no namespace
    ],
)
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(WireError):
        decode(body)


async def test_read_message_bounds_the_length() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(encode(CastMessage("a", "b", "c", "d")) + struct.pack(">I", MAX_MESSAGE + 1))
    assert (await read_message(reader)).payload == "d"
    with pytest.raises(WireError):
        await read_message(reader)


def wire_display(ping_interval: float = 0.1) -> AbstractAsyncContextManager[CastDisplay]:
    return running(CastDisplay("Wire display", ADDRESS, ping_interval=ping_interval))


async def _until_alone(display: CastDisplay) -> None:
    for _ in range(200):
        if display.state()["senders"] == 0:
            return
        await asyncio.sleep(0.01)
    pytest.fail("a sender is still there")


def _text(namespace: str, payload: str | bytes) -> bytes:
    return encode(CastMessage("sender-0", "receiver-0", namespace, payload))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        struct.pack(">I", MAX_MESSAGE + 1) + bytes(100),
        struct.pack(">I", 6) + b"\x0b\x0b\x0b\x0b\x0b\x0b",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        _text(Namespace.RECEIVER, "{"),
        _text(Namespace.RECEIVER, "[1, 2]"),
        _text(Namespace.RECEIVER, "[" * 60_000),
        _text(Namespace.RECEIVER, b"\x00\x01"),
        _text(Namespace.MEDIA, "nothing"),
    ],
    ids=["length", "oversized", "no protobuf", "http", "cut", "list", "deep", "bytes", "word"],
)
async def test_a_hostile_sender_loses_its_connection_and_nobody_else(
    data: bytes,
) -> None:
    async with (
        wire_display() as display,
        CastSender(ADDRESS) as good,
        CastSender(ADDRESS) as bad,
    ):
        bad.write(data)
        await asyncio.wait_for(bad.closed.wait(), 2)
        status = await good.ask("receiver-0", Namespace.RECEIVER, type="GET_STATUS")
        assert status["type"] == "RECEIVER_STATUS"
        assert display.state()["senders"] == 1


async def test_a_message_cut_short_by_a_hang_up() -> None:
    async with wire_display() as display:
        async with CastSender(ADDRESS) as bad:
            await bad.ask("receiver-0", Namespace.RECEIVER, type="GET_STATUS")
            bad.write(struct.pack(">I", 500) + b"\x08\x00")
        await _until_alone(display)


async def test_something_else_than_tls() -> None:
    async with wire_display():
        reader, writer = await asyncio.open_connection(ADDRESS, 8009)
        writer.write(_text(Namespace.RECEIVER, "{}") * 10)
        with suppress(ConnectionResetError):  # or a TLS alert and the end
            await asyncio.wait_for(reader.read(), 2)
        writer.close()
        async with CastSender(ADDRESS) as good:
            assert await good.ask("receiver-0", Namespace.RECEIVER, type="GET_STATUS")


async def test_pings_go_out_and_a_silent_sender_is_dropped() -> None:
    async with wire_display(), CastSender(ADDRESS) as silent:
        await silent.until(lambda data: data["type"] == "PING")
        await asyncio.wait_for(silent.closed.wait(), 2)
    async with wire_display(), CastSender(ADDRESS) as lively:
        for _ in range(10):
            lively.say("receiver-0", Namespace.HEARTBEAT, type="PING")
            await asyncio.sleep(0.1)
        assert not lively.closed.is_set()
        assert sum(data["type"] == "PONG" for _, data in lively.heard) >= 9


async def test_a_sender_that_never_reads_is_dropped() -> None:
    async with wire_display(60) as display, CastSender(ADDRESS) as deaf:
        assert deaf._task is not None
        deaf._task.cancel()
        deaf._writer.transport.pause_reading()  # type: ignore[attr-defined]
        question = encode(
            CastMessage(
                "sender-0",
                "receiver-0",
                Namespace.RECEIVER,
                '{"type":"GET_STATUS","requestId":1}',
            )
        )
        for _ in range(100):
            deaf.write(question * 500)
            await asyncio.sleep(0.01)
        await _until_alone(display)
