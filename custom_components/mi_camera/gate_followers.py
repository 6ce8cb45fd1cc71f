"""Who is told of the gate, who cleans up after it has closed, and who counts before."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .const import LOGGER
from .gate import run_all
from .gate_record import clean_counts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from .gate_events import GateEvent


class GateFollowers:
    """Everybody who follows the gate; one that fails keeps nobody else from being asked."""

    def __init__(self) -> None:
        """Begin without any."""
        self._listeners: list[Callable[[], None]] = []
        self._event_listeners: list[Callable[[GateEvent], None]] = []
        self._cleanups: list[Callable[[], Awaitable[None]]] = []
        self._counters: list[Callable[[], Mapping[str, int]]] = []

    @callback
    def async_listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change; returns how to stop that."""
        return _add(self._listeners, listener)

    @callback
    def async_on_event(self, listener: Callable[[GateEvent], None]) -> Callable[[], None]:
        """Call `listener` with each event; returns how to stop that."""
        return _add(self._event_listeners, listener)

    @callback
    def async_on_engaged(self, cleanup: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Await `cleanup` after each engaging, when the gate has long been closed."""
        return _add(self._cleanups, cleanup)

    @callback
    def async_count(self, counter: Callable[[], Mapping[str, int]]) -> Callable[[], None]:
        """Ask `counter` what is about to be cut, by name, at each engaging.

        It is asked when all permits are dead already, but before anything is cut.
        """
        return _add(self._counters, counter)

    @callback
    def report(self, event: GateEvent) -> None:
        """Tell everybody who listens of an event."""
        run_logged([partial(one, event) for one in self._event_listeners])

    @callback
    def _async_changed(self) -> None:
        run_logged(self._listeners)

    @callback
    def _async_count(self) -> dict[str, int]:
        counted: list[Mapping[str, int]] = []

        def ask(counter: Callable[[], Mapping[str, int]]) -> None:
            counted.append(counter())

        run_logged([partial(ask, one) for one in self._counters])
        return clean_counts({name: number for one in counted for name, number in one.items()})

    async def _async_clean_up(self) -> None:
        async def run(cleanup: Callable[[], Awaitable[None]]) -> None:
            await cleanup()

        cleanups = tuple(self._cleanups)
        for error in await asyncio.gather(*map(run, cleanups), return_exceptions=True):
            if isinstance(error, BaseException):
                LOGGER.error("Cleaning up after switching off failed: %r", error)


def run_logged(actions: Iterable[Callable[[], None]]) -> None:
    """Run what may fail without keeping anything else from being done."""
    for error in run_all(actions):
        LOGGER.error("The gate does what was asked, but something else failed: %r", error)


def _add[T](to: list[T], what: T) -> Callable[[], None]:
    to.append(what)

    def remove() -> None:
        if what in to:
            to.remove(what)

    return remove
