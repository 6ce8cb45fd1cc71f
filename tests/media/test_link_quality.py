"""The largest picture of a camera nobody has described: found once, shown alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import pytest

from custom_components.mi_camera.media import (
    AccessUnit,
    SoundUnit,
    Trouble,
    UpstreamError,
    link as link_module,
    link_session,
    quality_ladder,
)
from custom_components.mi_camera.media.picture_size import picture_size
from custom_components.mi_camera.miss import MissClient, MissClosed, Vendor
from custom_components.mi_camera.miss.models import CameraModel

from .tagged import KEYS, FakeClient, lenses_seen, pictures
from .test_link import Bench
from .test_upstream import House, _quick, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from custom_components.mi_camera.miss import VideoFrame

SMALL, MIDDLE, LARGE = (320, 180), (480, 270), (640, 360)
UNKNOWN = CameraModel(probe=True)


@pytest.fixture(autouse=True)
def _small_is_large(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(quality_ladder, "FULL_PIXELS", 640 * 360)
    # A machine that is busy must not make a quality silent.
    monkeypatch.setattr(link_module, "FIRST_FRAME_TIMEOUT", 3.0)


class Recording(MissClient):
    """A client that notes what it asks the camera for."""

    asked: list[tuple[int, int]] = []  # noqa: RUF012

    async def start_video(self, *, quality: int, lens: int = 0, audio: bool = False) -> None:
        self.asked.append((lens, quality))
        await super().start_video(quality=quality, lens=lens, audio=audio)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Lens and quality of each command to a simulated camera."""
    monkeypatch.setattr(Recording, "asked", [])
    monkeypatch.setattr(link_session, "MissClient", Recording)
    return Recording.asked


def sizes(units: list[AccessUnit | SoundUnit]) -> set[tuple[int, int] | None]:
    """Decode all and return the sizes of the pictures; each one must come out."""
    shown = [unit for unit in units if isinstance(unit, AccessUnit)]
    assert shown[0].keyframe
    codec = "h264" if shown[0].codec == 4 else "hevc"
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    frames = [
        frame
        for packet in [*(av.Packet(unit.data) for unit in shown), None]
        for frame in decoder.decode(packet)
    ]
    assert len(frames) == len(shown)
    return {(frame.width, frame.height) for frame in frames}


# -- with a simulated camera ---------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_the_large_picture_of_an_unknown_model_in_one_session(
    transport: str, codec: str, asked: list[tuple[int, int]]
) -> None:
    changes: dict[str, Any] = {"transport": transport, "codec": codec, "viewers": 1}
    house = await House.start(UNKNOWN, qualities={2: SMALL, 3: LARGE}, **changes)
    try:
        stream, units = await house.connect(sound=lambda: True)
        await until(lambda: sum(isinstance(unit, AccessUnit) for unit in units) >= 15)
        await stream.close()
        assert sizes(units) == {LARGE}
        assert any(isinstance(unit, SoundUnit) for unit in units)
        assert asked == [(0, 2), (0, 3)]
        assert house.camera.media_connections_total == 1
        await house.no_connection()
        # It is not looked for again.
        stream, units = await house.connect()
        await until(lambda: len(units) >= 5)
        await stream.close()
        assert sizes(units) == {LARGE}
        assert asked == [(0, 2), (0, 3), (0, 3)]
    finally:
        await house.stop()


async def test_a_model_that_is_described_is_asked_for_what_is_described(
    asked: list[tuple[int, int]],
) -> None:
    house = await House.start(CameraModel(), qualities={2: SMALL, 3: LARGE})
    try:
        stream, units = await house.connect()
        await until(lambda: len(units) >= 5)
        await stream.close()
        assert sizes(units) == {SMALL}
        assert asked == [(0, 2)]
    finally:
        await house.stop()


async def test_who_wants_a_small_picture_is_not_kept_waiting_for_a_large_one(
    asked: list[tuple[int, int]],
) -> None:
    house = await House.start(UNKNOWN, qualities={1: SMALL, 2: MIDDLE, 3: LARGE})
    try:
        stream, units = await house.connect(quality=lambda: "low")
        await until(lambda: len(units) >= 5)
        await stream.close()
        assert sizes(units) == {SMALL}
        assert asked == [(0, 1)]
    finally:
        await house.stop()


