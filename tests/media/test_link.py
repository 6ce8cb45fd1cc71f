"""One link for all who want something of a camera, and each lens its own pictures only."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import random
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import (
    AccessUnit,
    CameraLink,
    SoundUnit,
    Source,
    Tracks,
    Trouble,
    UpstreamError,
    link as link_module,
    link_session,
)
from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    MissClosed,
    MissKeys,
    MissUnreachable,
    MissWrongKey,
)
from custom_components.mi_camera.miss.models import CameraModel

from .tagged import DID, KEYS, FakeClient, lenses_seen, mislabelled, pictures
from .test_upstream import House, _quick, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from custom_components.mi_camera.media import Quality

TWO_LENSES = CameraModel(lenses=2, interleaves=True)


class Bench:
    """A link whose sessions are played by the test."""

    def __init__(self, model: CameraModel = TWO_LENSES, **changes: Any) -> None:
        self.gate = Gate()
        self.gate.open()
        self.link = CameraLink(str(DID), lambda: "127.0.0.1", self.keys, model, **changes)
        self.units: dict[int, list[AccessUnit | SoundUnit]] = {0: [], 1: []}
        self.ended: list[int] = []
        self.fresh: list[bool] = []

    async def keys(self, *, fresh: bool) -> MissKeys:
        self.fresh.append(fresh)
        return KEYS

    @property
    def client(self) -> FakeClient:
        return FakeClient.made[-1]

    async def open(
        self, lens: int, *, sound: bool = False, quality: Quality = "best"
    ) -> link_session.LensStream:
        return await self.link.open_lens(
            Source(str(DID), lens),
            self.gate.require(),
            quality=quality,
            sound=sound,
            on_unit=self.units[lens].append,
            on_closed=lambda: self.ended.append(lens),
        )

    async def opening(self, lens: int, **changes: Any) -> asyncio.Task[link_session.LensStream]:
        """Begin to open a lens, up to where its first picture is waited for."""
        asked = sum(len(client.asked) for client in FakeClient.made)
        task = asyncio.ensure_future(self.open(lens, **changes))
        async with asyncio.timeout(1):
            while sum(len(client.asked) for client in FakeClient.made) == asked:
                await asyncio.sleep(0)
        return task

    def lenses(self, lens: int) -> list[int]:
        return lenses_seen(unit for unit in self.units[lens] if isinstance(unit, AccessUnit))


@pytest.fixture
async def bench(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Bench]:
    monkeypatch.setattr(link_session, "MissClient", FakeClient)
    FakeClient.made.clear()
    bench = Bench(**getattr(request, "param", {}))
    yield bench
    await bench.link.close()


def interleaved(count: int = 40, first: tuple[int, int] = (0, 0)) -> list[Any]:
    pairs = zip(pictures(0, count, first=first[0]), pictures(1, count, first=first[1]), strict=True)
    return [frame for pair in pairs for frame in pair]


async def both(bench: Bench) -> list[link_session.LensStream]:
    """Open both lenses in one session; the caller has to play."""
    tasks = [await bench.opening(0), await bench.opening(1)]
    bench.client.play(*interleaved(8))
    return [await task for task in tasks]


# -- the wrong lens -----------------------------------------------------------------------------


async def test_two_lenses_in_one_session_get_their_own_pictures(bench: Bench) -> None:
    streams = await both(bench)
    assert len(FakeClient.made) == 1
    assert len({stream.session for stream in streams}) == 1
    bench.client.play(*interleaved(40)[16:])
    assert bench.lenses(0) == [0] * 40
    assert bench.lenses(1) == [1] * 40 or bench.lenses(1) == [1] * 39
    for lens, units in bench.units.items():
        assert {unit.source for unit in units} == {Source(str(DID), lens)}


@pytest.mark.parametrize("first", [(0, 0), (0, 500), (500, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("fault", ["missing", "late", "one", "some", "order"])
async def test_labels_that_are_missing_or_late_put_nothing_into_the_wrong_feed(
    bench: Bench, fault: str, first: tuple[int, int]
) -> None:
    random.seed(5)
    faulty = {
        "missing": set(range(100)),
        "late": set(range(10)),
        "one": {21},
        "some": set(random.sample(range(40), 12)),
        "order": {21, 22, 33},
    }[fault]
    tasks = [await bench.opening(0), await bench.opening(1)]
    frames = interleaved(40, first)
    if fault == "order":
        frames = [frame for pair in zip(frames[1::2], frames[::2], strict=True) for frame in pair]
    for number, frame in enumerate(frames):
        is_faulty = frame.lens == 1 and number // 2 in faulty
        FakeClient.made[0].play(mislabelled(frame) if is_faulty else frame)
    assert set(bench.lenses(0)) <= {0}
    assert set(bench.lenses(1)) <= {1}
    if fault == "one":
        assert bench.lenses(0).count(0) > 20
        assert bench.lenses(1).count(1) > 20
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_change_of_quality_mixes_nothing(bench: Bench) -> None:
    """The counts begin anew, in the middle of the other lens's pictures, one label missing."""
    first, second = await both(bench)
    bench.client.play(*interleaved(20)[16:])
    await second.close()
    assert bench.client.stopped == [1]
    again = await bench.opening(1)
    new = pictures(1, 20, width=640)
    for number, frame in enumerate(pictures(0)[20:36]):
        bench.client.play(frame, mislabelled(new[number]) if number == 2 else new[number])
    await again
    assert bench.lenses(0) == [0] * len(bench.units[0])
    assert set(bench.lenses(1)) == {1}
    await first.close()


