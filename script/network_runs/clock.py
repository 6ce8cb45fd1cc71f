"""Simulated time: an event loop that jumps to the next timer when no socket has anything.

What is sent on loopback has arrived when sending returns, so as long as nothing waits for
another thread or process, nobody can tell the difference but by a clock of his own.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

# Long before any thread's work comes back something is wrong here.
_STUCK = 30.0


# Always the same ones: what the simulated cameras see, and so the size of their pictures,
# depends on the time of day.
_START_NS = 100_000 * 10**9
_EPOCH_NS = 1_790_000_000 * 10**9


class _Clock:
    def __init__(self) -> None:
        self._now_ns = _START_NS

    def advance(self, seconds: float) -> None:
        self._now_ns += max(1000, round(seconds * 1e9))

    def monotonic(self) -> float:
        return self._now_ns / 1e9

    def clock_gettime(self, which: int) -> float:
        return self.time() if which == time.CLOCK_REALTIME else self.monotonic()

    def time_ns(self) -> int:
        return _EPOCH_NS + self._now_ns

    def time(self) -> float:
        return self.time_ns() / 1e9

    @contextlib.contextmanager
    def ruling(self) -> Iterator[None]:
        """Let everybody in this process go by this clock."""
        mine = {
            "monotonic": self.monotonic,
            "clock_gettime": self.clock_gettime,
            "time": self.time,
            "time_ns": self.time_ns,
        }
        true = {name: getattr(time, name) for name in mine}
        for name, function in mine.items():
            setattr(time, name, function)
        try:
            yield
        finally:
            for name, function in true.items():
                setattr(time, name, function)


class _Selector(selectors.BaseSelector):
    """Looks at real sockets, and lets the clock jump instead of waiting."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            if not (ready := self._real.select(_STUCK)):
                raise RuntimeError("nothing is ever going to happen here")
            return ready
        self._clock.advance(timeout)
        return self._real.select(0)


class _Loop(asyncio.SelectorEventLoop):
    """Does at once what would be another thread's work: time stands still meanwhile."""

    def __del__(self) -> None:
        """Complain of nothing if Ctrl-C came while it was being made."""
        if getattr(self, "_ssock", None) is not None:
            super().__del__()

    def run_in_executor[*Ts, T](
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Return a future that has the result already."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is whoever awaits the future that gets it
            future.set_exception(error)
        return future


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off: a loop that is half made or half closed complains as it is thrown away."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def simulated[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on simulated time; return what it returns."""
    clock = _Clock()
    runner = asyncio.Runner(loop_factory=lambda: _Loop(_Selector(clock)))
    try:
        with clock.ruling():
            try:
                with _uninterrupted():
                    runner.get_loop()
                return runner.run(work)
            finally:
                with _uninterrupted():
                    runner.close()
    finally:
        # It may never have begun, if somebody has interrupted just before.
        work.close()
