"""What a soak reports."""

from __future__ import annotations

import pytest

from simulator.house.soak_report import quantile, quantiles, table


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1), (0.501, 51)]
)
def test_quantiles_are_values_that_were_measured(share: float, expected: float) -> None:
    assert quantile([float(n) for n in range(100, 0, -1)], share) == expected


def test_of_one_and_of_none() -> None:
    assert quantiles([7.04]) == {"p50": 7.0, "p99": 7.0, "max": 7.0, "count": 1}
    assert quantiles([]) == {"p50": None, "p99": None, "max": None, "count": 0}


def test_a_table_for_people() -> None:
    text = table({"kills": 3, "kill_ms": quantiles([])})
    assert [line.split() for line in text.splitlines()] == [
        ["kills", "3"],
        ["kill_ms:"],
        ["p50", "-"],
        ["p99", "-"],
        ["max", "-"],
        ["count", "0"],
    ]