async def test_a_camera_whose_labels_do_not_do_gets_a_session_for_each_lens(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await both(bench)
    shared = bench.client
    for frame in interleaved(40, (0, 500))[16:]:
        shared.play(mislabelled(frame))
    assert shared.ended
    assert bench.ended == [0, 1]
    assert "does not tell its lenses apart" in caplog.text
    assert set(bench.lenses(0)) == {0}
    tasks = [await bench.opening(0), await bench.opening(1)]
    assert len(FakeClient.made) == 3
    for lens, client in enumerate(FakeClient.made[1:]):
        assert {asked[0] for asked in client.asked} == {lens}
        client.play(*pictures(lens)[:8])
    for task in tasks:
        await (await task).close()


async def test_a_camera_that_does_not_count_gets_a_session_for_each_lens(bench: Bench) -> None:
    """No picture of the second lens is ever sure to be its own."""
    first = await bench.opening(0)
    bench.client.play(*pictures(0)[:8])
    await first
    second = await bench.opening(1)
    bench.client.play(*(replace(frame, sequence=7) for frame in pictures(1)[:20]))
    with pytest.raises(UpstreamError) as caught:
        await second
    assert caught.value.trouble is Trouble.BROKEN
    assert bench.units[1] == []
    assert bench.link.separate
    assert bench.ended == [0, 1]


async def test_a_lens_nobody_opened_reaches_nobody(bench: Bench) -> None:
    task = await bench.opening(1)
    bench.client.play(*interleaved(40))
    stream = await task
    assert bench.units[0] == []
    assert set(bench.lenses(1)) == {1}
    await stream.close()


# -- one session for all ------------------------------------------------------------------------


async def test_the_session_stays_while_one_lens_wants_it(bench: Bench) -> None:
    first, second = await both(bench)
    await first.close()
    assert bench.client.stopped == [0]
    assert not bench.client.ended
    got = len(bench.units[1])
    bench.client.play(*interleaved(40)[16:])
    assert len(bench.units[1]) > got
    await second.close()
    assert bench.client.ended == "closed"


async def test_cutting_ends_both_lenses_before_it_returns(bench: Bench) -> None:
    await both(bench)
    before = {lens: len(units) for lens, units in bench.units.items()}
    bench.link.cut()
    assert bench.client.ended == "aborted"
    assert bench.ended == [0, 1]
    bench.client.ended = ""
    bench.client.play(*interleaved(40)[16:])
    assert {lens: len(units) for lens, units in bench.units.items()} == before


async def test_nothing_passes_once_the_permit_has_gone(bench: Bench) -> None:
    """Even if nobody cuts the link."""
    first, _ = await both(bench)
    before = len(bench.units[0])
    bench.gate.close()
    bench.client.play(*interleaved(40)[16:])
    assert len(bench.units[0]) == before
    first.abort()
    assert bench.client.ended == "aborted"
    assert bench.client.stopped == []
    with pytest.raises(UpstreamError):
        bench.gate.open()
        permit = bench.gate.require()
        bench.gate.close()
        async with bench.link.control(permit):
            pass


@pytest.mark.parametrize("step", ["keys", "connect", "start", "wake"])
async def test_the_gate_is_asked_after_each_wait(
    bench: Bench, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was waited for: when it comes after the gate has closed, nothing follows."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait(*_: object, **__: object) -> None:
        waiting.set()
        await go_on.wait()

    async def wait_for_keys(*, fresh: bool) -> MissKeys:
        await wait()
        return KEYS

    async def unreachable(*_: object) -> None:
        raise MissUnreachable("nobody")

    if step == "keys":
        bench.link._keys = wait_for_keys
    elif step == "wake":
        monkeypatch.setattr(FakeClient, "connect", unreachable)
        bench.link._wake = wait
    else:
        monkeypatch.setattr(FakeClient, {"connect": "connect", "start": "start_video"}[step], wait)
    opening = asyncio.ensure_future(bench.open(0))
    await waiting.wait()
    made = len(FakeClient.made)
    bench.gate.close()
    bench.link.cut()
    go_on.set()
    with pytest.raises(UpstreamError):
        await opening
    assert len(FakeClient.made) == made
    assert all(client.ended == "aborted" and not client.asked for client in FakeClient.made)


async def test_a_new_permit_gets_a_new_session(bench: Bench) -> None:
    task = await bench.opening(0)
    bench.client.play(*pictures(0)[:8])
    old = await task
    bench.gate.close()
    bench.gate.open()
    task = await bench.opening(0)
    assert FakeClient.made[0].ended == "aborted"
    assert bench.ended == [0]
    bench.client.play(*pictures(0)[:8])
    new = await task
    assert new.session != old.session
    assert bench.units[0][-1].epoch == bench.gate.epoch


async def test_a_wrong_key_is_answered_by_new_keys_once(bench: Bench) -> None:
    task = await bench.opening(0)
    bench.client.on_closed(MissWrongKey("rubbish"))
    async with asyncio.timeout(1):
        while len(FakeClient.made) < 2 or not bench.client.asked:
            await asyncio.sleep(0)
    assert bench.fresh == [False, True]
    bench.client.on_closed(MissWrongKey("rubbish"))
    with pytest.raises(UpstreamError) as caught:
        await task
    assert caught.value.trouble is Trouble.REFUSED
    assert bench.link.keys_are_old


async def test_another_cameras_lens_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="another"):
        await bench.link.open_lens(
            Source("2002"),
            bench.gate.require(),
            quality="best",
            sound=False,
            on_unit=bench.units[0].append,
            on_closed=lambda: None,
        )


# -- sound -----------------------------------------------------------------------------------


def piece(number: int, lens: int = 0, stamp: int | None = None) -> AudioFrame:
    stamp = 5_000 + 40 * number if stamp is None else stamp
    return AudioFrame(lens, number, stamp, Codec.PCMA, 8000, 1, bytes(320))


async def test_one_microphone_is_heard_with_both_lenses(bench: Bench) -> None:
    tasks = [await bench.opening(0, sound=True), await bench.opening(1, sound=True)]
    assert [asked[2] for asked in bench.client.asked] == [True, True]
    bench.client.play(*interleaved(8))
    streams = [await task for task in tasks]
    bench.client.play(*(piece(number) for number in range(5)))  # type: ignore[arg-type]
    for lens, units in bench.units.items():
        sounds = [unit for unit in units if isinstance(unit, SoundUnit)]
        assert [unit.sequence for unit in sounds] == list(range(5))
        assert {unit.source.lens for unit in sounds} == {lens}
    # A second microphone is the second lens's.
    bench.client.play(*(piece(number, 1) for number in range(9, 12)))  # type: ignore[arg-type]
    bench.client.play(*(piece(number) for number in range(5, 8)))  # type: ignore[arg-type]
    heard = [
        [unit.sequence for unit in bench.units[lens] if isinstance(unit, SoundUnit)][5:]
        for lens in range(2)
    ]
    assert heard == [[5, 6, 7], [9, 10, 11]]
    for stream in streams:
        await stream.close()


@pytest.mark.parametrize("bench", [{"model": CameraModel()}], indirect=True)
async def test_no_sound_passes_once_the_permit_has_gone(bench: Bench) -> None:
    """Even if nobody cuts the link."""
    task = await bench.opening(0, sound=True)
    bench.client.play(pictures(0)[0])
    stream = await task
    bench.client.play(piece(0))  # type: ignore[arg-type]
    before = len(bench.units[0])
    assert before == 2
    bench.gate.close()
    bench.client.play(piece(1))  # type: ignore[arg-type]
    assert len(bench.units[0]) == before
    stream.abort()


@pytest.mark.parametrize("bench", [{"model": CameraModel()}], indirect=True)
@pytest.mark.parametrize(
    ("shift", "same"), [(0, True), (300, True), (5_000, False), (-5_000, False)]
)
async def test_sound_is_timed_by_the_clock_of_the_pictures_if_it_is_the_same(
    bench: Bench, shift: int, same: bool
) -> None:
    task = await bench.opening(0, sound=True)
    bench.client.play(pictures(0)[0])
    stream = await task
    bench.client.play(piece(0, stamp=5_000 + shift))  # type: ignore[arg-type]
    picture, sound = bench.units[0]
    if same:
        assert sound.captured - picture.captured < 0.05
    else:
        assert abs(sound.captured - picture.captured) < 0.05
    await stream.close()


@pytest.mark.parametrize("bench", [{"model": CameraModel()}], indirect=True)
async def test_a_session_without_sound_passes_none(bench: Bench) -> None:
    task = await bench.opening(0)
    bench.client.play(*pictures(0)[:4])
    bench.client.play(piece(0))  # type: ignore[arg-type]
    stream = await task
    assert {type(unit) for unit in bench.units[0]} == {AccessUnit}
    assert {unit.tracks for unit in bench.units[0]} == {Tracks.PICTURES}  # type: ignore[union-attr]
    await stream.close()


# -- with a simulated camera -----------------------------------------------------------------


async def tags(units: list[AccessUnit | SoundUnit], count: int) -> list[int]:
    await until(lambda: len(units) >= count)
    return lenses_seen(unit for unit in units if isinstance(unit, AccessUnit))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_both_lenses_of_a_camera_over_one_connection(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "FIRST_FRAME_TIMEOUT", 3.0)
    house = await House.start(TWO_LENSES, lenses=2, viewers=1, transport=transport)
    try:
        (one, first), (two, second) = await asyncio.gather(house.connect(0), house.connect(1))
        assert await tags(first, 20) == [0] * len(first)
        assert await tags(second, 20) == [1] * len(second)
        assert house.camera.media_connections_total == 1
        await one.close()
        got = len(second)
        await until(lambda: len(second) > got + 5)
        await two.close()
        await house.no_connection()
    finally:
        await house.stop()


async def test_lenses_of_a_camera_that_does_not_interleave_get_a_connection_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "FIRST_FRAME_TIMEOUT", 3.0)
    house = await House.start(CameraModel(lenses=2), lenses=2, interleaves=False)
    try:
        (one, first), (two, second) = await asyncio.gather(house.connect(0), house.connect(1))
        assert await tags(first, 15) == [0] * len(first)
        assert await tags(second, 15) == [1] * len(second)
        assert house.camera.media_connections == 2
        await one.close()
        await two.close()
    finally:
        await house.stop()


