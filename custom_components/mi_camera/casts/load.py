"""Making a player begin, and finding out at which step it did not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN, SERVICE_PLAY_MEDIA
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import LOGGER
from ..exceptions import MiCameraError, MiCameraInputError, session_error
from ..media import UpstreamError
from .session import CastState, EndReason, left_for, player_name, plays, shows

if TYPE_CHECKING:
    from homeassistant.core import Context, HomeAssistant, State

    from .session import CastSession

PLAYING_TIMEOUT = 25.0
"""Seconds for each attempt."""
ATTEMPTS = 2
RETRY_AFTER = 1.0


async def async_load(
    hass: HomeAssistant, session: CastSession, media: dict[str, Any], base: str, context: Context
) -> None:
    """Tell the player, and wait until it reports playing this session's address.

    `media` is what to say to ``media_player.play_media``; its address is at `base`. A player
    that does not begin is told once more.

    Raises:
        MiCameraError, MiCameraInputError: it does not play; the error says what it did not
            do, what kept the camera from sending pictures, or that it must not any more.
    """

    @callback
    def player_changed(event: Event[EventStateChangedData]) -> None:
        if shows(event.data["new_state"], {session.token}):
            session.loaded = True
        session.changed.set()

    unlisten = hass.bus.async_listen(
        EVENT_STATE_CHANGED,
        player_changed,
        event_filter=callback(lambda data: data["entity_id"] == session.player),
    )
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await _async_attempt(hass, session, media, base, context)
            except MiCameraError as err:
                if (
                    attempt == ATTEMPTS
                    or session.state is CastState.ENDED
                    or session.lens.trouble is not None
                    or err.translation_key == "cast_ended_early"
                ):
                    raise
                LOGGER.debug("%s is told once more: %s", session.player, err.translation_key)
            else:
                return
            await asyncio.sleep(RETRY_AFTER)
    finally:
        unlisten()


async def _async_attempt(
    hass: HomeAssistant, session: CastSession, media: dict[str, Any], base: str, context: Context
) -> None:
    state = hass.states.get(session.player)
    player = player_name(state) if state else session.player
    taken = session.loaded = False
    try:
        async with asyncio.timeout(PLAYING_TIMEOUT):
            _require_going_on(session, player)
            if not plays(state, session.token):
                await hass.services.async_call(
                    MEDIA_PLAYER_DOMAIN,
                    SERVICE_PLAY_MEDIA,
                    {ATTR_ENTITY_ID: session.player, **media},
                    blocking=True,
                    context=context,
                )
            taken = True
            while True:
                _require_going_on(session, player)
                state = hass.states.get(session.player)
                if plays(state, session.token):
                    return
                if shows(state, {session.token}):
                    session.loaded = True
                elif session.loaded:
                    # It has given up, and will not begin by itself.
                    _require_not_replaced(session, state, player)
                    break
                session.changed.clear()
                await session.changed.wait()
    except MiCameraError, MiCameraInputError:
        raise
    except HomeAssistantError, TimeoutError:
        # What the player's integration says may contain the address, which is a secret.
        _require_going_on(session, player)
    if not taken:
        raise MiCameraError("cast_not_taken", player=player)
    _require_picture(session, player)
    if not session.loaded:
        raise MiCameraError("cast_not_loaded", player=player, address=base)
    raise MiCameraError("cast_not_playing", player=player)


def _require_going_on(session: CastSession, player: str) -> None:
    if session.state is not CastState.ENDED:
        return
    if session.reason is EndReason.STALE:
        _require_picture(session, player)
    if session.reason is EndReason.NOT_ALLOWED:
        raise MiCameraInputError(
            "player_not_allowed", player=player, camera=session.lens.coordinator.config.name
        )
    raise MiCameraError("cast_ended_early", player=player)


def _require_not_replaced(session: CastSession, state: State | None, player: str) -> None:
    if left_for(state, session.token) is EndReason.REPLACED:
        raise MiCameraError("cast_ended_early", player=player)


def _require_picture(session: CastSession, player: str) -> None:
    lens = session.lens
    camera = lens.coordinator.config.name
    if lens.trouble is not None:
        raise session_error(UpstreamError(lens.trouble), camera)
    if not lens.live:
        raise MiCameraError("cast_no_picture", player=player, camera=camera)
