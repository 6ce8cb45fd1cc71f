"""Whatever a camera speaks is heard as AAC, when it was said."""

from __future__ import annotations

import asyncio
from functools import cache
import io
import time
from typing import TYPE_CHECKING, cast

import av
from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.mi_camera.media import (
    Feed,
    FeedLimits,
    FeedState,
    SoundUnit,
    Source,
    Tracks,
    clock,
)
from custom_components.mi_camera.media.sound import SoundTrack
from custom_components.mi_camera.miss import Codec

from .pictures import GROUP, FakeCamera
from .test_feed import LIMITS, drain, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from custom_components.mi_camera.gate import Gate
    from custom_components.mi_camera.media.mux import SoundPacket
    from custom_components.mi_camera.media.viewer import Viewer

SOURCE = Source("1001")
SECONDS = 0.04
START = 100.0
BEEP_AT, BEEP_UNTIL = 1.0, 1.5
KINDS = {
    Codec.PCM: ("pcm_s16le", 8000, 1),
    Codec.PCMU: ("pcm_mulaw", 8000, 1),
    Codec.PCMA: ("pcm_alaw", 16000, 1),
    Codec.AAC: ("aac", 16000, 1),
    Codec.OPUS: ("libopus", 48000, 2),
}


@cache
def pieces(codec: Codec) -> tuple[tuple[float, bytes], ...]:
    """Return two seconds with a beep in it, as (seconds from the start, coded piece)."""
    name, rate, channels = KINDS[codec]
    context = cast("av.AudioCodecContext", av.CodecContext.create(name, "w"))
    context.sample_rate = rate
    context.layout = "stereo" if channels == 2 else "mono"
    context.format = "fltp" if codec is Codec.AAC else "s16"
    size = 1024 if codec is Codec.AAC else int(rate * SECONDS)
    if codec is Codec.OPUS:
        context.options = {"frame_duration": "40"}
    at = np.arange(rate * 2) / rate
    tone = np.where((at >= BEEP_AT) & (at < BEEP_UNTIL), np.sin(2 * np.pi * 440 * at), 0.0)
    found: list[tuple[float, bytes]] = []
    for start in range(0, len(tone) - size + 1, size):
        part = tone[start : start + size] * 0.5
        if codec is Codec.AAC:
            samples = part.astype(np.float32)
        else:
            samples = np.repeat((part * 32767).astype(np.int16), channels)
        frame = av.AudioFrame.from_ndarray(
            samples.reshape(1, -1), format=context.format.name, layout=context.layout
        )
        frame.sample_rate, frame.pts = rate, start
        for packet in context.encode(frame):
            data = bytes(packet)
            if codec is Codec.AAC:
                length = len(data) + 7
                data = b"\xff\xf1\x60" + (0x40 << 24 | length << 13 | 0x1FFC).to_bytes(4) + data
            found.append(((packet.pts or 0) / rate, data))
    return tuple(found)


def unit(codec: Codec, number: int, at: float, data: bytes) -> SoundUnit:
    _, rate, channels = KINDS[codec]
    return SoundUnit(SOURCE, 1, 1, number, START + at, codec, rate, channels, data)


def loud(packets: list[SoundPacket], codec: Codec = Codec.AAC) -> tuple[float, float]:
    """Decode packets at their times; return when the first and the last loud sample is heard."""
    chosen = [packet for packet in packets if packet.codec is codec]
    decoder = cast("av.AudioCodecContext", av.CodecContext.create(codec.name.lower(), "r"))
    if codec is Codec.OPUS:
        decoder.sample_rate, decoder.layout = 48000, "stereo"
    times: list[np.ndarray] = []
    for packet in chosen:
        for frame in decoder.decode(av.Packet(packet.data)):
            samples = np.abs(frame.to_ndarray()[0].astype(float))
            at = packet.at + np.arange(len(samples)) / frame.sample_rate
            times.append(at[samples > 0.1])
    every = np.concatenate(times)
    return float(every[0]) - START, float(every[-1]) - START


