"""What a check has found: requirements that do not hold, counts, and the JSON result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.house import logs
from simulator.house.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from simulator.house.progress import Progress


class Findings:
    """Collects over one check."""

    def __init__(self, cameras: int, progress: Progress) -> None:
        """Begin with nothing found; progress is told along the way."""
        self.say = progress.say
        self.judge = Judge()
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.tolerated: list[str] = []
        """Ends of messages in Home Assistant's log that belong to a trouble noted as known."""
        self.bytes_after_kill = 0
        self.live_ms: dict[str, int] = {}
        self.webrtc_ms: dict[str, int] = {}
        self.cast_ms: int | None = None
        self.kill_ms: int | None = None
        self._cameras = cameras

    def expect(self, holds: bool, what: str) -> bool:
        """Note a requirement that does not hold."""
        if not holds:
            self.failed.append(what)
            self.say(f"FAILED: {what}")
        return holds

    def conclude(self, log: Path, others: Iterable[Path] = ()) -> dict[str, Any]:
        """Judge the counts and the logs, first Home Assistant's, and return the result."""
        judge = self.judge
        self.expect(not judge.after_kill, f"{judge.after_kill} pictures after the kill")
        self.expect(
            judge.unreadable <= judge.frames_checked // 100,
            f"{judge.unreadable} pictures without a readable tag",
        )
        for example in judge.examples:
            self.say(example)
        for record in logs.errors(log):
            if not any(record.message.endswith(text) for text in self.tolerated):
                self.expect(False, f"hass log: {record.level} [{record.logger}] {record.message}")
        for path in (log, *others):
            keys = logs.relay_keys(path)
            self.expect(not keys, f"{path.name} has {keys} keys of the relay")
        ok = not (self.failed or judge.foreign or judge.stale or self.bytes_after_kill)
        result: dict[str, Any] = {
            "ok": ok,
            "cameras": self._cameras,
            "live_ms": self.live_ms,
            "webrtc_ms": self.webrtc_ms or None,
            "cast_ms": self.cast_ms,
            "kill_ms": self.kill_ms,
            "bytes_after_kill": self.bytes_after_kill,
            "foreign": judge.foreign,
            "stale": judge.stale,
        }
        if self.skipped:
            result["skipped"] = self.skipped
        if not ok:
            result["failed"] = self.failed or ["see the counts"]
        ages = ", ".join(f"{s} {ms / 1000:.1f} s" for s, ms in sorted(judge.oldest_ms.items()))
        self.say(f"{judge.frames_checked} pictures checked; oldest on arrival: {ages}")
        return result
