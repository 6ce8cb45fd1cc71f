"""What a feed is doing, and the bounds it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["LATE", "FeedLimits", "FeedState"]

SOON = 60.0
SOON_PAUSE = 1.6
LATE = 0.02
"""Seconds a look at who has waited too long comes after the time, so that it is not in vain."""


class FeedState(StrEnum):
    """What a feed is doing."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds of a feed, in seconds and bytes."""

    linger: float = 4.0
    """How long the upstream stays open after the last viewer."""
    stall: float = 5.0
    """Without a new picture for this long, viewers end: live or nothing."""
    first_picture: float = 20.0
    """How long a viewer waits for its first picture."""
    connect: float = 45.0
    """How long opening the upstream may take: waking a camera, and trying its qualities."""
    max_lag: float = 5.0
    """A picture that took longer to come is not live any more."""
    backoff: tuple[float, float] = (1.0, 30.0)
    group_bytes: int = 8 * 1024 * 1024
    """Room for the group of pictures that lets a viewer start at once."""

    def pause(self, failures: int, *, lost_for: float, local: bool, waited: float = 0.0) -> float:
        """Return how long to wait after so many failures in a row, in seconds.

        `lost_for` is how long there has been no picture, `local` whether only the camera is
        asked. Then asking costs little, and an outage is short as a rule: in the first
        minute nobody waits long for its end to be noticed. `waited` is for how long the
        camera was waited for already, in vain: then that was the pause.
        """
        first, longest = self.backoff
        # The exponent is bounded so that a week of failures does not overflow a float.
        delay = min(longest, first * (1 << min(failures - 1, 16)))
        if not local or lost_for >= SOON:
            return delay
        return max(0.0, min(delay, SOON_PAUSE) - waited)
