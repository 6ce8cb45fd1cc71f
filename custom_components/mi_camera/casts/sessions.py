"""A camera on a display: sessions with an address each, that can be ended alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.components.media_player import (
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    ATTR_MEDIA_EXTRA,
)
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..const import DOMAIN, LOGGER
from ..exceptions import MiCameraError
from .address import CastAddress
from .checks import check_lens, check_policy, check_target
from .feed import async_feed_for
from .foreign import ForeignCasts
from .load import async_load
from .news import CastEventType, CastNews
from .players import CastPlayers
from .session import CastSession, CastState, EndReason, left_for
from .view import DATA_CAST_ADDRESSES

if TYPE_CHECKING:
    from collections.abc import Collection

    from homeassistant.core import Context

    from ..coordinator import CameraCoordinator
    from ..gate import Permit
    from ..hub import Hub
    from ..lens import Lens
    from .request import CastRequest
    from .session import CastTarget

HLS_TYPE = "application/vnd.apple.mpegurl"
MAX_SESSIONS = 32


class CastSessions:
    """All casts of a hub."""

    def __init__(self, hub: Hub) -> None:
        """Begin without sessions."""
        self._hub = hub
        self._hass = hub.hass
        self._sessions: dict[str, CastSession] = {}
        self._address = CastAddress(hub.hass)
        self.news = CastNews(hub.hass)
        self.players = CastPlayers(hub, self._has_session)
        self.foreign = ForeignCasts(hub, self.players, self.news)

    @property
    def sessions(self) -> Collection[CastSession]:
        """The sessions that run now."""
        return self._sessions.values()

    @property
    def playing(self) -> list[CastSession]:
        """Those that a player shows; the others are still being loaded."""
        return [one for one in self._sessions.values() if one.state is CastState.PLAYING]

    def _has_session(self, player: str) -> bool:
        return any(one.player == player for one in self._sessions.values())

    # -- starting --------------------------------------------------------------------------

    async def async_cast(
        self,
        targets: Collection[CastTarget],
        request: CastRequest,
        context: Context,
    ) -> list[CastSession]:
        """Show lenses on players and return the sessions once all of them are played.

        Raises:
            MiCameraError, MiCameraInputError: it was impossible, or a player did not
                play it; then no session of this call is left.
        """
        for target in targets:
            check_target(self._hass, target)
        if len(self._sessions) + len(targets) > MAX_SESSIONS:
            raise MiCameraError("cast_too_many", limit=str(MAX_SESSIONS))
        base = self._address.async_get()
        started: dict[CastTarget, CastSession] = {}

        async def start(target: CastTarget) -> None:
            started[target] = await self._async_cast_one(target, base, request, context)

        try:
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(start(target))
        except BaseException as err:
            for session in started.values():
                await self.async_end(session, EndReason.LOAD_FAILED)
            if isinstance(err, ExceptionGroup):
                raise err.exceptions[0] from None
            raise
        return [started[target] for target in targets]

    async def _async_cast_one(
        self, target: CastTarget, base: str, request: CastRequest, context: Context
    ) -> CastSession:
        lens, camera, player = target.lens, target.camera, target.player
        permit = check_lens(lens)
        feed = await async_feed_for(lens, permit, player)
        pictures = self._hass.data[DATA_CAST_ADDRESSES].open(
            feed,
            permit,
            lens.source,
            self._pictures_changed,
            lambda: self._hub.async_violation(lens.source, "cast"),
        )
        session = CastSession(lens, camera, player, permit, pictures)
        media = {
            ATTR_MEDIA_CONTENT_ID: base + pictures.path,
            ATTR_MEDIA_CONTENT_TYPE: HLS_TYPE,
            ATTR_MEDIA_EXTRA: pictures.extra,
        }
        session.context = context
        replaced = [one for one in self._sessions.values() if one.player == player]
        self._sessions[session.session_id] = session
        self.foreign.remember(session.token, lens, camera, player)
        for other in replaced:
            await self.async_end(other, EndReason.REPLACED, stop_player=False)
        try:
            _require(permit, lens)
            check_policy(self._hass, target)
            await async_load(self._hass, session, media, base, context)
            self._watch(session, request.duration)
        except HomeAssistantError as err:
            await self.async_end(session, EndReason.LOAD_FAILED)
            if not permit.valid:
                raise lens.coordinator.refusal() from err
            raise
        except BaseException:
            await self.async_end(session, EndReason.LOAD_FAILED)
            raise
        return session

    @callback
    def _pictures_changed(self) -> None:
        for session in tuple(self._sessions.values()):
            if not session.pictures.available:
                self._end_soon(session, EndReason.STALE)

    @callback
    def _watch(self, session: CastSession, duration: timedelta | None) -> None:
        """End the session with its time, its camera, or when the player leaves it."""
        session.state = CastState.PLAYING

        @callback
        def player_changed(event: Event[EventStateChangedData]) -> None:
            if (reason := left_for(event.data["new_state"], session.token)) is not None:
                self._end_soon(session, reason)

        @callback
        def camera_changed() -> None:
            if session.lens.permit() is None:
                self._end_soon(session, EndReason.CAMERA_GONE)

        session.undo.append(
            self._hass.bus.async_listen(
                EVENT_STATE_CHANGED,
                player_changed,
                event_filter=callback(lambda data: data["entity_id"] == session.player),
            )
        )
        session.undo.append(session.lens.coordinator.async_add_listener(camera_changed))
        session.undo.append(
            session.lens.async_on_stall(lambda: self._end_soon(session, EndReason.STALE))
        )
        duration = session.lens.coordinator.cast_policy.shortened(duration)
        if duration is not None:
            self._end_at(session, datetime.now(UTC) + duration)
        self.news.tell(session.event(CastEventType.STARTED, session.context))
        self.news.changed()

    @callback
    def _end_at(self, session: CastSession, ends: datetime) -> None:
        @callback
        def over(_now: datetime) -> None:
            session.timer = None
            self._end_soon(session, EndReason.DURATION)

        session.drop_timer()
        session.ends = ends
        left = max(ends - datetime.now(UTC), timedelta())
        session.timer = async_call_later(self._hass, left, over)

    @callback
    def async_policy_changed(self) -> None:
        """Follow what cameras are allowed now, also with casts that run."""
        for session in tuple(self._sessions.values()):
            policy = session.lens.coordinator.cast_policy
            if not policy.allows(session.player):
                self._end_soon(session, EndReason.NOT_ALLOWED)
            elif policy.limit is not None:
                ends = session.started + policy.limit
                if session.ends is None or session.ends > ends:
                    self._end_at(session, ends)
        self.foreign.async_look_again()

    # -- ending ----------------------------------------------------------------------------

    @callback
    def _cut_sessions(
        self,
        sessions: Collection[CastSession],
        reason: EndReason,
        context: Context | None = None,
    ) -> None:
        """Make the sessions' addresses dead, synchronously."""
        for session in sessions:
            self._cut_session(session, reason)
        if sessions:
            # Telling comes after everything else that the gate cuts as it closes.
            self._hass.loop.call_soon(self._tell_ended, tuple(sessions), context)

    @callback
    def _tell_ended(self, sessions: Collection[CastSession], context: Context | None) -> None:
        for session in sessions:
            self.news.tell(session.event(CastEventType.ENDED, context))
        self.news.changed()

    @callback
    def _cut_session(self, session: CastSession, reason: EndReason) -> None:
        self._sessions.pop(session.session_id, None)
        session.state, session.reason = CastState.ENDED, reason
        session.changed.set()
        session.drop_timer()
        for undo in session.undo:
            undo()
        session.undo.clear()
        session.pictures.detach()
        self.remember_dead(session.token)
        session.pictures.end_in_background()

    @callback
    def remember_dead(self, token: str | None) -> None:
        """Note that an address shows nothing any more, and who still has it must be stopped."""
        if token:
            self.foreign.forget(token)
            self.players.remember_dead(token)

    @callback
    def _end_soon(self, session: CastSession, reason: EndReason) -> None:
        self._hub.entry.async_create_background_task(
            self._hass, self.async_end(session, reason), f"{DOMAIN} end of a cast"
        )

    async def async_end(
        self,
        session: CastSession,
        reason: EndReason,
        *,
        stop_player: bool = True,
        context: Context | None = None,
    ) -> None:
        """End one session; the player goes idle unless it shows something else by now."""
        if session.session_id not in self._sessions:
            return
        LOGGER.debug("Cast of %s on %s ends: %s", session.camera, session.player, reason)
        self._cut_sessions((session,), reason, context)
        if stop_player:
            await self.players.async_stop_player(session.player, session.token)

    async def async_end_camera(self, coordinator: CameraCoordinator) -> None:
        """End the sessions of a camera that goes away."""
        for session in [
            one for one in self._sessions.values() if one.lens.coordinator is coordinator
        ]:
            await self.async_end(session, EndReason.CAMERA_GONE)

    async def async_end_all(
        self,
        lenses: Collection[Lens] | None,
        players: Collection[str] | None,
        context: Context | None = None,
    ) -> list[CastSession]:
        """End the sessions of these lenses and players (None: of all) and return them."""
        chosen = [
            session
            for session in self._sessions.values()
            if (lenses is None or session.lens in lenses)
            and (players is None or session.player in players)
        ]
        await asyncio.gather(
            *(self.async_end(one, EndReason.STOPPED, context=context) for one in chosen)
        )
        return chosen

    @callback
    def cut(self) -> None:
        """Make all sessions' addresses dead, synchronously; players are stopped after."""
        self._cut_sessions(tuple(self._sessions.values()), EndReason.SWITCHED_OFF)

    @callback
    def cut_lenses(
        self, lenses: Collection[Lens], reason: EndReason = EndReason.SWITCHED_OFF
    ) -> None:
        """Make the addresses of these lenses' sessions dead, synchronously; players stop after."""
        sessions = [one for one in self._sessions.values() if one.lens in lenses]
        self._cut_sessions(sessions, reason)
        # When all pictures are switched off the kill switch sees to the players itself.
        if sessions and self._hub.gate.is_open:
            self._hub.entry.async_create_background_task(
                self._hass, self.players.async_clean_up(), f"{DOMAIN} stop of players"
            )

    async def async_stop(self) -> None:
        """End everything, as the hub is being unloaded."""
        self.cut()
        self.foreign.async_stop()
        self._address.async_forget()
        await self.players.async_clean_up()
        self.players.async_forget()


def _require(permit: Permit, lens: Lens) -> None:
    if not permit.valid:
        raise lens.coordinator.refusal()
