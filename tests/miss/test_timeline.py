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