@pytest.mark.parametrize("codec", list(KINDS))
def test_a_beep_is_heard_when_it_was(codec: Codec) -> None:
    track = SoundTrack(START, opus=codec is Codec.OPUS)
    packets = track.begin()
    for number, (at, data) in enumerate(pieces(codec)):
        packets += track.add(unit(codec, number, at, data))
        packets += track.advance(START + at)
    assert track.undecodable == 0
    first, last = loud(packets)
    # The library that codes Opus for this test looks 6.5 ms ahead.
    assert first == pytest.approx(BEEP_AT, abs=0.02)
    assert last == pytest.approx(BEEP_UNTIL, abs=0.03)
    if codec is Codec.OPUS:
        first, last = loud(packets, Codec.OPUS)
        assert first == pytest.approx(BEEP_AT, abs=0.02)
    times = [packet.at for packet in packets if packet.codec is Codec.AAC]
    assert np.allclose(np.diff(times), 1024 / 16000)
    assert times[0] == pytest.approx(START)


def test_silence_follows_the_pictures_when_the_microphone_is_off() -> None:
    track = SoundTrack(START, opus=True)
    packets = track.begin()
    assert packets
    for number in range(1, 60):
        packets += track.advance(START + number / 15)
        assert START + number / 15 - track.end < 0.3
    assert {packet.codec for packet in packets} == {Codec.AAC, Codec.OPUS}


def test_sound_that_starts_late_is_heard_in_time() -> None:
    track = SoundTrack(START, opus=False)
    packets = track.begin()
    for number in range(1, 26):
        packets += track.advance(START - 2.0 + number * 0.1)
    for number, (at, data) in enumerate(pieces(Codec.PCMA)):
        packets += track.add(unit(Codec.PCMA, number, at, data))
        packets += track.advance(START + at + 0.05)
    assert loud(packets)[0] == pytest.approx(BEEP_AT, abs=0.02)


@pytest.mark.parametrize("codec", list(KINDS))
@settings(max_examples=40, deadline=None)
@given(data=st.lists(st.binary(max_size=2000), max_size=5))
def test_rubbish_is_no_sound_and_no_crash(codec: Codec, data: list[bytes]) -> None:
    track = SoundTrack(START, opus=True)
    for number, piece in enumerate(data):
        for packet in track.add(unit(codec, number, number * SECONDS, piece)):
            assert len(packet.data) < 4096


def test_raw_aac_and_endless_pieces_are_not_taken() -> None:
    track = SoundTrack(START, opus=False)
    assert track.add(unit(Codec.AAC, 0, 0.0, b"\x01" * 100)) == []
    assert track.add(unit(Codec.PCMU, 1, 0.0, bytes(9000))) == []
    assert track.undecodable == 2


def test_a_piece_costs_little_enough_to_be_coded_where_it_arrives() -> None:
    """0.1 ms here when nothing else runs; the bound allows for a busy machine."""
    track = SoundTrack(START, opus=False)
    coded = pieces(Codec.PCMA)
    began = time.process_time()
    for number in range(1000):
        _, data = coded[number % len(coded)]
        track.add(unit(Codec.PCMA, number, number * SECONDS, data))
    assert (time.process_time() - began) / 1000 < 0.001


# -- in a feed --------------------------------------------------------------------------------


@pytest.fixture
def camera() -> FakeCamera:
    camera = FakeCamera(SOURCE)
    camera.tracks = Tracks.SOUND
    return camera


@pytest.fixture
async def feed(camera: FakeCamera) -> AsyncGenerator[Feed]:
    feed = Feed(SOURCE, camera.connect, limits=LIMITS)
    yield feed
    await feed.close()


