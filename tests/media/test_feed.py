"""One upstream, many viewers, and nothing foreign or old among it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import io
import time
from typing import TYPE_CHECKING

import av
import pytest

from custom_components.mi_camera.media import (
    AccessUnit,
    Feed,
    FeedLimits,
    FeedState,
    Source,
    StillMaker,
    Tracks,
    Trouble,
    UpstreamError,
    clock,
)
from custom_components.mi_camera.media.camera_clock import CameraClock
from custom_components.mi_camera.miss import Codec

from .pictures import GROUP, FakeCamera, coded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from custom_components.mi_camera.gate import Gate
    from custom_components.mi_camera.media.viewer import Viewer

SOURCE = Source("1001", 0)
LIMITS = FeedLimits(linger=0.1, stall=0.4, first_picture=1.0, max_lag=5.0, backoff=(0.05, 0.2))


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera(SOURCE)


@pytest.fixture
async def feed(camera: FakeCamera, gate: Gate) -> AsyncGenerator[Feed]:
    feed = Feed(SOURCE, camera.connect, limits=LIMITS)
    gate.on_close(feed.cut)
    yield feed
    await feed.close()


async def drain(viewer: Viewer, seconds: float = 0.1) -> bytes:
    """Return what is there for a viewer."""
    data = b""
    try:
        async with asyncio.timeout(seconds):
            async for chunk in viewer:
                data += chunk
    except TimeoutError:
        pass
    return data


def pictures(data: bytes) -> int:
    """Decode MPEG-TS and count."""
    with av.open(io.BytesIO(data)) as container:
        return sum(1 for _ in container.decode(video=0))


async def wait_for(condition: object, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_nothing_is_opened_without_a_viewer(feed: Feed, camera: FakeCamera) -> None:
    await asyncio.sleep(0.05)
    assert camera.attempts == 0
    assert feed.state is FeedState.IDLE


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_two_viewers_share_one_session_and_the_second_starts_at_once(
    feed: Feed, camera: FakeCamera, gate: Gate, codec: Codec
) -> None:
    first = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP + 5, codec=codec)
    second = feed.view(gate.require())
    assert pictures(await drain(first)) == GROUP + 5
    assert pictures(await drain(second)) == 5
    assert camera.attempts == 1
    assert feed.viewers == 2


async def test_a_mid_group_start_waits_for_the_key_frame(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.sequence = 3
    session.send(GROUP - 3)
    assert await drain(viewer, 0.05) == b""
    session.send(GROUP)
    assert pictures(await drain(viewer)) == GROUP


async def test_the_session_closes_a_little_after_the_last_viewer(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    viewer.close()
    assert not session.closed
    await wait_for(lambda: session.closed)
    await wait_for(lambda: feed.state is FeedState.IDLE)


async def test_it_leaves_the_camera_at_once_when_told_to(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    feed.limits = FeedLimits(linger=60)
    await feed.rest()
    camera.hang = True
    viewer = feed.view(gate.require())
    await wait_for(lambda: camera.attempts)
    viewer.close()
    await feed.rest()
    assert feed.state is FeedState.IDLE
    camera.hang = False
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    # Nobody is sent away.
    await feed.rest()
    assert not session.closed
    assert not viewer.ended
    viewer.close()
    await feed.rest()
    assert session.closed
    assert not session.aborted
    assert feed.state is FeedState.IDLE
    # Who comes meanwhile is not sent away either.
    viewer = feed.view(gate.require())
    session = await camera.session(2)
    session.send(3)
    viewer.close()
    resting = asyncio.ensure_future(feed.rest())
    viewer = feed.view(gate.require())
    await resting
    assert not session.closed
    assert not viewer.ended


async def test_closing_the_gate_cuts_everything_before_it_returns(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP)
    gate.close()
    assert session.aborted
    assert viewer.ended
    assert feed.state is FeedState.IDLE
    session.send(GROUP)
    assert await drain(viewer, 0.05) == b""
    assert await drain(feed.view(gate.permit() or _dead_permit(gate)), 0.05) == b""
    await asyncio.sleep(0.2)
    assert camera.attempts == 1


def _dead_permit(gate: Gate):
    from custom_components.mi_camera.gate import Permit

    return Permit(gate, gate.epoch)


async def test_the_feed_asks_the_gate_itself(camera: FakeCamera, gate: Gate) -> None:
    """Even when nobody cuts it: no old pictures for newcomers, and no new ones for anybody."""
    feed = Feed(SOURCE, camera.connect, limits=LIMITS)
    permit = gate.require()
    viewer = feed.view(permit)
    session = await camera.session()
    session.send(3)
    while viewer.take() is not None:
        pass
    gate.close()
    newcomer = feed.view(permit)
    assert newcomer.ended
    assert newcomer.take() is None
    with pytest.raises(TimeoutError):
        await feed.keyframe(permit, max_age=10, timeout=1)
    session.send(GROUP)
    assert viewer.take() is None
    await feed.close()


async def test_a_connection_in_progress_does_not_survive_the_gate(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    camera.hang = True
    viewer = feed.view(gate.require())
    await wait_for(lambda: camera.attempts == 1)
    gate.close()
    assert viewer.ended
    camera.hang = False
    await feed.close()
    assert camera.sessions == []


async def test_a_new_epoch_gets_a_new_session(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    feed.view(gate.require())
    first = await camera.session()
    first.send(2)
    gate.close()
    gate.open()
    viewer = feed.view(gate.require())
    second = await camera.session(2)
    first.send(3)
    second.send(2)
    assert pictures(await drain(viewer)) == 2
    assert second.epoch > first.epoch


@pytest.mark.parametrize(
    "forged",
    [{"source": Source("2002", 0)}, {"source": Source("1001", 1)}, {"epoch": 77}, {"session": 1}],
)
async def test_a_picture_from_elsewhere_cuts_the_feed(
    camera: FakeCamera, gate: Gate, forged: dict[str, object]
) -> None:
    reported: list[Source] = []
    feed = Feed(SOURCE, camera.connect, limits=LIMITS, on_violation=reported.append)
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    session.send(1, **forged)  # type: ignore[arg-type]
    assert feed.violations == 1
    assert reported == [SOURCE]
    assert viewer.ended
    assert session.aborted
    await feed.close()


async def test_an_old_picture_is_not_live(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP, age=LIMITS.max_lag + 1)
    assert await drain(viewer, 0.05) == b""
    assert feed.state is not FeedState.LIVE
    with pytest.raises(TimeoutError):
        await feed.keyframe(gate.require(), max_age=60, timeout=0.05)
    session.send(GROUP)
    assert pictures(await drain(viewer)) == GROUP


async def test_a_machine_that_slept_shows_no_newcomer_what_is_left_of_before(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    """Nothing has had time to notice that pictures have stopped."""
    feed.view(gate.require())
    (await camera.session()).send(3)
    time.sleep(LIMITS.stall + 0.05)  # noqa: ASYNC251 - so that nothing else runs
    assert feed.view(gate.require()).take() is None
    with pytest.raises(TimeoutError):
        await feed.keyframe(gate.require(), max_age=10, timeout=0.05)


type Suspend = Callable[[float], None]


@pytest.fixture
def suspend(monkeypatch: pytest.MonkeyPatch) -> Suspend:
    """Let the machine sleep for so many seconds: CLOCK_MONOTONIC and timers stand still."""
    slept = 0.0
    ticking = time.clock_gettime

    def runs_on(which: int) -> float:
        return ticking(which) + (slept if which == time.CLOCK_BOOTTIME else 0.0)

    def suspend(seconds: float) -> None:
        nonlocal slept
        slept += seconds

    monkeypatch.setattr(time, "clock_gettime", runs_on)
    return suspend


boottime = pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux only")


@boottime
async def test_what_was_here_before_a_suspend_is_old(
    feed: Feed, camera: FakeCamera, gate: Gate, suspend: Suspend
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    still = await StillMaker(feed).still(gate.require())
    assert still is not None
    suspend(3600)
    assert still.age > 3600
    assert viewer.take() is None, "what had not been taken"
    assert feed.view(gate.require()).take() is None
    assert await StillMaker(feed, timeout=0.05).still(gate.require()) is None


@boottime
@pytest.mark.parametrize("tracks", [Tracks.PICTURES, Tracks.SOUND])
async def test_the_first_picture_after_a_suspend_finds_that_the_stream_had_stalled(
    camera: FakeCamera, gate: Gate, suspend: Suspend, tracks: Tracks
) -> None:
    """No timer has: they stood still as well. And nobody is given an hour of silence."""
    stalls: list[bool] = []
    limits = replace(LIMITS, stall=5.0)
    camera.tracks = tracks
    feed = Feed(camera.source, camera.connect, limits=limits, on_stall=lambda: stalls.append(True))
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    suspend(3600)
    joined = feed.view(gate.require())
    session.send(1)
    assert viewer.ended
    assert stalls == [True]
    assert joined.take() is None
    session.sequence = GROUP
    session.send(GROUP)
    data = await drain(joined)
    assert pictures(data) == GROUP
    assert len(data) < 200_000
    assert feed.state is FeedState.LIVE
    assert feed.trouble is None
    await feed.close()


@boottime
async def test_what_was_under_way_during_a_suspend_is_late(
    feed: Feed, camera: FakeCamera, gate: Gate, suspend: Suspend
) -> None:
    """As TCP keeps it: it comes right after, stamped by the camera's clock before."""
    viewer = feed.view(gate.require())
    session = await camera.session()
    camera_clock = CameraClock()
    began = clock.now()

    def send(stamp: float, count: int) -> None:
        for number in range(count):
            now = clock.now()
            session.send(1, age=now - camera_clock.captured(500.0 + stamp + number / 15, now))

    send(0.0, GROUP)
    assert pictures(await drain(viewer, 0.05)) == GROUP
    suspend(3600)
    send(GROUP / 15, GROUP)
    assert viewer.take() is None
    newcomer = feed.view(gate.require())
    assert newcomer.take() is None
    send(clock.now() - began, GROUP)
    assert pictures(await drain(newcomer, 0.05)) == GROUP


