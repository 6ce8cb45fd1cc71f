"""The real go2rtc takes pictures and sound from simulated cameras, as from real ones."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import av
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
import numpy as np
import pytest

from simulator.camera import CameraSpec, SimCamera
from simulator.keys import KeyBook
from simulator.tag import Tag, read_frame

from .programs import go2rtc, required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.peer

_FRAMES = 24
_PITCH = 294  # of a camera whose did ends like ours
_FRESH_MS = 3000


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _spec(address: str, **changes: Any) -> CameraSpec:
    fields: dict[str, Any] = {
        "did": 1001001001,
        "model": "chuangmi.camera.021a04",
        "name": "Kitchen",
        "scene": "kitchen",
        "address": address,
        "mac": "54:EF:44:00:00:01",
        "token": bytes(range(16)),
        "gop_seconds": 0.8,
        "qualities": {1: (320, 180), 2: (640, 360), 3: (640, 360)},
    }
    return CameraSpec(**(fields | changes))


@asynccontextmanager
async def _camera(spec: CameraSpec) -> AsyncIterator[SimCamera]:
    camera = SimCamera(spec, KeyBook())
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


def _url(camera: SimCamera, **more: str) -> str:
    """Return the address by which go2rtc dials a camera without any cloud."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    did = camera.spec.did
    query = {
        "vendor": "cs2",
        "model": camera.spec.model,
        "did": str(did),
        "client_public": public.hex(),
        "client_private": private.private_bytes_raw().hex(),
        "device_public": camera.keys.device_public(did).hex(),
        "sign": camera.keys.sign(did, public),
    }
    return f"xiaomi://{camera.spec.address}?{urlencode(query | more)}"


@dataclass
class _Go2rtc:
    api: str
    rtsp: str
    output: bytearray


@asynccontextmanager
async def _running(tmp_path: Path, url: str) -> AsyncIterator[_Go2rtc]:
    """Run go2rtc with one stream called `camera`, on loopback ports of its own."""
    program = required(go2rtc(), "go2rtc")
    api, rtsp = _free_port(), _free_port()
    config = tmp_path / "go2rtc.yaml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "api": {"listen": f"127.0.0.1:{api}"},
                "rtsp": {"listen": f"127.0.0.1:{rtsp}"},
                "webrtc": {"listen": ""},
                "srtp": {"listen": ""},
                "streams": {"camera": url},
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        str(program),
        "-config",
        str(config),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = bytearray()

    async def collect() -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(4096):
            output.extend(data)

    collecting = asyncio.create_task(collect())
    try:
        async with asyncio.timeout(10):
            for port in (api, rtsp):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except ConnectionRefusedError:
                        await asyncio.sleep(0.02)
                    else:
                        writer.close()
                        break
        yield _Go2rtc(f"http://127.0.0.1:{api}/api", f"rtsp://127.0.0.1:{rtsp}/camera", output)
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
        await collecting


@dataclass
class _Pulled:
    codecs: list[str]
    tags: list[tuple[Tag | None, int]]
    """Tags of the decoded pictures, with the unix ms at which each was decoded."""
    sound: np.ndarray
    rate: int


