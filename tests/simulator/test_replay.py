"""A camera that replays: one group of pictures, over and over, with its own did and pace."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, cast

import av
import pytest

from simulator.camera.quirks import Quirks
from simulator.camera.replay import record, replay
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.camera.streams import Streams
from simulator.tag import read_frame

if TYPE_CHECKING:
    from simulator.camera.streams import CodedPicture

DID = 3001001077
SIZE = (1280, 720)


def _spec(**others: object) -> CameraSpec:
    return CameraSpec(
        did=DID,
        model="chuangmi.camera.021a04",
        name="Camera 77",
        scene="nursery",
        address="127.0.61.1",
        mac="50:ec:50:00:00:77",
        token=bytes(16),
        replay=True,
        **others,  # type: ignore[arg-type]
    )


def test_a_recording_is_one_group_of_this_camera_at_its_bit_rate() -> None:
    pictures = record(_spec(), 0, "h264", SIZE, count(1))
    assert len(pictures) == 30
    # Two seconds.
    assert 1_350_000 < sum(map(len, pictures)) * 8 / 2 < 1_750_000
    decoder = cast("av.VideoCodecContext", av.CodecContext.create("h264", "r"))
    frames = [frame for data in pictures for frame in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    assert [frame.key_frame for frame in frames] == [True] + [False] * 29
    tags = [read_frame(frame) for frame in frames]
    assert [tag and tag.did for tag in tags] == [DID] * 30
    counters = [tag.counter for tag in tags if tag]
    assert counters == list(range(counters[0], counters[0] + 30))


async def test_a_replay_keeps_the_pace_and_starts_again_at_the_key_frame() -> None:
    loop = asyncio.get_running_loop()
    given: list[tuple[bool, bytes, float]] = []

    def give(key: bool, data: bytes) -> bool:
        given.append((key, data, loop.time()))
        return len(given) < 7

    async with asyncio.timeout(5):
        await replay((b"I", b"P", b"p"), 20, give)
    assert [data for _, data, _ in given] == [b"I", b"P", b"p", b"I", b"P", b"p", b"I"]
    assert [key for key, _, _ in given] == [True, False, False] * 2 + [True]
    assert given[-1][2] - given[0][2] == pytest.approx(0.3, abs=0.1)


async def test_a_replaying_camera_stamps_its_pictures_anew_and_can_sleep() -> None:
    spec = _spec(fps=30, gop_seconds=0.1, qualities={2: (640, 360)})
    state = CameraState(spec)
    streams = Streams(spec, state, Quirks())
    pictures: list[CodedPicture] = []
    came = asyncio.Event()

    def sink(picture: CodedPicture) -> None:
        pictures.append(picture)
        if len(pictures) == 7:
            came.set()

    leave = streams.watch(0, 2, sink)
    try:
        async with asyncio.timeout(5):
            await came.wait()
        stamps = [picture.captured_ms for picture in pictures]
        assert stamps == sorted(stamps)
        assert stamps[6] - stamps[0] >= 150
        assert [picture.keyframe for picture in pictures[:7]] == [True, False, False] * 2 + [True]
        assert pictures[0].data == pictures[3].data == pictures[6].data
        state.power = False
        seen = len(pictures)
        await asyncio.sleep(0.1)
        assert len(pictures) == seen
    finally:
        leave()
        await streams.stop()
