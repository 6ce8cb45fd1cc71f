"""Whether the memory of a process stays flat while sessions come and go."""

from __future__ import annotations

from statistics import fmean, linear_regression
from typing import Any, Final

GROWS_MIB: Final = 16.0
"""How much it may grow over the last two thirds, by the straight line that fits best. Single
values say less: the allocator gives back large pieces now and then, and takes them again."""
FEWEST: Final = 300
"""Sessions below which nothing is said: parts are loaded, pools and caches fill."""
WINDOW: Final = 0.05
"""Share of the run over which a value is averaged."""


class Memory:
    """Resident memory (MiB) by how many sessions have ended."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._samples: list[tuple[int, float]] = []

    def begin(self) -> None:
        """Forget the warm-up, but for the last value of it."""
        del self._samples[:-1]

    def add(self, sessions: int, mib: float) -> None:
        """Note a value."""
        self._samples.append((sessions, mib))

    def result(self) -> dict[str, Any]:
        """Return start, after a third, end, peak, growth since the third, and its slope.

        "flat" is None when there were too few sessions to say.
        """
        first, last = self._samples[0][0], self._samples[-1][0]
        count = last - first
        third = first + count / 3
        late = [one for one in self._samples if one[0] >= third]
        slope = linear_regression(*zip(*late, strict=True)).slope if late[0][0] < last else 0.0
        after_third, end = self._around(third, count), self._around(last, count)
        grown = slope * (last - late[0][0])
        return {
            "start": round(self._samples[0][1], 1),
            "after_third": round(after_third, 1),
            "end": round(end, 1),
            "peak": round(max(mib for _, mib in self._samples), 1),
            "grown": round(grown, 1),
            "per_100_sessions": round(slope * 100, 2),
            "tolerance": GROWS_MIB,
            "flat": None if count < FEWEST else grown <= GROWS_MIB,
        }

    def _around(self, sessions: float, count: int) -> float:
        """Return the average of the values near a number of sessions."""
        width = count * WINDOW
        near = [mib for at, mib in self._samples if abs(at - sessions) <= width]
        return fmean(near or [min(self._samples, key=lambda one: abs(one[0] - sessions))[1]])
