"""Pictures from simulated cameras: each is decoded, and says whose it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import av
import pytest

from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    Command,
    MissBusy,
    MissClient,
    MissError,
    MissKeys,
    MissProtocolError,
    MissRefused,
    MissUnreachable,
    MissWrongKey,
    Timing,
    VideoFrame,
    new_client_key,
)
from custom_components.mi_camera.miss.commands import load_json
from simulator.camera import CameraSpec, SimCamera
from simulator.tag import Tag, read_frame

from .peer import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DID = 430_001


def make_spec(number: int = 0, **fields: object) -> CameraSpec:
    values: dict[str, object] = {
        "model": "chuangmi.camera.021a04",
        "name": f"Camera {number}",
        "scene": "kitchen",
        "mac": f"00:00:5e:00:53:{number:02x}",
        "token": bytes([number]) * 16,
        "qualities": {1: (320, 180), 2: (640, 360)},
        "fps": 30,
        "gop_seconds": 0.4,
    }
    return CameraSpec(
        did=DID + number,
        address=f"127.0.43.{20 + number}",
        **(values | fields),  # type: ignore[arg-type]
    )


def keys_for(camera: SimCamera) -> MissKeys:
    """Do what the cloud does."""
    private, public = new_client_key()
    did = camera.spec.did
    return MissKeys(private, public, camera.keys.device_public(did), camera.keys.sign(did, public))


@contextlib.asynccontextmanager
async def running(number: int = 0, **fields: object) -> AsyncGenerator[SimCamera]:
    camera = SimCamera(make_spec(number, **fields))
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


class Viewer(MissClient):
    """A client that decodes what it gets, as it gets it."""

    def __init__(
        self, camera: SimCamera, keys: MissKeys | None = None, timing: Timing | None = None
    ) -> None:
        self.frames: list[VideoFrame] = []
        self.sounds: list[AudioFrame] = []
        self.ends: list[MissError | None] = []
        self.sizes: set[tuple[int, int]] = set()
        self.tags: list[Tag | None] = []
        self._decoders: dict[int, av.VideoCodecContext] = {}
        super().__init__(
            camera.spec.address,
            keys_for(camera) if keys is None else keys,
            on_frame=self._take,
            on_closed=self.ends.append,
            timing=timing,
        )

    def _take(self, frame: VideoFrame | AudioFrame) -> None:
        if isinstance(frame, AudioFrame):
            self.sounds.append(frame)
            return
        if frame.lens not in self._decoders:
            # Decoding begins with the first frame that comes: it must be possible.
            assert frame.keyframe
            name = "h264" if frame.codec is Codec.H264 else "hevc"
            decoder = av.CodecContext.create(name, "r")
            assert isinstance(decoder, av.VideoCodecContext)
            decoder.thread_count = 1
            self._decoders[frame.lens] = decoder
        self.frames.append(frame)
        for picture in self._decoders[frame.lens].decode(av.Packet(frame.data)):
            self.sizes.add((picture.width, picture.height))
            self.tags.append(read_frame(picture))

    def counters(self, camera: SimCamera, lens: int = 0) -> list[int]:
        """Check that every picture is of this camera and return the lens's frame counters."""
        counters = []
        for tag in self.tags:
            assert tag is not None, "a damaged picture"
            assert tag.did == camera.spec.did
            if tag.lens == lens:
                counters.append(tag.counter)
        assert counters == sorted(set(counters)), "pictures out of order"
        return counters


