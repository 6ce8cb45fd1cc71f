"""Drives the sans-IO session over a line, with the loop's clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .errors import MissClosed, MissError
from .session import LoggedIn, MissSession, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .keys import MissKeys
    from .limits import Statistics, Timing
    from .session import Event
    from .transport import Dial, Line, Target, Transport


class Driver:
    """Owns the dialer, the line it gives, the timer and the session over it."""

    def __init__(
        self,
        dial: Dial,
        target: Target,
        keys: MissKeys,
        *,
        timing: Timing,
        statistics: Statistics,
        on_event: Callable[[Event], None],
    ) -> None:
        """Open nothing yet. `on_event` takes a logged-in session's events, also its end."""
        self.error: MissError | None = None
        """Why it is shut; None before."""
        self._keys = keys
        self._timing = timing
        self._statistics = statistics
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._is_open = False
        self._transport: Transport | None = None
        self._dialer = dial(target, timing=timing, statistics=statistics, on_activity=self.pump)
        self._line: Line | None = None
        self._session: MissSession | None = None
        self._timer: asyncio.TimerHandle | None = None
        # It gets no exception: who wakes looks at `error`.
        self._logged_in: asyncio.Future[None] | None = None

    @property
    def session(self) -> MissSession:
        """The open session.

        Raises:
            MissError: it is over; what ended it.
            MissClosed: it has not begun.
        """
        if self.error is not None:
            raise self.error
        if self._session is None or not self._is_open:
            raise MissClosed("there is no open session")
        return self._session

    @property
    def now(self) -> float:
        """The clock of everything here, seconds."""
        return self._loop.time()

    @property
    def transport(self) -> Transport | None:
        """Over which transport the session goes, or went; None before that is agreed."""
        return self._transport

    @property
    def name(self) -> str | None:
        """What the camera calls itself on its transport, once it has answered."""
        return self._dialer.name

    @property
    def stage(self) -> str:
        """How far connecting came, for an error's text."""
        return self._dialer.stage

    # -- connecting ---------------------------------------------------------------------

    async def connect(self) -> None:
        """Find the camera, agree on a transport and log in. Takes as long as it is let.

        Raises:
            MissError: no session comes of it.
            OSError: there is no socket or no such host.
        """
        while True:
            line = await self._dialer.dial()
            self._check()
            if await self._log_in(line):
                break
        self._is_open = True
        self._dialer.settle()

    async def _log_in(self, line: Line) -> bool:
        """Log in over a line; False when nothing answers there and another is on offer.

        Raises:
            MissError: it does not work.
        """
        self._transport = line.transport
        self._line = line
        self._session = MissSession(
            line.connection, self._keys, timing=self._timing, statistics=self._statistics
        )
        self._session.login(self.now)
        self._logged_in = logged_in = self._loop.create_future()
        self.pump()
        await asyncio.wait((logged_in,), timeout=self._timing.transport_trial)
        if not logged_in.done() and self._dialer.reject(line):
            self._leave(line)
            return False
        await logged_in
        self._check()
        return True

    def _leave(self, line: Line) -> None:
        """Leave a line that does not work, for another one."""
        self._say_goodbye()
        line.abort()
        self._line = self._session = None

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    # -- closing ------------------------------------------------------------------------

    def close(self) -> None:
        """Say goodbye until it is answered; ends in `SessionClosed`."""
        if self._line is not None:
            self._line.connection.close(self.now)
        self.pump()

    def shut(self, error: MissError) -> None:
        """Let everything go at once; no event comes after this."""
        if self.error is not None:
            return
        self._say_goodbye()
        self.error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._dialer.abort()
        self._line = self._session = None
        _wake(self._logged_in)

    def _say_goodbye(self) -> None:
        if self._line is not None:
            self._line.connection.fail(MissClosed("this side is gone"))
            self._line.flush()

    # -- events and time ------------------------------------------------------------------

    def _on_timer(self) -> None:
        self._timer = None
        if self._session is not None:
            self._session.handle_timer(self.now)
        self.pump()

    def pump(self) -> None:
        """Pass events on, send what has to go out, set the timer."""
        session = self._session
        if session is None:
            return
        try:
            session.process(self.now)
            # An event's taker may shut this.
            while self._session is session and (event := session.next_event()) is not None:
                self._handle(event)
        finally:
            if self._line is not None and self._session is session:
                self._line.flush()
                self._schedule(session)

    def _handle(self, event: Event) -> None:
        if isinstance(event, LoggedIn):
            _wake(self._logged_in)
        elif isinstance(event, SessionClosed) and not self._is_open:
            self.shut(event.error or MissClosed("the session is closed"))
        else:
            self._on_event(event)

    def _schedule(self, session: MissSession) -> None:
        deadline = session.next_timer
        if deadline is None:
            return
        if self._timer is not None:
            # One that fires early does no harm; most are put off with every packet.
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_timer)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
