"""The link to one camera: its MISS sessions, shared by all who want something of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from ..miss import MissBusy, MissError, MissRefused, MissUnsupported, MissWrongKey
from ..miss.dialers import dial_for
from . import clock
from .audition import Audition
from .lens_guard import LensGuard
from .link_session import LensStream, LinkSession
from .quality_ladder import QualityLadder
from .upstream import Trouble, UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence

    from ..gate import Permit
    from ..miss import Codec, MissClient
    from ..miss.models import CameraModel
    from .access_unit import AccessUnit, SoundUnit, Source
    from .quality_ladder import Found
    from .upstream import KeySource, Quality

__all__ = ["CameraLink"]

type Slot = tuple[int, int]
"""Which lens's sessions (0: those of all, where they share), and which of the two."""

_LOGGER = logging.getLogger(__name__)

FIRST_FRAME_TIMEOUT = 4.0
CONNECT_TIMEOUT = 6.0
SEARCH_TIMEOUT = 2.0
"""How long a camera that can be woken is looked for before it is."""
WAKE_TIMEOUT = 8.0
CONTROL_LINGER = 10.0
"""How long a session without pictures waits for the next key press, in seconds."""
BROKEN_PROBES = 2
"""After so many sessions that ended while a larger picture was looked for, it is not any more."""


