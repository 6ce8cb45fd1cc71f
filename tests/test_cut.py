"""All that was given out ends at once, whatever others do: slow readers, providers that fail."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.camera import async_register_webrtc_provider, async_request_stream
from homeassistant.core import callback
import pytest

from custom_components.mi_camera.const import DOMAIN

from .test_camera import KITCHEN, ended, poll
from .test_hub import entity_of
from .test_webrtc import Provider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

VIEWERS = 5


class Failing(Provider):
    """Fails at the end of each session."""

    @callback
    @override
    def async_close_session(self, session_id: str) -> None:
        super().async_close_session(session_id)
        raise KeyError(session_id)


async def hls_parts(client: TestClient, master: str) -> list[str]:
    """Every address of a stream, once it has a segment."""
    base = master.rpartition("/")[0]
    assert (await client.get(master)).status == 200
    async with asyncio.timeout(15):
        while True:
            text = await (await client.get(f"{base}/playlist.m3u8")).text()
            if names := [line for line in text.splitlines() if line.endswith(".m4s")]:
                break
            await asyncio.sleep(0.2)
    segments = [name.removeprefix("./") for name in names if not name.startswith("#")]
    return [master, *(f"{base}/{name}" for name in ("playlist.m3u8", "init.mp4", *segments))]


async def test_failing_viewers_keep_nothing_alive(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither a provider that fails nor a browser that cannot be told."""
    provider = Failing()
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    client = await hass_client()
    camera = entity_of(hass)
    told: list[str] = []

    def send(session_id: str) -> None:
        told.append(session_id)
        if camera.lens.permit() is None:
            raise ConnectionError(session_id)

    for number in range(VIEWERS):
        await camera.async_handle_async_webrtc_offer(
            "v=0", f"s{number}", lambda _, number=number: send(f"s{number}")
        )
    told.clear()
    tokens = set(camera.access_tokens)
    parts = await hls_parts(client, await async_request_stream(hass, KITCHEN, "hls"))
    stream = camera.stream
    assert stream is not None
    await hass.services.async_call(DOMAIN, "disable_all", {}, blocking=True)
    assert stream.access_token is None
    assert camera.stream is None
    assert not tokens & set(camera.access_tokens)
    assert {(await client.get(part)).status for part in parts} == {404}
    assert sorted(told) == [f"s{number}" for number in range(VIEWERS)]
    assert not provider.sessions
    assert not len(camera.lens.webrtc)
    assert caplog.text.count("ConnectionError('s") == VIEWERS


async def test_tokens_go_first(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything that may fail."""
    camera = entity_of(hass)
    tokens = set(camera.access_tokens)

    def fail() -> None:
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(camera, "_drop_stream", fail)
        await hass.services.async_call(DOMAIN, "disable_all", {}, blocking=True)
    assert not tokens & set(camera.access_tokens)


# -- series of stills -----------------------------------------------------------------------------


class SlowView:
    """An MJPEG view that takes nothing until it is asked to; little fits on its own side."""

    def __init__(self, client: TestClient, entity_id: str, token: str) -> None:
        self._url = client.make_url(f"/api/camera_proxy_stream/{entity_id}?token={token}")
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

    async def begin(self) -> None:
        url, loop = self._url, asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (url.host, url.port))
        request = f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n\r\n"
        await loop.sock_sendall(self._socket, request.encode())

    async def rest(self) -> bytes:
        """All that still comes, once it takes something."""
        loop, data = asyncio.get_running_loop(), b""
        try:
            async with asyncio.timeout(8):
                while piece := await loop.sock_recv(self._socket, 1 << 16):
                    data += piece
        except ConnectionResetError:
            pass
        return data

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def slow(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_client: ClientSessionGenerator
) -> AsyncGenerator[SlowView]:
    """A view for which some stills wait."""
    token = hass.states.get(KITCHEN).attributes["access_token"]
    view = SlowView(await hass_client(), KITCHEN, token)
    await view.begin()
    await asyncio.sleep(4)
    yield view
    view.close()


async def _switch_off(hass: HomeAssistant, _home: Home) -> None:
    await hass.services.async_call(DOMAIN, "disable_all", {}, blocking=True)


async def _rename(hass: HomeAssistant, _home: Home) -> None:
    entity_of(hass).async_entity_id_changed("camera.before")


async def _fall_asleep(hass: HomeAssistant, home: Home) -> None:
    home.cameras[0].power = False
    await poll(hass)


@pytest.mark.parametrize("end", [_switch_off, _rename, _fall_asleep])
async def test_a_slow_view_gets_nothing_that_waited_for_it(
    hass: HomeAssistant, home: Home, slow: SlowView, end: Callable[..., Any]
) -> None:
    assert len(entity_of(hass)._mjpeg) == 1
    await end(hass, home)
    assert len(entity_of(hass)._mjpeg) == 0
    await asyncio.sleep(0.5)
    data = await slow.rest()
    assert data.count(b"\xff\xd9\r\n") == 0


async def test_views_that_left_are_not_kept_and_there_are_not_too_many(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.mi_camera.mjpeg_views._MAX_VIEWS", 2)
    client, camera = await hass_client(), entity_of(hass)
    url = f"/api/camera_proxy_stream/{KITCHEN}"
    views = [await client.get(f"{url}{query}") for query in ("", "?interval=0.6")]
    for view in views:
        assert view.status == 200
        await view.content.readany()
    assert (await client.get(url)).status == 503
    for view in views:
        view.close()
    async with asyncio.timeout(5):
        while len(camera._mjpeg):
            await asyncio.sleep(0.05)
    view = await client.get(url)
    assert view.status == 200
    await view.content.readany()
    await hass.services.async_call(DOMAIN, "disable_all", {}, blocking=True)
    await ended(view)
    assert not len(camera._mjpeg)
