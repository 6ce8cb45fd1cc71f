"""One upstream for many viewers of one lens."""

from __future__ import annotations

import asyncio
import logging
from math import inf
import random
from typing import TYPE_CHECKING

from . import clock
from .access_unit import AccessUnit
from .audience import Audience
from .feed_limits import LATE, FeedLimits, FeedState
from .programme import Programme
from .upstream import Trouble, UpstreamError
from .viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..gate import Permit
    from .access_unit import SoundUnit, Source
    from .upstream import Connect, Upstream

__all__ = ["Feed"]

_LOGGER = logging.getLogger(__name__)

# Of these only the camera is asked, not the cloud.
_LOCAL = frozenset({Trouble.UNREACHABLE, Trouble.BROKEN, Trouble.ASLEEP, Trouble.BUSY})


class Feed:
    """Pictures of one lens, read from the camera once, seen by any number of viewers.

    The upstream opens with the first viewer and closes a little after the last. Every
    access unit must carry this feed's source, the permit's epoch and the running
    session; one that does not is a violation: the feed cuts everything and reports it.
    """

    def __init__(
        self,
        source: Source,
        connect: Connect,
        *,
        limits: FeedLimits | None = None,
        on_violation: Callable[[Source], None] | None = None,
        on_change: Callable[[], None] | None = None,
        on_stall: Callable[[], None] | None = None,
    ) -> None:
        """Make an idle feed; nothing is opened.

        `limits` may be replaced at any time. `on_stall` is called when viewers were ended
        because pictures have stopped coming, `on_change` when `state` or `trouble` changed,
        `on_violation` when a picture of somewhere else was met.
        """
        self.source = source
        self.state = FeedState.IDLE
        self.trouble: Trouble | None = None
        self.violations = 0
        self._connect = connect
        self.limits = limits or FeedLimits()
        self._on_violation = on_violation
        self._on_change = on_change
        self._on_stall = on_stall
        self._permit: Permit | None = None
        self.audience = Audience()
        self._runner: asyncio.Task[None] | None = None
        self._upstream: Upstream | None = None
        self._session: int | None = None
        self._programme: Programme | None = None
        self._last_unit = 0.0
        self._failing = False
        self._failing_since = 0.0
        self._was_live = False
        self._closed = False
        self._left_at = 0.0
        self._wake = asyncio.Event()
        self._cancelled: set[asyncio.Task[None]] = set()

    @property
    def viewers(self) -> int:
        """How many are reading now."""
        return len(self.audience)

    def view(
        self, permit: Permit, *, on_sound: Callable[[SoundUnit], None] | None = None
    ) -> Viewer:
        """Join; the viewer begins with the group of pictures already here, if fresh.

        `on_sound` is called with each piece of sound as the camera coded it, while it views.
        """
        viewer = Viewer(
            self._leave,
            max_bytes=self.limits.group_bytes,
            max_age=lambda: self.limits.max_lag,
            on_sound=on_sound,
        )
        if self._closed or not permit.valid:
            viewer.end()
            return viewer
        self._start(permit)
        if self._programme is not None and self._fresh(self.limits.max_lag):
            self._programme.begin_sound()
            for chunk in self._programme:
                viewer.push(*chunk)
        self.audience.viewers.add(viewer)
        self._wake.set()
        return viewer

    async def keyframe(self, permit: Permit, *, max_age: float, timeout: float) -> AccessUnit:
        """Return a key frame captured at most `max_age` seconds ago, waiting for one.

        While the camera is in trouble nothing is waited for; asking keeps it being tried.

        Raises:
            TimeoutError: none came in time, or the gate closed.
        """
        if self._closed or not permit.valid:
            raise TimeoutError
        self._start(permit)
        self._left()
        unit = None if self._programme is None else self._programme.keyframe
        if unit is not None and self._fresh(max_age):
            return unit
        if self._failing:
            raise TimeoutError
        future = self.audience.wait_for_keyframe()
        self._wake.set()
        try:
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self.audience.forget(future)
            self._left()

    def cut(self) -> None:
        """Stop everything now: viewers, camera session, what is cached."""
        if (runner := self._runner) is not None:
            self._runner = None
            runner.cancel()
            self._cancelled.add(runner)
            runner.add_done_callback(self._cancelled.discard)
        if (upstream := self._upstream) is not None:
            self._upstream = None
            upstream.abort()
        self._permit = None
        self.audience.end()
        self._forget()
        self._set_state(FeedState.IDLE)

    async def rest(self) -> None:
        """Leave the camera now instead of a little after the last viewer, and wait for that.

        Nothing happens while anybody looks.
        """
        if self.viewers or (runner := self._runner) is None:
            return
        if self._upstream is None:
            self.cut()  # it may be long until there is one
        else:
            self._left_at = -inf
            self._wake.set()
        await asyncio.wait((runner,), timeout=1)

    async def close(self) -> None:
        """Cut for good, and wait until nothing of it runs any more."""
        self._closed = True
        self.cut()
        if self._cancelled:
            await asyncio.wait(set(self._cancelled), timeout=5)

    # -- the session with the camera ------------------------------------------------

    def _start(self, permit: Permit) -> None:
        if self._permit is not None and self._permit != permit:
            self.cut()
        self._permit = permit
        if self._runner is None:
            self._failing = False
            self._runner = asyncio.get_running_loop().create_task(
                self._run(permit), name=f"mi_camera feed {self.source.did}/{self.source.lens}"
            )

    async def _run(self, permit: Permit) -> None:
        """Keep a session while anybody looks; a cancelled run touches nothing any more."""
        sweeper = asyncio.get_running_loop().create_task(self._sweep())
        failures = 0
        try:
            while permit.valid and self._wanted():
                began = clock.now()
                if await self._session_with_camera(permit):
                    failures = 0
                    continue
                if self._was_live or not failures:
                    failures = 0
                    self._failing_since = clock.now()
                failures += 1
                if not self._wanted():
                    break
                self._set_state(FeedState.WAITING)
                await self._pause(failures, clock.now() - began)
        finally:
            sweeper.cancel()
            if asyncio.current_task() is self._runner:
                self._runner = None
                self.audience.end()
                self._forget()
                self._set_state(FeedState.IDLE)

    async def _session_with_camera(self, permit: Permit) -> bool:
        """Hold one session; return whether it ended without trouble."""
        closed = asyncio.Event()

        def on_unit(unit: AccessUnit | SoundUnit) -> None:
            self._receive(permit, unit)

        def on_closed() -> None:
            closed.set()
            self._wake.set()

        self._forget_session()
        self._was_live = False
        self._set_state(FeedState.CONNECTING)
        try:
            async with asyncio.timeout(self.limits.connect):
                upstream = await self._connect(permit, on_unit, on_closed)
        except UpstreamError as err:
            self._set_trouble(err.trouble)
            return False
        except TimeoutError:
            self._set_trouble(Trouble.UNREACHABLE)
            return False
        self._upstream = upstream
        self._last_unit = max(self._last_unit, clock.now())
        try:
            trouble = await self._watch(closed)
        except asyncio.CancelledError:
            upstream.abort()
            raise
        self._upstream = None
        self._forget_session()
        if trouble is not None:
            self._set_trouble(trouble)
        await upstream.close()
        return trouble is None

    async def _watch(self, closed: asyncio.Event) -> Trouble | None:
        """Wait until the session is over, stalls, or nobody has looked for a while."""
        while self._wanted():
            if closed.is_set():
                return Trouble.BROKEN
            left = self._last_unit + self.limits.stall - clock.now()
            if left < 0:
                return Trouble.UNREACHABLE
            self._wake.clear()
            # Each look wakes the process: none before there can be something to see.
            await _wait(self._wake, left + LATE if self.viewers else min(left + LATE, 0.5))
        return None

    async def _pause(self, failures: int, tried_for: float) -> None:
        """Wait before the next attempt, as long as anybody waits for it."""
        delay = self.limits.pause(
            failures,
            lost_for=clock.now() - self._failing_since,
            local=self.trouble in _LOCAL,
            waited=tried_for if self.trouble is Trouble.UNREACHABLE else 0.0,
        )
        until = clock.now() + delay * random.uniform(0.75, 1.25)
        while (left := until - clock.now()) > 0 and self._wanted():
            self._wake.clear()
            await _wait(self._wake, left)

    def _wanted(self) -> bool:
        return bool(self.viewers) or clock.now() - self._left_at < self.limits.linger

    async def _sweep(self) -> None:
        """End viewers that have waited too long for a picture."""
        pause = 0.25
        while True:
            await asyncio.sleep(pause)
            now = clock.now()
            if self.audience.end_stalled(now, self.limits):
                self._forget_group()
                self._set_trouble(self.trouble or Trouble.UNREACHABLE)
                if self._on_stall is not None:
                    self._on_stall()
            pause = self.audience.patience(now, self.limits)

    # -- pictures -------------------------------------------------------------------

    def _receive(self, permit: Permit, unit: AccessUnit | SoundUnit) -> None:
        if not permit.valid or permit != self._permit:
            return
        if self._session is None and isinstance(unit, AccessUnit) and unit.keyframe:
            self._session = unit.session
        if unit.source != self.source or unit.epoch != permit.epoch:
            self._violation()
            return
        if self._session is None:
            return
        if unit.session != self._session:
            self._violation()
            return
        now = clock.now()
        if isinstance(unit, AccessUnit):
            self._receive_picture(unit, now)
        elif self._programme is not None and now - unit.captured <= self.limits.max_lag:
            self._programme.sound(unit)
            self.audience.give_sound(unit)

    def _receive_picture(self, unit: AccessUnit, now: float) -> None:
        if now - unit.captured > self.limits.max_lag:
            self._forget_group()
            return
        if now - self._last_unit > self.limits.stall:
            self._forget_group()
            self._end_sound()
            # The machine may have slept, and no timer noticed that this was a stall.
            if self.audience.end_stalled(now, self.limits) and self._on_stall is not None:
                self._on_stall()
            if self._permit is None:
                return
        self._last_unit = now
        if self._programme is None:
            self._programme = Programme(
                unit.captured,
                group_bytes=self.limits.group_bytes,
                group_seconds=lambda: self.limits.max_lag,
                on_chunk=self.audience.give,
                on_renewal=self.audience.end_viewers,
            )
        if (
            not self._programme.picture(unit, read=bool(self.audience.viewers))
            or self._permit is None
        ):
            return  # what looked at the picture may have cut this feed
        if unit.keyframe:
            self.audience.give_keyframe(unit)
        if self.state is not FeedState.LIVE:
            self.trouble = None
            self._failing = False
            self._was_live = True
            self._set_state(FeedState.LIVE)

    def _violation(self) -> None:
        self.violations += 1
        _LOGGER.error(
            "A picture that does not belong to camera %s reached its feed; the feed was cut",
            self.source.did,
        )
        self.cut()
        if self._on_violation is not None:
            self._on_violation(self.source)

    def _fresh(self, max_age: float) -> bool:
        """Whether pictures come, and the group here begins with one of this age at most."""
        if self._programme is None or self._session is None:
            return False
        keyframe, now = self._programme.keyframe, clock.now()
        return (
            keyframe is not None
            and now - self._last_unit <= self.limits.stall
            and now - keyframe.captured <= max_age
        )

    def _forget(self) -> None:
        self._forget_session()
        self._programme = None

    def _forget_session(self) -> None:
        """Forget the pictures of a session, not the time line its viewers are on."""
        self._forget_group()
        self._end_sound()
        self._session = None

    def _forget_group(self) -> None:
        if self._programme is not None:
            self._programme.forget_group()

    def _end_sound(self) -> None:
        if self._programme is not None:
            self._programme.end_sound()

    # -- viewers --------------------------------------------------------------------

    def _leave(self, viewer: Viewer) -> None:
        self.audience.viewers.discard(viewer)
        if not self.audience.viewers:
            self._end_sound()
        self._left()

    def _left(self) -> None:
        if not self.viewers:
            self._left_at = clock.now()
        self._wake.set()

    def _set_trouble(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self._failing = True
        self.audience.fail_waiters()
        if self._on_change is not None:
            self._on_change()

    def _set_state(self, state: FeedState) -> None:
        if state is self.state:
            return
        self.state = state
        if self._on_change is not None:
            self._on_change()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
