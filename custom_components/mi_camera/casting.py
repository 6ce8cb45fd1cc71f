"""A camera on a display: sessions with an address each, that can be ended alone."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.components.media_player import (
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    SERVICE_PLAY_MEDIA,
    MediaPlayerEntityFeature,
)
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_SUPPORTED_FEATURES,
    EVENT_STATE_CHANGED,
    SERVICE_MEDIA_STOP,
    SERVICE_TURN_OFF,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import Event, EventStateChangedData, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.network import NoURLAvailableError, get_url

from .cast_session import CastSession, EndReason, player_name, plays, shows
from .const import DOMAIN, LOGGER
from .exceptions import MiCameraError, MiCameraInputError
from .gate_events import GateEvent, GateEventType
from .live_stream import async_detach, async_end_in_background, async_open_hls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from homeassistant.core import Context

    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .hub import Hub
    from .lens import Lens

HLS_TYPE = "application/vnd.apple.mpegurl"
PLAYING_TIMEOUT = 40.0
STOP_TIMEOUT = 15.0
MAX_SESSIONS = 32
# Tokens of the past are remembered so that a player that was out of reach when pictures
# were switched off is stopped as soon as it shows up with one.
DEAD_TOKENS = 512


class CastSessions:
    """All casts of a hub."""

    def __init__(self, hub: Hub) -> None:
        """Begin without sessions."""
        self._hub = hub
        self._hass = hub.hass
        self._sessions: dict[str, CastSession] = {}
        self._dead: deque[str] = deque(maxlen=DEAD_TOKENS)
        self._stopping: set[str] = set()
        self._not_stopped: set[str] = set()
        self._unlisten: Callable[[], None] | None = None

    @property
    def sessions(self) -> Collection[CastSession]:
        """The sessions that run now."""
        return self._sessions.values()

    # -- starting --------------------------------------------------------------------------

    async def async_cast(
        self,
        lens: Lens,
        camera: str,
        players: list[str],
        duration: timedelta | None,
        context: Context,
    ) -> list[CastSession]:
        """Show a lens on players and return the sessions once all of them play it.

        Raises:
            MiCameraError, MiCameraInputError: it was impossible, or a player did not
                play it; then no session of this call is left.
        """
        self._check_lens(lens)
        for player in players:
            self._check_player(player)
        if len(self._sessions) + len(players) > MAX_SESSIONS:
            raise MiCameraError("cast_too_many", limit=str(MAX_SESSIONS))
        try:
            base = get_url(self._hass)
        except NoURLAvailableError as err:
            raise MiCameraError("cast_no_url") from err
        started: list[CastSession] = []

        async def start(player: str) -> None:
            started.append(
                await self._async_cast_one(lens, camera, player, base, duration, context)
            )

        try:
            async with asyncio.TaskGroup() as group:
                for player in players:
                    group.create_task(start(player))
        except BaseException as err:
            for session in started:
                await self.async_end(session, EndReason.FAILED)
            if isinstance(err, ExceptionGroup):
                raise err.exceptions[0] from None
            raise
        return started

    def _check_lens(self, lens: Lens) -> Permit:
        permit = lens.permit()
        if permit is not None:
            return permit
        coordinator = lens.coordinator
        if coordinator.control_permit() is None:
            raise coordinator.refusal()
        raise MiCameraInputError("camera_asleep", camera=coordinator.config.name)

    def _check_player(self, player: str) -> State:
        state = self._hass.states.get(player)
        if state is None:
            raise MiCameraInputError("player_unknown", player=player)
        if state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
            raise MiCameraError("player_unavailable", player=player_name(state))
        return state

    async def _async_cast_one(
        self,
        lens: Lens,
        camera: str,
        player: str,
        base: str,
        duration: timedelta | None,
        context: Context,
    ) -> CastSession:
        permit = self._check_lens(lens)
        source = self._hub.relay.grant(lens.feed, permit, lens.source)
        stream, path = await async_open_hls(
            self._hass, source, f"cast of {camera}", lambda: self._stream_changed(source)
        )
        session = CastSession(
            lens, camera, player, permit, source, stream, stream.access_token or ""
        )
        replaced = [one for one in self._sessions.values() if one.player == player]
        self._sessions[session.session_id] = session
        for other in replaced:
            await self.async_end(other, EndReason.REPLACED, stop_player=False)
        try:
            _require(permit, lens)
            async with asyncio.timeout(PLAYING_TIMEOUT):
                await self._async_play(session, base + path, context)
            self._watch(session, duration)
        except (HomeAssistantError, TimeoutError) as err:
            await self.async_end(session, EndReason.FAILED)
            if not permit.valid:
                raise lens.coordinator.refusal() from err
            state = self._hass.states.get(player)
            raise MiCameraError(
                "cast_not_playing", player=player_name(state) if state else player
            ) from err
        except BaseException:
            await self.async_end(session, EndReason.FAILED)
            raise
        return session

    @callback
    def _stream_changed(self, source: str) -> None:
        for session in tuple(self._sessions.values()):
            if session.source == source and not session.stream.available:
                self._end_soon(session, EndReason.STALE)

    async def _async_play(self, session: CastSession, url: str, context: Context) -> None:
        """Tell the player, and wait until it reports playing this session's address."""

        @callback
        def player_changed(event: Event[EventStateChangedData]) -> None:
            if plays(event.data["new_state"], session.token):
                session.changed.set()

        session.undo.append(
            self._hass.bus.async_listen(
                EVENT_STATE_CHANGED,
                player_changed,
                event_filter=callback(lambda data: data["entity_id"] == session.player),
            )
        )
        await self._hass.services.async_call(
            MEDIA_PLAYER_DOMAIN,
            SERVICE_PLAY_MEDIA,
            {
                ATTR_ENTITY_ID: session.player,
                ATTR_MEDIA_CONTENT_ID: url,
                ATTR_MEDIA_CONTENT_TYPE: HLS_TYPE,
            },
            blocking=True,
            context=context,
        )
        if not plays(self._hass.states.get(session.player), session.token):
            await session.changed.wait()
        if session.session_id not in self._sessions:
            raise MiCameraError("cast_not_playing", player=session.player)

    @callback
    def _watch(self, session: CastSession, duration: timedelta | None) -> None:
        """End the session with its time, its camera, or when the player leaves it."""

        @callback
        def player_changed(event: Event[EventStateChangedData]) -> None:
            if not shows(event.data["new_state"], {session.token}):
                self._end_soon(session, EndReason.REPLACED)

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
        if duration is not None:

            @callback
            def over(_now: datetime) -> None:
                self._end_soon(session, EndReason.DURATION)

            session.ends = datetime.now(UTC) + duration
            session.undo.append(async_call_later(self._hass, duration, over))

    # -- ending ----------------------------------------------------------------------------

    @callback
    def _cut_session(self, session: CastSession) -> None:
        """Make the session's addresses dead, synchronously."""
        self._sessions.pop(session.session_id, None)
        session.changed.set()
        for undo in session.undo:
            undo()
        session.undo.clear()
        self._hub.relay.revoke(session.source)
        async_detach(session.stream)
        self.remember_dead(session.token)
        async_end_in_background(self._hass, self._hub.entry, session.stream)

    @callback
    def _end_soon(self, session: CastSession, reason: EndReason) -> None:
        self._hub.entry.async_create_background_task(
            self._hass, self.async_end(session, reason), f"{DOMAIN} end of a cast"
        )

    async def async_end(
        self, session: CastSession, reason: EndReason, *, stop_player: bool = True
    ) -> None:
        """End one session; the player goes idle unless it shows something else by now."""
        if session.session_id not in self._sessions:
            return
        LOGGER.debug("Cast of %s on %s ends: %s", session.camera, session.player, reason)
        self._cut_session(session)
        if stop_player:
            # What it was shown before this session is dead as well.
            await self._async_stop_player(session.player, {session.token, *self._dead})

    async def async_end_camera(self, coordinator: CameraCoordinator) -> None:
        """End the sessions of a camera that goes away."""
        for session in [
            one for one in self._sessions.values() if one.lens.coordinator is coordinator
        ]:
            await self.async_end(session, EndReason.CAMERA_GONE)

    async def async_end_all(
        self, lenses: Collection[Lens] | None, players: Collection[str] | None
    ) -> list[CastSession]:
        """End the sessions of these lenses and players (None: of all) and return them."""
        chosen = [
            session
            for session in self._sessions.values()
            if (lenses is None or session.lens in lenses)
            and (players is None or session.player in players)
        ]
        await asyncio.gather(*(self.async_end(one, EndReason.STOPPED) for one in chosen))
        return chosen

    @callback
    def cut(self) -> None:
        """Make all sessions' addresses dead, synchronously; players are stopped after."""
        for session in tuple(self._sessions.values()):
            self._cut_session(session)

    @callback
    def cut_lenses(self, lenses: Collection[Lens]) -> None:
        """Make the addresses of these lenses' sessions dead, synchronously; players stop after."""
        sessions = [one for one in self._sessions.values() if one.lens in lenses]
        for session in sessions:
            self._cut_session(session)
        # When all pictures are switched off the kill switch sees to the players itself.
        if sessions and self._hub.gate.is_open:
            self._hub.entry.async_create_background_task(
                self._hass, self.async_clean_up(), f"{DOMAIN} stop of players"
            )

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

    async def async_stop(self) -> None:
        """End everything, as the hub is being unloaded."""
        self.cut()
        await self.async_clean_up()
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    @callback
    def _player_changed(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        dead = set(self._dead)
        if any(one.player == event.data["entity_id"] for one in self._sessions.values()):
            # It is changing over to a session that looks after itself.
            return
        if shows(state, dead):
            assert state is not None
            self._hub.entry.async_create_background_task(
                self._hass,
                self._async_stop_player(state.entity_id, dead),
                f"{DOMAIN} stop of a player with a dead address",
            )

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


def _require(permit: Permit, lens: Lens) -> None:
    if not permit.valid:
        raise lens.coordinator.refusal()
