"""How long to wait before a renewal of a session that has failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = 30.0
"""Seconds after the second failure; the first one may be tried again at once."""
LONGEST: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Failures in a row. It is stored, so that restarts do not make a storm of log-ins."""

    failures: int = 0
    until: float = 0.0
    """Unix seconds before which nothing is tried."""
    expired: bool = False
    """Whether the last failure was a pass token that is not good any more."""

    def seconds(self, now: float) -> float:
        """Return how long to wait; a clock that was set back makes it no longer than `LONGEST`."""
        left = self.until - now
        return left if 0 < left <= LONGEST else 0.0

    def failed(self, now: float, *, expired: bool = False) -> BackOff:
        """Return what follows from one more failure."""
        failures = min(self.failures + 1, 20)
        wait = FIRST * 2 ** (failures - 2) if failures > 1 else 0.0
        if expired:
            wait = max(wait, FIRST)
        return BackOff(failures, now + min(wait, LONGEST), expired)

    def as_dict(self) -> dict[str, int | float | bool]:
        """Return what `parse` takes."""
        return {"failures": self.failures, "until": self.until, "expired": self.expired}

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Read what was stored; damage means none, which costs one attempt."""
        values: Mapping[str, Any] = data if isinstance(data, dict) else {}
        failures, until = values.get("failures"), values.get("until")
        if not isinstance(failures, int) or not 0 <= failures <= 20:
            return cls()
        if not isinstance(until, int | float) or not 0 <= until < 1e12:
            return cls()
        return cls(failures, float(until), values.get("expired") is True)
