"""Players that show what they must not: found by the tokens of ended streams, and stopped."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from homeassistant.components.media_player import (
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    MediaPlayerEntityFeature,
)
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_SUPPORTED_FEATURES,
    EVENT_STATE_CHANGED,
    SERVICE_MEDIA_STOP,
    SERVICE_TURN_OFF,
)
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN, LOGGER
from ..gate_events import GateEvent, GateEventType
from .session import shows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..hub import Hub

STOP_TIMEOUT = 15.0
# Tokens of the past are remembered so that a player that was out of reach when pictures
# were switched off is stopped as soon as it shows up with one.
DEAD_TOKENS = 512


class CastPlayers:
    """Stops the players, known or not, that still show an address that is dead."""

    def __init__(self, hub: Hub, has_session: Callable[[str], bool]) -> None:
        """Begin without dead tokens; `has_session` tells whether a player has a cast of ours."""
        self._hub = hub
        self._hass = hub.hass
        self._has_session = has_session
        self._dead: deque[str] = deque(maxlen=DEAD_TOKENS)
        self._stopping: set[str] = set()
        self._not_stopped: set[str] = set()
        self._unlisten: Callable[[], None] | None = None

    @callback
    def remember_dead(self, token: str | None) -> None:
        """Note that whoever still shows this token must be stopped."""
        if token:
            self._dead.append(token)
            if self._unlisten is None:
                self._unlisten = self._hass.bus.async_listen(
                    EVENT_STATE_CHANGED,
                    self._player_changed,
                    event_filter=callback(
                        lambda data: data["entity_id"].startswith("media_player.")
                    ),
                )

    async def async_clean_up(self) -> None:
        """Stop every player, known or not, that shows an address that is dead."""
        dead = set(self._dead)
        players = [
            state.entity_id
            for state in self._hass.states.async_all(MEDIA_PLAYER_DOMAIN)
            if shows(state, dead)
        ]
        await asyncio.gather(*(self._async_stop_player(player, dead) for player in players))

    @callback
    def async_forget(self) -> None:
        """Look after players no longer, as the hub is being unloaded."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    @callback
    def _player_changed(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        dead = set(self._dead)
        if self._has_session(event.data["entity_id"]):
            # It is changing over to a session that looks after itself.
            return
        if shows(state, dead):
            assert state is not None
            self._hub.entry.async_create_background_task(
                self._hass,
                self._async_stop_player(state.entity_id, dead),
                f"{DOMAIN} stop of a player with a dead address",
            )

    async def async_stop_player(self, player: str, token: str) -> None:
        """Stop a player, unless it shows something that is neither of `token` nor dead."""
        # What it was shown before is dead as well.
        await self._async_stop_player(player, {token, *self._dead})

    async def _async_stop_player(self, player: str, tokens: Collection[str]) -> None:
        """Stop a player, unless it shows something that is not one of `tokens`."""
        state = self._hass.states.get(player)
        if player in self._stopping or not shows(state, tokens):
            return
        assert state is not None
        features = state.attributes.get(ATTR_SUPPORTED_FEATURES, 0)
        service = (
            SERVICE_TURN_OFF if features & MediaPlayerEntityFeature.TURN_OFF else SERVICE_MEDIA_STOP
        )
        self._stopping.add(player)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._hass.services.async_call(
                    MEDIA_PLAYER_DOMAIN, service, {ATTR_ENTITY_ID: player}, blocking=True
                )
            self._not_stopped.discard(player)
        except (HomeAssistantError, TimeoutError) as err:
            LOGGER.warning("%s could not be stopped: %s", player, err)
            self._report_not_stopped(player)
        finally:
            self._stopping.discard(player)

    @callback
    def _report_not_stopped(self, player: str) -> None:
        """Tell of a player that does not listen, once until it does."""
        if player not in self._not_stopped:
            self._not_stopped.add(player)
            self._hub.kill_switch.report(
                GateEvent.now(GateEventType.CAST_NOT_STOPPED, reason=player)
            )
