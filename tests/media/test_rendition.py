"""Renditions: what comes out of the encoder is what went in, and nothing outlives the end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from pathlib import Path
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.media import (
    AccessUnit,
    FeedState,
    Origin,
    SoundUnit,
    Source,
    Tracks,
    Trouble,
    clock,
    picture_format,
)
from custom_components.mi_camera.media.encoder import NICENESS
from custom_components.mi_camera.media.flv import FlvPicture
from custom_components.mi_camera.media.rendition_session import fitted
from custom_components.mi_camera.miss import Codec

from .pictures import coded
from .rendition_scene import DID, SOURCE, end, open_files, program, state_of, tags, units_of, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rendition_scene import Scene

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


@pytest.mark.parametrize(
    ("codec", "size", "made"),
    [("h265", (640, 360), (640, 360)), ("h264", (1920, 1080), (1280, 720))],
)
async def test_what_comes_out_is_what_went_in(
    scene: Scene,
    playing: Callable[..., asyncio.Task[None]],
    codec: str,
    size: tuple[int, int],
    made: tuple[int, int],
) -> None:
    """Same lens and epoch, same pictures, and each as old as it is."""
    viewer = scene.view()
    task = playing(codec=codec, size=size)
    units = await units_of(viewer, 40)
    wall = time.time() - clock.now()
    await end(task)
    for unit in units:
        assert (unit.source, unit.epoch, unit.codec) == (SOURCE, scene.gate.epoch, Codec.H264)
    shape = picture_format(units[0])
    assert shape is not None
    assert (shape.width, shape.height) == made
    assert shape.level <= 41
    assert shape.profile == 77
    shown = tags(units)
    assert len(shown) == len(units)
    assert [tag.counter for tag in shown] == list(range(shown[0].counter, shown[-1].counter + 1))
    for tag, unit in zip(shown, units, strict=True):
        assert tag.did == DID
        assert abs(unit.captured + wall - tag.captured_ms / 1000) < 0.1
    # A key frame each second, though the camera's come every three.
    keys = [unit.captured for unit in units if unit.keyframe]
    assert len(keys) >= 3
    assert max(b - a for a, b in itertools.pairwise(keys)) < 1.2


async def test_one_encoder_for_all_and_none_for_nobody(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    first = scene.view()
    task = playing()
    await units_of(first, 5)
    second = scene.view()
    await units_of(second, 5)
    pid = scene.pid
    assert len(scene.camera.sessions) == 1
    first.close()
    await asyncio.sleep(0.5)
    assert state_of(pid) in {"S", "R"}
    assert not second.ended
    second.close()
    await until(lambda: state_of(pid) is None)
    await until(lambda: scene.rendition.feed.state is FeedState.IDLE)
    await until(lambda: scene.feed.state is FeedState.IDLE)
    await end(task)


async def test_closing_the_gate_kills_it_before_it_returns(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    viewer = scene.view()
    task = playing()
    await units_of(viewer, 3)
    pid = scene.pid
    # Not even one that is stuck outlives it.
    os.kill(pid, signal.SIGSTOP)
    scene.gate.close()
    assert scene.rendition.upstream.encoders == []
    assert viewer.ended
    assert viewer.take_parts() is None
    try:
        async with asyncio.timeout(1):
            while state_of(pid) is not None:
                await asyncio.sleep(0.001)
    finally:
        # If this test fails, nobody else ends what has been stopped.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await end(task)


async def test_closing_the_gate_while_it_starts(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    scene.view()
    task = playing()
    await until(lambda: scene.rendition.upstream.encoders)
    pid = scene.pid
    scene.gate.close()
    assert scene.rendition.upstream.encoders == []
    await until(lambda: state_of(pid) is None, 1)
    assert scene.rendition.feed.state is FeedState.IDLE
    await end(task)


async def test_nobody_can_read_a_secret_off_it_and_it_is_nice(
    scene: Scene,
    playing: Callable[..., asyncio.Task[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "mellon")
    viewer = scene.view()
    task = playing()
    await units_of(viewer, 2)
    process = Path(f"/proc/{scene.pid}")
    assert b"mellon" not in process.joinpath("environ").read_bytes()
    arguments = process.joinpath("cmdline").read_bytes().split(b"\0")
    assert [one for one in arguments if b"://" in one] == []
    # All of its threads go after everything else, once it has begun.
    await until(lambda: set(niceness(scene.pid)) == {NICENESS}, 15)
    await end(task)


async def test_it_is_not_nice_before_it_has_begun(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], tmp_path: Path
) -> None:
    """Somebody waits for its first picture, and a busy machine would take long over it."""
    scene.binary = program(tmp_path / "ffmpeg", "exec sleep 60")
    scene.view()
    task = playing()
    await until(lambda: scene.rendition.upstream.encoders, 15)
    assert set(niceness(scene.pid)) == {os.getpriority(os.PRIO_PROCESS, 0)}
    await end(task)


async def test_a_group_that_has_become_too_old_meanwhile_is_no_trouble(
    scene: Scene,
    playing: Callable[..., asyncio.Task[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy machine finds the program late: then it begins with the next group of pictures."""

    async def late() -> str:
        scene.feed._forget_group()
        return scene.binary

    monkeypatch.setattr(scene.rendition.upstream, "_binary", late)
    viewer = scene.view()
    task = playing(group=10)
    units = await units_of(viewer, 2)
    assert units[0].keyframe
    assert scene.rendition.feed.trouble is None
    assert len(scene.camera.sessions) == 1
    await end(task)


