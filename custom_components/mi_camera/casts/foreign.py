"""Casts that others begin: the media browser, scripts, ``camera.play_stream``.

They cannot be refused beforehand, but a player's state tells the address it shows, and each
address has a token. Players whose state does not tell it are not seen.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, LOGGER
from .news import CastEvent, CastEventType
from .session import EndReason, shown_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import State

    from ..hub import Hub
    from ..lens import Lens
    from .news import CastNews
    from .players import CastPlayers

MAX_TOKENS = 1024
"""Of addresses that are alive: each dashboard, recording or cast has one for a camera."""


@dataclass(frozen=True, slots=True)
class _Address:
    """What an address shows; `owner` is the player that it was made for (None: nobody)."""

    lens: Lens
    camera: str
    owner: str | None


@dataclass(slots=True)
class _Shown:
    """What a player shows that we did not tell it to."""

    token: str = field(repr=False)
    since: datetime
    refused: bool = False
    timer: Callable[[], None] | None = None

    def drop_timer(self) -> None:
        """Keep it from being ended with its time."""
        if self.timer is not None:
            self.timer()
            self.timer = None


class ForeignCasts:
    """Ends those of which the camera's policy says that they must not be."""

    def __init__(self, hub: Hub, players: CastPlayers, news: CastNews) -> None:
        """Know no address yet."""
        self._hub = hub
        self._hass = hub.hass
        self._players = players
        self._news = news
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._shown: dict[str, _Shown] = {}
        self._unlisten: Callable[[], None] | None = None
        self._is_full = False

    @callback
    def remember(self, token: str, lens: Lens, camera: str, owner: str | None = None) -> None:
        """Note whose pictures an address shows, for as long as it lives."""
        self._addresses[token] = _Address(lens, camera, owner)
        if len(self._addresses) > MAX_TOKENS:
            self._addresses.popitem(last=False)
            if not self._is_full:
                self._is_full = True
                LOGGER.info(
                    "More than %s addresses of cameras are in use. Players that show the oldest"
                    " are not kept to the cameras' settings any more",
                    MAX_TOKENS,
                )
        if self._unlisten is None:
            self._unlisten = self._hass.bus.async_listen(
                EVENT_STATE_CHANGED,
                self._player_changed,
                event_filter=callback(lambda data: data["entity_id"].startswith("media_player.")),
            )

    @callback
    def forget(self, token: str) -> None:
        """Note that an address is dead; whoever shows it is stopped for that."""
        self._addresses.pop(token, None)
        for player in [one for one, shown in self._shown.items() if shown.token == token]:
            self._leave(player)

    @callback
    def async_look_again(self) -> None:
        """Follow policies that have changed."""
        for shown in self._shown.values():
            shown.drop_timer()
            shown.refused = False
        for state in self._hass.states.async_all(MEDIA_PLAYER_DOMAIN):
            self._look(state.entity_id, state)

    @callback
    def async_stop(self) -> None:
        """Look after players no longer, as the hub is being unloaded."""
        for player in tuple(self._shown):
            self._leave(player)
        self._addresses.clear()
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    @callback
    def _leave(self, player: str) -> None:
        if (shown := self._shown.pop(player, None)) is not None:
            shown.drop_timer()

    @callback
    def _player_changed(self, event: Event[EventStateChangedData]) -> None:
        self._look(event.data["entity_id"], event.data["new_state"])

    @callback
    def _look(self, player: str, state: State | None) -> None:
        token = shown_token(state, self._addresses)
        address = self._addresses[token] if token is not None else None
        if token is None or address is None or address.owner == player:
            self._leave(player)
            return
        shown = self._shown.get(player)
        if shown is None or shown.token != token:
            self._leave(player)
            shown = self._shown[player] = _Shown(token, dt_util.utcnow())
        policy = address.lens.coordinator.cast_policy
        if shown.refused or not policy.allows(player) or not policy.allows_now():
            self._refuse(player, shown, address, EndReason.NOT_ALLOWED)
        elif policy.limit is not None and shown.timer is None:
            self._limit(player, shown, address, policy.limit)

    @callback
    def _limit(self, player: str, shown: _Shown, address: _Address, limit: timedelta) -> None:
        @callback
        def over(_now: datetime) -> None:
            shown.timer = None
            self._refuse(player, shown, address, EndReason.DURATION)

        left = shown.since + limit - dt_util.utcnow()
        shown.timer = async_call_later(self._hass, max(left, timedelta()), over)

    @callback
    def _refuse(self, player: str, shown: _Shown, address: _Address, reason: EndReason) -> None:
        if not shown.refused:
            shown.refused = True
            LOGGER.warning("%s must not go on showing %s: %s", player, address.camera, reason)
            self._news.tell(
                CastEvent(
                    CastEventType.REFUSED,
                    address.lens.source.did,
                    address.camera,
                    player,
                    reason,
                )
            )
        self._hub.entry.async_create_background_task(
            self._hass,
            self._players.async_stop_player(player, shown.token),
            f"{DOMAIN} stop of a player that must not show a camera",
        )