def _pull(url: str, *, frames: int = _FRAMES, options: dict[str, str] | None = None) -> _Pulled:
    """Decode a stream until there are enough pictures, and a second of sound if it has any."""
    pulled = _Pulled([], [], np.zeros(0), 0)
    with av.open(url, options=options or {}, timeout=(10, 5)) as container:
        pulled.codecs = [stream.codec_context.name for stream in container.streams]
        wanted = [*container.streams.video, *container.streams.audio]
        chunks: list[np.ndarray] = []
        samples = 0
        for frame in container.decode(wanted):
            if isinstance(frame, av.VideoFrame):
                pulled.tags.append((read_frame(frame), time.time_ns() // 1_000_000))
            elif isinstance(frame, av.AudioFrame):
                pulled.rate = frame.sample_rate
                data = frame.to_ndarray()
                mono = data.reshape(-1, len(frame.layout.channels))[:, 0]
                chunks.append((data[0] if frame.format.is_planar else mono).astype(float))
                samples += frame.samples
            enough = not container.streams.audio or samples >= pulled.rate > 0
            if len(pulled.tags) >= frames and enough:
                break
        if chunks:
            pulled.sound = np.concatenate(chunks)
    return pulled


def _check_tags(pulled: _Pulled, did: int, lens: int = 0) -> None:
    tags = [tag for tag, _ in pulled.tags if tag is not None]
    # Decoding may begin in the middle of a group; nothing unreadable may come after that.
    first = next(index for index, (tag, _) in enumerate(pulled.tags) if tag is not None)
    assert len(tags) == len(pulled.tags) - first >= _FRAMES - 15
    assert {(tag.did, tag.lens) for tag in tags} == {(did, lens)}
    counters = [tag.counter for tag in tags]
    assert counters == list(range(counters[0], counters[0] + len(tags)))
    ages = [at - tag.captured_ms for tag, at in pulled.tags if tag is not None]
    assert all(0 <= age < _FRESH_MS for age in ages), ages


def _check_tone(pulled: _Pulled) -> None:
    assert pulled.rate in {8000, 48000}
    sound = pulled.sound[-pulled.rate :]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(np.argmax(spectrum) * pulled.rate / len(sound) - _PITCH) <= 2


@pytest.mark.parametrize("audio", ["pcma", "opus"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_pictures_and_sound(transport: str, codec: str, audio: str, tmp_path: Path) -> None:
    spec = _spec("127.0.40.201", transport=transport, codec=codec, audio=audio)
    async with _camera(spec) as camera, _running(tmp_path, _url(camera)) as peer:
        pulled = await asyncio.to_thread(
            _pull, peer.rtsp, options={"rtsp_transport": "tcp", "analyzeduration": "500000"}
        )
        assert camera.media_connections_total == 1
    assert sorted(pulled.codecs) == sorted(
        ["h264" if codec == "h264" else "hevc", "pcm_alaw" if audio == "pcma" else "opus"]
    )
    _check_tags(pulled, spec.did)
    _check_tone(pulled)
    assert b"panic" not in peer.output
    assert b"unknown msg" not in peer.output


async def test_transport_stream_of_a_model_that_needs_quality_3(tmp_path: Path) -> None:
    spec = _spec(
        "127.0.40.202", model="chuangmi.camera.046c04", qualities={3: (640, 360)}, audio="opus"
    )
    async with _camera(spec) as camera, _running(tmp_path, _url(camera)) as peer:
        url = f"{peer.api}/stream.ts?src=camera"
        pulled = await asyncio.to_thread(_pull, url, options={"analyzeduration": "1000000"})
    assert "h264" in pulled.codecs
    _check_tags(pulled, spec.did)


async def test_second_lens_without_sound(tmp_path: Path) -> None:
    spec = _spec("127.0.40.203", lenses=2)
    async with (
        _camera(spec) as camera,
        _running(tmp_path, _url(camera, channel="2", audio="0")) as peer,
    ):
        pulled = await asyncio.to_thread(_pull, peer.rtsp, options={"rtsp_transport": "tcp"})
    assert pulled.codecs == ["h264"]
    _check_tags(pulled, spec.did, lens=1)


async def test_over_a_network_that_loses_and_disorders(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(_camera(_spec("127.0.40.204")))
        peer = await stack.enter_async_context(_running(tmp_path, _url(camera)))
        options = {"rtsp_transport": "tcp"}
        pulling = asyncio.create_task(asyncio.to_thread(_pull, peer.rtsp, options=options))
        # Not before: go2rtc does not always repeat the first words of its own.
        async with asyncio.timeout(10):
            while camera.frames_sent == 0:
                await asyncio.sleep(0.01)
        camera.miss.loss = 0.03
        camera.miss.duplicate = 0.05
        camera.miss.delay = 0.02
        pulled = await pulling
    _check_tags(pulled, camera.spec.did)


@pytest.mark.parametrize("reason", ["sign", "asleep"])
async def test_no_picture_without_the_right_to_it(reason: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(_camera(_spec("127.0.40.205")))
        url = _url(camera, sign="00" * 32) if reason == "sign" else _url(camera)
        camera.power = reason != "asleep"
        peer = await stack.enter_async_context(_running(tmp_path, url))
        with pytest.raises((av.FFmpegError, TimeoutError)):
            await asyncio.to_thread(
                _pull, peer.rtsp, options={"rtsp_transport": "tcp", "timeout": "2000000"}
            )
        assert camera.frames_sent == 0
        assert camera.media_connections_total >= 1
        if reason == "sign":
            assert camera.viewers == 0
            async with asyncio.timeout(5):
                while b"miss: auth: " not in peer.output:
                    await asyncio.sleep(0.01)
        else:
            assert camera.viewers >= 1