def niceness(pid: int) -> list[int]:
    """Return how nice each thread of a process is."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [os.getpriority(os.PRIO_PROCESS, int(one.name)) for one in threads]


@pytest.mark.parametrize(
    "text",
    [None, "echo 'Unknown encoder' >&2; exit 1", "exec sleep 60", "yes nonsense"],
    ids=["absent", "dies", "hangs", "no FLV"],
)
async def test_an_ffmpeg_that_does_not_do_is_a_trouble_of_its_own(
    scene: Scene,
    playing: Callable[..., asyncio.Task[None]],
    tmp_path: Path,
    text: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "ffmpeg"
    scene.binary = str(path) if text is None else program(path, text)
    viewer = scene.view()
    task = playing()
    await until(lambda: scene.rendition.feed.trouble is not None)
    assert scene.rendition.feed.trouble is Trouble.ENCODER
    assert caplog.text.count("ffmpeg cannot convert pictures of camera 1001") >= 1
    if text is not None and "Unknown" in text:
        assert "Unknown encoder" in caplog.text
    # It is said once, however often it is tried.
    await asyncio.sleep(0.5)
    said = [one for one in caplog.records if one.levelname == "ERROR"]
    assert len(said) == 1
    # The lens itself is fine, and it is tried again as long as somebody looks.
    assert scene.feed.state is FeedState.LIVE
    scene.binary = "ffmpeg"
    await units_of(viewer, 3)
    await end(task)


async def test_one_that_dies_is_followed_by_another(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    viewer = scene.view()
    task = playing(group=8)
    await units_of(viewer, 3)
    pid = scene.pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: state_of(pid) is None)
    await units_of(viewer, 10)
    assert scene.pid != pid
    await end(task)


async def test_one_that_is_stuck_loses_pictures_and_keeps_its_bounds(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    viewer = scene.view()
    task = playing(group=8)
    before = await units_of(viewer, 3)
    (session,) = scene.rendition.upstream._sessions
    os.kill(scene.pid, signal.SIGSTOP)
    await asyncio.sleep(2)
    assert len(session._in_flight) <= 12
    assert len(session._waiting) <= 8
    os.kill(scene.pid, signal.SIGCONT)
    units = before + await units_of(viewer, 40)
    shown = [tag.counter for tag in tags(units)]
    assert shown == sorted(set(shown))
    assert shown[-1] - shown[0] >= len(shown)
    # It has caught up.
    assert clock.now() - units[-1].captured < 1
    await end(task)


@pytest.mark.parametrize("what", ["lens", "camera", "epoch", "nothing"])
async def test_a_picture_of_elsewhere_ends_it(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], what: str
) -> None:
    viewer = scene.view()
    task = playing()
    await units_of(viewer, 2)
    pid = scene.pid
    (session,) = scene.rendition.upstream._sessions
    elsewhere = {
        "lens": Origin(Source(str(DID), 1), scene.gate.epoch),
        "camera": Origin(Source("2002", 0), scene.gate.epoch),
        "epoch": Origin(SOURCE, scene.gate.epoch - 1),
        "nothing": None,
    }[what]
    session._viewer.push(b"", True, False, elsewhere, (), clock.now())
    assert scene.violations == [SOURCE]
    assert scene.rendition.upstream.encoders == []
    await until(lambda: state_of(pid) is None, 1)
    await end(task)


async def test_what_is_made_without_a_permit_is_not_passed_on(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    """Even if nobody had told the session that the gate has closed."""
    viewer = scene.view()
    task = playing()
    await units_of(viewer, 2)
    (session,) = scene.rendition.upstream._sessions
    passed: list[object] = []
    session._on_unit = passed.append
    scene.gate._on_close.clear()
    scene.gate.close()
    session._made(FlvPicture(2000, True, b"picture"))
    assert passed == []
    assert scene.rendition.upstream.encoders == []
    scene.cut()
    await end(task)


async def test_sound_passes_as_it_is(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    scene.camera.tracks = Tracks.SOUND
    heard: list[SoundUnit] = []
    viewer = scene.rendition.feed.view(scene.gate.require(), on_sound=heard.append)
    task = playing()
    pictures = await units_of(viewer, 3)
    assert pictures[0].tracks is Tracks.SOUND
    captured = clock.now()
    scene.camera.sessions[0].speak(b"\xd5" * 320, captured)
    await until(lambda: heard)
    assert (heard[0].data, heard[0].captured, heard[0].source) == (
        b"\xd5" * 320,
        captured,
        SOURCE,
    )
    assert heard[0].session == pictures[0].session
    await end(task)


async def test_nothing_is_left_after_many(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    task = playing(group=4)
    keep = scene.feed.view(scene.gate.require())
    for number in range(6):
        viewer = scene.view()
        await units_of(viewer, 1)
        viewer.close()
        scene.rendition.cut()
        if number == 0:
            await scene.rendition.upstream.gone()
            await asyncio.sleep(0.1)
            files = open_files()
    await scene.rendition.upstream.gone()
    await asyncio.sleep(0.1)
    assert open_files() <= files
    keep.close()
    await end(task)


async def test_without_pictures_of_the_lens_there_is_no_encoder(scene: Scene) -> None:
    scene.view()
    session = await scene.camera.session()
    session.on_closed()
    await until(lambda: scene.rendition.feed.trouble is not None)
    assert scene.rendition.feed.trouble is Trouble.BROKEN
    assert scene.rendition.upstream.encoders == []


def test_sizes_fit_in_either_orientation_and_never_grow() -> None:
    assert fitted(2560, 1440) == (1280, 720)
    assert fitted(2304, 1296) == (1280, 720)
    assert fitted(1620, 2880) == (404, 720) or fitted(1620, 2880) == (720, 1280)
    assert fitted(640, 360) == (640, 360)
    assert fitted(1, 1) == (2, 2)
    for width, height in ((2880, 1620), (1600, 1200), (3, 4000)):
        made = fitted(width, height)
        assert max(made) <= 1280
        assert min(made) <= 720
        assert made[0] % 2 == made[1] % 2 == 0


def test_format_of_a_picture() -> None:
    def unit(codec: Codec, data: bytes) -> AccessUnit:
        return AccessUnit(SOURCE, 1, 1, 1, 0.0, codec, True, data)

    shape = picture_format(unit(Codec.H265, coded(Codec.H265)[0]))
    assert shape is not None
    assert (shape.codec, shape.width, shape.height, shape.level) == (Codec.H265, 320, 180, 0)
    shape = picture_format(unit(Codec.H264, coded(Codec.H264)[0]))
    assert shape is not None
    assert (shape.width, shape.height, shape.profile, shape.level) == (320, 180, 66, 12)
    assert picture_format(unit(Codec.H264, b"\0\0\1\x65nonsense")) is None
