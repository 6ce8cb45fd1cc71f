"""What a feed is doing, and the bounds it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FeedLimits", "FeedState"]


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
    max_lag: float = 5.0
    """A picture that took longer to come is not live any more."""
    backoff: tuple[float, float] = (1.0, 30.0)
    group_bytes: int = 8 * 1024 * 1024
    """Room for the group of pictures that lets a viewer start at once."""
