"""The exit of casts: who gets what, and what a cut leaves of it."""

from __future__ import annotations

import asyncio
import gc
import io
import socket
from typing import TYPE_CHECKING, Any
import weakref

from aiohttp import ClientError, web
import av
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera.casts.source import CAST_PATH, CastAddresses, SessionHls
from custom_components.mi_camera.casts.view import DATA_CAST_ADDRESSES, async_setup_casts
from custom_components.mi_camera.media import Feed, FeedLimits, Origin, Source, clock
from simulator.display import CastDisplay

from .media.pictures import GROUP, FakeCamera, coded
from .media.test_hls_session import units
from .simulator.cast_sender import CastSender, running, tagged
from .test_casting import KITCHEN, Player, cast, players, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.gate import Gate
    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

SOURCE = Source("1001")
FILES = ("master.m3u8", "playlist.m3u8", "init.mp4", "0.m4s")
DISPLAY = "127.0.81.21"


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera(SOURCE)


@pytest.fixture
async def feed(camera: FakeCamera) -> AsyncGenerator[Feed]:
    feed = Feed(SOURCE, camera.connect, limits=FeedLimits(linger=0.1, stall=2, first_picture=2))
    yield feed
    await feed.close()


@pytest.fixture
async def addresses(hass: HomeAssistant) -> CastAddresses:
    assert await async_setup_component(hass, "http", {"http": {"server_host": ["127.0.0.1"]}})
    async_setup_casts(hass)
    return hass.data[DATA_CAST_ADDRESSES]


@pytest.fixture
async def client(addresses: CastAddresses, hass_client_no_auth: ClientSessionGenerator) -> Any:
    return await hass_client_no_auth()


class Opened:
    """A source and what it has told."""

    def __init__(
        self, addresses: CastAddresses, feed: Feed, gate: Gate, source: Source = SOURCE
    ) -> None:
        self.changes = self.violations = 0
        self.source: SessionHls = addresses.open(
            feed, gate.require(), source, self._changed, self._violated
        )
        self.base = self.source.path.rpartition("/")[0]

    def _changed(self) -> None:
        self.changes += 1

    def _violated(self) -> None:
        self.violations += 1


async def send(camera: FakeCamera, count: int = GROUP, **kind: Any) -> None:
    """Deliver pictures, as far apart as a camera's."""
    upstream = await camera.session(len(camera.sessions) or 1)
    for number in range(count):
        upstream.send(age=(count - number) / 15, **kind)


async def statuses(client: TestClient, base: str) -> set[int]:
    return {(await client.get(f"{base}/{name}")).status for name in FILES}


