"""The real go2rtc takes pictures and sound from the relay, as it does for WebRTC."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from custom_components.mi_camera.media import Feed, Relay
from tests.peers import go2rtc_peer as peer

from .test_upstream import House

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = {"aac": "video&audio", "opus": "video&audio=opus"}
pytestmark = pytest.mark.peer


def _pitch(pulled: peer.Pulled) -> float:
    sound = pulled.sound[-pulled.rate // 2 :]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * pulled.rate / len(sound)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("audio", ["pcma", "opus", None])
async def test_pictures_and_sound(codec: str, audio: str | None, tmp_path: Path) -> None:
    """Opus is passed on as the camera codes it, so that WebRTC needs no other program."""
    house = await House.start(
        codec=codec, audio=audio or "pcma", did=1001001001, address="127.0.51.2"
    )
    relay = Relay()
    await relay.start()
    upstream = house.upstream(sound=lambda: audio is not None)
    feed = Feed(upstream.source, upstream.connect)
    url = relay.grant(feed, house.gate.require())
    options = {"rtsp_transport": "tcp", "analyzeduration": "500000"}
    try:
        async with peer.running_go2rtc(tmp_path, url) as go2rtc:
            for wanted in ("aac", "opus") if audio == "opus" else ("aac",):
                pulled = await asyncio.to_thread(
                    peer.pull, f"{go2rtc.rtsp}?{QUERIES[wanted]}", options=options
                )
                names = {"h264" if codec == "h264" else "hevc"} | ({wanted} if audio else set())
                assert set(pulled.codecs) == names
                peer.check_tags(pulled, house.camera.spec.did)
                if audio:
                    assert pulled.rate == {"aac": 16000, "opus": 48000}[wanted]
                    assert abs(_pitch(pulled) - peer.PITCH) <= 4
            assert b"panic" not in go2rtc.output
    finally:
        await feed.close()
        await relay.stop()
        await house.stop()