async def test_a_newcomer_gets_no_group_that_began_too_long_ago(
    camera: FakeCamera, gate: Gate
) -> None:
    """However young its last picture is: who joins would be shown the first one."""
    feed = Feed(SOURCE, camera.connect, limits=replace(LIMITS, stall=5.0, max_lag=1.0))
    feed.view(gate.require())
    session = await camera.session()
    session.send(1, age=0.8)
    session.send(3)
    assert pictures(await drain(feed.view(gate.require()), 0.02)) == 4
    await asyncio.sleep(0.25)
    session.send(1)
    newcomer = feed.view(gate.require())
    assert newcomer.take() is None
    assert feed._programme is not None
    assert not list(feed._programme), "it is not even kept"
    # It is good enough for a still that may be older.
    await feed.keyframe(gate.require(), max_age=10, timeout=0)
    session.send(2)
    assert newcomer.take() is None
    session.sequence = GROUP
    session.send(3)
    assert pictures(await drain(newcomer, 0.02)) == 3
    await feed.close()


async def test_a_newcomer_gets_nothing_old_when_pictures_have_just_stopped(
    camera: FakeCamera, gate: Gate
) -> None:
    """The group was short enough to keep, and no stall is noticed yet."""
    feed = Feed(SOURCE, camera.connect, limits=replace(LIMITS, stall=5.0, max_lag=0.2))
    feed.view(gate.require())
    (await camera.session()).send(3)
    await asyncio.sleep(0.25)
    assert feed._programme is not None
    assert len(list(feed._programme)) == 3
    newcomer = feed.view(gate.require())
    assert newcomer.take() is None
    assert not newcomer.fed, "or it would not be waited for as long as for a first picture"
    await feed.close()