@contextlib.asynccontextmanager
async def watching(
    camera: SimCamera,
    *,
    quality: int = 2,
    lens: int = 0,
    audio: bool = False,
    timing: Timing | None = None,
) -> AsyncGenerator[Viewer]:
    viewer = Viewer(camera, timing=timing)
    await viewer.connect()
    try:
        await viewer.start_video(quality=quality, lens=lens, audio=audio)
        yield viewer
    finally:
        await viewer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_pictures(transport: str, codec: str) -> None:
    async with running(transport=transport, codec=codec) as camera:
        async with watching(camera) as viewer:
            await eventually(lambda: len(viewer.tags) >= 15, 5)
            assert viewer.transport == transport
            counters = viewer.counters(camera)
            # Every picture from the first on, none left out.
            assert counters == list(range(counters[0], counters[0] + len(counters)))
            assert viewer.sizes == {(640, 360)}
            codecs = {frame.codec for frame in viewer.frames}
            assert codecs == {Codec.H264 if codec == "h264" else Codec.H265}
            stamps = {frame.timestamp_ms for frame in viewer.frames}
            assert {tag.captured_ms for tag in viewer.tags if tag} <= stamps
            assert sum(frame.keyframe for frame in viewer.frames) >= 2
            assert not viewer.frames[1].keyframe
        # Close has freed the place, at once.
        assert viewer.ends == [None]
        assert camera.viewers == camera.media_connections == 0
        statistics = viewer.statistics
        assert statistics.malformed == statistics.gaps == statistics.integrity_errors == 0


@pytest.mark.parametrize("audio", ["pcma", "opus"])
async def test_sound(audio: str) -> None:
    async with running(audio=audio) as camera, watching(camera, audio=True) as viewer:
        await eventually(lambda: len(viewer.sounds) >= 20, 5)
        first = viewer.sounds[0]
        assert first.codec is (Codec.PCMA if audio == "pcma" else Codec.OPUS)
        assert first.sample_rate == (8000 if audio == "pcma" else 48000)
        steps = [
            later.timestamp_ms - earlier.timestamp_ms
            for earlier, later in zip(viewer.sounds, viewer.sounds[1:], strict=False)
        ]
        assert sum(steps) / len(steps) == pytest.approx(40, rel=0.25)
        decoder = av.CodecContext.create("pcm_alaw" if audio == "pcma" else "libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate, decoder.layout = (
            first.sample_rate,
            "mono" if first.channels == 1 else "stereo",
        )
        samples = sum(f.samples for s in viewer.sounds for f in decoder.decode(av.Packet(s.data)))
        expected = len(viewer.sounds) * first.sample_rate * 0.04
        assert samples == pytest.approx(expected, rel=0.1)
        # Switched off while pictures go on.
        await viewer.start_video(quality=2, audio=False)
        await asyncio.sleep(0.1)
        viewer.sounds.clear()
        count = len(viewer.tags)
        await eventually(lambda: len(viewer.tags) > count + 3)
        assert viewer.sounds == []


async def test_quality_can_change() -> None:
    async with running() as camera, watching(camera, quality=1) as viewer:
        await eventually(lambda: viewer.tags, 5)
        assert viewer.sizes == {(320, 180)}
        await viewer.start_video(quality=2)
        await eventually(lambda: (640, 360) in viewer.sizes, 5)
        viewer.counters(camera)


async def test_two_lenses_over_one_session() -> None:
    async with running(lenses=2) as camera, watching(camera, lens=1) as viewer:
        await eventually(lambda: len(viewer.tags) >= 5, 5)
        assert viewer.counters(camera, lens=0) == []
        assert len(viewer.counters(camera, lens=1)) >= 5
        await viewer.start_video(quality=2, lens=0)
        await eventually(lambda: len(viewer.counters(camera, lens=0)) >= 5, 5)
        assert camera.media_connections == 1
        frames = {(frame.lens, frame.timestamp_ms) for frame in viewer.frames}
        assert {(tag.lens, tag.captured_ms) for tag in viewer.tags if tag} <= frames


async def test_unknown_quality_is_silence() -> None:
    async with running() as camera, watching(camera, quality=5) as viewer:
        await asyncio.sleep(0.4)
        assert viewer.tags == []
        assert viewer.ends == []
        await viewer.start_video(quality=2)
        await eventually(lambda: viewer.tags, 5)


