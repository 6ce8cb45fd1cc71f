"""Home Assistant's own `cast` integration judges the simulated display, all sockets real."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
import socket
from typing import TYPE_CHECKING

from homeassistant.components.camera.prefs import DynamicStreamSettings
from homeassistant.components.cast.const import CONF_KNOWN_HOSTS, DOMAIN
from homeassistant.components.stream import HLS_PROVIDER, Stream, create_stream
from homeassistant.components.zeroconf.const import DATA_INSTANCE
from homeassistant.components.zeroconf.models import HaAsyncZeroconf, HaZeroconf
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE, EVENT_HOMEASSISTANT_START
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from zeroconf import IPVersion

from simulator.display import CastDisplay
from tests.simulator.cast_sender import running, tagged
from tests.simulator.hls_source import HlsSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from homeassistant.core import Event, HomeAssistant

pytestmark = pytest.mark.peer

ADDRESS = "127.0.42.21"
SOURCE = "127.0.42.22"
HOME = "127.0.42.23"
HLS = "application/vnd.apple.mpegurl"
PLAYER = "media_player.hall_display"


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _zeroconf_on_loopback(hass: HomeAssistant) -> None:
    """Give Home Assistant the real mDNS it shares, but on loopback only."""
    zeroconf = HaAsyncZeroconf(zc=HaZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only))

    async def close(_: Event) -> None:
        await zeroconf.ha_async_close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, close)
    hass.data[DATA_INSTANCE] = zeroconf


@asynccontextmanager
async def _cast(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Set Google Cast up with the display as a known host; stopped while that is there."""
    _zeroconf_on_loopback(hass)
    port = _free_port(HOME)
    http = {"server_host": [HOME], "server_port": port}
    assert await async_setup_component(hass, "http", {"http": http})
    await hass.config.async_update(internal_url=f"http://{HOME}:{port}")
    entry = MockConfigEntry(
        domain=DOMAIN, data={"ignore_cec": [], CONF_KNOWN_HOSTS: [ADDRESS], "uuid": []}
    )
    entry.add_to_hass(hass)
    try:
        assert await hass.config_entries.async_setup(entry.entry_id)
        yield
    finally:
        await hass.async_stop(force=True)


async def _until(condition: Callable[[], bool], what: str, timeout: float = 10) -> None:
    try:
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not in time: {what}")


def _state(hass: HomeAssistant) -> str | None:
    state = hass.states.get(PLAYER)
    return state.state if state is not None else None


async def _play(hass: HomeAssistant, url: str, **extra: object) -> None:
    await hass.services.async_call(
        "media_player",
        "play_media",
        {
            "entity_id": PLAYER,
            "media_content_type": HLS,
            "media_content_id": url,
            "extra": extra,
        },
        blocking=True,
    )


FMP4 = {"stream_type": "LIVE", "media_info": {"hlsVideoSegmentFormat": "fmp4"}}


async def test_cast_plays_on_the_display(hass: HomeAssistant) -> None:
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), HlsSource(SOURCE) as source, _cast(hass):
        await _until(lambda: _state(hass) == "off", "the entity, with the idle screen")
        registered = er.async_get(hass).async_get(PLAYER)
        assert registered is not None
        assert registered.unique_id == str(display.uuid)
        assert registered.device_id is not None
        device = dr.async_get(hass).async_get(registered.device_id)
        assert isinstance(device, dr.DeviceEntry)
        assert (device.manufacturer, device.model) == ("Google Inc.", "Google Nest Hub")

        await _play(hass, source.url, **FMP4)
        await _until(lambda: _state(hass) == "playing", "playing")
        await _until(lambda: display.screen.total >= 12, "a second of pictures")
        state = hass.states.get(PLAYER)
        assert state is not None
        assert state.attributes["media_content_id"] == source.url
        assert state.attributes["app_name"] == "Default Media Receiver"
        assert {frame["did"] for frame in display.frames()} == {source.did}

        await hass.services.async_call(
            "media_player", "turn_off", {"entity_id": PLAYER}, blocking=True
        )
        shown = display.screen.total
        await _until(lambda: _state(hass) == "off", "off again")
        await asyncio.sleep(0.5)
        assert display.screen.total == shown
        assert display.state()["app"] == "Backdrop"
        assert (display.state()["foreign"], display.state()["errors"]) == (0, [])


async def test_cast_sees_a_failure_and_the_lack_of_the_format(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), HlsSource(SOURCE) as source, _cast(hass):
        await _until(lambda: _state(hass) == "off", "the entity")
        # Without the format in `extra` a real display fails on fragmented MP4, so does this.
        await _play(hass, source.url)
        await _until(lambda: _state(hass) == "idle", "the failure")
        assert "Load media failed with code 316(HLS_SEGMENT_PARSING)" in caplog.text
        await _play(hass, source.url, **FMP4)
        await _until(lambda: _state(hass) == "playing", "playing")
        source.answers["media"] = source.answers["segment"] = (404, b"")
        await _until(lambda: _state(hass) == "buffering", "an empty buffer")
        await _until(lambda: _state(hass) == "idle", "the end of patience")
        assert f"Failed to cast media {source.url}" in caplog.text


async def _end(stream: Stream) -> None:
    """End a stream and its timers; `Stream.stop` alone would leave these running."""
    for provider in list(stream.outputs().values()):
        await stream.remove_provider(provider)
    await stream.stop()


async def test_the_display_plays_home_assistants_own_stream(hass: HomeAssistant) -> None:
    """Low-latency HLS of the `stream` integration, over Home Assistant's real web server."""
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), HlsSource(SOURCE) as source, _cast(hass):
        short = {"ll_hls": True, "segment_duration": 2, "part_duration": 0.5}  # 6 and 1 by default
        assert await async_setup_component(hass, "stream", {"stream": short})
        hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
        await _until(lambda: _state(hass) == "off", "the entity")

        stream = create_stream(hass, source.stream_url, {}, DynamicStreamSettings())
        stream.add_provider(HLS_PROVIDER)
        await stream.start()
        try:
            # Home Assistant knows its own address and adds the format by itself.
            await _play(hass, stream.endpoint_url(HLS_PROVIDER))
            await _until(lambda: _state(hass) == "playing", "playing")
            await _until(lambda: display.screen.total >= 10, "a second of pictures")
            frames = tagged(display)
            assert {frame["did"] for frame in frames} == {source.did}
            assert display.state()["untagged"] == 0
            for frame in frames:
                assert 0 <= frame["presented_ms"] - frame["captured_ms"] < 10_000
            await _end(stream)
            await _until(lambda: _state(hass) == "idle", "the end", timeout=20)
            assert display.state()["state"] == "IDLE"
        finally:
            await _end(stream)
