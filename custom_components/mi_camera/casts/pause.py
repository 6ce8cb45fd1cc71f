"""A live picture that somebody pauses at the display is a frozen one, so the cast ends soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.components.media_player import MediaPlayerState
from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant, State

HELD: Final = 5.0
"""Seconds for which a picture may stand still at a display: as long as a stalled stream may."""


class PauseWatch:
    """Follows one player's states and calls `end` when it has been paused for too long."""

    def __init__(self, hass: HomeAssistant, end: Callable[[], None]) -> None:
        """Begin with a player that plays."""
        self._hass = hass
        self._end = end
        self._undo: CALLBACK_TYPE | None = None

    @callback
    def async_follow(self, state: State | None) -> None:
        """Take the player's new state."""
        if state is None or state.state != MediaPlayerState.PAUSED:
            self.async_stop()
        elif self._undo is None:
            self._undo = async_call_later(self._hass, HELD, self._over)

    @callback
    def async_stop(self) -> None:
        """Follow no more."""
        if self._undo is not None:
            self._undo()
            self._undo = None

    @callback
    def _over(self, _: datetime) -> None:
        self._undo = None
        self._end()