async def test_commands_go_over_the_pictures_session() -> None:
    house = await House.start(viewers=1)
    try:
        stream, units = await house.connect()
        async with house.link.control(house.gate.require()) as client:
            info = await client.device_info()
        assert info.did == str(house.camera.spec.did)
        got = len(units)
        await until(lambda: len(units) > got + 5)
        assert house.camera.media_connections_total == 1
        await stream.close()
        # The next key press still finds it.
        assert house.camera.media_connections == 1
    finally:
        await house.stop()
    assert house.camera.media_connections == 0


async def test_a_session_without_pictures_lives_on_and_takes_pictures_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "CONTROL_LINGER", 0.3)
    house = await House.start(viewers=1)
    permit = house.gate.require()
    try:
        async with house.link.control(permit) as client:
            await client.device_info()
            async with house.link.control(permit) as same:
                assert same is client
            stream, units = await house.connect()
            await until(lambda: len(units) > 5)
            await stream.close()
            await until(lambda: house.camera.viewers == 0)
            await client.device_info()
        await asyncio.sleep(0.1)
        assert house.camera.media_connections == 1
        await house.no_connection()
        assert house.camera.media_connections_total == 1
        async with house.link.control(permit) as client:
            house.gate.close()
            with pytest.raises(MissClosed):
                await client.device_info()
        await house.no_connection()
    finally:
        await house.stop()


