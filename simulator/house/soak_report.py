"""What a soak says while it runs, and what it found."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from simulator.house import logs
from simulator.house.soak_plan import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from simulator.house.soak_ground import Ground
    from simulator.house.soak_kills import Kills

REPORT_S = 10.0
BACK_S: Mapping[str, float] = {"relay": 15.0, "rtsp": 15.0, "hls": 30.0, "mjpeg": 20.0}
"""Within how many undisturbed seconds a view must have come back."""
_KILLED_IN_BETWEEN = ("Failed to cast media", "did not begin to play")
"""What Home Assistant logs when a kill comes between a cast and its first picture."""
_ANSWERS = (
    "homeassistant.components.camera",
    "homeassistant.components.websocket_api.http.connection",
    "homeassistant.components.stream",
    "custom_components.mi_camera",
)
"""Loggers by which a refused call, a stream that was cut off and a camera that does not answer are
told of in one line."""
SWAPS = (Fault.SWAP_ADDRESSES, Fault.SWAP_ENTITIES)


def _answer(record: logs.LogRecord) -> bool:
    return record.logger.startswith(_ANSWERS) and "Traceback" not in record.detail


def quantile(values: list[float], share: float) -> float | None:
    """Return the smallest value that this share of all is not above; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    at = min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1) - 1))
    return round(ordered[int(at)], 1)


def quantiles(values: list[float]) -> dict[str, float | int | None]:
    """Return p50, p99, the greatest and how many there were."""
    return {
        "p50": quantile(values, 0.5),
        "p99": quantile(values, 0.99),
        "max": quantile(values, 1.0),
        "count": len(values),
    }


class Report:
    """Follows a run."""

    def __init__(self, ground: Ground, kills: Kills, paths: Iterable[str]) -> None:
        """Expect something to be checked on each of ``paths``."""
        self._ground = ground
        self._kills = kills
        self._paths = tuple(paths)
        self._began = time.monotonic()
        self._noted: set[tuple[str, int, float]] = set()

    async def run(self, seconds: float) -> None:
        """Print a line now and then, and look for views that do not come back; for ever."""
        self._began = said = time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            self._look()
            if time.monotonic() - said >= REPORT_S:
                said = time.monotonic()
                self._say(seconds)

    def _say(self, seconds: float) -> None:
        ground, judge = self._ground, self._ground.judge
        weather = "storm" if ground.storm else "calm"
        ground.say(
            f"{time.monotonic() - self._began:4.0f} of {seconds:.0f} s, {weather}:"
            f" {judge.frames_checked} pictures, {judge.foreign} foreign, {judge.stale} stale,"
            f" {judge.after_kill} after a kill; {self._kills.count} kills, {self.swaps} swaps"
        )

    @property
    def swaps(self) -> int:
        """Exchanges of addresses or entity ids."""
        return sum(self._ground.faults[fault] for fault in SWAPS)

    def _look(self) -> None:
        ground = self._ground
        if ground.storm or not ground.lit.is_set():
            ground.disturb(seconds=0.0)
            return
        now = time.monotonic()
        for did in ground.house.entities.cameras:
            quiet = ground.quiet_since(did)
            for path, bound in BACK_S.items():
                seen = ground.last_seen(path, did)
                missed = now - max(seen, quiet, self._began)
                key = (path, did, max(seen, quiet))
                if path in self._paths and missed > bound and key not in self._noted:
                    self._noted.add(key)
                    ground.trouble(f"{path} of {did} has not come back in {bound:.0f} s")

    def result(self, seed: int) -> dict[str, Any]:
        """Return what was found, for JSON."""
        judge = self._ground.judge
        paths = {path: judge.by_source.get(path, 0) for path in self._paths}
        return {
            "frames_checked": judge.frames_checked,
            "foreign": judge.foreign,
            "stale": judge.stale,
            "after_kill": judge.after_kill,
            "kills": self._kills.count,
            "swaps": self.swaps,
            "casts": self._ground.faults["casts"],
            "paths": paths,
            "faults": {
                name: count
                for name, count in sorted(self._ground.faults.items())
                if name != "casts"
            },
            "kill_ways": dict(sorted(self._kills.ways.items())),
            "kill_ms": quantiles(self._kills.last_byte_ms),
            "call_ms": quantiles(self._kills.call_ms),
            "display_ms": quantiles(self._kills.display_ms),
            "addresses_tried": self._ground.tried,
            "unreadable": judge.unreadable_by,
            "oldest_ms": {path: round(age) for path, age in sorted(judge.oldest_ms.items())},
            "troubles": sum(self._ground.troubles.values()),
            "seed": seed,
        }

    def blind(self) -> list[str]:
        """Return the paths on which nothing has been checked."""
        return [path for path in self._paths if not self._ground.judge.by_source.get(path)]

    def read_log(self, log: Path) -> None:
        """Note what Home Assistant's log has that a good run has not."""
        for record in logs.errors(log):
            if not _answer(record) and not any(
                text in record.message for text in _KILLED_IN_BETWEEN
            ):
                text = f"{record.level} [{record.logger}] {record.message[:160]}"
                self._ground.trouble(f"hass log: {text}")
        if keys := logs.relay_keys(log):
            self._ground.trouble(f"hass log: {keys} keys of the relay")


def table(result: Mapping[str, Any]) -> str:
    """Return the result as lines for a person."""
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines.append(f"{name}:")
            lines += [
                f"  {key:<28}{'-' if count is None else count}" for key, count in value.items()
            ]
        else:
            lines.append(f"{name:<30}{value}")
    return "\n".join(lines)
