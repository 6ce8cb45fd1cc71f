"""On which players a camera may ever be shown, at which hours, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from homeassistant.util import dt as dt_util

from .hours import CastHours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CONF_CAST_TO = "cast_to"
CONF_CAST_PLAYERS = "cast_players"
CONF_CAST_MINUTES = "cast_minutes"
CONF_CAST_FROM = "cast_from"
CONF_CAST_UNTIL = "cast_until"

CAST_TO_ALL: Final = "all"
CAST_TO_CHOSEN: Final = "chosen"
CAST_TO = (CAST_TO_ALL, CAST_TO_CHOSEN)
MAX_CAST_MINUTES: Final = 7 * 24 * 60
MAX_PLAYERS: Final = 256
DEFAULTS: Final[Mapping[str, Any]] = {
    CONF_CAST_TO: CAST_TO_ALL,
    CONF_CAST_PLAYERS: [],
    CONF_CAST_MINUTES: 0,
    CONF_CAST_FROM: None,
    CONF_CAST_UNTIL: None,
}
"""What holds for a camera that was stored before there were policies: no limits."""


@dataclass(frozen=True, slots=True)
class CastPolicy:
    """Kept flat in a camera's subentry, beside its address.

    `players` are the entity ids it may be shown on (None: all; empty: none); `limit` is the
    longest time it may be shown (None: any); `hours` are those of Home Assistant's time zone
    in which it may be shown (None: all).
    """

    players: frozenset[str] | None = None
    limit: timedelta | None = None
    hours: CastHours | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read the policy of a camera's subentry.

        Raises:
            ValueError: it was damaged in storage; nothing is known to be allowed then.
        """
        stored = {key: data.get(key, value) for key, value in DEFAULTS.items()}
        to, players = stored[CONF_CAST_TO], stored[CONF_CAST_PLAYERS]
        minutes = stored[CONF_CAST_MINUTES]
        if to not in CAST_TO:
            raise ValueError("a stored camera has no valid choice of players")
        if (
            not isinstance(players, list | tuple)
            or len(players) > MAX_PLAYERS
            or not all(isinstance(player, str) for player in players)
        ):
            raise ValueError("a stored camera has no valid players")
        if type(minutes) is not int or not 0 <= minutes <= MAX_CAST_MINUTES:
            raise ValueError("a stored camera has no valid longest time on a player")
        return cls(
            frozenset(players) if to == CAST_TO_CHOSEN else None,
            timedelta(minutes=minutes) if minutes else None,
            CastHours.parse(stored[CONF_CAST_FROM], stored[CONF_CAST_UNTIL]),
        )

    def allows(self, player: str) -> bool:
        """Whether the camera may be shown on a player at all."""
        return self.players is None or player in self.players

    def allows_now(self) -> bool:
        """Whether it is an hour at which the camera may be shown."""
        return self.hours is None or self.hours.allows_at(
            dt_util.utcnow(), dt_util.get_default_time_zone()
        )

    def sooner(self, due: datetime | None) -> datetime | None:
        """Return `due` (None: never) or when the hours of now are over, whichever comes first."""
        if self.hours is None:
            return due
        over = self.hours.next_change(dt_util.utcnow(), dt_util.get_default_time_zone())
        return over if due is None else min(due, over)

    def shortened(self, duration: timedelta | None) -> timedelta | None:
        """Return the time for which it is shown when `duration` (None: no end) is asked for."""
        return min((one for one in (duration, self.limit) if one is not None), default=None)