async def test_a_sleeping_lens_leaves_the_session_to_the_motor() -> None:
    house = await House.start()
    house.camera.power = False
    try:
        async with house.link.control(house.gate.require()) as client:
            assert await house.trouble() is Trouble.ASLEEP
            await client.device_info()
        assert house.camera.media_connections_total == 1
    finally:
        await house.stop()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_camera_that_sleeps_is_woken_and_waited_for(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "SEARCH_TIMEOUT", 0.4)
    monkeypatch.setattr(link_module, "WAKE_TIMEOUT", 3.0)
    woken = 0

    async def wake() -> None:
        nonlocal woken
        woken += 1
        if answers:
            asyncio.get_running_loop().call_later(0.8, setattr, house.camera.miss, "silent", False)

    house = await House.start(wake=wake)
    house.camera.miss.silent = True
    try:
        if answers:
            stream, _ = await house.connect()
            await stream.close()
        else:
            assert await house.trouble() is Trouble.UNREACHABLE
        assert woken == 1
        if answers:
            await house.no_connection()
            stream, _ = await house.connect()
            await stream.close()
            assert woken == 1
    finally:
        await house.stop()


async def test_keys_that_cannot_be_had_while_it_sleeps_are_asked_for_again() -> None:
    house = await House.start(wake=lambda: asyncio.sleep(0))
    asked = 0
    real = house.link._keys

    async def keys(*, fresh: bool) -> MissKeys:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise UpstreamError(Trouble.NO_KEYS)
        return await real(fresh=fresh)

    house.link._keys = keys
    try:
        stream, _ = await house.connect()
        await stream.close()
        assert asked == 2
    finally:
        await house.stop()


