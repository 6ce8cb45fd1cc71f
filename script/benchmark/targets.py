"""What the project wants to reach, beside what was measured.

None of it makes a run fail: how fast a machine is, and what else it does, is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS: Final[Mapping[str, float]] = {
    "cast_ms.cold.p50": 4000,
    "cast_ms.cold.p95": 4000,
    "cast_ms.warm.p50": 2000,
    "cast_ms.warm.p95": 2000,
    "cast_ms.converted.cold.p50": 4000,
    "cast_ms.converted.cold.p95": 4000,
    "cast_ms.converted.warm.p50": 2000,
    "cast_ms.converted.warm.p95": 2000,
    "cast_latency_ms.ours": 3000,
    "cast_latency_ms.converted": 3000,
    "transcode_cpu_ratio_vs_ffmpeg": 1.1,
    "startup_s_64_cameras": 1,
    "polling_cpu_percent_64_cameras": 2,
}
"""At most so much, by where the figure is in what the benchmark prints."""


def targets(figures: Mapping[str, Any]) -> dict[str, dict[str, float | bool]]:
    """Return for each target whose figure is there the two, and whether it is met."""
    return {
        path: {"target": target, "value": value, "met": value <= target}
        for path, target in TARGETS.items()
        if (value := _value(figures, path)) is not None
    }


def _value(figures: Mapping[str, Any], path: str) -> float | None:
    found: Any = figures
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None
