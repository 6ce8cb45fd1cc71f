"""The real go2rtc takes pictures and sound from simulated cameras, as from real ones.

Of sound it knows A-law and Opus only: the other codecs of the simulated cameras (PCM, µ-law,
AAC) are judged here by whether go2rtc shows the pictures beside them. It searches by unicast
only, so it finds no camera that hears broadcasts alone. What it sends to speakers is broken for
every camera of this kind (its header fills the place of the sound), so it is no judge of them.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import av
import pytest

from .go2rtc_peer import (
    RTSP,
    camera_spec,
    check_tags,
    check_tone,
    dial_url,
    pull,
    running_camera,
    running_go2rtc,
)
from .own_client import check_same, watching

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("audio", ["pcma", "opus"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_pictures_and_sound(transport: str, codec: str, audio: str, tmp_path: Path) -> None:
    """Our own client watches too, and both see the same pictures."""
    spec = camera_spec("127.0.40.201", transport=transport, codec=codec, audio=audio)
    async with (
        running_camera(spec) as camera,
        running_go2rtc(tmp_path, dial_url(camera)) as peer,
        watching(camera, {0: 2}, audio=True) as own,
    ):
        pulled = await asyncio.to_thread(pull, peer.rtsp, options=RTSP)
        assert camera.media_connections_total == 2
    assert sorted(pulled.codecs) == sorted(
        ["h264" if codec == "h264" else "hevc", "pcm_alaw" if audio == "pcma" else "opus"]
    )
    check_tags(pulled, spec.did)
    check_tone(pulled)
    assert b"panic" not in peer.output
    assert b"unknown msg" not in peer.output
    check_same(own.tags(), [tag for tag, _ in pulled.tags if tag])
    assert {frame.codec.name for frame in own.sounds} == {audio.upper()}


@pytest.mark.parametrize("audio", ["pcm", "pcmu", "aac"])
async def test_pictures_beside_sound_it_does_not_know(audio: str, tmp_path: Path) -> None:
    """Asked for pictures only, go2rtc shows them; our own client hears the sound as well."""
    spec = camera_spec("127.0.40.206", audio=audio)
    async with (
        running_camera(spec) as camera,
        running_go2rtc(tmp_path, dial_url(camera, audio="0")) as peer,
        watching(camera, {0: 2}, audio=True) as own,
    ):
        pulled = await asyncio.to_thread(pull, peer.rtsp, options=RTSP)
    assert pulled.codecs == ["h264"]
    check_tags(pulled, spec.did)
    check_same(own.tags(), [tag for tag, _ in pulled.tags if tag])
    assert {frame.codec.name for frame in own.sounds} == {audio.upper()}
    assert {frame.sample_rate for frame in own.sounds} == {16000 if audio == "aac" else 8000}


async def test_transport_stream_of_a_model_that_needs_quality_3(tmp_path: Path) -> None:
    spec = camera_spec(
        "127.0.40.202", model="chuangmi.camera.046c04", qualities={3: (640, 360)}, audio="opus"
    )
    async with running_camera(spec) as camera, running_go2rtc(tmp_path, dial_url(camera)) as peer:
        url = f"{peer.api}/stream.ts?src=camera"
        pulled = await asyncio.to_thread(pull, url, options={"analyzeduration": "1000000"})
    assert "h264" in pulled.codecs
    check_tags(pulled, spec.did)


@pytest.mark.parametrize("interleaves", [True, False])
async def test_both_lenses(interleaves: bool, tmp_path: Path) -> None:
    """go2rtc takes a session for each lens, our client one for both where the camera can."""
    spec = camera_spec("127.0.40.203", lenses=2, interleaves=interleaves, viewers=4)
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(running_camera(spec))
        urls = (dial_url(camera, audio="0"), dial_url(camera, channel="2", audio="0"))
        peer = await stack.enter_async_context(running_go2rtc(tmp_path, *urls))
        sessions = [{0: 2, 1: 2}] if interleaves else [{0: 2}, {1: 2}]
        own = [await stack.enter_async_context(watching(camera, one)) for one in sessions]
        first, second = await asyncio.gather(
            *(
                asyncio.to_thread(pull, f"{peer.rtsp}{suffix}", options={"rtsp_transport": "tcp"})
                for suffix in ("", "1")
            )
        )
        assert camera.media_connections_total == len(sessions) + 2
    for lens, pulled in enumerate((first, second)):
        assert pulled.codecs == ["h264"]
        check_tags(pulled, spec.did, lens)
        check_same(
            next(one for one in own if lens in one.pictures).tags(lens),
            [tag for tag, _ in pulled.tags if tag],
        )


@pytest.mark.parametrize("knobs", ["both_ready", "ready_address"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_ways_to_say_ready(transport: str, knobs: str, tmp_path: Path) -> None:
    spec = camera_spec("127.0.40.207", transport=transport)
    async with running_camera(spec) as camera:
        setattr(camera.miss, knobs, True)
        async with running_go2rtc(tmp_path, dial_url(camera, audio="0")) as peer:
            pulled = await asyncio.to_thread(pull, peer.rtsp, options={"rtsp_transport": "tcp"})
    check_tags(pulled, spec.did)


async def test_over_a_network_that_loses_and_disorders(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(running_camera(camera_spec("127.0.40.204")))
        peer = await stack.enter_async_context(running_go2rtc(tmp_path, dial_url(camera)))
        options = {"rtsp_transport": "tcp"}
        pulling = asyncio.create_task(asyncio.to_thread(pull, peer.rtsp, options=options))
        # Not before: go2rtc does not always repeat the first words of its own.
        async with asyncio.timeout(10):
            while camera.frames_sent == 0:
                await asyncio.sleep(0.01)
        camera.miss.loss = 0.03
        camera.miss.duplicate = 0.05
        camera.miss.delay = 0.02
        pulled = await pulling
    check_tags(pulled, camera.spec.did)


@pytest.mark.parametrize("reason", ["sign", "asleep", "battery", "broadcast"])
async def test_no_picture_without_the_right_to_it(reason: str, tmp_path: Path) -> None:
    spec = camera_spec(
        "127.0.40.205",
        asleep=reason == "battery",
        search="broadcast" if reason == "broadcast" else "any",
    )
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(running_camera(spec))
        url = dial_url(camera, sign="00" * 32) if reason == "sign" else dial_url(camera)
        camera.power = reason != "asleep"
        peer = await stack.enter_async_context(running_go2rtc(tmp_path, url))
        with pytest.raises((av.FFmpegError, TimeoutError)):
            await asyncio.to_thread(
                pull, peer.rtsp, options={"rtsp_transport": "tcp", "timeout": "2000000"}
            )
        assert camera.frames_sent == 0
        if reason in {"battery", "broadcast"}:
            assert camera.media_connections_total == 0
            return
        assert camera.media_connections_total >= 1
        if reason == "sign":
            assert camera.viewers == 0
            async with asyncio.timeout(5):
                while b"miss: auth: " not in peer.output:
                    await asyncio.sleep(0.01)
        else:
            assert camera.viewers >= 1


async def test_a_woken_camera(tmp_path: Path) -> None:
    spec = camera_spec("127.0.40.208", asleep=True)
    async with running_camera(spec) as camera:
        camera.wake()
        async with running_go2rtc(tmp_path, dial_url(camera, audio="0")) as peer:
            pulled = await asyncio.to_thread(pull, peer.rtsp, options={"rtsp_transport": "tcp"})
    check_tags(pulled, spec.did)