async def test_stop_and_start() -> None:
    async with running() as camera, watching(camera) as viewer:
        await eventually(lambda: viewer.tags, 5)
        await viewer.stop_video()
        assert camera.viewers == 0
        count = len(viewer.frames)
        await asyncio.sleep(0.3)
        assert len(viewer.frames) == count
        await viewer.start_video(quality=2)
        await eventually(lambda: len(viewer.frames) > count, 5)
        assert viewer.frames[count].keyframe


async def test_commands_are_answered_while_it_plays() -> None:
    async with running() as camera, watching(camera) as viewer:
        await eventually(lambda: viewer.tags, 5)
        info = load_json(await viewer.request(Command.DEVINFO_REQ))
        assert isinstance(info, dict)
        assert info["did"] == str(camera.spec.did)
        moved = load_json(await viewer.request(Command.MOTOR_REQ, b'{"operation":2}'))
        assert isinstance(moved, dict)
        assert moved["ret"] == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_cameras_never_mix(transport: str) -> None:
    async with (
        running(0, transport=transport) as one,
        running(1, transport=transport) as two,
        watching(one) as viewer_one,
        watching(two) as viewer_two,
    ):
        await eventually(lambda: len(viewer_one.tags) >= 10 and len(viewer_two.tags) >= 10, 5)
        assert len(viewer_one.counters(one)) >= 10
        assert len(viewer_two.counters(two)) >= 10


# -- who is let in -----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_keys_of_before_the_restart(transport: str) -> None:
    async with running(transport=transport) as camera:
        keys = keys_for(camera)
        await camera.reboot()
        with pytest.raises(MissRefused):
            await Viewer(camera, keys).connect()
        await eventually(lambda: camera.media_connections == 0)
        viewer = Viewer(camera)
        await viewer.connect()
        await viewer.close()


async def test_signature_for_another_key() -> None:
    async with running() as camera:
        good, (private, public) = keys_for(camera), new_client_key()
        with pytest.raises(MissRefused):
            await Viewer(camera, MissKeys(private, public, good.device_public, good.sign)).connect()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_another_cameras_pictures_do_not_decode(transport: str) -> None:
    """Let in by a camera whose key is not the agreed one: no picture, no sound, an end."""
    async with running(transport=transport) as camera:
        good, (_, other) = keys_for(camera), new_client_key()
        keys = MissKeys(good.client_private, good.client_public, other, good.sign)
        viewer = Viewer(camera, keys)
        await viewer.connect()
        # A command that the camera cannot read either starts nothing; so somebody else does.
        session = next(iter(camera.miss._sessions.values()))
        session._start({"videoquality": 2, "enableaudio": 1})
        await viewer.start_video(quality=2, audio=True)
        await eventually(lambda: viewer.ends, 5)
        assert isinstance(viewer.ends[0], MissWrongKey)
        assert viewer.frames == []
        assert viewer.sounds == []
        assert viewer.statistics.integrity_errors == 5


async def test_too_many_viewers() -> None:
    async with running(viewers=1) as camera:
        async with watching(camera) as viewer:
            with pytest.raises(MissBusy):
                await Viewer(camera).connect()
            await eventually(lambda: viewer.tags, 5)
        second = Viewer(camera)
        await second.connect()
        second.abort()
        # An abort says goodbye, too: the place is free at once.
        await eventually(lambda: camera.media_connections == 0, 2)
        third = Viewer(camera)
        await third.connect()
        await third.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_abort(transport: str) -> None:
    async with running(transport=transport) as camera:
        viewer = Viewer(camera)
        await viewer.connect()
        await viewer.start_video(quality=2)
        await eventually(lambda: viewer.tags, 5)
        viewer.abort()
        count = len(viewer.frames)
        await eventually(lambda: camera.media_connections == 0, 2)
        assert len(viewer.frames) == count
        assert viewer.ends == []


# -- bad days ----------------------------------------------------------------------------


