"""The loopback relay over real sockets."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING

import aiohttp
import av
import pytest

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import Feed, Relay, Source

from .pictures import GROUP, FakeCamera
from .test_feed import LIMITS, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture
def gate() -> Gate:
    gate = Gate()
    gate.open()
    return gate


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


async def test_closing_the_gate_aborts_readers_and_addresses_stay_dead(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    url = relay.grant(feed, gate.require())
    async with http.get(url) as response:
        session = await camera.session()
        session.send(GROUP)
        await response.content.readany()
        gate.close()
        sent = relay.stats.bytes_sent
        session.send(GROUP)
        with pytest.raises(aiohttp.ClientError):
            while await response.content.readany():
                pass
    assert relay.stats.bytes_sent == sent
    gate.open()
    async with http.get(url) as response:
        assert response.status == 404


async def test_revoking_ends_only_that_address(
    relay: Relay, http: aiohttp.ClientSession, camera: FakeCamera, feed: Feed, gate: Gate
) -> None:
    first, second = (relay.grant(feed, gate.require()) for _ in range(2))
    assert first != second
    async with http.get(first) as one, http.get(second) as two:
        session = await camera.session()
        session.send(GROUP)
        await one.content.readany()
        await two.content.readany()
        relay.revoke(first)
        relay.revoke(first)
        with pytest.raises(aiohttp.ClientError):
            while await one.content.readany():
                pass
        session.send(GROUP)
        async with asyncio.timeout(2):
            assert await two.content.readany()


async def test_a_grant_needs_a_listening_relay(feed: Feed, gate: Gate) -> None:
    with pytest.raises(RuntimeError):
        Relay().grant(feed, gate.require())
