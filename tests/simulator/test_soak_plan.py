"""The schedule of a soak."""

from __future__ import annotations

from collections import Counter
import itertools

from hypothesis import given, strategies as st
import pytest

from simulator.house.soak_plan import Fault, Plan, build

TEN_MINUTES = 600.0


def counts(plan: Plan) -> Counter[Fault]:
    return Counter(action.fault for action in plan.actions)


def test_the_same_seed_is_the_same_plan_and_another_is_not() -> None:
    assert build(TEN_MINUTES, 8, 7) == build(TEN_MINUTES, 8, 7)
    assert build(TEN_MINUTES, 8, 7) != build(TEN_MINUTES, 8, 8)


@given(
    seconds=st.floats(6.0, 2000.0), cameras=st.integers(1, 8), seed=st.integers(0, (1 << 32) - 1)
)
def test_phases_have_no_gap_and_actions_are_in_order(
    seconds: float, cameras: int, seed: int
) -> None:
    plan = build(seconds, cameras, seed)
    assert plan.phases[0].begin == 0
    assert plan.phases[-1].end == seconds
    assert not plan.phases[0].storm
    assert not plan.phases[-1].storm, "the end is looked at in a calm"
    for before, after in itertools.pairwise(plan.phases):
        assert before.end == after.begin
        assert before.storm is not after.storm
    times = [action.at for action in plan.actions]
    assert times == sorted(times)
    for action in plan.actions:
        assert len(set(action.cameras)) == len(action.cameras)
        assert all(0 <= camera < cameras for camera in action.cameras)
        assert action.seconds >= 0
        two = action.fault in {Fault.SWAP_ADDRESSES, Fault.SWAP_ENTITIES}
        assert not two or len(action.cameras) == 2


@pytest.mark.parametrize("seed", range(20))
def test_ten_minutes_have_enough_of_everything(seed: int) -> None:
    found = counts(build(TEN_MINUTES, 8, seed))
    assert set(found) == set(Fault)
    assert found[Fault.KILL] >= 220
    assert found[Fault.SWAP_ADDRESSES] + found[Fault.SWAP_ENTITIES] >= 130
    assert 3 <= found[Fault.RESTART] <= 6


@pytest.mark.parametrize("seed", range(20))
def test_a_minute_has_a_kill_in_each_weather_and_no_restart(seed: int) -> None:
    plan = build(60.0, 3, seed)
    found = counts(plan)
    assert found[Fault.RESTART] == 0
    weather = {plan.phase(action.at).storm for action in plan.actions if action.fault == Fault.KILL}
    assert weather == {True, False}
    assert found[Fault.KILL] >= 4


def test_one_camera_is_not_swapped_with_itself() -> None:
    found = counts(build(TEN_MINUTES, 1, 1))
    assert found[Fault.SWAP_ADDRESSES] == found[Fault.SWAP_ENTITIES] == 0
    assert found[Fault.RENAME] > 0