# -- both qualities of a lens ---------------------------------------------------------------------

ONE_LENS = CameraModel()


@pytest.mark.parametrize("bench", [{"model": ONE_LENS}], indirect=True)
async def test_each_quality_of_a_lens_has_a_session_of_its_own(bench: Bench) -> None:
    """Even when both are opened at once; and opened again each finds its own."""
    tasks = [asyncio.ensure_future(bench.open(0, quality=one)) for one in ("small", "best")]
    async with asyncio.timeout(1):
        while len(FakeClient.made) < 2 or not all(client.asked for client in FakeClient.made):
            await asyncio.sleep(0)
    small, best = FakeClient.made
    assert [small.asked[0][:2], best.asked[0][:2]] == [(0, 1), (0, 2)]
    small.play(*pictures(0, 8))
    best.play(*pictures(0, 8, width=640))
    streams = [await task for task in tasks]
    assert len({stream.session for stream in streams}) == 2
    assert bench.ended == []
    again = await bench.opening(0, quality="best")
    assert len(FakeClient.made) == 2
    assert bench.ended == [0]
    best.play(*pictures(0, 16, width=640)[8:])
    streams.append(await again)
    assert len(bench.link.clients) == 2
    await streams[0].close()
    assert bench.link.clients == (best,)
    assert (small.ended, best.ended) == ("closed", "")
    await streams[2].close()
    assert bench.link.clients == ()


async def test_lenses_share_a_session_whatever_their_qualities(bench: Bench) -> None:
    first, second = await both(bench)
    # The first lens in its other quality needs another session, which the second can then use.
    task = await bench.opening(0, quality="small")
    assert len(FakeClient.made) == 2
    bench.client.play(*pictures(0, 8))
    small = await task
    await first.close()
    await second.close()
    assert bench.link.clients == (FakeClient.made[1],)
    task = await bench.opening(1)
    assert len(FakeClient.made) == 2
    assert [one[:2] for one in FakeClient.made[1].asked] == [(0, 1), (1, 2)]
    FakeClient.made[1].play(*interleaved(16)[16:])
    second = await task
    assert second.session == small.session
    bench.link.cut()
    assert bench.link.clients == ()
    assert {client.ended for client in FakeClient.made} <= {"closed", "aborted"}


@pytest.mark.parametrize("bench", [{"model": ONE_LENS}], indirect=True)
async def test_who_wants_only_small_pictures_is_told_that_there_are_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "FIRST_FRAME_TIMEOUT", 0.05)
    with pytest.raises(UpstreamError) as caught:
        await bench.open(0, quality="small")
    assert caught.value.trouble is Trouble.ASLEEP
    assert [one[1] for one in bench.client.asked] == [1]
    assert bench.link.clients == ()
