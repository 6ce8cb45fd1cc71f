"""Making a player begin, and finding out at which step it did not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import (
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    ATTR_MEDIA_EXTRA,
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    SERVICE_PLAY_MEDIA,
)
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback

from ..const import LOGGER
from ..exceptions import MiCameraError, MiCameraInputError, session_error
from ..media import FeedState, UpstreamError
from .checks import policy_refusal
from .session import CastState, EndReason, left_for, names, player_name, plays, shows

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import Context, HomeAssistant, State

    from .session import CastSession

HLS_TYPE = "application/vnd.apple.mpegurl"
PLAYING_TIMEOUT = 25.0
"""Seconds for each attempt."""
IDLE_TIMEOUT = 6.0
"""Seconds for which a player that has been told may show nothing: it has given up after that."""
ATTEMPTS = 2
RETRY_AFTER = 1.0


async def async_load(
    hass: HomeAssistant,
    session: CastSession,
    base: str,
    context: Context,
    renew: Callable[[], None],
) -> None:
    """Tell the player, and wait until it reports playing this session's address.

    The address is at `base`. A player that does not begin is told once more, after `renew`
    has given the session another address: Home Assistant's integrations log the one that
    they could not play.

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
                await _async_attempt(hass, session, base, context)
            except MiCameraError as err:
                if (
                    attempt == ATTEMPTS
                    or session.state is CastState.ENDED
                    or session.choice.basis.trouble is not None
                    or err.translation_key == "cast_ended_early"
                ):
                    raise
                LOGGER.debug("%s is told once more: %s", session.player, err.translation_key)
            else:
                return
            await asyncio.sleep(RETRY_AFTER)
            renew()
    finally:
        unlisten()


async def _async_attempt(
    hass: HomeAssistant, session: CastSession, base: str, context: Context
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
                    {ATTR_ENTITY_ID: session.player, **_media(session, base)},
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
                if not await _async_changed(session, state):
                    break
    except MiCameraError, MiCameraInputError:
        raise
    except Exception:  # noqa: BLE001 - integrations raise whatever their libraries do
        # What they say may contain the address, which is a secret.
        _require_going_on(session, player)
    if not taken:
        raise MiCameraError("cast_not_taken", player=player)
    _require_picture(session, player)
    if not session.loaded and not session.pictures.asked:
        raise MiCameraError("cast_not_loaded", player=player, address=base)
    raise MiCameraError("cast_not_playing", player=player)


def _media(session: CastSession, base: str) -> dict[str, Any]:
    return {
        ATTR_MEDIA_CONTENT_ID: base + session.pictures.path,
        ATTR_MEDIA_CONTENT_TYPE: HLS_TYPE,
        ATTR_MEDIA_EXTRA: session.pictures.extra,
    }


async def _async_changed(session: CastSession, state: State | None) -> bool:
    """Wait until something has changed; returns whether the player may still begin."""
    try:
        async with asyncio.timeout(IDLE_TIMEOUT if names(state, session.token) else None):
            await session.changed.wait()
    except TimeoutError:
        # It cannot have begun as long as the camera, which may have to wake, sends nothing.
        feed = session.choice.basis
        return feed.trouble is None and feed.state is not FeedState.LIVE
    return True


def _require_going_on(session: CastSession, player: str) -> None:
    if session.state is not CastState.ENDED:
        return
    if session.reason is EndReason.STALE:
        _require_picture(session, player)
    if session.reason is EndReason.NOT_ALLOWED and (refusal := policy_refusal(session, player)):
        raise refusal
    raise MiCameraError("cast_ended_early", player=player)


def _require_not_replaced(session: CastSession, state: State | None, player: str) -> None:
    if left_for(state, session.token) is EndReason.REPLACED:
        raise MiCameraError("cast_ended_early", player=player)


def _require_picture(session: CastSession, player: str) -> None:
    feed = session.choice.basis
    camera = session.lens.coordinator.config.name
    if feed.trouble is not None:
        raise session_error(UpstreamError(feed.trouble), camera)
    if feed.state is not FeedState.LIVE:
        raise MiCameraError("cast_no_picture", player=player, camera=camera)
