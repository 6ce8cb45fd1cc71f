"""One camera's events: asked for while the camera may be shown, and each told once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass
import time
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .cloud import CameraEvent, CloudError, CloudUnavailable, NotAllowed, SessionExpired
from .const import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .camera_events import CameraEvents
    from .cloud import EventKind
    from .coordinator import CameraCoordinator
    from .gate import Permit

FRESH_MS: Final = 180_000
"""Age up to which an event is told; what comes later would mislead."""
AHEAD_MS: Final = 60_000
"""How far a camera's clock may be ahead of this one."""
MAX_PAGES: Final = 3
"""Requests for what happened since the last ones; each has twenty events."""
MAX_TOLD: Final = 512
"""Names of told events that are remembered; they are of the last few minutes only."""
SAME_MS: Final = 30_000
"""Between what the camera says and what the cloud lists of the same kind, if it is the same."""
MAX_MOMENTS: Final = 64
"""Events of either way that are remembered for that."""
FAILURES: Final = 3
"""Failures in a row after which the entities say that nobody knows."""


@dataclass(slots=True)
class WatchStats:
    """Counts since the camera was loaded."""

    requests: int = 0
    failures: int = 0
    told: int = 0
    pushed: int = 0
    """Events that the camera said itself, on the LAN."""
    again: int = 0
    """Events met that had been told before, or were of before."""
    foreign: int = 0
    """Left out as they name another device."""
    odd: int = 0
    """Left out as nobody could understand them."""


