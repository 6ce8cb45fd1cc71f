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
    MediaPlayerState,
)
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback

from ..const import LOGGER
from ..exceptions import MiCameraError, MiCameraInputError, session_error
from ..media import FeedState, UpstreamError
from .checks import ended_early, policy_refusal
from .models import async_cast_model
from .session import CastState, EndReason, is_away, left_for, named, names, plays, shows

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import Context, HomeAssistant, State

    from .session import CastSession

HLS_TYPE = "application/vnd.apple.mpegurl"
PLAYING_TIMEOUT = 25.0
"""Seconds for each attempt."""
IDLE_TIMEOUT = 6.0
"""Seconds for which a player that has been told may show nothing: it has given up after that.
And those within which one that has gone may come back."""
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
                    or session.choice.trouble is not None
                    or err.translation_key == "cast_replaced_early"
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
    player = named(hass, session.player)
    taken = session.loaded = False
    try:
        async with asyncio.timeout(PLAYING_TIMEOUT):
            _require_going_on(session, player)
            await _async_back(hass, session, player)
            if not plays(hass.states.get(session.player), session.token):
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
                if not await _async_changed(hass, session, state):
                    break
    except MiCameraError, MiCameraInputError:
        raise
    except Exception:  # noqa: BLE001 - integrations raise whatever their libraries do
        # What they say may contain the address, which is a secret.
        _require_going_on(session, player)
    if is_away(hass.states.get(session.player)):
        raise MiCameraError("player_unavailable", player=player)
    # Home Assistant's cast waits until a display has begun, or has said that it cannot.
    is_loaded = session.loaded or session.pictures.asked
    if not taken and not is_loaded:
        raise MiCameraError("cast_not_taken", player=player)
    _require_picture(session, player)
    if not is_loaded:
        raise MiCameraError("cast_not_loaded", player=player, address=base)
    raise MiCameraError("cast_not_playing", player=player)


def _media(session: CastSession, base: str) -> dict[str, Any]:
    return {
        ATTR_MEDIA_CONTENT_ID: base + session.pictures.path,
        ATTR_MEDIA_CONTENT_TYPE: HLS_TYPE,
        ATTR_MEDIA_EXTRA: session.pictures.extra,
    }


async def _async_back(hass: HomeAssistant, session: CastSession, player: str) -> None:
    """Wait, but not for long, for a player that has gone: it is told nothing meanwhile."""
    while is_away(hass.states.get(session.player)):
        session.changed.clear()
        try:
            async with asyncio.timeout(IDLE_TIMEOUT):
                await session.changed.wait()
        except TimeoutError:
            raise MiCameraError("player_unavailable", player=player) from None
        _require_going_on(session, player)


async def _async_changed(hass: HomeAssistant, session: CastSession, state: State | None) -> bool:
    """Wait until something has changed; returns whether the player may still begin."""
    try:
        async with asyncio.timeout(_patience(hass, session, state)):
            await session.changed.wait()
    except TimeoutError:
        # It cannot have begun as long as the camera, which may have to wake, sends nothing.
        choice = session.choice
        return choice.trouble is None and choice.feed.state is not FeedState.LIVE
    return True


def _patience(hass: HomeAssistant, session: CastSession, state: State | None) -> float | None:
    """Return for how long a player may stay as it is; None: until the attempt is over."""
    if is_away(state) or names(state, session.token):
        return IDLE_TIMEOUT
    # A display has answered by now. If it is off, it may have to switch a television on first.
    is_idle = state is not None and state.state == MediaPlayerState.IDLE
    return IDLE_TIMEOUT if is_idle and async_cast_model(hass, session.player) else None


def _require_going_on(session: CastSession, player: str) -> None:
    if session.state is not CastState.ENDED:
        return
    if session.reason is EndReason.STALE:
        _require_picture(session, player)
    if session.reason is EndReason.NOT_ALLOWED and (refusal := policy_refusal(session, player)):
        raise refusal
    raise ended_early(session, session.reason, player)


def _require_not_replaced(session: CastSession, state: State | None, player: str) -> None:
    if left_for(state, session.token) is EndReason.REPLACED:
        raise ended_early(session, EndReason.REPLACED, player)


def _require_picture(session: CastSession, player: str) -> None:
    choice = session.choice
    camera = session.lens.coordinator.config.name
    if choice.trouble is not None:
        raise session_error(UpstreamError(choice.trouble), camera, player)
    if choice.feed.state is not FeedState.LIVE:
        raise MiCameraError("cast_no_picture", player=player, camera=camera)
