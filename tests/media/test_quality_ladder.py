"""In which order a camera's qualities are tried, what is kept, and how long that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.media.picture_size import picture_size
from custom_components.mi_camera.media.quality_ladder import (
    FULL_PIXELS,
    MAX_RUNGS,
    PROBE_SECONDS,
    Found,
    QualityLadder,
    Size,
)
from custom_components.mi_camera.miss import Codec

from .pictures import coded

if TYPE_CHECKING:
    from collections.abc import Mapping

SMALL, MIDDLE, HD, FULL, LARGE = (640, 360), (848, 480), (1280, 720), (1920, 1080), (2560, 1440)
USUAL = (2, 3, 1, 0)
SILENCE = 4.0


class Camera:
    """Answers a ladder's tries on simulated time: a size by quality, silence for any other."""

    def __init__(self, sizes: Mapping[int, Size | None], delay: float = 0.3) -> None:
        self.sizes = sizes
        self.delay = delay
        self.asked: list[int] = []
        self.heard: list[int] = []
        self.now = 1000.0
        self.first: float | None = None
        self.kept = False

    def climb(self, rungs: tuple[int, ...] = USUAL, **changes: Any) -> QualityLadder:
        ladder = QualityLadder(rungs, silence=SILENCE, **{"probe": True, "low": (1,)} | changes)
        while (rung := ladder.next(self.now)) is not None:
            assert 0 < rung.seconds <= SILENCE
            assert rung.probing == (self.first is not None)
            self.asked.append(rung.quality)
            if rung.quality not in self.sizes or self.delay > rung.seconds:
                self.now += rung.seconds
                continue
            self.now += self.delay
            self.heard.append(rung.quality)
            if self.first is None:
                self.first = self.now
            if ladder.seen(self.sizes[rung.quality], self.now):
                self.kept = True
                break
        assert len(self.asked) <= 3 * MAX_RUNGS
        return ladder


@pytest.mark.parametrize(
    ("sizes", "asked", "kept"),
    [
        ({2: FULL, 3: LARGE}, [2], 2),
        ({2: SMALL, 3: LARGE}, [2, 3], 3),
        ({2: HD, 3: FULL}, [2, 3], 3),
        ({3: LARGE}, [2, 3], 3),
        # The largest of the small ones, and of equals the first.
        ({2: SMALL, 3: HD}, [2, 3, 0, 3], 3),
        ({2: SMALL, 3: HD, 0: MIDDLE}, [2, 3, 0, 3], 3),
        ({2: SMALL, 3: MIDDLE, 0: HD}, [2, 3, 0], 0),
        ({2: HD}, [2, 3, 0, 2], 2),
        ({2: HD, 3: HD, 0: HD}, [2, 3, 0, 2], 2),
        # 1 is what the model has as its small picture: it is good as a last resort only.
        ({1: SMALL}, [2, 3, 1, 0, 1], 1),
        ({2: SMALL, 1: LARGE}, [2, 3, 0, 2], 2),
        ({0: SMALL}, [2, 3, 1, 0], 0),
        # What cannot be measured is not judged.
        ({2: None, 3: LARGE}, [2], 2),
        ({2: SMALL, 3: None}, [2, 3, 0, 2], 2),
    ],
)
def test_a_model_nobody_has_described(
    sizes: dict[int, Size | None], asked: list[int], kept: int
) -> None:
    camera = Camera(sizes)
    ladder = camera.climb()
    assert camera.asked == asked
    assert camera.kept
    assert ladder.found == Found(kept, sizes[kept])


def test_a_described_model_is_not_probed_nor_measured() -> None:
    camera = Camera({2: SMALL, 3: LARGE})
    ladder = camera.climb(probe=False)
    assert (camera.asked, ladder.found) == ([2], Found(2, SMALL))
    assert not ladder.measures


def test_what_was_found_is_not_looked_for_again() -> None:
    sizes = {2: SMALL, 3: HD}
    found = Camera(sizes).climb().found
    assert found == Found(3, HD)
    again = Camera(sizes)
    assert again.climb(known=found).found == found
    assert again.asked == [3]


def test_a_camera_that_has_changed_is_looked_at_again() -> None:
    smaller = Camera({2: HD, 3: SMALL})
    assert smaller.climb(known=Found(3, HD)).found == Found(2, HD)
    assert smaller.asked == [3, 2, 0, 2]
    silent = Camera({2: SMALL, 0: FULL})
    assert silent.climb(known=Found(3, HD)).found == Found(0, FULL)
    larger = Camera({3: FULL})
    assert larger.climb(known=Found(3, HD)).found == Found(3, FULL)
    # Whoever found it did not look at its size.
    assert Camera({3: SMALL, 2: HD}).climb(known=Found(3)).found == Found(2, HD)


