"""The clock that ages of pictures are told by."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["now"]

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Return the time since some moment, in seconds: never set, and it runs on in a suspend.

    `time.monotonic` stands still while the machine sleeps, so a picture of before would pass
    for one of now. On Linux this is CLOCK_BOOTTIME. macOS has none, but its CLOCK_MONOTONIC
    runs on (while Python's `time.monotonic` is another clock there, which does not); what has
    neither gets a clock that may stand still.

    The event loop's timers do stand still: they decide when something is looked at, never
    how old it is.
    """
    return time.clock_gettime(_CLOCK)
