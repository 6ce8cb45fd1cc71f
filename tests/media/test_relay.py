"""The loopback relay over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
import fcntl
import io
import socket
import struct
import termios
import time
from typing import TYPE_CHECKING

import aiohttp
import av
import pytest
import yarl

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import (
    Feed,
    FeedState,
    Origin,
    Relay,
    Source,
    clock,
    relay as relay_module,
    relay_reader,
)

from .pictures import GROUP, FakeCamera, coded
from .test_feed import LIMITS, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture
async def relay(gate: Gate) -> AsyncGenerator[Relay]:
    relay = Relay()
    await relay.start()
    gate.on_close(relay.cut)
    yield relay
    await relay.stop()


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera(Source("1001"))


@pytest.fixture
async def feed(camera: FakeCamera) -> AsyncGenerator[Feed]:
    feed = Feed(camera.source, camera.connect, limits=LIMITS)
    yield feed
    await feed.close()


async def test_who_has_the_address_sees_the_feed(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    async with http.get(relay.grant(feed, gate.require())) as response:
        assert response.status == 200
        assert response.content_type == "video/mp2t"
        assert response.headers["Cache-Control"] == "no-store"
        (await camera.session()).send(GROUP)
        data = await response.content.readexactly(10 * 188)
        assert relay.stats.connections == 1
    with av.open(io.BytesIO(data + bytes(188))) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert relay.stats.bytes_sent >= len(data)
    assert relay.stats.last_byte_at == pytest.approx(time.time(), abs=5)
    await wait_for(lambda: relay.stats.connections == 0)


@pytest.mark.parametrize(
    "query", ["", "?auth=", "?auth=wrong", "?auth=%ff%00", "?auth=" + "x" * 4000]
)
async def test_who_has_not_gets_nothing(
    relay: Relay, http: aiohttp.ClientSession, feed: Feed, gate: Gate, query: str
) -> None:
    base = relay.grant(feed, gate.require()).partition("?")[0]
    async with http.get(base + query) as response:
        assert response.status == 404
        assert await response.read() == b""
    assert relay.stats.refused == 1


@contextlib.asynccontextmanager
async def reading(url: str) -> AsyncGenerator[asyncio.StreamReader]:
    """Read an address without a library that hides how a connection ends."""
    target = yarl.URL(url)
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write(f"GET {target.raw_path_qs} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    try:
        async with asyncio.timeout(2):
            head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        yield reader
    finally:
        writer.transport.abort()


async def until_the_end(reader: asyncio.StreamReader) -> bytes:
    data = b""
    async with asyncio.timeout(2):
        while piece := await reader.read(65536):
            data += piece
    return data


async def test_closing_the_gate_aborts_readers_and_addresses_stay_dead(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    url = relay.grant(feed, gate.require())
    async with reading(url) as reader:
        session = await camera.session()
        session.send(GROUP)
        await reader.read(65536)
        gate.close()
        sent = relay.stats.bytes_sent
        session.send(GROUP)
        with pytest.raises(ConnectionResetError):
            await until_the_end(reader)
    assert relay.stats.bytes_sent == sent
    assert relay.stats.connections == 0
    gate.open()
    async with http.get(url) as response:
        assert response.status == 404


async def test_revoking_ends_only_that_address(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    first, second = (relay.grant(feed, gate.require()) for _ in range(2))
    assert first != second
    async with reading(first) as one, reading(second) as two:
        session = await camera.session()
        session.send(GROUP)
        await one.read(65536)
        await two.read(65536)
        relay.revoke(first)
        relay.revoke(first)
        with pytest.raises(ConnectionResetError):
            await until_the_end(one)
        session.send(GROUP)
        async with asyncio.timeout(2):
            assert await two.read(65536)


async def test_the_gate_is_asked_at_every_write(camera: FakeCamera, feed: Feed) -> None:
    """Even when nobody told the relay that it has closed."""
    gate, relay = Gate(), Relay()
    gate.open()
    await relay.start()
    async with reading(relay.grant(feed, gate.require())) as reader:
        (await camera.session()).send(1)
        await reader.read(65536)
        (viewer,) = feed.audience.viewers
        gate.close()
        sent = relay.stats.bytes_sent
        before = Origin(camera.source, gate.epoch - 1)
        viewer.push(b"G" * 188, keyframe=True, origin=before, captured=clock.now())
        with pytest.raises(ConnectionResetError):
            await until_the_end(reader)
    assert relay.stats.bytes_sent == sent
    await relay.stop()


async def test_an_address_is_dead_with_its_permit(
    http: aiohttp.ClientSession, feed: Feed, gate: Gate
) -> None:
    """Even when nobody told the relay that the gate has closed."""
    relay = Relay()
    await relay.start()
    url = relay.grant(feed, gate.require())
    gate.close()
    gate.open()
    async with http.get(url) as response:
        assert response.status == 404
    assert relay.stats.refused == 1
    await relay.stop()


async def test_what_was_cut_stays_dead_whatever_the_gate_says(
    relay: Relay, http: aiohttp.ClientSession, feed: Feed, gate: Gate
) -> None:
    url = relay.grant(feed, gate.require())
    relay.cut()
    assert gate.is_open
    async with http.get(url) as response:
        assert response.status == 404


async def test_a_stalled_feed_ends_its_readers_without_a_break(
    relay: Relay, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    async with reading(relay.grant(feed, gate.require())) as reader:
        (await camera.session()).send(GROUP)
        data = await until_the_end(reader)
    assert len(data) % 188 == 0
    await wait_for(lambda: relay.stats.connections == 0)


async def test_a_reader_that_does_not_read_costs_bounded_memory_and_loses_whole_groups(
    relay: Relay, camera: FakeCamera, gate: Gate
) -> None:
    """What it gets after its rest decodes from its first picture on."""
    feed = Feed(camera.source, camera.connect, limits=replace(LIMITS, group_bytes=400_000))
    pictures = coded(width=640, height=360, grey=90)
    padding = b"\0\0\1\x0c" + b"\xff" * 30_000 + b"\x80"  # a NAL unit of filler
    pictures = tuple(picture + padding for picture in pictures)
    try:
        async with reading(relay.grant(feed, gate.require())) as reader:
            session = await camera.session()
            for _ in range(60):
                session.send(GROUP, units=pictures)
                await asyncio.sleep(0)
            (viewer,) = feed.audience.viewers
            assert viewer.dropped > 0
            assert viewer._bytes <= 400_000
            (one,) = relay._readers
            assert one._transport is not None
            assert one._transport.get_write_buffer_size() < 300_000
            data = b""
            async with asyncio.timeout(3):
                while relay.stats.bytes_sent > len(data) or viewer._queue:
                    data += await reader.read(1 << 20)
    finally:
        await feed.close()
    with av.open(io.BytesIO(data)) as container:
        assert sum(1 for _ in container.decode(video=0)) > GROUP


async def test_a_reader_that_rests_gets_no_old_picture(
    relay: Relay, camera: FakeCamera, gate: Gate
) -> None:
    """Whatever waits for it: when it reads again, what leaves is of now."""
    limits = replace(LIMITS, stall=5.0, max_lag=0.5)
    feed = Feed(camera.source, camera.connect, limits=limits)
    padding = b"\0\0\1\x0c" + b"\xff" * 60_000 + b"\x80"
    pictures = tuple(picture + padding for picture in coded())
    try:
        async with reading(relay.grant(feed, gate.require())) as reader:
            session = await camera.session()
            (one,) = relay._readers
            while not one._paused:
                session.send(GROUP, units=pictures)
                await asyncio.sleep(0)
            (viewer,) = feed.audience.viewers
            # Far less than the bytes that may wait, but for longer than a picture is live.
            for _ in range(3 * GROUP):
                session.send(1, units=pictures)
                await asyncio.sleep(0.05)
            assert one._paused
            assert not viewer.ended
            assert viewer._bytes < limits.group_bytes / 2
            waiting = relay.stats.bytes_sent
            ages: list[float] = []
            pop = viewer._pop

            def noted() -> object:
                if (taken := pop()) is not None:
                    ages.append(clock.now() - taken.captured)
                return taken

            viewer._pop = noted  # type: ignore[method-assign,assignment]
            data = b""
            async with asyncio.timeout(3):
                while len(ages) < 2 or relay.stats.bytes_sent > len(data):
                    if viewer._want_keyframe or not viewer._queue:
                        session.send(1, units=pictures)
                    data += await reader.read(1 << 20)
    finally:
        await feed.close()
    assert relay.stats.bytes_sent > waiting
    assert max(ages) <= limits.max_lag
    with av.open(io.BytesIO(data)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 2


async def test_little_waits_where_nobody_can_judge_its_age(
    relay: Relay, camera: FakeCamera, gate: Gate
) -> None:
    """In the kernel and on the way to it there is about a second of 1.5 Mbit/s."""
    feed = Feed(camera.source, camera.connect, limits=LIMITS)
    padding = b"\0\0\1\x0c" + b"\xff" * 12_000 + b"\x80"
    pictures = tuple(picture + padding for picture in coded())
    try:
        async with reading(relay.grant(feed, gate.require())) as reader:
            session = await camera.session()
            # It stops reading, and its kernel soon takes no more.
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            (one,) = relay._readers
            while not one._paused:
                session.send(1, units=pictures)
                await asyncio.sleep(0)
            assert one._transport is not None
            sock = one._transport.get_extra_info("socket")
            unsent = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
            waiting = unsent + one._transport.get_write_buffer_size()
            assert 0 < waiting < 1_500_000 / 8 * 1.5
            reader._transport.resume_reading()  # type: ignore[attr-defined]
    finally:
        await feed.close()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"POST /live.ts HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /other?auth=x HTTP/1.1\r\n\r\n", b"404"),
        (b"GET http://[/ HTTP/1.1\r\n\r\n", b"400"),
        (b"\xff\x00\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, b"431"),
    ],
)
async def test_what_is_no_request_of_a_reader_is_refused(
    relay: Relay, request_head: bytes, status: bytes
) -> None:
    target = yarl.URL(relay.grant(object(), Gate().permit(), Source("1")))  # type: ignore[arg-type]
    reader, writer = await asyncio.open_connection(target.host, target.port)
    for at in range(0, len(request_head), 5000):
        writer.write(request_head[at : at + 5000])
        await asyncio.sleep(0.01)
    answer = await until_the_end(reader)
    assert answer.startswith(b"HTTP/1.1 " + status)
    writer.close()


async def test_a_request_that_does_not_come_is_not_waited_for(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_reader, "_PATIENCE", 0.1)
    target = yarl.URL(relay.grant(object(), Gate().permit(), Source("1")))  # type: ignore[arg-type]
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write(b"GET /live.ts")
    with pytest.raises(ConnectionResetError):
        await until_the_end(reader)
    writer.close()


async def test_there_is_room_for_so_many_readers_and_no_more(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MAX_READERS", 2)
    target = yarl.URL(relay.grant(object(), Gate().permit(), Source("1")))  # type: ignore[arg-type]
    writers = []
    for number in range(3):
        reader, writer = await asyncio.open_connection(target.host, target.port)
        writers.append(writer)
        await asyncio.sleep(0.02)
        assert len(relay._readers) == min(number + 1, 2)
    with contextlib.suppress(ConnectionResetError):
        assert await until_the_end(reader) == b""
    for writer in writers:
        writer.close()


async def test_a_grant_needs_a_listening_relay(feed: Feed, gate: Gate) -> None:
    with pytest.raises(RuntimeError):
        Relay().grant(feed, gate.require())


@pytest.mark.parametrize(
    ("granted", "sent"),
    [
        (Source("2002"), None),
        (Source("1001", 1), None),
        (None, Origin(Source("2002"), 1)),
        (None, Origin(Source("1001", 1), 1)),
        (None, Origin(Source("1001"), 7)),
    ],
    ids=["another camera's feed", "the other lens's", "camera", "lens", "epoch"],
)
async def test_nothing_leaves_but_what_the_address_stands_for(
    camera: FakeCamera, feed: Feed, gate: Gate, granted: Source | None, sent: Origin | None
) -> None:
    """Whatever went wrong before it: each chunk is compared with the grant."""
    violated: list[Source] = []
    relay = Relay(violated.append)
    await relay.start()
    async with reading(relay.grant(feed, gate.require(), granted)) as reader:
        session = await camera.session()
        if sent is not None:
            session.send(1)
            await reader.read(65536)
            (viewer,) = feed.audience.viewers
            viewer.push(b"G" * 188, keyframe=True, origin=sent, captured=clock.now())
        else:
            session.send(1)
        bytes_sent = relay.stats.bytes_sent
        with pytest.raises(ConnectionResetError):
            await until_the_end(reader)
    assert violated == [granted or camera.source]
    assert relay.stats.bytes_sent == bytes_sent
    assert relay.stats.connections == 0
    if granted is not None:
        assert bytes_sent == 0
    await relay.stop()


async def test_a_chunk_without_an_origin_does_not_leave(
    relay: Relay, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    async with reading(relay.grant(feed, gate.require())) as reader:
        await camera.session()
        (viewer,) = feed.audience.viewers
        viewer.push(b"G" * 188, keyframe=True, captured=clock.now())
        with pytest.raises(ConnectionResetError):
            await until_the_end(reader)
    assert relay.stats.bytes_sent == 0


async def test_a_violation_at_the_relay_may_close_the_gate_there_and_then(
    camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    """It is met while the feed hands a picture round; nothing of the feed goes on after."""
    relay = Relay(lambda _: gate.close())
    gate.on_close(feed.cut)
    await relay.start()
    right = feed.view(gate.require())
    async with reading(relay.grant(feed, gate.require(), Source("2002"))):
        session = await camera.session()
        session.send(GROUP)
    assert right.ended
    right.close()
    assert session.aborted
    assert feed.state is FeedState.IDLE
    assert feed.viewers == 0
    await relay.stop()


async def test_one_camera_s_addresses_are_cut_and_no_other_s(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    other_camera = FakeCamera(Source("2002"))
    other_feed = Feed(other_camera.source, other_camera.connect, limits=LIMITS)
    mine, unread = (relay.grant(feed, gate.require()) for _ in range(2))
    other = relay.grant(other_feed, gate.require())
    async with reading(mine) as one, reading(other) as two:
        (await camera.session()).send(1)
        (await other_camera.session()).send(1)
        await one.read(65536)
        await two.read(65536)
        relay.cut_camera("1001")
        with pytest.raises(ConnectionResetError):
            await until_the_end(one)
        for dead in (mine, unread):
            async with http.get(dead) as response:
                assert response.status == 404
        other_camera.sessions[0].send(1)
        async with asyncio.timeout(2):
            assert await two.read(65536)
    await other_feed.close()


async def test_who_is_cut_at_the_stop_finds_nobody_to_knock_at(
    camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    relay = Relay()
    await relay.start()
    url = relay.grant(feed, gate.require())
    target = yarl.URL(url)
    assert target.host is not None
    address = target.host, target.port
    found: list[bool] = []

    def leave(_: object) -> None:
        """As the reader is cut, right then."""
        with socket.socket() as knocking:
            knocking.settimeout(1)
            found.append(knocking.connect_ex(address) == 0)

    async with reading(url) as reader:
        (await camera.session()).send(1)
        await reader.read(65536)
        (viewer,) = feed.audience.viewers
        viewer._leave = leave
        await relay.stop()
        with pytest.raises(ConnectionResetError):
            await until_the_end(reader)
    assert found == [False]
    with pytest.raises(RuntimeError):
        relay.grant(feed, gate.require())
    await relay.stop()
