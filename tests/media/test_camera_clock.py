"""The camera's clock: drift is followed, delay shows as age."""

from __future__ import annotations

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.media.camera_clock import CameraClock


def test_a_delay_that_grows_shows_as_age() -> None:
    clock = CameraClock()
    clock.captured(1000.0, 50.0)
    for second in range(1, 20):
        delay = second * 0.5
        captured = clock.captured(1000.0 + second, 50.0 + second + delay)
        assert 50.0 + second + delay - captured == pytest.approx(delay, abs=0.01)


def test_a_burst_after_an_outage_is_old() -> None:
    clock = CameraClock()
    clock.captured(1000.0, 50.0)
    ages = [65.0 - clock.captured(1000.0 + number / 15, 65.0) for number in range(1, 15)]
    assert all(age > 10 for age in ages)


@pytest.mark.parametrize("ppm", [-100, -50, 50, 100])
def test_a_clock_that_drifts_is_followed(ppm: int) -> None:
    clock = CameraClock()
    for second in range(0, 48 * 3600, 10):
        captured = clock.captured(1000.0 + second * (1 + ppm / 1e6), 50.0 + second)
        assert 50.0 + second - captured < 0.05


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, -1e9, 1e9])
def test_a_clock_that_is_set_starts_anew(jump: float) -> None:
    clock = CameraClock()
    clock.captured(2e9, 50.0)
    assert clock.captured(2e9 + jump, 51.0) == pytest.approx(51.0)
    assert clock.captured(2e9 + jump + 1, 52.0) == pytest.approx(52.0)


@given(st.lists(st.tuples(st.floats(0, 2**40), st.floats(0, 10)), min_size=1, max_size=50))
def test_nothing_is_captured_after_it_came(frames: list[tuple[float, float]]) -> None:
    clock = CameraClock()
    now = 0.0
    for stamp, gap in frames:
        now += gap
        assert clock.captured(stamp, now) <= now + 1e-3
