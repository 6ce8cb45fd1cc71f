"""Every target with inputs that hypothesis chooses, and so can make small when one breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from script.fuzzing.mutation import Mutator
from script.fuzzing.targets import TARGETS

if TYPE_CHECKING:
    import random

    from script.fuzzing.case import Case
    from script.fuzzing.target import Target

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
QUICK = settings(
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def mutated(draw: st.DrawFn, target: Target) -> Case:
    """A valid case, changed: hypothesis makes the choices the long runs leave to chance."""
    chance: random.Random = draw(st.randoms(use_true_random=False))
    return Mutator(target, chance).case(target.seeds())


@EVERY
def test_valid_messages_are_taken(target: Target) -> None:
    for case in target.seeds():
        assert target.run(case) >= 1


@EVERY
def test_changed_messages_do_no_harm(target: Target) -> None:
    @QUICK
    @given(mutated(target))
    def check(case: Case) -> None:
        target.run(case)

    check()


@EVERY
def test_any_bytes_do_no_harm(target: Target) -> None:
    @QUICK
    @given(st.lists(st.binary(max_size=80), max_size=6).map(tuple))
    def check(case: Case) -> None:
        target.run(case)

    check()
