"""There are so many places for encoders and no more, and none gets lost."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.media import EncoderSlots, Trouble, UpstreamError


async def test_one_too_many_is_refused_after_a_moment() -> None:
    slots = EncoderSlots(2, patience=0.1)
    first, second = await slots.take(), await slots.take()
    assert slots.taken == 2
    with pytest.raises(UpstreamError) as caught:
        await slots.take()
    assert caught.value.trouble is Trouble.ENCODERS_TAKEN
    first.give_back()
    third = await slots.take()
    second.give_back()
    third.give_back()
    assert slots.taken == 0


async def test_who_waits_gets_the_place_that_becomes_free() -> None:
    slots = EncoderSlots(1, patience=2)
    first = await slots.take()
    waiting = asyncio.ensure_future(slots.take())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    first.give_back()
    (await waiting).give_back()


async def test_giving_back_twice_is_giving_back_once() -> None:
    slots = EncoderSlots(1, patience=0.05)
    first = await slots.take()
    first.give_back()
    first.give_back()
    await slots.take()
    first.give_back()
    with pytest.raises(UpstreamError):
        await slots.take()


@pytest.mark.parametrize("cores", [None, 1, 2, 4])
def test_a_core_is_left_for_the_house(monkeypatch: pytest.MonkeyPatch, cores: int | None) -> None:
    monkeypatch.setattr("os.process_cpu_count", lambda: cores)
    assert EncoderSlots().limit == max(1, (cores or 1) - 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=25))
def test_none_is_lost_to_those_who_are_cancelled(steps: list[tuple[int, bool]]) -> None:
    """Whoever asks, waits, is cancelled or gives back, in whatever order."""

    async def run() -> None:
        slots = EncoderSlots(2, patience=5)
        asking = [asyncio.ensure_future(slots.take()) for _ in range(4)]
        for which, cancels in steps:
            one = asking[which]
            if cancels:
                one.cancel()
            elif one.done() and not one.cancelled():
                one.result().give_back()
                asking[which] = asyncio.ensure_future(slots.take())
            if which % 2:
                await asyncio.sleep(0)
            assert slots.taken <= 2
        for one in asking:
            one.cancel()
        await asyncio.wait(asking)
        for one in asking:
            if not one.cancelled():
                one.result().give_back()
        assert slots.taken == 0
        # All are there again.
        await slots.take()
        await slots.take()

    asyncio.run(run())