@pytest.mark.parametrize(
    ("qualities", "kept", "expected"),
    [
        ({2: MIDDLE, 3: SMALL, 0: SMALL}, MIDDLE, [2, 3, 0, 2]),
        # Of equals the first; their key frames cannot be told apart.
        ({2: SMALL, 3: SMALL, 0: SMALL}, SMALL, [2, 3, 0, 2]),
        ({2: SMALL}, SMALL, [2, 3, 0, 2]),
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_way_back_mixes_nothing(
    qualities: dict[int, tuple[int, int]],
    kept: tuple[int, int],
    expected: list[int],
    transport: str,
    asked: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quality_ladder, "PROBE_SILENCE", 1.5)
    house = await House.start(UNKNOWN, qualities=qualities, transport=transport)
    clock = asyncio.get_running_loop().time
    try:
        began = clock()
        stream, units = await house.connect()
        took = clock() - began
        await until(lambda: len(units) >= 15)
        await stream.close()
        assert sizes(units) == {kept}
        assert set(lenses_seen(unit for unit in units if isinstance(unit, AccessUnit))) == {0}
        assert [quality for _, quality in asked] == expected
        assert took < 1 + quality_ladder.PROBE_SECONDS + 3
        assert house.camera.media_connections_total == 1
        assert house.link.qualities == {(0, "best"): 2}
    finally:
        await house.stop()


async def test_each_lens_has_a_largest_picture_of_its_own(asked: list[tuple[int, int]]) -> None:
    model = CameraModel(lenses=2, probe=True)
    changes: dict[str, Any] = {"lenses": 2, "interleaves": False}
    house = await House.start(model, qualities={2: SMALL, 3: LARGE}, **changes)
    try:
        async with asyncio.timeout(15):
            opened = await asyncio.gather(house.connect(0), house.connect(1))
        for lens, (stream, units) in enumerate(opened):
            async with asyncio.timeout(5):
                while len(units) < 15:
                    await asyncio.sleep(0.01)
            await stream.close()
            assert sizes(units) == {LARGE}
            shown = lenses_seen(unit for unit in units if isinstance(unit, AccessUnit))
            assert set(shown) == {lens}
        assert sorted(asked) == [(0, 2), (0, 3), (1, 2), (1, 3)]
        assert house.camera.media_connections_total == 2
    finally:
        await house.stop()


# -- sessions played by the test -----------------------------------------------------------------


@pytest.fixture
async def bench(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Bench]:
    monkeypatch.setattr(link_session, "MissClient", FakeClient)
    FakeClient.made.clear()
    bench = Bench(getattr(request, "param", UNKNOWN))
    yield bench
    await bench.link.close()


def group(size: tuple[int, int]) -> list[VideoFrame]:
    return pictures(0, 8, width=size[0])


async def asks(bench: Bench, *expected: int) -> None:
    """Wait until the camera was asked for these qualities, in this session."""
    async with asyncio.timeout(2):
        while not FakeClient.made or [one[1] for one in bench.client.asked] != list(expected):
            await asyncio.sleep(0)


def passed(bench: Bench) -> list[bytes]:
    return [unit.data for unit in bench.units[0]]


async def test_pictures_under_way_when_another_quality_is_asked_for_go_nowhere(
    bench: Bench,
) -> None:
    opening = await bench.opening(0)
    bench.client.play(*group(SMALL))
    await asks(bench, 2, 3)
    assert bench.client.stopped == [None]
    # Late ones of 2, a key frame among them, before the first of 3.
    bench.client.play(*group(SMALL), *group(LARGE)[2:], *group(LARGE))
    stream = await opening
    assert passed(bench) == [frame.data for frame in group(LARGE)]
    await stream.close()


async def test_pictures_under_way_on_the_way_back_go_nowhere(bench: Bench) -> None:
    opening = await bench.opening(0)
    bench.client.play(*group(MIDDLE))
    await asks(bench, 2, 3)
    bench.client.play(*group(SMALL))
    await asks(bench, 2, 3, 0)
    bench.client.play(*group((160, 90)))
    await asks(bench, 2, 3, 0, 2)
    bench.client.play(*group((160, 90)), *group(MIDDLE))
    stream = await opening
    assert passed(bench) == [frame.data for frame in group(MIDDLE)]
    assert bench.link.qualities == {(0, "best"): 2}
    await stream.close()


async def test_who_leaves_while_it_is_looked_for_leaves_nothing_decided(bench: Bench) -> None:
    opening = await bench.opening(0)
    bench.client.play(*group(SMALL))
    await asks(bench, 2, 3)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert bench.link.qualities == {}
    opening = await bench.opening(0)
    bench.client.play(*group(SMALL))
    await asks(bench, 2, 3)
    bench.client.play(*group(LARGE))
    await (await opening).close()
    assert bench.link.qualities == {(0, "best"): 3}


async def test_a_camera_that_hangs_up_when_it_is_looked_for_shows_what_it_has(
    bench: Bench,
) -> None:
    for _ in range(2):
        opening = await bench.opening(0)
        bench.client.play(*group(SMALL))
        await asks(bench, 2, 3)
        bench.client.on_closed(MissClosed("gone"))
        with pytest.raises(UpstreamError) as caught:
            await opening
        assert caught.value.trouble is Trouble.BROKEN
    opening = await bench.opening(0)
    bench.client.play(*group(SMALL))
    await (await opening).close()
    assert bench.client.asked == [(0, 2, False)]


async def test_the_gate_closing_while_it_is_looked_for_is_not_the_cameras_fault(
    bench: Bench,
) -> None:
    for _ in range(3):
        opening = await bench.opening(0)
        bench.client.play(*group(SMALL))
        await asks(bench, 2, 3)
        bench.gate.close()
        bench.link.cut()
        with pytest.raises(UpstreamError):
            await opening
        before = passed(bench)
        bench.client.play(*group(LARGE))
        assert passed(bench) == before == []
        bench.gate.open()
    opening = await bench.opening(0)
    bench.client.play(*group(SMALL))
    await asks(bench, 2, 3)
    bench.client.play(*group(LARGE))
    await (await opening).close()


@pytest.mark.parametrize(
    "bench", [CameraModel(lenses=2, interleaves=True, probe=True)], indirect=True
)
async def test_a_lens_that_is_shown_is_not_disturbed_for_the_others_size(bench: Bench) -> None:
    first = await bench.opening(0)
    bench.client.play(*group(LARGE))
    stream = await first
    second = await bench.opening(1)
    bench.client.play(*pictures(1, 8, first=500))
    await (await second).close()
    assert [asked[:2] for asked in bench.client.asked] == [(0, 2), (1, 2)]
    await stream.close()


# -- what must not be waited for -----------------------------------------------------------------


@pytest.mark.parametrize("bench", [CameraModel()], indirect=True)
async def test_a_question_about_sound_that_is_not_answered_delays_no_picture(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = asyncio.Event()

    async def silence(_: FakeClient) -> None:
        asking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeClient, "audio_format", silence)
    opening = await bench.opening(0, sound=True)
    await asking.wait()
    bench.client.play(*group(SMALL))
    async with asyncio.timeout(0.2):
        stream = await opening
    assert len(bench.units[0]) == 8
    await stream.close()
    for task in tuple(bench.link._tasks):
        task.cancel()


async def test_a_transport_that_is_not_supported_is_refused_before_anything_is_sent(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def keys(*, fresh: bool) -> Any:
        return replace(KEYS, vendor=Vendor.TUTK, peer_id="UID20")

    bench.link._keys = keys
    with pytest.raises(UpstreamError) as caught:
        await bench.open(0)
    assert caught.value.trouble is Trouble.NO_KEYS
    assert FakeClient.made == []
    assert "not supported yet (vendor 1)" in caplog.text
    assert "UID20" not in caplog.text


def test_the_sizes_here_are_what_they_say() -> None:
    for size in (SMALL, MIDDLE, LARGE):
        frame = group(size)[0]
        assert picture_size(frame.codec, frame.data) == size
