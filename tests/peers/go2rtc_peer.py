"""The real go2rtc as a client of simulated cameras: running it, and judging what it gives."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import av
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
import numpy as np

from simulator.camera import CameraSpec, SimCamera
from simulator.house.go2rtc import find_go2rtc
from simulator.keys import KeyBook
from simulator.tag import Tag, read_frame

from .programs import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RTSP = {"rtsp_transport": "tcp", "analyzeduration": "500000"}
FRAMES = 24
PITCH = 294  # of a camera whose did ends like ours
_FRESH_MS = 3000


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def camera_spec(address: str, **changes: Any) -> CameraSpec:
    """Describe a camera with small pictures."""
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
async def running_camera(spec: CameraSpec) -> AsyncIterator[SimCamera]:
    """Run a camera with a key book of its own."""
    camera = SimCamera(spec, KeyBook())
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


def dial_url(camera: SimCamera, **more: str) -> str:
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
class Go2rtc:
    """A running go2rtc."""

    api: str
    rtsp: str
    output: bytearray


@asynccontextmanager
async def running_go2rtc(tmp_path: Path, *urls: str) -> AsyncIterator[Go2rtc]:
    """Run go2rtc on loopback ports of its own; its streams are `camera`, `camera1` and so on."""
    program = required(find_go2rtc(), "go2rtc")
    api, rtsp = _free_port(), _free_port()
    config = tmp_path / "go2rtc.yaml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "api": {"listen": f"127.0.0.1:{api}"},
                "rtsp": {"listen": f"127.0.0.1:{rtsp}"},
                "webrtc": {"listen": ""},
                "srtp": {"listen": ""},
                "streams": {f"camera{index or ''}": url for index, url in enumerate(urls)},
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
        yield Go2rtc(f"http://127.0.0.1:{api}/api", f"rtsp://127.0.0.1:{rtsp}/camera", output)
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
        await collecting


@dataclass
class Pulled:
    """What came out of a stream."""

    codecs: list[str]
    tags: list[tuple[Tag | None, int]]
    """Tags of the decoded pictures, with the unix ms at which each was decoded."""
    sound: np.ndarray
    rate: int


def pull(url: str, *, frames: int = FRAMES, options: dict[str, str] | None = None) -> Pulled:
    """Decode a stream until there are enough pictures, and a second of sound if it has any."""
    pulled = Pulled([], [], np.zeros(0), 0)
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


def check_tags(pulled: Pulled, did: int, lens: int = 0) -> None:
    """Check that the pictures are this lens's, complete and fresh."""
    tags = [tag for tag, _ in pulled.tags if tag is not None]
    # Decoding may begin in the middle of a group; nothing unreadable may come after that.
    first = next(index for index, (tag, _) in enumerate(pulled.tags) if tag is not None)
    assert len(tags) == len(pulled.tags) - first >= FRAMES - 15
    assert {(tag.did, tag.lens) for tag in tags} == {(did, lens)}
    counters = [tag.counter for tag in tags]
    assert counters == list(range(counters[0], counters[0] + len(tags)))
    ages = [at - tag.captured_ms for tag, at in pulled.tags if tag is not None]
    assert all(0 <= age < _FRESH_MS for age in ages), ages


def check_tone(pulled: Pulled) -> None:
    """Check that the sound is the camera's tone."""
    assert pulled.rate in {8000, 48000}
    sound = pulled.sound[-pulled.rate :]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(np.argmax(spectrum) * pulled.rate / len(sound) - PITCH) <= 2
