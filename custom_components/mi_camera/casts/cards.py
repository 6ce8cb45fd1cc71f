"""Displays that show the card for a few seconds, and go back to their idle screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from homeassistant.components.media_player import (
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    ATTR_MEDIA_EXTRA,
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    SERVICE_PLAY_MEDIA,
)
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later, async_track_state_change_event

from ..const import DOMAIN, LOGGER
from .card import CARD_TYPE, card_path, shows_card
from .models import async_cast_model
from .session import SHOWING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from homeassistant.core import State

    from ..hub import Hub
    from .address import CastAddress

CARD_SECONDS: Final = 8.0
"""How long it is shown."""
CARD_TIMEOUT: Final = 2.0
"""Seconds until a display must report it; one that does not is stopped instead."""


class CastCards:
    """Puts the card on displays, and takes every card away, also one of a run before this."""

    def __init__(
        self,
        hub: Hub,
        address: CastAddress,
        has_session: Callable[[str], bool],
        stop: Callable[[str], Coroutine[None, None, None]],
    ) -> None:
        """Show none yet; `stop` stops a player whose card has been shown for long enough."""
        self._hub = hub
        self._hass = hub.hass
        self._address = address
        self._has_session = has_session
        self._stop = stop
        self._timers: dict[str, Callable[[], None]] = {}
        """Of the players that show one, how to forget about taking it away."""
        self._loading: set[str] = set()
        self._unlisten: Callable[[], None] | None = None

    @callback
    def async_start(self) -> None:
        """Look for cards of a run before, now and whenever a player comes back with one."""
        self._unlisten = self._hass.bus.async_listen(
            EVENT_STATE_CHANGED,
            self._player_changed,
            event_filter=callback(lambda data: data["entity_id"].startswith("media_player.")),
        )
        for state in self._hass.states.async_all(MEDIA_PLAYER_DOMAIN):
            if shows_card(state):
                self._found(state.entity_id)

    async def async_close(self) -> None:
        """Take all cards away, as the hub is being unloaded; none is shown any more."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
        shown = tuple(self._timers)
        for player in shown:
            self._leave(player)
        await asyncio.gather(*(self._stop(player) for player in shown))

    async def async_show(self, player: str) -> bool:
        """Put the card on a display; returns whether it is there.

        Otherwise, after `CARD_TIMEOUT` at most, the player may show anything and is to be
        stopped: it is no Cast display, does not report the card, or there is no address of
        Home Assistant that it could ask.
        """
        if not self._is_open() or async_cast_model(self._hass, player) is None:
            return False
        if (base := self._address.async_look()) is None:
            return False
        self._leave(player)
        self._loading.add(player)
        reported = asyncio.Event()

        @callback
        def changed(_event: Event[EventStateChangedData]) -> None:
            reported.set()

        unlisten = async_track_state_change_event(self._hass, player, changed)
        try:
            async with asyncio.timeout(CARD_TIMEOUT):
                await self._hass.services.async_call(
                    MEDIA_PLAYER_DOMAIN,
                    SERVICE_PLAY_MEDIA,
                    {
                        ATTR_ENTITY_ID: player,
                        ATTR_MEDIA_CONTENT_ID: base + card_path(self._hass.config.language),
                        ATTR_MEDIA_CONTENT_TYPE: CARD_TYPE,
                        ATTR_MEDIA_EXTRA: {"stream_type": "NONE"},
                    },
                    blocking=True,
                )
                while not _reports_card(self._hass.states.get(player)):
                    reported.clear()
                    await reported.wait()
        except (HomeAssistantError, TimeoutError) as err:
            LOGGER.debug("%s does not show the card: %r", player, err)
            return False
        finally:
            unlisten()
            self._loading.discard(player)
        if not self._is_open():
            return False
        self._take_away(player, CARD_SECONDS)
        return True

    def _is_open(self) -> bool:
        return self._unlisten is not None

    @callback
    def _player_changed(self, event: Event[EventStateChangedData]) -> None:
        player = event.data["entity_id"]
        if not shows_card(event.data["new_state"]):
            self._leave(player)
        elif player not in self._timers and player not in self._loading:
            self._found(player)

    @callback
    def _found(self, player: str) -> None:
        """Take away a card of a run before, or that came when nobody waited for it any more."""
        # Other integrations may have a player that tells the same of the same display.
        if async_cast_model(self._hass, player) is not None:
            self._take_away(player, 0)

    @callback
    def _take_away(self, player: str, seconds: float) -> None:
        @callback
        def over(_now: datetime) -> None:
            del self._timers[player]
            if self._has_session(player):
                # It is changing over to a cast; should that not begin, the card is still there.
                self._take_away(player, CARD_SECONDS)
                return
            self._hub.entry.async_create_background_task(
                self._hass, self._stop(player), f"{DOMAIN} idle screen after a card"
            )

        self._leave(player)
        self._timers[player] = async_call_later(self._hass, seconds, over)

    @callback
    def _leave(self, player: str) -> None:
        if (undo := self._timers.pop(player, None)) is not None:
            undo()


def _reports_card(state: State | None) -> bool:
    # While it loads, or has failed to, a display calls itself idle.
    return state is not None and state.state in SHOWING and shows_card(state)
