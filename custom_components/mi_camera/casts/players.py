"""Players that show what they must not: found by the tokens of ended streams, and stopped.

A Cast display says so by the card before it is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homeassistant.components.media_player import (
    ATTR_MEDIA_CONTENT_ID,
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

from ..const import DOMAIN, LOGGER
from ..gate_events import GateEvent, GateEventType
from .card import shows_card
from .cards import CastCards
from .session import SHOWING, EndReason, shown_token, shows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from homeassistant.core import State

    from ..hub import Hub
    from .address import CastAddress

STOP_TIMEOUT = 15.0
SETTLE_TIMEOUT = 5.0
CARD_REASONS = {EndReason.STALE, EndReason.CAMERA_GONE, EndReason.SWITCHED_OFF}
"""What is nobody's wish at the display: it says so for a moment."""
# Tokens of the past are remembered so that a player that was out of reach when pictures
# were switched off is stopped as soon as it shows up with one.
DEAD_TOKENS = 512


class CastPlayers:
    """Stops the players, known or not, that still show an address that is dead."""

    def __init__(self, hub: Hub, address: CastAddress, has_session: Callable[[str], bool]) -> None:
        """Begin without dead tokens; `has_session` tells whether a player has a cast of ours."""
        self._hub = hub
        self._hass = hub.hass
        self._has_session = has_session
        self._dead: OrderedDict[str, bool] = OrderedDict()
        """Tokens that show nothing any more, and whether a display is to say so."""
        self._busy: dict[str, asyncio.Future[None]] = {}
        """Players that are being stopped, or given the card, until they are."""
        self._not_stopped: set[str] = set()
        self._unlisten: Callable[[], None] | None = None
        self._cards = CastCards(hub, address, has_session, self._async_stop_card)

    @callback
    def async_start(self) -> None:
        """Take away the cards that a run before has left."""
        self._cards.async_start()

    @callback
    def remember_dead(self, token: str, reason: EndReason) -> None:
        """Note that whoever still shows this token must be stopped."""
        self._dead[token] = reason in CARD_REASONS
        if len(self._dead) > DEAD_TOKENS:
            self._dead.popitem(last=False)
        if self._unlisten is None:
            self._unlisten = self._hass.bus.async_listen(
                EVENT_STATE_CHANGED,
                self._player_changed,
                event_filter=callback(lambda data: data["entity_id"].startswith("media_player.")),
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

    async def async_close(self) -> None:
        """Stop every player that shows an address of ours, or the card: the hub is unloaded."""
        await self._cards.async_close()
        await self.async_clean_up()
        if busy := tuple(self._busy.values()):
            await asyncio.wait(busy, timeout=STOP_TIMEOUT)
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    async def async_settled(self, player: str) -> None:
        """Wait, but not for long, until a player is neither being stopped nor given the card."""
        if (busy := self._busy.get(player)) is not None:
            await asyncio.wait((busy,), timeout=SETTLE_TIMEOUT)

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
        """Stop a player, or have it show the card, unless it shows none of `tokens`."""
        token = shown_token(self._hass.states.get(player), tokens)
        if token is None or player in self._busy:
            return
        with self._keep_busy(player):
            carded = False
            try:
                carded = self._dead.get(token, False) and await self._cards.async_show(player)
            finally:
                # Whatever has kept the card from being shown, the face must not stay.
                if not carded and not _shows_other(self._hass.states.get(player), tokens):
                    await self._async_stop(player)

    async def _async_stop_card(self, player: str) -> None:
        """Stop a player that still shows the card, and nothing is being cast to."""
        await self.async_settled(player)
        if (
            player in self._busy
            or self._has_session(player)
            or not shows_card(self._hass.states.get(player))
        ):
            return
        with self._keep_busy(player):
            await self._async_stop(player)

    @contextmanager
    def _keep_busy(self, player: str) -> Generator[None]:
        busy = self._busy[player] = self._hass.loop.create_future()
        try:
            yield
        finally:
            del self._busy[player]
            busy.set_result(None)

    async def _async_stop(self, player: str) -> None:
        state = self._hass.states.get(player)
        features = state.attributes.get(ATTR_SUPPORTED_FEATURES, 0) if state else 0
        service = (
            SERVICE_TURN_OFF if features & MediaPlayerEntityFeature.TURN_OFF else SERVICE_MEDIA_STOP
        )
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._hass.services.async_call(
                    MEDIA_PLAYER_DOMAIN, service, {ATTR_ENTITY_ID: player}, blocking=True
                )
            self._not_stopped.discard(player)
        except Exception as err:  # noqa: BLE001 - integrations raise whatever their libraries do
            LOGGER.warning("%s could not be stopped: %s", player, err)
            self._report_not_stopped(player)

    @callback
    def _report_not_stopped(self, player: str) -> None:
        """Tell of a player that does not listen, once until it does."""
        if player not in self._not_stopped:
            self._not_stopped.add(player)
            self._hub.kill_switch.report(
                GateEvent.now(GateEventType.CAST_NOT_STOPPED, reason=player)
            )


def _shows_other(state: State | None, tokens: Collection[str]) -> bool:
    """Whether somebody has put on something that is no business of ours."""
    return (
        state is not None
        and state.state in SHOWING
        and isinstance(state.attributes.get(ATTR_MEDIA_CONTENT_ID), str)
        and not shows(state, tokens)
        and not shows_card(state)
    )
