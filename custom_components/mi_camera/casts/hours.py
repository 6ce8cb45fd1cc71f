"""The hours of the day in which a camera may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from datetime import tzinfo

DAY: Final = timedelta(days=1)
STEP: Final = 3600
"""Seconds. No zone changes its offset twice in such a time."""


@dataclass(frozen=True, slots=True)
class CastHours:
    """From `start` until just before `end`, as clocks on the wall show; perhaps past midnight.

    Where clocks are changed, what they show decides: an hour that is left out is nowhere, and
    one that comes twice is twice allowed or twice not.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, start: object, end: object) -> Self | None:
        """Read hours as they are stored, in ISO 8601; None where there are none.

        Raises:
            ValueError: they are damaged, or only one is there, or they are equal, which
                some would take for the whole day and others for none of it.
        """
        if start is None and end is None:
            return None
        hours = cls(_time(start), _time(end))
        if hours.start == hours.end:
            raise ValueError("a stored camera has no valid hours")
        return hours

    def allows_at(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether clocks in `zone` show an hour of these at a moment."""
        shown = moment.astimezone(zone).time()
        if self.start < self.end:
            return self.start <= shown < self.end
        return shown >= self.start or shown < self.end

    def next_change(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return when clocks in `zone` first show the other after a moment, in UTC."""
        moment = moment.astimezone(UTC)
        allowed = self.allows_at(moment, zone)
        boundary = self.end if allowed else self.start
        while True:
            # Clocks run evenly as far as `until`.
            until = _even_until(moment, zone)
            crossing = moment + (_since_midnight(boundary) - _shown(moment, zone)) % DAY
            if crossing < until:
                return crossing
            if self.allows_at(until, zone) != allowed:
                return until
            moment = until

    def as_texts(self) -> tuple[str, str]:
        """Return both as they are told, without seconds where there are none."""
        start, end = (
            one.isoformat("seconds").removesuffix(":00") for one in (self.start, self.end)
        )
        return start, end


def _time(stored: object) -> time:
    if isinstance(stored, str):
        try:
            read = time.fromisoformat(stored)
        except ValueError:
            pass
        else:
            if read.tzinfo is None:
                return read
    raise ValueError("a stored camera has no valid hours")


def _since_midnight(shown: time) -> timedelta:
    return timedelta(
        hours=shown.hour,
        minutes=shown.minute,
        seconds=shown.second,
        microseconds=shown.microsecond,
    )


def _shown(moment: datetime, zone: tzinfo) -> timedelta:
    return _since_midnight(moment.astimezone(zone).time())


def _even_until(moment: datetime, zone: tzinfo) -> datetime:
    """Return when clocks are changed next, or a while later if they are not in that while."""
    base = moment.replace(microsecond=0)
    offset = moment.astimezone(zone).utcoffset()

    def changed(seconds: int) -> bool:
        return (base + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != offset

    low, high = 0, STEP
    if changed(high):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if changed(middle) else (middle, high)
    return base + timedelta(seconds=high)
