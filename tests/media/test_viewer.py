"""A viewer's queue."""

from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st

from custom_components.mi_camera.media.viewer import Viewer


async def test_it_begins_at_a_key_frame() -> None:
    viewer = Viewer(lambda _: None, max_bytes=1000)
    viewer.push(b"p", keyframe=False)
    viewer.push(b"K", keyframe=True)
    viewer.push(b"p2", keyframe=False)
    assert [await anext(viewer), await anext(viewer)] == [b"K", b"p2"]


async def test_ending_drops_what_is_queued_and_wakes_the_reader() -> None:
    left: list[Viewer] = []
    viewer = Viewer(left.append, max_bytes=1000)
    reading = asyncio.ensure_future(anext(viewer, b"end"))
    await asyncio.sleep(0)
    viewer.push(b"K", keyframe=True)
    viewer.end()
    assert await reading == b"end"
    viewer.push(b"K", keyframe=True)
    assert await anext(viewer, b"end") == b"end"
    viewer.close()
    assert left == [viewer]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.booleans()), max_size=200))
def test_a_slow_reader_costs_bounded_memory_and_whole_groups(
    steps: list[tuple[bool, int, bool]],
) -> None:
    """Whatever is read: after a loss, the next chunk is a key frame."""

    async def run() -> None:
        viewer = Viewer(lambda _: None, max_bytes=100)
        number = 0
        expected = 0
        for keyframe, size, read in steps:
            viewer.push(number.to_bytes(4) + bytes([keyframe]) + b"x" * size, keyframe=keyframe)
            number += 1
            assert viewer._bytes <= 100
            if read and viewer._queue:
                chunk = await anext(viewer)
                got = int.from_bytes(chunk[:4])
                assert got >= expected
                assert got == expected or chunk[4]
                expected = got + 1

    asyncio.run(run())
