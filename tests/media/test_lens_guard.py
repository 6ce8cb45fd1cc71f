"""No picture of one lens ever passes as one of the other."""

from __future__ import annotations

import itertools

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.media.lens_guard import RUN, LensGuard
from custom_components.mi_camera.miss import Codec, VideoFrame

GROUP = 6


class Two:
    """The guards of both lenses, as a session uses them; remembers whose picture passed where."""

    def __init__(self) -> None:
        self.guards = LensGuard(), LensGuard()
        self.passed: tuple[list[VideoFrame], list[VideoFrame]] = ([], [])

    def take(self, label: int, lens: int, sequence: int, *, keyframe: bool) -> None:
        frame = VideoFrame(label, sequence, 0, Codec.H264, keyframe, bytes([lens]))
        guard, other = self.guards[label], self.guards[1 - label]
        for one in guard.check(frame, other):
            self.passed[label].append(one)
            self.passed[1 - label].extend(other.settle(one.sequence))

    def check(self) -> None:
        for lens, passed in enumerate(self.passed):
            assert {frame.data[0] for frame in passed} <= {lens}
            for one, following in itertools.pairwise(passed):
                assert following.sequence == one.sequence + 1 or following.keyframe
            assert not passed or passed[0].keyframe


def run(first: tuple[int, int], order: tuple[int, int], unlabelled: set[int], count: int) -> Two:
    """Interleave two lenses; of the second one's pictures some lack their label."""
    two = Two()
    for number in range(count):
        for lens in order:
            label = 0 if number in unlabelled else lens
            two.take(label, lens, first[lens] + number, keyframe=number % GROUP == 0)
    two.check()
    return two


@pytest.mark.parametrize("first", [(0, 0), (7, 7), (100, 3), (0, 1), (1, 0)])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_labelled_right_passes_whole(
    first: tuple[int, int], order: tuple[int, int]
) -> None:
    two = run(first, order, set(), 40)
    assert all(len(passed) >= 39 for passed in two.passed)
    assert all(guard.strays == 0 for guard in two.guards)


@given(
    first=st.tuples(st.integers(0, 9), st.integers(0, 9)) | st.just((5, 5)),
    order=st.sampled_from([(0, 1), (1, 0)]),
    unlabelled=st.sets(st.integers(0, 79)) | st.integers(0, 79).map(lambda n: set(range(n))),
)
def test_labels_that_are_missing_or_late_mix_nothing(
    first: tuple[int, int], order: tuple[int, int], unlabelled: set[int]
) -> None:
    two = run(first, order, unlabelled, 80)
    if max(unlabelled, default=0) < 80 - GROUP - 2 * RUN:
        assert two.passed[0], "it never found back"
        assert two.passed[1]


@given(
    losses=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 79))),
    first=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_after_a_loss_it_goes_on_with_the_next_group(
    losses: list[tuple[int, int]], first: tuple[int, int]
) -> None:
    two = Two()
    # A picture that builds on a lost one is withheld by the session already.
    waiting = [False, False]
    for number, lens in itertools.product(range(80), range(2)):
        keyframe = number % GROUP == 0
        waiting[lens] = (lens, number) in losses or (waiting[lens] and not keyframe)
        if not waiting[lens]:
            two.take(lens, lens, first[lens] + number, keyframe=keyframe)
    two.check()


@pytest.mark.parametrize("last", [(1 << 16) - 1, (1 << 32) - 1])
def test_a_count_that_wraps_goes_on(last: int) -> None:
    guard = LensGuard()
    numbers = [*range(last - 9, last + 1), *range(10)]
    passed = [
        frame
        for index, number in enumerate(numbers)
        for frame in guard.check(VideoFrame(0, number, 0, Codec.H264, index == 0, b""), None)
    ]
    assert len(passed) == len(numbers)


def test_a_new_beginning_after_a_change_of_quality() -> None:
    guard = LensGuard()
    frames = [VideoFrame(0, number, 0, Codec.H264, number == 0, b"") for number in range(10)]
    assert [*itertools.chain(*(guard.check(frame, None) for frame in frames))] == frames
    guard.restart()
    assert [*itertools.chain(*(guard.check(frame, None) for frame in frames))] == frames