def tracks(data: bytes) -> dict[str, int]:
    """Count the packets of each track."""
    with av.open(io.BytesIO(data)) as container:
        found = {stream.codec_context.name: 0 for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                found[packet.stream.codec_context.name] += 1
    return found


async def test_sound_is_there_from_the_first_picture_on(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(1)
    data = await drain(viewer, 0.05)
    session.send(4)
    assert tracks(data + await drain(viewer, 0.05)) == {"h264": 5, "aac": 3}


async def test_sound_is_coded_only_while_somebody_reads(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    waiting = asyncio.ensure_future(feed.keyframe(gate.require(), max_age=10, timeout=2))
    session = await camera.session()
    session.send(GROUP - 3)
    await waiting
    session.speak(bytes(320), clock.now())
    assert feed._programme is not None
    assert feed._programme._sound is None
    viewer = feed.view(gate.require())
    assert feed._programme._sound is not None
    session.send(2)
    data = await drain(viewer, 0.05)
    # The sound comes right behind the key frame, not behind the whole group.
    with av.open(io.BytesIO(data)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert "audio" in kinds[:3]
    assert kinds.count("video") == GROUP - 1
    viewer.close()
    assert feed._programme._sound is None
    again = feed.view(gate.require())
    session.send(1)
    found = tracks(await drain(again, 0.05))
    assert found["h264"] == GROUP
    assert found["aac"] >= 2


async def test_sound_alone_does_not_keep_a_viewer(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    """Live or nothing: when pictures stop, what is heard of the place does not count."""
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(2)

    async def speak() -> None:
        while True:
            session.speak(bytes(320), clock.now())
            await asyncio.sleep(0.02)

    speaking = asyncio.ensure_future(speak())
    await wait_for(lambda: viewer.ended, 2)
    speaking.cancel()
    await asyncio.wait([speaking])


async def test_without_sound_there_is_no_track(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    camera.tracks = Tracks.PICTURES
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(2)
    session.speak(bytes(320), clock.now())
    assert tracks(await drain(viewer, 0.05)) == {"h264": 2}


async def test_switching_sound_is_another_programme(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP)
    session.tracks = Tracks.PICTURES
    session.send(1)
    assert viewer.ended
    newcomer = feed.view(gate.require())
    session.send(1)
    assert tracks(await drain(newcomer, 0.05)) == {"h264": 2}


async def test_sound_of_another_session_cuts_the_feed(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(1)
    session.speak(bytes(320), clock.now(), session=session.session + 1)
    assert feed.violations == 1
    assert viewer.ended
    assert feed.state is FeedState.IDLE


async def test_sound_goes_on_after_a_broken_session(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    session.on_closed()
    again = await camera.session(2)
    again.send(3)
    data = await drain(viewer, 0.05)
    with av.open(io.BytesIO(data)) as container:
        stamps = [packet.pts for packet in container.demux(audio=0) if packet.size]
    assert stamps == sorted(set(stamps))
    assert len(stamps) >= 4


async def test_the_group_with_sound_is_whole_and_bounded(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    room = 30_000
    feed = Feed(SOURCE, camera.connect, limits=FeedLimits(group_bytes=room, linger=0.1))
    reader = feed.view(gate.require())
    session = await camera.session()
    session.send(2)
    for _ in range(500):
        session.speak(bytes(320), clock.now())
        assert feed._programme is not None
        assert sum(len(chunk) for chunk, *_ in feed._programme) <= room
        assert reader._bytes <= room
    coded = pieces(Codec.OPUS)
    for number in range(800):
        session.speak(coded[number % len(coded)][1] * 3, clock.now() + number * SECONDS)
    session.send(GROUP)
    newcomer = feed.view(gate.require())
    await _check_whole(newcomer)
    await _check_whole(reader)
    await feed.close()


async def _check_whole(viewer: Viewer) -> None:
    data = await drain(viewer, 0.05)
    if data:
        with av.open(io.BytesIO(data)) as container:
            frames = list(container.decode(video=0))
        assert frames
        assert frames[0].key_frame
