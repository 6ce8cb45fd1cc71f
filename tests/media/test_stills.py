"""Stills are pictures of now, or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import io
import threading
import time
from typing import TYPE_CHECKING, Any

from PIL import Image
import pytest

from custom_components.mi_camera.media import (
    AccessUnit,
    Feed,
    Source,
    StillMaker,
    clock,
    stills as stills_module,
)
from custom_components.mi_camera.media.parameter_sets import parameter_sets
from custom_components.mi_camera.media.stills import decode_keyframe
from custom_components.mi_camera.miss import Codec

from .pictures import GROUP, FakeCamera, coded
from .test_feed import LIMITS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from custom_components.mi_camera.gate import Gate

SOURCE = Source("1001")


def unit(data: bytes, codec: Codec = Codec.H264) -> AccessUnit:
    return AccessUnit(SOURCE, 1, 1, 1, clock.now(), codec, True, data)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("grey", [40, 128, 210])
def test_a_still_has_the_brightness_of_the_picture(codec: Codec, grey: int) -> None:
    image = Image.open(io.BytesIO(decode_keyframe(unit(coded(codec, grey=grey)[0], codec))))
    assert image.format == "JPEG"
    assert image.size == (320, 180)
    # Limited range in the video, full range in the JPEG.
    expected = min(255, max(0, (grey - 16) * 255 / 219))
    assert abs(image.convert("L").getpixel((200, 90)) - expected) < 6


@pytest.mark.parametrize(
    ("asked", "given"),
    [((160, 90), (160, 90)), ((100, 100), (100, 56)), ((9999, 9999), (320, 180))],
)
def test_a_still_fits_the_size_that_is_asked(
    asked: tuple[int, int], given: tuple[int, int]
) -> None:
    image = Image.open(io.BytesIO(decode_keyframe(unit(coded()[0]), *asked)))
    assert image.size == given


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1\x65garbage", coded()[1]])
def test_what_holds_no_whole_picture_gives_no_still(data: bytes) -> None:
    with pytest.raises(ValueError, match="key frame"):
        decode_keyframe(unit(data))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_parameter_sets_tell_sizes_apart(codec: Codec) -> None:
    small, again, large = (
        parameter_sets(codec, picture)
        for picture in (coded(codec)[0], coded(codec)[GROUP], coded(codec, 640, 360)[0])
    )
    assert small
    assert small == again
    assert small != large
    assert parameter_sets(codec, coded(codec)[1]) == b""
    assert parameter_sets(codec, b"") == b""
    assert parameter_sets(codec, b"\0\0\1") == b""


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera(SOURCE)


@pytest.fixture
async def feed(camera: FakeCamera, gate: Gate) -> AsyncGenerator[Feed]:
    feed = Feed(SOURCE, camera.connect, limits=LIMITS)
    gate.on_close(feed.cut)
    yield feed
    await feed.close()


async def test_askers_for_one_picture_share_one_decoding(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    maker = StillMaker(feed)
    asking = asyncio.gather(*(maker.still(gate.require()) for _ in range(3)))
    (await camera.session()).send(1)
    stills = await asking
    assert stills[0] is not None
    assert stills[0] is stills[1] is stills[2]
    assert stills[0].age < 2
    maker.forget()
    again = await maker.still(gate.require())
    assert again is not None
    assert again is not stills[0]


async def test_no_still_rather_than_an_old_one(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    maker = StillMaker(feed, max_age=0.2, timeout=0.3)
    asking = asyncio.ensure_future(maker.still(gate.require()))
    session = await camera.session()
    session.send(1)
    assert await asking is not None
    await asyncio.sleep(0.25)
    assert await maker.still(gate.require()) is None


async def test_no_still_when_the_gate_closes_meanwhile(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    """Closed while it is waited for; the picture comes all the same."""
    maker = StillMaker(feed)
    permit = gate.require()
    asking = asyncio.ensure_future(maker.still(permit))
    session = await camera.session()
    gate.close()
    session.send(1)
    assert await asking is None
    assert await maker.still(permit) is None


async def test_no_still_when_the_gate_closes_while_it_is_made(
    feed: Feed, camera: FakeCamera, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = threading.Event()

    def slow(*args: Any) -> bytes:
        jpeg = decode_keyframe(*args)
        made.set()
        time.sleep(0.1)
        return jpeg

    monkeypatch.setattr(stills_module, "decode_keyframe", slow)
    asking = asyncio.ensure_future(StillMaker(feed).still(gate.require()))
    (await camera.session()).send(1)
    while not made.is_set():
        await asyncio.sleep(0.005)
    gate.close()
    gate.open()
    assert await asking is None


async def test_no_still_of_another_epoch(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    """However young it is."""
    maker = StillMaker(feed, timeout=0.3)
    asking = asyncio.ensure_future(maker.still(gate.require()))
    (await camera.session()).send(1)
    assert await asking is not None
    gate.close()
    gate.open()
    assert await maker.still(gate.require()) is None


async def test_a_broken_key_frame_gives_no_still(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    maker = StillMaker(feed)
    asking = asyncio.ensure_future(maker.still(gate.require()))
    (await camera.session()).send(1, units=(b"\0\0\0\1\x65broken",))
    assert await asking is None


@pytest.mark.parametrize("granted", [Source("2002"), Source("1001", 1)])
async def test_no_still_of_another_camera_or_lens(
    feed: Feed, camera: FakeCamera, gate: Gate, granted: Source
) -> None:
    violated: list[Source] = []
    maker = StillMaker(feed, granted, on_violation=violated.append)
    asking = asyncio.ensure_future(maker.still(gate.require()))
    (await camera.session()).send(1)
    assert await asking is None
    assert violated == [granted]


async def test_no_still_of_a_picture_of_another_epoch(
    feed: Feed, camera: FakeCamera, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the feed gives."""
    violated: list[Source] = []
    maker = StillMaker(feed, on_violation=violated.append)

    async def old(*_: object, **__: object) -> AccessUnit:
        return replace(unit(coded()[0]), epoch=gate.epoch - 1)

    monkeypatch.setattr(feed, "keyframe", old)
    assert await maker.still(gate.require()) is None
    assert violated == [SOURCE]


async def test_the_greatest_age_may_be_changed_at_any_time(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    maker = StillMaker(feed, timeout=0.3)
    asking = asyncio.ensure_future(maker.still(gate.require()))
    (await camera.session()).send(1, age=1.0)
    assert await asking is not None
    maker.max_age = 0.5
    assert await maker.still(gate.require()) is None
    maker.max_age = 5
    assert await maker.still(gate.require()) is not None
