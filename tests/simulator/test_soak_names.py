"""Which camera an entity id stands for while ids are exchanged."""

from __future__ import annotations

import pytest

from simulator.house import soak_names
from simulator.house.soak_names import Names


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(soak_names, "now_ms", clock)
    return clock


def test_a_swap_is_either_until_it_is_over(clock: Clock) -> None:
    names = Names({1: "camera.a", 2: "camera.b", 3: "camera.c"})
    clock.now = 2000
    assert names.holders("camera.a", 1500) == (1,)
    names.changing((1, 2), ("camera.shelf",))
    clock.now = 2100
    assert names.holders("camera.a", 2100) == (1, 2)
    assert names.holders("camera.shelf", 2100) == (1, 2)
    assert names.holders("camera.c", 2100) == (3,)
    names.changed({1: "camera.b", 2: "camera.a"})
    clock.now = 2200
    assert names.entity(1) == "camera.b"
    assert names.holders("camera.a", 2150) == (2,), "asked for when all was over"
    assert names.holders("camera.a", 2050) == (1, 2), "asked for while it went on"
    assert names.holders("camera.a", 1999) == (1, 2), "and before"
    assert names.holders("camera.shelf", 2150) == ()


def test_a_renamed_camera_has_both_names_for_a_moment(clock: Clock) -> None:
    names = Names({1: "camera.a"})
    clock.now = 2000
    names.changing((1,), ("camera.new",))
    assert names.holders("camera.a", 2000) == names.holders("camera.new", 2000) == (1,)
    clock.now = 2100
    names.changed({1: "camera.new"})
    assert names.holders("camera.a", 2100) == ()
    assert names.holders("camera.new", 2100) == (1,)