def test_silence_everywhere_is_bounded_and_decides_nothing() -> None:
    camera = Camera({})
    assert camera.climb((2, 3, 1, 0, 4, 5), known=Found(3, HD)).found is None
    assert camera.asked == [3, 2, 1, 0]
    assert camera.now == 1000.0 + MAX_RUNGS * SILENCE


def test_nothing_is_decided_by_looking_half_way() -> None:
    """Who leaves meanwhile must not be shown the small picture ever after."""
    ladder = QualityLadder(USUAL, silence=SILENCE, probe=True)
    assert ladder.next(0.0) is not None
    assert not ladder.seen(SMALL, 0.5)
    assert ladder.next(0.5) is not None
    assert ladder.found is None


def test_one_to_go_back_to_that_is_gone_ends_it() -> None:
    """The next session begins with it; if it stays silent then, with all others."""
    ladder = QualityLadder((2, 3), silence=SILENCE, probe=True)
    assert ladder.next(0.0) is not None
    assert not ladder.seen(SMALL, 0.5)
    assert [rung and rung.quality for rung in map(ladder.next, (0.5, 3.0, 7.0))] == [3, 2, None]
    assert ladder.found == Found(2, SMALL)


sizes = st.tuples(st.integers(16, 4096), st.integers(16, 2304))
qualities = st.integers(0, 6)


@given(
    answers=st.dictionaries(qualities, sizes | st.none(), max_size=6),
    rungs=st.lists(qualities, min_size=1, max_size=6).map(tuple),
    low=st.sets(qualities, max_size=3),
    known=st.none() | st.builds(Found, qualities, st.none() | sizes),
    probe=st.booleans(),
    delay=st.floats(0.01, 5.0),
)
@settings(deadline=None)
def test_any_camera(
    answers: dict[int, Size | None],
    rungs: tuple[int, ...],
    low: set[int],
    known: Found | None,
    probe: bool,
    delay: float,
) -> None:
    camera = Camera(answers, delay)
    ladder = camera.climb(rungs, low=low, known=known, probe=probe)
    order = list(dict.fromkeys((*([known.quality] if known else []), *rungs)))
    assert set(camera.asked) <= set(order)
    # A first picture takes no longer than without probing.
    first = camera.first if camera.first is not None else camera.now
    assert first - 1000.0 <= MAX_RUNGS * SILENCE + 1e-6
    # And then no more than that much longer, the way back included.
    assert camera.now - first <= PROBE_SECONDS + SILENCE + 1e-6
    if camera.first is None:
        assert ladder.found is None
        return
    assert camera.kept
    assert ladder.found is not None
    assert ladder.found.quality == camera.asked[-1]
    shown = {one: size for one in camera.heard if (size := answers[one]) is not None}
    best = ladder.found.size
    if not probe or known is None or camera.asked[0] != known.quality or len(camera.asked) > 1:
        for one, size in shown.items():
            if best is None:
                break
            assert size[0] * size[1] <= best[0] * best[1]
            if size[0] * size[1] == best[0] * best[1]:
                assert order.index(ladder.found.quality) <= order.index(one)
    if not probe:
        assert len(camera.heard) == 1
    # Nothing is asked for behind a picture that is large.
    for number, one in enumerate(camera.asked[:-1]):
        size = answers.get(one)
        if probe and size is not None and delay <= 1.0 and number < len(camera.asked) - 1:
            assert size[0] * size[1] < FULL_PIXELS


# -- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("size", [(320, 180), (640, 480), (1920, 1080)])
def test_the_size_of_a_key_frame(codec: Codec, size: Size) -> None:
    """As it is shown: 1080 lines are coded as 1088."""
    assert picture_size(codec, coded(codec, *size)[0]) == size


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_the_size_of_what_is_none_cannot_be_told(codec: Codec) -> None:
    picture = coded(codec)[0]
    for data in (b"", b"\0\0\1", b"no picture", picture[:20], coded(codec)[1]):
        assert picture_size(codec, data) is None
    other = Codec.H265 if codec is Codec.H264 else Codec.H264
    assert picture_size(other, picture) is None


@given(
    codec=st.sampled_from([Codec.H264, Codec.H265]),
    junk=st.binary(max_size=200),
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=8),
)
@settings(deadline=None)
def test_hostile_pictures_have_a_size_or_none(
    codec: Codec, junk: bytes, flips: list[tuple[int, int]]
) -> None:
    av.logging.set_level(None)
    data = bytearray(coded(codec)[0])
    for at, bits in flips:
        data[at % len(data)] ^= bits
    for hostile in (junk, bytes(data), bytes(data[:60]) + junk):
        size = picture_size(codec, hostile)
        assert size is None or min(size) > 0
