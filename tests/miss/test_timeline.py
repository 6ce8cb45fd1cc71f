"""One timeline out of whatever the camera's clock does."""

from __future__ import annotations

import itertools

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss.timeline import TOLERANCE_MS, Timeline

EPOCH = 1_700_000_000_000


def run(
    timeline: Timeline,
    stamps: list[int],
    *,
    begin: float = 50.0,
    step: float = 0.04,
    video: bool = True,
    seconds: bool = True,
) -> list[int]:
    return [
        timeline.stamp(
            video=video,
            lens=0,
            raw=raw,
            seconds=raw // 1000 if seconds else 0,
            now=begin + index * step,
        )
        for index, raw in enumerate(stamps)
    ]


def test_a_good_clock_is_taken_as_it_is() -> None:
    stamps = [EPOCH + 40 * i for i in range(1000)]
    assert run(Timeline(), stamps) == stamps


def test_late_frames_keep_their_stamps() -> None:
    timeline = Timeline()
    run(timeline, [EPOCH + 40 * i for i in range(10)])
    # A second of standstill, then four frames at once.
    late = run(timeline, [EPOCH + 400 + 40 * i for i in range(4)], begin=51.4, step=0.0)
    assert late == [EPOCH + 400 + 40 * i for i in range(4)]


@pytest.mark.parametrize("unit", ["seconds", "zero"])
def test_without_usable_stamps_arrival_counts(unit: str) -> None:
    out = []
    timeline = Timeline()
    for index in range(100):
        whole = 1_700_000_000 + index // 25
        raw = whole if unit == "seconds" else 0
        seconds = whole if unit == "seconds" else 0
        now = 50.0 + index * 0.04
        out.append(timeline.stamp(video=True, lens=0, raw=raw, seconds=seconds, now=now))
    assert {later - earlier for earlier, later in itertools.pairwise(out)} == {40}


def test_seconds_without_a_second_field_to_tell() -> None:
    stamps = [1_700_000_000 + index // 25 for index in range(100)]
    out = run(Timeline(), stamps, seconds=False)
    steps = [later - earlier for earlier, later in itertools.pairwise(out)]
    assert all(0 <= step <= 80 for step in steps)
    assert out[-1] - out[0] == pytest.approx(99 * 40, abs=60)


def test_sound_without_stamps_goes_with_the_pictures() -> None:
    timeline = Timeline()
    video = run(timeline, [EPOCH + 40 * i for i in range(50)])
    sound = run(timeline, [0] * 50, video=False)
    assert all(abs(a - b) <= 1 for a, b in zip(video, sound, strict=True))


@pytest.mark.parametrize("kind", ["zero", "seconds", "seconds only"])
def test_sound_with_useless_stamps_keeps_to_the_pictures(kind: str) -> None:
    """In the pace of its arrival, and no further off than the network is uneven."""
    timeline = Timeline()
    apart = []
    for index in range(250):
        now = 50.0 + index * 0.04
        stamp = EPOCH + 40 * index
        video = timeline.stamp(video=True, lens=0, raw=stamp, seconds=stamp // 1000, now=now)
        raw = 0 if kind == "zero" else stamp // 1000
        seconds = 0 if kind == "seconds only" else raw
        sound = timeline.stamp(video=False, lens=0, raw=raw, seconds=seconds, now=now)
        apart.append(abs(video - sound))
    assert max(apart) <= 40


@pytest.mark.parametrize("jump", [-5_000, -3_600_000, 3_600_000, TOLERANCE_MS + 1])
def test_sound_that_jumps_does_not_take_the_pictures_along(jump: int) -> None:
    timeline = Timeline()
    for index in range(250):
        now = 50.0 + index * 0.04
        stamp = EPOCH + 40 * index
        video = timeline.stamp(video=True, lens=0, raw=stamp, seconds=stamp // 1000, now=now)
        raw = stamp + (jump if index >= 100 else 0)
        sound = timeline.stamp(video=False, lens=0, raw=raw, seconds=raw // 1000, now=now)
        assert video == stamp
        assert abs(sound - video) <= 45


def test_sound_on_a_clock_of_its_own() -> None:
    """Counted from the camera's start, say, while pictures have the time of day."""
    timeline = Timeline()
    video = run(timeline, [EPOCH + 40 * i for i in range(100)])
    sound = run(timeline, [5_000 + 40 * i for i in range(100)], video=False, seconds=False)
    assert all(abs(a - b) <= 2 for a, b in zip(video, sound, strict=True))


def test_pictures_the_network_held_up_for_long_keep_their_stamps() -> None:
    """And sound without stamps, which goes by the arrival, is right again soon after."""
    timeline = Timeline()
    run(timeline, [EPOCH + 40 * i for i in range(100)])
    held_up = [EPOCH + 4_000 + 40 * i for i in range(300)]
    assert run(timeline, held_up, begin=66.0, step=0.0) == held_up
    after = [EPOCH + 16_000 + 40 * i for i in range(100)]
    assert run(timeline, after, begin=66.0) == after
    [sound] = run(timeline, [0], begin=70.0, video=False)
    assert abs(sound - after[-1]) < 100


@pytest.mark.parametrize("jump", [3_600_000, -3_600_000, TOLERANCE_MS + 1_000])
def test_a_clock_that_is_set_is_not_noticed(jump: int) -> None:
    stamps = [EPOCH + 40 * i + (jump if i >= 50 else 0) for i in range(100)]
    out = run(Timeline(), stamps)
    steps = [later - earlier for earlier, later in itertools.pairwise(out)]
    assert all(38 <= step <= 42 for step in steps)


def test_a_clock_that_drifts_is_followed() -> None:
    """A fast camera, 1 %, is 60 s ahead after 100 minutes; no jump comes of it."""
    stamps = [EPOCH + round(40.4 * i) for i in range(150_000)]
    assert run(Timeline(), stamps) == stamps


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=30))
def test_never_runs_backwards(stamps: list[tuple[int, int]]) -> None:
    timeline = Timeline()
    out = [
        timeline.stamp(video=True, lens=0, raw=raw, seconds=seconds, now=1.0 + i / 25)
        for i, (raw, seconds) in enumerate(stamps)
    ]
    assert out == sorted(out)