class CameraWatch:
    """Asks for one camera's events while there are listeners and the camera's gate is open.

    Nothing that began before that is told: neither what happened while Home Assistant was
    away, nor what happened while the camera was hidden.
    """

    def __init__(self, events: CameraEvents, coordinator: CameraCoordinator) -> None:
        """Ask nothing yet."""
        self.coordinator = coordinator
        self.stats = WatchStats()
        self.known: bool | None = None
        """Whether the cloud tells of this camera's events; None before it was asked."""
        self._events = events
        self._listeners: list[tuple[Callable[[CameraEvent], None], Callable[[], None]]] = []
        self._told: OrderedDict[str, None] = OrderedDict()
        self._told_until = 0
        self._of_list: list[Callable[[CameraEvent], None]] = []
        self._pushed: deque[CameraEvent] = deque(maxlen=MAX_MOMENTS)
        self._announced: deque[CameraEvent] = deque(maxlen=MAX_MOMENTS)
        self._failures = 0
        self._active_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ended = False
        self._undo = [
            coordinator.gate.on_close(self._rest),
            coordinator.async_add_listener(self._check),
        ]

    # -- life -----------------------------------------------------------------------------

    @callback
    def async_listen(
        self,
        on_event: Callable[[CameraEvent], None],
        on_change: Callable[[], None],
        *,
        listed: bool = False,
    ) -> Callable[[], None]:
        """Tell of events, and of changes of `known`, until the returned function is called.

        With `listed` it is told of what the cloud lists and of nothing else, also of what the
        camera had said before: only the list has pictures.
        """
        listener = (on_event, on_change)
        if listed:
            self._of_list.append(on_event)
        self._listeners.append(listener)
        self._check()

        @callback
        def undo() -> None:
            self._listeners.remove(listener)
            if listed:
                self._of_list.remove(on_event)
            self._check()

        return undo

    @callback
    def async_end(self) -> None:
        """Ask no more."""
        self._ended = True
        self._rest()
        for undo in self._undo:
            undo()
        self._undo = []

    @callback
    def _check(self) -> None:
        """Begin or end to ask, as it is wanted and allowed now."""
        if self._ended or not self._listeners:
            self._rest()
        elif self._task is None and (permit := self.coordinator.gate.permit()) is not None:
            self._task = self._events.async_run(self._run(permit), self.coordinator.config.did)

    @callback
    def _rest(self) -> None:
        """End to ask, at once.

        A request that is under way is left to its end, with no more to follow: with it an
        account's session may be on its way that is valid only once.
        """
        task, self._task = self._task, None
        self.known = None
        if task is not None and task is not self._asking:
            task.cancel()

    # -- asking ---------------------------------------------------------------------------

    async def _run(self, permit: Permit) -> None:
        pace = self._events.pace
        since = _now_ms()
        task = asyncio.current_task()
        self._failures = 0
        await asyncio.sleep(pace.vary(pace.first))
        while self._task is task and permit.valid:
            try:
                await self._ask(permit, since)
            except NotAllowed:
                return
            except CloudError as err:
                if self._task is not task or not permit.valid:
                    return
                self._failed(err)
            else:
                self._worked()
            await asyncio.sleep(self._pause())

    async def _ask(self, permit: Permit, since: int) -> None:
        config, task = self.coordinator.config, asyncio.current_task()

        def allowed() -> bool:
            return permit.valid and self._task is task

        now = _now_ms()
        begin, end = max(since, now - FRESH_MS), now + AHEAD_MS
        found: list[CameraEvent] = []
        for _ in range(MAX_PAGES):
            await self._events.async_turn(config.account or "")
            if not allowed():
                raise NotAllowed
            if (owner := self._events.account_of(self.coordinator)) is None:
                raise CloudUnavailable("the account is not there")
            self.stats.requests += 1
            self._asking = task
            try:
                page = await owner[1].camera_events(
                    config.did,
                    config.model,
                    begin,
                    end,
                    doorbell=is_doorbell(config.model),
                    allowed=allowed,
                )
            except SessionExpired:
                if allowed() and not self._failures:
                    self._events.hub.async_sign_in_again(owner[0])
                raise
            finally:
                if self._asking is task:
                    self._asking = None
            if not allowed():
                raise NotAllowed
            self._count(page.foreign, page.odd)
            found += page.events
            if page.older_ms is None:
                break
            end = page.older_ms
        for event in sorted(found, key=lambda one: one.at_ms):
            self._tell(event)

    @callback
    def _tell(self, event: CameraEvent) -> None:
        names = [f"{event.at_ms} {event.kind}"]
        if event.file_id:
            names.append(f"{event.file_id} {event.kind}")
        known = event.at_ms <= self._told_until or any(name in self._told for name in names)
        for name in names:
            self._told[name] = None
            self._told.move_to_end(name)
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        if known:
            self.stats.again += 1
            return
        if self._is_of(self._pushed, event):
            self.stats.again += 1
            for on_event in tuple(self._of_list):
                on_event(event)
            return
        self._announced.append(event)
        self.stats.told += 1
        self._active_until = time.monotonic() + self._events.pace.active_for
        for on_event, _ in tuple(self._listeners):
            on_event(event)

    @callback
    def async_pushed(self, kind: EventKind) -> None:
        """Tell what the camera itself says to notice now, unless it was told just before.

        The cloud lists it too, later: it is the same if it is of the same kind and moment.
        """
        if self._ended or not self._listeners or not self.coordinator.gate.is_open:
            return
        event = CameraEvent(kind, _now_ms())
        self.stats.pushed += 1
        self._set_known(known=True)
        told = self._is_of(self._announced, event)
        self._pushed.append(event)
        if told:
            self.stats.again += 1
            return
        self._announced.append(event)
        for on_event, _ in tuple(self._listeners):
            if on_event not in self._of_list:
                on_event(event)

    @staticmethod
    def _is_of(told: deque[CameraEvent], event: CameraEvent) -> bool:
        return any(
            one.kind is event.kind and abs(one.at_ms - event.at_ms) <= SAME_MS for one in told
        )

    @callback
    def async_told_before(self, at_ms: int) -> None:
        """Take note of the last event that was told before a restart."""
        self._told_until = max(self._told_until, min(at_ms, _now_ms() + AHEAD_MS))

    @callback
    def _count(self, foreign: int, odd: int) -> None:
        if foreign and not self.stats.foreign:
            LOGGER.warning(
                "Left out an event of camera %s that names another device",
                self.coordinator.config.did,
            )
        self.stats.foreign += foreign
        self.stats.odd += odd

    # -- how it goes ----------------------------------------------------------------------

    def _pause(self) -> float:
        pace = self._events.pace
        if self._failures:
            seconds = min(pace.idle * 2 ** min(self._failures, 16), pace.longest)
        elif time.monotonic() < self._active_until:
            seconds = pace.active
        else:
            seconds = pace.idle
        return pace.vary(seconds)

    @callback
    def _failed(self, error: CloudError) -> None:
        self._failures += 1
        self.stats.failures += 1
        if self._failures == FAILURES:
            LOGGER.info(
                "Events of camera %s cannot be asked for: %s", self.coordinator.config.did, error
            )
            self._set_known(known=False)

    @callback
    def _worked(self) -> None:
        if self._failures >= FAILURES:
            LOGGER.info("Events of camera %s are told again", self.coordinator.config.did)
        self._failures = 0
        self._set_known(known=True)

    @callback
    def _set_known(self, *, known: bool) -> None:
        if known is not self.known:
            self.known = known
            for _, on_change in tuple(self._listeners):
                on_change()

    @property
    def diagnostics(self) -> dict[str, int | bool | None]:
        """Counts, and whether anybody listens; no names and no ids."""
        return {"watched": self._task is not None, "known": self.known, **asdict(self.stats)}


def is_doorbell(model: str) -> bool:
    """Whether a model is a door viewer, which somebody can ring."""
    return ".cateye." in model


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
