"""A viewer's queue."""

from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.media import Origin, Source, clock
from custom_components.mi_camera.media.viewer import Viewer

ORIGIN = Origin(Source("1001"), 1)
YOUNG = 5.0


def viewing(max_bytes: int = 1000) -> Viewer:
    return Viewer(lambda _: None, max_bytes=max_bytes, max_age=lambda: YOUNG)


def push(viewer: Viewer, chunk: bytes, *, keyframe: bool = False, age: float = 0.0) -> None:
    viewer.push(chunk, keyframe, origin=ORIGIN, captured=clock.now() - age)


async def test_it_begins_at_a_key_frame() -> None:
    viewer = viewing()
    push(viewer, b"p")
    push(viewer, b"K", keyframe=True)
    push(viewer, b"p2")
    assert [await anext(viewer), await anext(viewer)] == [b"K", b"p2"]


async def test_ending_drops_what_is_queued_and_wakes_the_reader() -> None:
    left: list[Viewer] = []
    viewer = Viewer(left.append, max_bytes=1000, max_age=lambda: YOUNG)
    reading = asyncio.ensure_future(anext(viewer, b"end"))
    await asyncio.sleep(0)
    push(viewer, b"K", keyframe=True)
    viewer.end()
    assert await reading == b"end"
    push(viewer, b"K", keyframe=True)
    assert await anext(viewer, b"end") == b"end"
    viewer.close()
    assert left == [viewer]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.booleans()), max_size=200))
def test_a_slow_reader_costs_bounded_memory_and_whole_groups(
    steps: list[tuple[bool, int, bool]],
) -> None:
    """Whatever is read: after a loss, the next chunk is a key frame."""

    async def run() -> None:
        viewer = viewing(100)
        number = 0
        expected = 0
        for keyframe, size, read in steps:
            push(viewer, number.to_bytes(4) + bytes([keyframe]) + b"x" * size, keyframe=keyframe)
            number += 1
            assert viewer._bytes <= 100
            if read and viewer._queue:
                chunk = await anext(viewer)
                got = int.from_bytes(chunk[:4])
                assert got >= expected
                assert got == expected or chunk[4]
                expected = got + 1

    asyncio.run(run())


def taken(viewer: Viewer) -> list[bytes]:
    chunks = []
    while (one := viewer.take()) is not None:
        chunks.append(one[0])
    return chunks


class Ageing:
    """A clock under the test's control."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(clock, "now", lambda: self.now)


@pytest.fixture
def ageing(monkeypatch: pytest.MonkeyPatch) -> Ageing:
    return Ageing(monkeypatch)


async def test_what_has_waited_too_long_is_not_taken(ageing: Ageing) -> None:
    viewer = viewing()
    push(viewer, b"K", keyframe=True)
    push(viewer, b"p")
    ageing.now += YOUNG + 0.1
    assert viewer.take() is None
    assert viewer.take_parts() is None
    assert viewer.dropped == 2
    assert not viewer.ended
    push(viewer, b"p")
    assert viewer.take() is None, "what it leans on has not left"
    push(viewer, b"K", keyframe=True)
    push(viewer, b"p")
    assert taken(viewer) == [b"K", b"p"]


async def test_it_goes_on_with_the_first_group_that_is_young_enough(ageing: Ageing) -> None:
    viewer = viewing()
    for group in range(4):
        push(viewer, b"K%d" % group, keyframe=True)
        ageing.now += 1
        push(viewer, b"p%d" % group)
        ageing.now += 1
    # The second group began longer ago than that, though its other picture is younger.
    ageing.now += YOUNG - 5.5
    assert taken(viewer) == [b"K2", b"p2", b"K3", b"p3"]
    assert viewer.dropped == 4
    assert viewer._bytes == 0


async def test_a_group_that_gets_too_old_half_way_ends_there(ageing: Ageing) -> None:
    viewer = viewing()
    push(viewer, b"K0", keyframe=True)
    push(viewer, b"p0")
    assert viewer.take() is not None
    ageing.now += YOUNG + 0.1
    push(viewer, b"p0")
    assert taken(viewer) == []
    push(viewer, b"K1", keyframe=True)
    assert taken(viewer) == [b"K1"]


async def test_who_does_not_take_keeps_nothing_old(ageing: Ageing) -> None:
    """Not even in memory."""
    viewer = viewing()
    for number in range(100):
        push(viewer, b"x", keyframe=number % 10 == 0)
        ageing.now += 0.25
        oldest = viewer._queue[0]
        assert ageing.now - oldest.captured <= YOUNG + 0.25
        assert oldest.keyframe


async def test_what_tells_no_age_is_too_old() -> None:
    viewer = viewing()
    viewer.push(b"K", keyframe=True, origin=ORIGIN)
    assert viewer.take() is None
