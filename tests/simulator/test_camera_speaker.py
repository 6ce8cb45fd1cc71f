"""The speaker of the simulated camera: when it listens, to what, and what it heard."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from simulator.camera.miss_wire import SOUND_CODECS
from simulator.camera.speaker import KEPT_FRAMES, Speaker
from simulator.encoder import FORMATS, sound

from .cameras import until

if TYPE_CHECKING:
    from simulator.camera.spec import AudioCodec

    from .cameras import MakeCamera, MakePeer

OK = bytes(4)
PITCH = 440


def pitch_of(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("codec", ["pcma", "pcmu", "pcm", "opus", "aac"])
async def test_what_is_said_is_heard(
    codec: AudioCodec, transport: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(speaker=codec, transport=transport)
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    assert await peer.ask(0x106) == OK
    frames = sound(codec, PITCH)[:50]
    for index, frame in enumerate(frames):
        peer.say(SOUND_CODECS[codec], frame, index * 40)
        await asyncio.sleep(0)
    await until(lambda: len(camera.miss.speaker.frames) == len(frames))
    assert [frame.data for frame in camera.miss.speaker.frames] == list(frames)
    assert [frame.timestamp_ms for frame in camera.miss.speaker.frames] == [
        index * 40 for index in range(50)
    ]
    samples, rate = camera.miss.speaker_sound()
    assert samples.dtype == np.int16
    assert samples.ndim == 1
    assert rate == FORMATS[codec].rate
    seconds = 50 * FORMATS[codec].frame_ms / 1000
    assert len(samples) / rate == pytest.approx(seconds, abs=0.07)
    assert camera.miss.speaker.seconds == pytest.approx(seconds)
    assert pitch_of(samples, rate) == pytest.approx(PITCH, abs=2)
    assert camera.miss.speaker_refused == 0


async def test_only_between_start_and_stop(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    frame = bytes(320)
    peer.say(0x403, frame)
    await until(lambda: camera.miss.speaker_refused == 1)
    assert await peer.ask(0x106) == OK
    peer.say(0x403, frame)
    await until(lambda: len(camera.miss.speaker.frames) == 1)
    peer.command(0x108)
    await peer.ask(0x10B)
    peer.say(0x403, frame)
    await until(lambda: camera.miss.speaker_refused == 2)
    assert camera.miss.speaker.refused == {"unasked": 2}
    assert len(camera.miss.speaker.frames) == 1


async def test_what_it_does_not_take(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(audio="pcm", speaker="opus")
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    assert await peer.ask(0x106) == OK
    peer.say(0x403, bytes(320))
    peer.say(0x408, b"")
    peer.say(0x408, b"\x00\xff" * 400)
    peer.say(0x408, bytes([3, 63]) + bytes(40))  # 63 frames of 10 ms: too long
    peer.send_record(3, b"short")
    peer.send_record(3, b"\xff" * 60)
    await until(lambda: camera.miss.speaker_refused >= 5)
    refused = camera.miss.speaker.refused
    assert refused["codec"] == 1
    assert refused["malformed"] >= 4
    assert camera.media_connections == 1


async def test_one_at_a_time(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    first, second = await peer_of(camera), await peer_of(camera)
    for peer in (first, second):
        await peer.open()
        await peer.authenticate()
    assert await first.ask(0x106) == OK
    assert await first.ask(0x106) == OK
    assert await second.ask(0x106) == b"\x0f\0\0\0"
    second.say(0x403, bytes(320))
    await until(lambda: camera.miss.speaker.refused["unasked"] == 1)
    first.raw(bytes.fromhex("f1f00000"))
    await until(lambda: camera.media_connections == 1)
    assert await second.ask(0x106) == OK


async def test_busy_none_and_text(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    camera.miss.speaker_busy = True
    assert await peer.ask(0x106) == b"\x0f\0\0\0"
    peer.say(0x403, bytes(320))
    await until(lambda: camera.miss.speaker_refused == 1)
    camera.miss.speaker_busy = False
    camera.miss.speaker.status_as_text = True
    assert await peer.ask(0x106) == b"0"

    mute = await camera_at(speaker=None)
    peer = await peer_of(mute)
    await peer.open()
    await peer.authenticate()
    assert await peer.ask(0x106) == b"\x17\0\0\0"
    peer.say(0x403, bytes(320))
    await until(lambda: mute.miss.speaker_refused == 1)
    samples, _ = mute.miss.speaker_sound()
    assert len(samples) == 0


async def test_pace_can_be_judged(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    await peer.ask(0x106)
    for _ in range(15):
        peer.say(0x403, bytes(320))
        await asyncio.sleep(0.04)
    await until(lambda: len(camera.miss.speaker_arrivals) == 15)
    steps = [b - a for a, b in itertools.pairwise(camera.miss.speaker_arrivals)]
    assert 0.035 < sum(steps) / len(steps) < 0.08


def test_what_it_keeps_is_bounded() -> None:
    speaker, owner = Speaker("pcm"), object()
    speaker.start(owner)
    for _ in range(KEPT_FRAMES + 100):
        speaker.take(owner, 0x400, 0, bytes(640))
    assert len(speaker.frames) == KEPT_FRAMES
    assert speaker.seconds == pytest.approx((KEPT_FRAMES + 100) * 0.04)
    speaker.take(owner, 0x400, 0, bytes(641))
    speaker.take(owner, 0x400, 0, bytes(64000))
    assert speaker.refused == {"malformed": 2}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["pcma", "pcmu", "pcm", "opus", "aac"]),
    st.lists(st.binary(max_size=400), max_size=4),
    st.booleans(),
)
def test_any_bytes_are_heard_or_refused(
    codec: AudioCodec, frames: list[bytes], headed: bool
) -> None:
    speaker, owner = Speaker(codec), object()
    speaker.start(owner)
    head = sound(codec, PITCH)[0][:9] if headed else b""
    for frame in frames:
        speaker.take(owner, SOUND_CODECS[codec], 0, head + frame)
    assert len(speaker.frames) + speaker.refused.total() == len(frames)
    samples, rate = speaker.sound()
    assert samples.dtype == np.int16
    assert len(samples) <= rate * (speaker.seconds + 0.2)


@pytest.mark.parametrize(
    ("audio", "speaker"), [("pcma", "pcma"), ("aac", "pcma"), ("pcmu", "pcma"), ("opus", "opus")]
)
async def test_default(audio: str, speaker: str, camera_at: MakeCamera) -> None:
    camera = await camera_at(audio=audio)
    assert camera.spec.speaker == speaker
