"""PyChromecast, the library Home Assistant casts with, judges the simulated display."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pychromecast
from pychromecast.controllers.media import MediaStatusListener
from pychromecast.discovery import CastBrowser, SimpleCastListener
from pychromecast.error import RequestFailed
from pychromecast.quick_play import quick_play
import pytest

from simulator.display import CastDisplay
from tests.simulator.cast_sender import running, tagged
from tests.simulator.hls_source import HlsSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from pychromecast.controllers.media import MediaStatus

pytestmark = pytest.mark.peer

ADDRESS = "127.0.42.11"
SOURCE = "127.0.42.12"
HLS = "application/vnd.apple.mpegurl"


class Listener(MediaStatusListener):  # type: ignore[misc]
    """Collects what PyChromecast makes of the display's messages."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.failures: list[tuple[int, int]] = []
        self.news = threading.Condition()

    def new_media_status(self, status: MediaStatus) -> None:
        with self.news:
            state = status.player_state
            if status.idle_reason:
                state += f"/{status.idle_reason}"
            if self.states[-1:] != [state]:
                self.states.append(state)
            self.news.notify_all()

    def load_media_failed(self, queue_item_id: int, error_code: int) -> None:
        with self.news:
            self.failures.append((queue_item_id, error_code))
            self.news.notify_all()

    def wait(self, wanted: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(wanted, 10), (self.states, self.failures)


def _discover() -> pychromecast.models.CastInfo:
    """Find the display the way a list of known hosts is followed; no mDNS."""
    found = threading.Event()
    browser = CastBrowser(SimpleCastListener(lambda *_: found.set()), None, [ADDRESS])
    browser.start_discovery()
    try:
        assert found.wait(10)
        (info,) = browser.devices.values()
        return info
    finally:
        browser.stop_discovery()


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    pytest.fail("did not come")


def _cast(display: CastDisplay, source: HlsSource) -> None:
    """Be the sender, from finding the display to leaving it; blocking."""
    info = _discover()
    assert info.uuid == display.uuid
    assert info.friendly_name == "Hall display"
    assert info.model_name == "Google Nest Hub"
    assert info.cast_type == pychromecast.CAST_TYPE_CHROMECAST
    assert info.manufacturer == "Google Inc."
    cast = pychromecast.get_chromecast_from_cast_info(info, zconf=None)
    listener = Listener()
    cast.media_controller.register_status_listener(listener)
    try:
        cast.wait(timeout=10)
        assert cast.app_id == pychromecast.IDLE_APP_ID
        assert cast.is_idle
        cast.set_volume(0.3)
        cast.set_volume_muted(True)
        _wait(lambda: cast.status is not None and cast.status.volume_muted)
        assert cast.status is not None
        assert cast.status.volume_level == pytest.approx(0.3)

        media = cast.media_controller
        quick_play(
            cast,
            "default_media_receiver",
            {
                "media_id": source.url,
                "media_type": HLS,
                "stream_type": "LIVE",
                "media_info": {"hlsVideoSegmentFormat": "fmp4"},
            },
        )
        assert cast.app_display_name == "Default Media Receiver"
        assert media.status.player_state == "PLAYING"
        assert media.status.content_id == source.url
        assert media.status.stream_type_is_live
        # UNKNOWN is PyChromecast's own, before it has heard anything.
        assert [state for state in listener.states if state != "UNKNOWN"] == [
            "IDLE",
            "BUFFERING",
            "PLAYING",
        ]
        _wait(lambda: display.screen.total >= 12)
        media.pause()
        _wait(lambda: media.status.player_is_paused)
        media.play()
        _wait(lambda: media.status.player_state == "PLAYING")

        cast.quit_app()
        _wait(lambda: cast.app_id == pychromecast.IDLE_APP_ID)
        shown = display.screen.total
        _wait(lambda: media.status.player_state == "UNKNOWN")

        # A stream that is not there.
        source.answers["master"] = (404, b"")
        cast.play_media(source.url, HLS, media_info={"hlsVideoSegmentFormat": "fmp4"})
        listener.wait(lambda: bool(listener.failures))
        assert listener.failures == [(1, 311)]
        assert listener.states[-1] == "IDLE/ERROR"
        assert display.screen.total == shown

        # An application that is not there.
        with pytest.raises(RequestFailed):
            cast.start_app("233637DE")
        cast.quit_app()
    finally:
        cast.disconnect(timeout=10)


async def test_find_play_and_leave() -> None:
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), HlsSource(SOURCE) as source:
        await asyncio.to_thread(_cast, display, source)
        frames = tagged(display)
        counters = [frame["counter"] for frame in frames]
        assert {frame["did"] for frame in frames} == {source.did}
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        assert display.state()["app"] == "Backdrop"
        assert display.state()["foreign"] == 0


def _watch(uuid: UUID, beats: int) -> str:
    """Stay connected for some of the display's pings; blocking."""
    cast = pychromecast.get_chromecast_from_host((ADDRESS, 8009, uuid, None, "Hall display"))
    try:
        cast.wait(timeout=10)
        for _ in range(beats):
            threading.Event().wait(0.1)
        assert cast.socket_client.is_connected
        return str(cast.cast_type)
    finally:
        cast.disconnect(timeout=10)


async def test_by_address_and_alive_by_heartbeats_alone() -> None:
    # Silence of 0.8 s ends a connection here; only the answers to our pings keep it.
    display = CastDisplay("Hall display", ADDRESS, ping_interval=0.2)
    async with running(display):
        kind = await asyncio.to_thread(_watch, display.uuid, 20)
        assert kind == pychromecast.CAST_TYPE_CHROMECAST