async def test_a_stalled_stream_ends_its_viewers_and_comes_back(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(3)
    await drain(viewer, 0.05)
    await wait_for(lambda: viewer.ended)
    newcomer = feed.view(gate.require())
    again = await camera.session(2)
    assert session.closed
    await drain(newcomer, 0.05)
    again.send(2)
    assert pictures(await drain(newcomer)) == 2


async def test_a_broken_session_is_made_anew_for_the_same_viewer(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP)
    session.on_closed()
    again = await camera.session(2)
    assert not viewer.ended
    again.send(GROUP)
    assert pictures(await drain(viewer)) == 2 * GROUP


async def test_trouble_is_told_and_a_viewer_does_not_wait_for_ever(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    camera.trouble = UpstreamError(Trouble.ASLEEP)
    viewer = feed.view(gate.require())
    await wait_for(lambda: viewer.ended)
    assert feed.trouble is Trouble.ASLEEP
    assert 2 <= camera.attempts <= 30


async def test_another_picture_size_ends_the_viewers(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    viewer = feed.view(gate.require())
    session = await camera.session()
    session.send(GROUP)
    session.send(GROUP, units=coded(Codec.H264, 640, 360))
    assert viewer.ended
    newcomer = feed.view(gate.require())
    assert pictures(await drain(newcomer)) == GROUP


async def test_keyframe_waits_for_a_fresh_one(feed: Feed, camera: FakeCamera, gate: Gate) -> None:
    waiting = asyncio.ensure_future(feed.keyframe(gate.require(), max_age=10, timeout=2))
    session = await camera.session()
    session.send(3)
    unit = await waiting
    assert unit.keyframe
    assert (await feed.keyframe(gate.require(), max_age=10, timeout=2)) is unit
    with pytest.raises(TimeoutError):
        await feed.keyframe(gate.require(), max_age=-1, timeout=0.05)
    gate.close()
    with pytest.raises(TimeoutError):
        await feed.keyframe(_dead_permit(gate), max_age=10, timeout=1)


async def test_keyframe_gives_up_when_the_gate_closes(
    feed: Feed, camera: FakeCamera, gate: Gate
) -> None:
    waiting = asyncio.ensure_future(feed.keyframe(gate.require(), max_age=10, timeout=5))
    await camera.session()
    gate.close()
    with pytest.raises(TimeoutError):
        await waiting


async def test_the_group_kept_for_newcomers_is_whole_and_bounded(
    camera: FakeCamera, gate: Gate
) -> None:
    room = 20_000
    feed = Feed(SOURCE, camera.connect, limits=FeedLimits(group_bytes=room, linger=0.1))
    first = feed.view(gate.require())
    session = await camera.session()
    session.send(1)
    assert pictures(await drain(feed.view(gate.require()))) == 1
    large = coded(Codec.H264)[:1] * 200
    for count in range(2, 200):
        session.on_unit(
            AccessUnit(
                SOURCE,
                session.epoch,
                session.session,
                count,
                clock.now(),
                Codec.H264,
                False,
                large[0],
            )
        )
        assert feed._programme is not None
        assert sum(len(chunk) for chunk, *_ in feed._programme) <= room
    newcomer = feed.view(gate.require())
    assert await drain(newcomer, 0.05) == b""
    session.sequence = GROUP
    session.send(3)
    assert pictures(await drain(newcomer)) == 3
    first.close()
    await feed.close()


def test_an_outage_is_noticed_to_be_over_soon() -> None:
    """In the first minute at most two seconds pass between attempts; the cloud is spared."""
    limits = FeedLimits()
    for failures in range(1, 30):
        assert limits.pause(failures, lost_for=59.0, local=True) * 1.25 <= 2.0
    assert limits.pause(1, lost_for=0.0, local=True) == limits.backoff[0]
    # Who has waited for the camera in vain need not wait once more.
    assert limits.pause(1, lost_for=0.0, local=True, waited=0.4) == limits.backoff[0] - 0.4
    assert limits.pause(4, lost_for=59.0, local=True, waited=6.0) == 0
    assert limits.pause(4, lost_for=61.0, local=True, waited=6.0) == 8
    assert limits.pause(4, lost_for=0.0, local=False, waited=6.0) == 8
    for local, lost_for in ((True, 61.0), (False, 0.0)):
        delays = [limits.pause(n, lost_for=lost_for, local=local) for n in range(1, 500)]
        assert delays == sorted(delays)
        assert delays[-1] == limits.backoff[1]


async def test_a_session_that_was_live_starts_the_counting_anew(
    camera: FakeCamera, gate: Gate
) -> None:
    """Failures of last week do not make today's short outage a long one."""
    limits = FeedLimits(linger=0.1, stall=5.0, first_picture=5.0, backoff=(0.05, 60.0))
    feed = Feed(SOURCE, camera.connect, limits=limits)
    feed.view(gate.require())
    async with asyncio.timeout(3):
        for number in range(1, 9):
            session = await camera.session(number)
            session.send(1)
            session.on_closed()
    await feed.close()