async def test_absent_camera() -> None:
    camera = SimCamera(make_spec(9))
    started = time.monotonic()
    with pytest.raises(MissUnreachable):
        await Viewer(camera).connect(0.5)
    assert time.monotonic() - started < 2


async def test_asleep() -> None:
    async with running() as camera:
        camera.power = False
        async with watching(camera) as viewer:
            await asyncio.sleep(0.5)
            assert viewer.frames == []
            assert viewer.ends == []
            camera.power = True
            await eventually(lambda: viewer.tags, 5)


async def test_falls_asleep_for_good() -> None:
    async with running() as camera, watching(camera, timing=Timing(no_media=1.5)) as viewer:
        await eventually(lambda: viewer.tags, 5)
        camera.power = False
        await eventually(lambda: viewer.ends, 5)
        assert isinstance(viewer.ends[0], MissUnreachable)
        await eventually(lambda: camera.media_connections == 0, 2)


async def test_a_tenth_lost_some_twice_none_in_order() -> None:
    async with running() as camera:
        camera.miss.loss = 0.1
        camera.miss.duplicate = 0.1
        camera.miss.delay = 0.02
        camera.miss.chatter = 5
        viewer = Viewer(camera)
        await viewer.connect(10)
        await viewer.start_video(quality=2)
        await eventually(lambda: len(viewer.tags) >= 50, 15)
        viewer.counters(camera)
        statistics = viewer.statistics
        assert statistics.duplicates > 0
        assert statistics.malformed == statistics.integrity_errors == 0
        camera.miss.loss = 0
        await viewer.close()


async def test_a_second_without_network() -> None:
    """Shorter than any timeout: goes on, whole, with a key frame if something is missing."""
    async with running() as camera, watching(camera) as viewer:
        await eventually(lambda: len(viewer.tags) >= 5, 5)
        camera.miss.loss = 1.0
        await asyncio.sleep(1)
        camera.miss.loss = 0.0
        count = len(viewer.tags)
        await eventually(lambda: len(viewer.tags) >= count + 20, 5)
        viewer.counters(camera)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_cable_pulled(transport: str) -> None:
    timing = Timing(dead=1.2, no_media=5)
    async with running(transport=transport) as camera, watching(camera, timing=timing) as viewer:
        await eventually(lambda: viewer.tags, 5)
        camera.miss.silent = True
        await eventually(lambda: viewer.ends, 5)
        assert isinstance(viewer.ends[0], MissUnreachable)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_garbage(transport: str) -> None:
    timing = Timing(no_media=1.5)
    async with running(transport=transport) as camera, watching(camera, timing=timing) as viewer:
        await eventually(lambda: viewer.tags, 5)
        camera.miss.garbage = True
        await asyncio.sleep(0.1)
        count = len(viewer.frames)
        await eventually(lambda: viewer.ends, 5)
        assert len(viewer.frames) == count
        viewer.counters(camera)
        expected = MissUnreachable if transport == "udp" else MissProtocolError
        assert isinstance(viewer.ends[0], expected)


async def test_garbage_from_the_first_byte() -> None:
    async with running() as camera:
        camera.miss.garbage = True
        viewer = Viewer(camera)
        with pytest.raises(MissUnreachable):
            await viewer.connect(0.5)
        assert viewer.statistics.malformed > 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_restart_of_the_camera(transport: str) -> None:
    timing = Timing(no_media=1.5)
    async with running(transport=transport) as camera, watching(camera, timing=timing) as viewer:
        await eventually(lambda: viewer.tags, 5)
        await camera.reboot()
        await eventually(lambda: viewer.ends, 5)
        assert isinstance(viewer.ends[0], MissError)
        async with watching(camera) as again:
            await eventually(lambda: again.tags, 5)
            again.counters(camera)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_camera_says_goodbye(transport: str) -> None:
    async with running(transport=transport) as camera, watching(camera) as viewer:
        await eventually(lambda: viewer.tags, 5)
        camera.miss.drop_clients(polite=True)
        await eventually(lambda: viewer.ends, 2)