async def test_pictures_leave_for_who_has_the_token(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    opened = Opened(addresses, feed, gate)
    assert opened.base == f"{CAST_PATH}/{opened.source.token}"
    assert len(opened.source.token) == 32
    assert opened.source.token not in repr(opened.source)
    await send(camera)
    bodies = {}
    for name in FILES:
        response = await client.get(
            f"{opened.base}/{name}", headers={"Origin": "https://www.gstatic.com"}
        )
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Access-Control-Allow-Origin"] == "https://www.gstatic.com"
        bodies[name] = await response.read()
    with av.open(io.BytesIO(bodies["init.mp4"] + bodies["0.m4s"])) as container:
        assert len(list(container.decode(video=0))) == 8
    allowed = await client.options(
        f"{opened.base}/0.m4s",
        headers={
            "Origin": "https://www.gstatic.com",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "Accept",
        },
    )
    assert allowed.status == 200
    opened.source.detach()
    opened.source.end_in_background()
    assert await statuses(client, opened.base) == {404}
    assert len(addresses) == 0
    assert feed.viewers == 0


async def test_a_request_that_waits_is_woken_empty_at_a_cut(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    opened = Opened(addresses, feed, gate)
    gate.on_close(opened.source.detach)
    waiting = [
        asyncio.ensure_future(client.get(f"{opened.base}/{name}"))
        for name in ("master.m3u8", "playlist.m3u8")
    ]
    await camera.session()
    await asyncio.sleep(0.1)
    assert not any(one.done() for one in waiting)
    gate.close()
    async with asyncio.timeout(1):
        for one in waiting:
            response = await one
            assert response.status == 404
            assert b"#EXT" not in await response.read()
    assert opened.source.kept == 0


async def test_the_gate_is_asked_again_after_waiting(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    """It closes between the first segment and the answer, and nobody has cut yet."""
    opened = Opened(addresses, feed, gate)
    waiting = asyncio.ensure_future(client.get(f"{opened.base}/master.m3u8"))
    await camera.session()
    await asyncio.sleep(0.1)
    await send(camera)
    gate.close()
    assert (await waiting).status == 404
    assert await statuses(client, opened.base) == {404}


async def test_the_gate_is_asked_again_before_the_body(
    client: TestClient,
    addresses: CastAddresses,
    feed: Feed,
    camera: FakeCamera,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = Opened(addresses, feed, gate)
    await send(camera)
    prepare = web.StreamResponse.prepare

    async def close_meanwhile(self: web.StreamResponse, request: web.BaseRequest) -> Any:
        prepared = await prepare(self, request)
        gate.close()
        return prepared

    monkeypatch.setattr(web.StreamResponse, "prepare", close_meanwhile)
    with pytest.raises(ClientError):
        await (await client.get(f"{opened.base}/0.m4s")).read()
    assert not gate.is_open


async def test_an_old_address_stays_dead(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    old = Opened(addresses, feed, gate)
    gate.on_close(feed.cut)
    await send(camera)
    assert await statuses(client, old.base) == {200}
    gate.close()
    assert await statuses(client, old.base) == {404}
    gate.open()
    assert await statuses(client, old.base) == {404}
    new = Opened(addresses, feed, gate)
    assert new.source.token != old.source.token
    await camera.session(2)
    await send(camera)
    assert await statuses(client, new.base) == {200}
    assert await statuses(client, old.base) == {404}


async def test_a_closed_gate_gives_no_address(
    client: TestClient, addresses: CastAddresses, feed: Feed, gate: Gate
) -> None:
    permit = gate.require()
    gate.close()
    source = addresses.open(feed, permit, SOURCE, lambda: None, lambda: None)
    assert not source.available
    assert len(addresses) == 0
    assert (await client.get(source.path)).status == 404


async def test_what_comes_from_elsewhere_is_a_violation(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    opened = Opened(addresses, feed, gate, Source("1002"))
    waiting = asyncio.ensure_future(client.get(f"{opened.base}/master.m3u8"))
    await send(camera)
    assert (await waiting).status == 404
    assert opened.violations == 1
    assert not opened.source.available
    assert await statuses(client, opened.base) == {404}


@pytest.mark.parametrize("origin", [Origin(Source("1002"), 1), Origin(SOURCE, 7)])
async def test_a_segment_of_elsewhere_is_a_violation_where_it_leaves(
    client: TestClient,
    addresses: CastAddresses,
    feed: Feed,
    gate: Gate,
    origin: Origin,
) -> None:
    opened = Opened(addresses, feed, gate)
    for unit, _ in zip(units(start=clock.now()), range(GROUP), strict=False):
        opened.source._hls.add((unit,), origin)
    assert (await client.get(f"{opened.base}/init.mp4")).status == 200
    assert (await client.get(f"{opened.base}/0.m4s")).status == 404
    assert opened.violations == 1
    assert await statuses(client, opened.base) == {404}


async def test_what_a_connection_has_not_sent_is_never_sent(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    """The player is slow: most of a segment still waits in the socket when the gate closes."""
    opened = Opened(addresses, feed, gate)
    gate.on_close(opened.source.detach)
    key, *others = coded()
    big = (key + b"\0\0\1\x0c" + b"\xff" * 6_000_000, *others)
    await send(camera, units=big)
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await loop.sock_connect(sock, (client.host, client.port))
        await loop.sock_sendall(
            sock, f"GET {opened.base}/0.m4s HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        assert (await loop.sock_recv(sock, 15)) == b"HTTP/1.1 200 OK"
        gate.close()
        await asyncio.sleep(0.1)
        received = 0
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                while data := await loop.sock_recv(sock, 65536):
                    received += len(data)
        assert received < 1_000_000


async def test_the_end_of_pictures_is_told_and_nothing_old_is_given(
    client: TestClient, addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    opened = Opened(addresses, feed, gate)
    await send(camera)
    assert await statuses(client, opened.base) == {200}
    await until(lambda: opened.changes == 1)
    assert not opened.source.available
    assert await statuses(client, opened.base) == {404}
    opened.source.detach()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/master",
        "/MASTER.M3U8",
        "/../master.m3u8",
        "/%2e%2e/master.m3u8",
        "/0.m4s/",
        "/-1.m4s",
        "/1.m4s",
        "/999999999.m4s",
        "/9999999999.m4s",
        "/0x0.m4s",
        "/%d9%a0.m4s",
        "/00.m4s%00",
        "/0.0.m4s",
        "/segment/0.m4s",
    ],
)
async def test_paths_that_lead_nowhere(
    client: TestClient,
    addresses: CastAddresses,
    feed: Feed,
    camera: FakeCamera,
    gate: Gate,
    path: str,
) -> None:
    opened = Opened(addresses, feed, gate)
    await send(camera)
    assert (await client.get(opened.base + path)).status in {400, 404}
    for wrong in ("0" * 32, opened.source.token[:-1], opened.source.token.upper(), "%00", "é" * 32):
        assert (await client.get(f"{CAST_PATH}/{wrong}/master.m3u8")).status in {400, 404}
    assert (await client.post(f"{opened.base}/master.m3u8")).status == 405
    assert opened.violations == 0
    opened.source.detach()


async def test_a_thousand_casts_leave_nothing(
    addresses: CastAddresses, feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    onlooker = feed.view(gate.require())
    await send(camera)
    tasks = len(asyncio.all_tasks())
    kept: weakref.WeakSet[SessionHls] = weakref.WeakSet()
    tokens = set()
    for _ in range(1000):
        opened = Opened(addresses, feed, gate)
        kept.add(opened.source)
        tokens.add(opened.source.token)
        opened.source.detach()
        opened.source.end_in_background()
    del opened
    gc.collect()
    assert len(tokens) == 1000
    assert not kept
    assert len(addresses) == 0
    assert feed.viewers == 1
    assert len(asyncio.all_tasks()) == tasks
    onlooker.close()


async def test_a_display_shows_it_until_the_switch(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """A simulated display takes it as a real one: the page's origin, codecs, format, times."""
    client = await hass_client_no_auth()
    display = CastDisplay("Hall display", DISPLAY)
    async with running(display), CastSender(DISPLAY) as sender:
        await cast(hass)
        (session,) = entry.runtime_data.casts.sessions
        await sender.launch()
        url = f"http://{client.host}:{client.port}{session.pictures.path}"
        answer = await sender.load(url, **session.pictures.extra["media_info"])  # type: ignore[arg-type]
        assert answer["type"] == "MEDIA_STATUS"
        await until(lambda: display.screen.total > 30, 10)
        frames = tagged(display)
        assert {frame["did"] for frame in frames} == {home.cameras[0].spec.did}
        counters = [frame["counter"] for frame in frames]
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        assert all(frame["presented_ms"] - frame["captured_ms"] < 4000 for frame in frames)
        entry.runtime_data.gate.close()
        await until(lambda: display.state()["state"] == "IDLE", 10)
        assert display.state()["foreign"] == 0
