"""What cameras are allowed changes with the time of day; here it is noticed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hub import Hub
    from .hours import CastHours

LOOK_AGAIN: Final = timedelta(minutes=1)
"""The machine's clock may be set at any time, and tells nobody."""


class CastClock:
    """Looks at the hours of a hub's cameras for as long as one of them has any."""

    def __init__(self, hub: Hub, on_change: Callable[[], None]) -> None:
        """Stand still; `on_change` is called when a camera's hours have begun or ended."""
        self._hub = hub
        self._on_change = on_change
        self._open: set[CastHours] = set()
        self._timer: Callable[[], None] | None = None
        self._unlisten: Callable[[], None] | None = None

    @callback
    def async_wind(self) -> None:
        """Begin anew, as cameras or what they are allowed have changed."""
        self.async_stop()
        hours = self._hours()
        if not hours:
            return
        now, zone = dt_util.utcnow(), dt_util.get_default_time_zone()
        self._open = {one for one in hours if one.allows_at(now, zone)}
        change = min(one.next_change(now, zone) for one in hours)
        self._timer = async_call_later(self._hub.hass, min(change - now, LOOK_AGAIN), self._look)
        self._unlisten = self._hub.hass.bus.async_listen(
            EVENT_CORE_CONFIG_UPDATE, self._zone_changed
        )

    @callback
    def async_stop(self) -> None:
        """Stand still."""
        for undo in (self._timer, self._unlisten):
            if undo is not None:
                undo()
        self._timer = self._unlisten = None

    def _hours(self) -> set[CastHours]:
        policies = [camera.cast_policy for camera in self._hub.cameras.values()]
        return {policy.hours for policy in policies if policy.hours is not None}

    @callback
    def _look(self, _due: datetime) -> None:
        self._timer = None
        now, zone = dt_util.utcnow(), dt_util.get_default_time_zone()
        if {one for one in self._hours() if one.allows_at(now, zone)} != self._open:
            self._on_change()
        self.async_wind()

    @callback
    def _zone_changed(self, _event: Event) -> None:
        self._on_change()
        self.async_wind()
