"""Which encoders renditions run, how many, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
import os
from pathlib import Path
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.media import (
    EncoderChoice,
    EncoderSlots,
    FeedState,
    Origin,
    Rendition,
    Source,
    Trouble,
    clock,
    picture_format,
)

from .fake_ffmpeg import V4L2, FakeFfmpeg
from .rendition_scene import (
    DEAD,
    DID,
    LIMITS,
    Scene,
    end,
    open_files,
    program,
    state_of,
    tags,
    units_of,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.gate import Gate

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


async def with_hardware(scene: Scene, fake: FakeFfmpeg) -> None:
    """Let a scene have an encoder of the machine's that has passed its trial."""
    scene.binary = str(fake.path)
    scene.choice = EncoderChoice((V4L2,), devices=fake.devices, after=0.0)
    scene.rendition.upstream._choice = scene.choice
    await scene.choice.best(scene.binary)
    await until(lambda: scene.choice.name)
    assert scene.choice.name == V4L2.name


async def test_the_encoder_of_the_machine_is_used_and_when_it_ends_there_is_another(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], tmp_path: Path
) -> None:
    await with_hardware(scene, FakeFfmpeg(tmp_path))
    viewer = scene.view()
    task = playing(group=8)
    units = await units_of(viewer, 20)
    shape = picture_format(units[0])
    assert shape is not None
    assert (shape.width, shape.height, shape.profile) == (640, 360, 77)
    assert {tag.did for tag in tags(units)} == {DID}
    assert scene.rendition.upstream.kinds == ["h264_v4l2m2m"]
    os.kill(scene.pid, signal.SIGKILL)
    await until(lambda: scene.choice.name == "libx264")
    # What follows is coded otherwise: whoever looks has to begin anew, as with a new size.
    await until(lambda: viewer.ended)
    await units_of(scene.view(), 10)
    assert scene.rendition.upstream.kinds == ["libx264"]
    await end(task)


@pytest.mark.parametrize("then", ["exit 1", "exec sleep 60"], ids=["ends", "hangs"])
async def test_one_that_passes_its_trial_and_fails_in_use_is_replaced_at_once(
    scene: Scene,
    playing: Callable[..., asyncio.Task[None]],
    tmp_path: Path,
    then: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeFfmpeg(tmp_path, f"if [ $runs -gt 1 ]; then {then}; fi")
    await with_hardware(scene, fake)
    viewer = scene.view()
    task = playing(group=8)
    await units_of(viewer, 5)
    # Nobody is told of a trouble: there was none for long.
    assert scene.rendition.feed.trouble is None
    assert scene.rendition.upstream.kinds == ["libx264"]
    assert fake.runs == 2
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
    viewer.close()
    await until(lambda: scene.rendition.feed.state is FeedState.IDLE)
    assert not any(state_of(pid) for pid in fake.pids)
    # And is not tried again.
    await units_of(scene.view(), 3)
    assert fake.runs == 2
    await end(task)


async def test_one_of_the_machine_that_is_stuck_is_replaced_before_the_feed_gives_up(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], tmp_path: Path
) -> None:
    scene.rendition.limit(replace(LIMITS, stall=5.0))
    await with_hardware(scene, FakeFfmpeg(tmp_path))
    viewer = scene.view()
    task = playing(group=8)
    await units_of(viewer, 5)
    pid = scene.pid
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: scene.choice.name == "libx264", 4)
    await until(lambda: state_of(pid) is None, 1)
    await until(lambda: viewer.ended)
    units = await units_of(scene.view(), 5)
    assert {unit.epoch for unit in units} == {scene.gate.epoch}
    assert scene.rendition.feed.trouble is None
    await end(task)