class CameraLink:
    """Opens sessions with one camera, and keeps as few as can be.

    A camera takes two viewers and the owner's phone is one, so all users here share: one
    session for everything if the model sends both lenses over one, else one for each lens,
    and what is not a picture (talk, motor) goes over any that is open. A lens that is opened
    in its other quality as well needs a second one: over one session it has one quality.

    Everything belongs to the permit it was opened under: once that has gone nothing
    passes, whatever was in progress.
    """

    def __init__(
        self,
        did: str,
        host: Callable[[], str],
        keys: KeySource,
        model: CameraModel,
        *,
        broadcasts: Callable[[], Sequence[str]] = tuple,
        wake: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Make a link; nothing is sent.

        Args:
            did: whose link it is.
            host: gives the camera's address, asked at each connecting.
            keys: gives the keys.
            model: what is known of cameras like it.
            broadcasts: gives the broadcast addresses to look for it at as well.
            wake: wakes a camera that sleeps; called when it does not answer, or no keys can
                be had. May raise `UpstreamError`.

        `keys_are_old` tells that the camera has other keys than those kept, `transport` what
        worked the last time, `codec` what its microphone speaks, `separate` that its lenses
        are not told apart in one session.
        """
        self.did = did
        self.keys_are_old = False
        self.transport: str | None = None
        self.codec: Codec | None = None
        self.separate = not model.interleaves
        self._host = host
        self._keys = keys
        self._model = model
        self._broadcasts = broadcasts
        self._wake = wake
        self._sessions: dict[Slot, LinkSession] = {}
        self._locks: dict[Slot, asyncio.Lock] = {}
        self._dialling: set[LinkSession] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._found: dict[tuple[int, Quality], Found] = {}
        self._broken_probes = 0
        self._cuts = 0
        self._closed = False

    @property
    def clients(self) -> tuple[MissClient, ...]:
        """The open sessions, for diagnostics."""
        return tuple(session.client for session in self._sessions.values())

    @property
    def qualities(self) -> dict[tuple[int, Quality], int]:
        """Which quality gave the picture that was kept the last time, by lens and wish."""
        return {wanted: found.quality for wanted, found in self._found.items()}

    # -- for its users ---------------------------------------------------------------------

    async def open_lens(
        self,
        source: Source,
        permit: Permit,
        *,
        quality: Quality,
        sound: bool,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> LensStream:
        """Open a lens and return once its first picture is on its way.

        Raises:
            UpstreamError: with the trouble that was met.
        """
        if source.did != self.did:
            raise ValueError("that is another camera's lens")
        while True:
            session = await self._session(permit, self._slot(permit, source.lens, quality))
            if not _takes(session, source.lens, quality):
                continue  # the other quality has been quicker
            stream = LensStream(
                session,
                source,
                quality,
                wants_sound=sound,
                guard=LensGuard() if self._model.lenses > 1 else None,
                audition=Audition(self._ladder(session, source.lens, quality)),
                on_unit=on_unit,
                on_closed=on_closed,
                leave=self._leave,
            )
            if (other := session.lenses.get(source.lens)) is not None:
                other.ended()
            session.lenses[source.lens] = stream
            try:
                await self._start(session, stream, quality)
            except MissWrongKey:
                if session.fresh:
                    raise UpstreamError(Trouble.REFUSED) from None
            except BaseException:
                stream.abort()
                raise
            else:
                return stream

    @contextlib.asynccontextmanager
    async def control(self, permit: Permit) -> AsyncGenerator[MissClient]:
        """Hold a session open for commands, whether pictures come over it or not.

        Raises:
            UpstreamError: with the trouble that was met.
        """
        session = next((one for one in self._sessions.values() if _fits(one, permit)), None)
        if session is None:
            session = await self._session(permit, (0, 0))
        session.users += 1
        session.stay()
        try:
            yield session.client
        finally:
            session.users -= 1
            if session.users == 0 and not session.closed:
                session.linger = asyncio.get_running_loop().call_later(
                    CONTROL_LINGER, self._lingered, session
                )

    def cut(self) -> None:
        """Abort every session, open or being opened; nothing comes after."""
        self._cuts += 1
        sessions = [*self._sessions.values(), *self._dialling]
        self._sessions.clear()
        for session in sessions:
            session.abort()

    async def close(self) -> None:
        """Cut for good, and wait until nothing of it runs any more."""
        self._closed = True
        self.cut()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)

    # -- connecting --------------------------------------------------------------------------

    def _check(self, permit: Permit, cuts: int) -> None:
        if self._closed or cuts != self._cuts or not permit.valid:
            raise UpstreamError(Trouble.BROKEN)

    def _slot(self, permit: Permit, lens: int, quality: Quality) -> Slot:
        """Return where the session for a lens is or will be: one that is open rather than not."""
        group = lens if self.separate else 0
        free = []
        for slot in ((group, 0), (group, 1)):
            session = self._sessions.get(slot)
            if session is None or not _fits(session, permit):
                free.append(slot)
            elif _takes(session, lens, quality):
                return slot
        return free[0]

    async def _session(self, permit: Permit, slot: Slot) -> LinkSession:
        """Return the open session of a slot, opening it if there is none."""
        cuts = self._cuts
        async with self._locks.setdefault(slot, asyncio.Lock()):
            self._check(permit, cuts)
            session = self._sessions.get(slot)
            if session is not None:
                if _fits(session, permit):
                    return session
                del self._sessions[slot]
                session.abort()
            session = await self._connect(permit, cuts)
            self._sessions[slot] = session
            return session

    async def _connect(self, permit: Permit, cuts: int) -> LinkSession:
        """Log in, after waking the camera if it does not answer."""
        if self._wake is None:
            return await self._log_in(permit, cuts, CONNECT_TIMEOUT)
        try:
            return await self._log_in(permit, cuts, SEARCH_TIMEOUT)
        except UpstreamError as err:
            # While a camera sleeps the cloud cannot make keys with it either.
            if err.trouble not in {Trouble.UNREACHABLE, Trouble.NO_KEYS}:
                raise
        self._check(permit, cuts)
        await self._wake()
        self._check(permit, cuts)
        return await self._log_in(permit, cuts, WAKE_TIMEOUT)

    async def _log_in(self, permit: Permit, cuts: int, timeout: float) -> LinkSession:
        """Log in with the kept keys, or with fresh ones when those do not do."""
        fresh = self.keys_are_old
        while True:
            keys = await self._keys(fresh=fresh)
            self._check(permit, cuts)
            try:
                dial = dial_for(keys)
            except MissUnsupported as err:
                _LOGGER.warning("No video from camera %s: %s", self.did, err)
                raise UpstreamError(Trouble.NO_KEYS) from None
            session = LinkSession(
                self._host(),
                keys,
                permit,
                fresh=fresh,
                codec=self.codec,
                dial=dial,
                transports=_first(self.transport, self._model.transports),
                broadcasts=tuple(self._broadcasts()),
                on_end=self._ended,
                on_mixed=self._separate,
            )
            self._dialling.add(session)
            try:
                await session.client.connect(timeout)
                self._check(permit, cuts)
            except MissRefused, MissWrongKey:
                session.abort()
                self._check(permit, cuts)
                # The camera has been restarted or the signature has aged.
                self.keys_are_old = True
                if fresh:
                    raise UpstreamError(Trouble.REFUSED) from None
                fresh = True
            except MissBusy:
                session.abort()
                raise UpstreamError(Trouble.BUSY) from None
            except MissError:
                session.abort()
                self._check(permit, cuts)
                raise UpstreamError(Trouble.UNREACHABLE) from None
            except BaseException:
                session.abort()
                raise
            else:
                self.keys_are_old = False
                self.transport = session.client.transport
                return session
            finally:
                self._dialling.discard(session)

    def _ladder(self, session: LinkSession, lens: int, wish: Quality) -> QualityLadder:
        model = self._model
        best = wish == "best"
        rungs = {
            "best": model.qualities,
            "low": (*model.low_qualities, *reversed(model.qualities)),
            "small": model.low_qualities,
        }
        return QualityLadder(
            rungs[wish],
            silence=FIRST_FRAME_TIMEOUT,
            known=self._found.get((lens, wish)),
            # It would disturb the other lens, where they share a session.
            probe=best
            and model.probe
            and self._broken_probes < BROKEN_PROBES
            and not session.lenses.keys() - {lens},
            low=model.low_qualities,
        )

    async def _start(self, session: LinkSession, stream: LensStream, wish: Quality) -> None:
        """Go down the quality ladder until a picture is kept; remember which one was."""
        lens, ladder = stream.source.lens, stream.audition.ladder
        if stream.wants_sound and session.codec is None:
            self._spawn(session.ask_codec())
        while (rung := ladder.next(clock.now())) is not None:
            try:
                await session.ask(stream, rung)
            except MissWrongKey:
                raise
            except MissError:
                self._broken_probes += rung.probing
                raise UpstreamError(Trouble.UNREACHABLE) from None
            if not stream.live or not session.usable:
                if isinstance(session.error, MissWrongKey):
                    raise session.error
                self._broken_probes += rung.probing and session.error is not None
                raise UpstreamError(Trouble.BROKEN)
            if ladder.found is not None:
                self._found[lens, wish] = ladder.found
            if stream.started.is_set():
                return
            if stream.audition.judged.is_set():
                continue
            _LOGGER.debug("No picture of lens %d at quality %d", lens, rung.quality)
            if stream.seen and not rung.probing and len(session.lenses) > 1:
                self._separate(session)
                raise UpstreamError(Trouble.BROKEN)
        raise UpstreamError(Trouble.ASLEEP if ladder.found is None else Trouble.BROKEN)

    # -- ending ------------------------------------------------------------------------------

    def _ended(self, session: LinkSession) -> None:
        """Take note that a session has ended by itself."""
        if isinstance(session.error, MissWrongKey):
            self.keys_are_old = True
        self._forget(session)

    def _forget(self, session: LinkSession) -> None:
        self.codec = session.codec or self.codec
        for slot, one in tuple(self._sessions.items()):
            if one is session:
                del self._sessions[slot]

    def _leave(self, stream: LensStream) -> asyncio.Task[None] | None:
        """Take a lens out of its session, and end what nobody uses; returns what to wait for."""
        session, lens = stream.of, stream.source.lens
        if session.lenses.get(lens) is not stream:
            return None
        del session.lenses[lens]
        if session.closed:
            return None
        if not session.permit.valid:
            self._forget(session)
            session.abort()
            return None
        if session.lenses or session.users or session.linger is not None:
            return self._spawn(session.stop_lens(lens))
        self._forget(session)
        return self._spawn(session.close())

    def _lingered(self, session: LinkSession) -> None:
        session.linger = None
        if not session.users and not session.lenses and not session.closed:
            self._forget(session)
            self._spawn(session.close())

    def _separate(self, session: LinkSession) -> None:
        """Never again put both lenses into one session: this camera's labels do not do."""
        _LOGGER.warning(
            "Camera %s does not tell its lenses apart; they get a session each", self.did
        )
        self.separate = True
        self._forget(session)
        session.abort()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"mi_camera link {self.did}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _takes(session: LinkSession, lens: int, quality: Quality) -> bool:
    stream = session.lenses.get(lens)
    return stream is None or stream.quality == quality


def _fits(session: LinkSession, permit: Permit) -> bool:
    return session.usable and session.permit == permit


def _first[T](favourite: T | None, others: Sequence[T]) -> tuple[T, ...]:
    """Return all without doubles, the favourite first."""
    return tuple(dict.fromkeys((*(() if favourite is None else (favourite,)), *others)))
