"""A camera on a display: sessions with an address each, that can be ended alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..const import DOMAIN, LOGGER
from .address import CastAddress
from .announcement import Announcement
from .checks import check_lens, check_policy, check_room, check_target
from .choice import async_choose
from .clock import CastClock
from .foreign import ForeignCasts
from .load import async_load
from .news import CastEventType, CastNews
from .pause import PauseWatch
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
    from .choice import Choice
    from .request import CastRequest
    from .session import CastTarget
    from .source import CastSource

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
        self.players = CastPlayers(hub, self._address, self._has_session)
        self.foreign = ForeignCasts(hub, self.players, self.news)
        self.clock = CastClock(hub, self._follow_policies)

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

        An announcement is being said by then, if it could be made.

        Raises:
            MiCameraError, MiCameraInputError: it was impossible, or a player did not
                play it; then no session of this call is left.
        """
        for target in targets:
            check_target(self._hass, target)
        check_room(self._sessions.values(), targets, MAX_SESSIONS)
        base = self._address.async_get()
        started: dict[CastTarget, CastSession] = {}
        announcement = None
        if request.announcement is not None:
            announcement = Announcement(self._hass, self._hub.entry, request.announcement)

        async def start(target: CastTarget) -> None:
            session = await self._async_cast_one(target, base, request, context)
            started[target] = session
            if announcement is not None:
                session.announced = await announcement.async_say(session)

        try:
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(start(target))
        except BaseException as err:
            await self._async_end(started.values(), EndReason.LOAD_FAILED)
            if isinstance(err, ExceptionGroup):
                raise err.exceptions[0] from None
            raise
        finally:
            if announcement is not None:
                await announcement.async_end()
        return [started[target] for target in targets]

    async def _async_cast_one(
        self, target: CastTarget, base: str, request: CastRequest, context: Context
    ) -> CastSession:
        lens, camera, player = target.lens, target.camera, target.player
        permit = check_lens(lens)
        choice = await self._choose(target, permit, request)
        _require(permit, lens)
        check_room(self._sessions.values(), (target,), MAX_SESSIONS)
        pictures = self._open(lens, permit, choice)
        session = CastSession(lens, camera, player, permit, choice, pictures)
        session.context = context
        replaced = [one for one in self._sessions.values() if one.player == player]
        self._sessions[session.session_id] = session
        self.foreign.remember(session.token, lens, camera, player)
        for other in replaced:
            await self.async_end(other, EndReason.REPLACED, stop_player=False)
        try:
            await self.players.async_settled(player)
            _require(permit, lens)
            check_policy(self._hass, target)
            await async_load(self._hass, session, base, context, lambda: self._renew(session))
            self._address.async_forget()
            self._watch(session, request.duration)
        except HomeAssistantError as err:
            if err.translation_key == "cast_not_loaded":
                self._address.async_doubt(base)
            await self.async_end(session, EndReason.LOAD_FAILED)
            if not permit.valid:
                raise lens.coordinator.refusal() from err
            raise
        except BaseException:
            await self.async_end(session, EndReason.LOAD_FAILED)
            raise
        return session

    async def _choose(self, target: CastTarget, permit: Permit, request: CastRequest) -> Choice:
        """Choose; if an encoder is needed, in the place of the one that the player needs no more."""
        lens, player = target.lens, target.player
        ended: list[CastSession] = []

        async def make_room() -> None:
            for one in tuple(self._sessions.values()):
                if one.player == player and one.lens is not lens and one.has_encoder:
                    ended.append(one)
                    await self.async_end(one, EndReason.REPLACED, stop_player=False)
                    await one.choice.feed.rest()

        try:
            return await async_choose(lens, permit, player, request.quality, make_room)
        except BaseException:
            await self._stop_players(ended)
            raise

    @callback
    def _open(self, lens: Lens, permit: Permit, choice: Choice) -> CastSource:
        return self._hass.data[DATA_CAST_ADDRESSES].open(
            choice.feed,
            permit,
            lens.source,
            self._pictures_changed,
            lambda: self._hub.async_violation(lens.source, "cast"),
        )

    @callback
    def _renew(self, session: CastSession) -> None:
        """Give a session that is being loaded another address; the one it had is dead."""
        if session.state is CastState.ENDED:
            return
        old = session.pictures
        session.pictures = self._open(session.lens, session.permit, session.choice)
        self.foreign.remember(session.token, session.lens, session.camera, session.player)
        old.detach()
        self.remember_dead(old.token, EndReason.LOAD_FAILED)
        old.end_in_background()

    @callback
    def _pictures_changed(self) -> None:
        for session in tuple(self._sessions.values()):
            if not session.pictures.available:
                self._end_soon(session, EndReason.STALE)

    @callback
    def _watch(self, session: CastSession, duration: timedelta | None) -> None:
        """End the session with its time, its camera, or when the player leaves it."""
        session.state = CastState.PLAYING
        pause = PauseWatch(self._hass, lambda: self._end_soon(session, EndReason.STOPPED))
        session.undo.append(pause.async_stop)

        @callback
        def player_changed(event: Event[EventStateChangedData]) -> None:
            state = event.data["new_state"]
            if (reason := left_for(state, session.token)) is not None:
                self._end_soon(session, reason)
            else:
                pause.async_follow(state)

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
            session.lens.async_on_stall(
                lambda: self._end_soon(session, EndReason.STALE), session.choice.basis
            )
        )
        policy = session.lens.coordinator.cast_policy
        if (duration := policy.shortened(duration)) is not None:
            self._end_at(session, datetime.now(UTC) + duration)
        session.ends = policy.sooner(session.due)
        self.news.tell(session.event(CastEventType.STARTED, session.context))
        self.news.changed()

    @callback
    def _end_at(self, session: CastSession, due: datetime) -> None:
        @callback
        def over(_now: datetime) -> None:
            session.timer = None
            self._end_soon(session, EndReason.DURATION)

        session.drop_timer()
        session.due = due
        left = max(due - datetime.now(UTC), timedelta())
        session.timer = async_call_later(self._hass, left, over)

    @callback
    def async_policy_changed(self) -> None:
        """Follow what cameras are allowed now, also with casts that run."""
        self._follow_policies()
        self.clock.async_wind()

    @callback
    def _follow_policies(self) -> None:
        for session in tuple(self._sessions.values()):
            policy = session.lens.coordinator.cast_policy
            if not policy.allows(session.player) or not policy.allows_now():
                self._end_soon(session, EndReason.NOT_ALLOWED)
                continue
            if policy.limit is not None:
                due = session.started + policy.limit
                if session.due is None or session.due > due:
                    self._end_at(session, due)
            session.ends = policy.sooner(session.due)
        self.news.changed()
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
        self.remember_dead(session.token, reason)
        session.pictures.end_in_background()

    @callback
    def remember_dead(self, token: str | None, reason: EndReason = EndReason.SWITCHED_OFF) -> None:
        """Note that an address shows nothing any more, and who still has it must be stopped."""
        if token:
            self.foreign.forget(token)
            self.players.remember_dead(token, reason)

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
        """End one session; the player goes idle unless it shows something else by now.

        It does so even if who waits for that is cancelled.
        """
        await self._async_end((session,), reason, stop_players=stop_player, context=context)

    async def _async_end(
        self,
        sessions: Collection[CastSession],
        reason: EndReason,
        *,
        stop_players: bool = True,
        context: Context | None = None,
    ) -> None:
        running = [one for one in sessions if one.session_id in self._sessions]
        for session in running:
            LOGGER.debug("Cast of %s on %s ends: %s", session.camera, session.player, reason)
        self._cut_sessions(running, reason, context)
        if not running or not stop_players:
            return
        await self._stop_players(running)

    async def _stop_players(self, sessions: Collection[CastSession]) -> None:
        """Take sessions that have ended off their players."""
        # The players would go on showing addresses that are dead, were this cancelled half-way.
        stopping = [
            self._hub.entry.async_create_background_task(
                self._hass,
                self.players.async_stop_player(one.player, one.token),
                f"{DOMAIN} stop of a player",
            )
            for one in sessions
        ]
        if stopping:
            await asyncio.wait(stopping)

    async def async_end_camera(self, coordinator: CameraCoordinator) -> None:
        """End the sessions of a camera that goes away."""
        of_camera = [one for one in self._sessions.values() if one.lens.coordinator is coordinator]
        await self._async_end(of_camera, EndReason.CAMERA_GONE)

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
        await self._async_end(chosen, EndReason.STOPPED, context=context)
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
        self.clock.async_stop()
        self.foreign.async_stop()
        self._address.async_forget()
        await self.players.async_close()


def _require(permit: Permit, lens: Lens) -> None:
    if check_lens(lens) != permit:
        raise lens.coordinator.refusal()