@pytest.mark.parametrize("how", ["crash", "cut", "gate", "leave", "close", "start", "violation"])
async def test_its_place_is_given_back_however_it_ends(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], tmp_path: Path, how: str
) -> None:
    slots = scene.slots
    if how == "start":
        scene.binary = program(tmp_path / "ffmpeg", "exec sleep 60")
    viewer = scene.view()
    task = playing(group=8)
    if how == "start":
        await until(lambda: slots.taken)
    else:
        await units_of(viewer, 2)
    assert slots.taken == 1
    (session,) = scene.rendition.upstream._sessions
    match how:
        case "crash":
            os.kill(scene.pid, signal.SIGKILL)
            await until(lambda: session not in scene.rendition.upstream._sessions)
            # The next one takes it again, and it is the only one there is.
            await units_of(viewer, 5)
            assert slots.taken == 1
            viewer.close()
        case "cut":
            scene.rendition.cut()
            assert slots.taken == 0
        case "gate":
            scene.gate.close()
            assert slots.taken == 0
        case "leave" | "start":
            viewer.close()
        case "close":
            await scene.rendition.close()
        case "violation":
            elsewhere = Origin(Source("2002", 0), scene.gate.epoch)
            session._viewer.push(b"", True, False, elsewhere, (), clock.now())
    await until(lambda: slots.taken == 0)
    await end(task)


async def test_one_too_many_is_told_so_and_begins_when_there_is_a_place(
    scene: Scene, gate: Gate, playing: Callable[..., asyncio.Task[None]]
) -> None:
    first = scene.view()
    task = playing(group=8)
    await units_of(first, 3)
    pid = scene.pid
    other = Scene(scene.camera, gate, EncoderSlots(1))
    other.feed = scene.feed
    other.slots = scene.slots
    other.rendition = Rendition(
        scene.feed, scene._path, slots=scene.slots, choice=scene.choice, starting=2.0
    )
    other.rendition.limit(LIMITS)
    second = other.view()
    await until(lambda: other.rendition.feed.trouble is not None)
    assert other.rendition.feed.trouble is Trouble.ENCODERS_TAKEN
    assert other.rendition.upstream.encoders == []
    assert scene.pid == pid
    first.close()
    await units_of(second, 3)
    assert scene.slots.taken == 1
    await other.rendition.close()
    await end(task)


async def test_nothing_is_left_of_those_that_were_cut_as_they_began(
    scene: Scene, playing: Callable[..., asyncio.Task[None]]
) -> None:
    """At every moment of the start: before, while and after the process is made."""
    task = playing(group=4)
    keep = scene.feed.view(scene.gate.require())
    await scene.feed.keyframe(scene.gate.require(), max_age=3, timeout=8)
    before = None
    for number in range(60):
        viewer = scene.view()
        for _ in range(number % 20):
            await asyncio.sleep(0)
        if number % 3 == 2:
            await asyncio.sleep(0.002 * number)
        match number % 3:
            case 0:
                scene.rendition.cut()
            case 1:
                viewer.close()
                scene.rendition.cut()
            case _:
                scene.rendition.feed.cut()
        assert scene.slots.taken == 0 or number % 3 == 2
        if number == 9:
            await scene.rendition.upstream.gone()
            await asyncio.sleep(0.2)
            before = open_files()
    await scene.rendition.upstream.gone()
    await until(lambda: not children(), 3)
    await asyncio.sleep(0.2)
    assert before is not None
    assert open_files() <= before
    assert scene.slots.taken == 0
    keep.close()
    await end(task)


def children() -> list[int]:
    """Return the processes this one has, also those that only wait to be reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(stat.parent.name))
    return found


async def test_what_ffmpeg_has_started_itself_goes_with_it(
    scene: Scene, playing: Callable[..., asyncio.Task[None]], tmp_path: Path
) -> None:
    """It may be a script."""
    pids = tmp_path / "pids"
    scene.binary = program(
        tmp_path / "ffmpeg", f'exec 3<&0\nffmpeg "$@" <&3 &\necho $! > {pids}\nwait $!'
    )
    viewer = scene.view()
    task = playing(group=8)
    await units_of(viewer, 3)
    inner = int(pids.read_text())
    assert inner != scene.pid
    assert state_of(inner) is not None
    # Nor does it live on when the script alone has ended.
    os.kill(scene.pid, signal.SIGKILL)
    await until(lambda: state_of(inner) in DEAD, 3)
    # What has come before is still given; the next one has its own number.
    await until(lambda: int(pids.read_text() or inner) != inner, 10)
    await units_of(viewer, 3)
    inner = int(pids.read_text())
    scene.gate.close()
    await until(lambda: state_of(inner) in DEAD, 1)
    await end(task)
