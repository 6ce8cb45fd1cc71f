"""What everybody in a soak stands on: the house, the judge, and what is going on just now."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

    import aiohttp

    from simulator.house.house import House
    from simulator.house.judge import Judge
    from simulator.house.live_readers import LiveReader
    from simulator.house.pictures import Picture
    from simulator.house.soak_names import Names

MAX_TROUBLES = 60


@dataclass(slots=True)
class Ground:
    """Shared by viewers and chaos. ``up``: Home Assistant can be asked. ``lit``: pictures are
    allowed. ``storm``: kills follow each other.
    """

    house: House
    http: aiohttp.ClientSession
    """Of nobody: what a token in the address opens, it opens for this."""
    executor: Executor
    judge: Judge
    names: Names
    seed: int
    say: Callable[[str], None]
    up: asyncio.Event = field(default_factory=asyncio.Event)
    lit: asyncio.Event = field(default_factory=asyncio.Event)
    storm: bool = False
    epoch: int = 0
    """Rises with every kill, restart and reload."""
    readers: set[LiveReader] = field(default_factory=set)
    """Who reads at the relay just now."""
    faults: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    """Addresses of before a kill that were tried, each time one was."""
    troubles: Counter[str] = field(default_factory=Counter)
    """What went wrong without being a forbidden picture, and how often."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """What was begun on the side; whoever owns the ground ends it."""
    _disturbed: dict[int | None, float] = field(default_factory=dict)
    _seen: dict[tuple[str, int], float] = field(default_factory=dict)

    def chance(self, *who: object) -> random.Random:
        """Return a source of chance of one's own, the same for the same seed."""
        return random.Random("/".join(map(str, (self.seed, *who))))

    async def ready(self) -> None:
        """Wait until Home Assistant can be asked for pictures."""
        while not (self.up.is_set() and self.lit.is_set()):
            await self.up.wait()
            await self.lit.wait()

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Do something on the side."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble(f"{type(error).__name__}: {error}")

    def trouble(self, what: str) -> None:
        """Note something that is no forbidden picture."""
        if what in self.troubles or len(self.troubles) < MAX_TROUBLES:
            if what not in self.troubles:
                self.say(f"trouble: {what}")
            self.troubles[what] += 1

    def disturb(self, *dids: int, seconds: float) -> None:
        """Excuse these cameras, or all when none is named, from having pictures for a time."""
        until = time.monotonic() + seconds
        for did in dids or (None,):
            self._disturbed[did] = max(until, self._disturbed.get(did, 0.0))

    def quiet_since(self, did: int) -> float:
        """Return since when nothing has been done to a camera, by the monotonic clock."""
        return max(self._disturbed.get(did, 0.0), self._disturbed.get(None, 0.0))

    def take(self, picture: Picture, dids: tuple[int, ...], session_ms: float | None) -> None:
        """Judge a picture, and note that its viewer is alive."""
        self.judge.take(picture, *dids, session_ms=session_ms)
        for did in dids:
            self._seen[picture.source, did] = time.monotonic()

    def last_seen(self, source: str, did: int) -> float:
        """Return when a viewer last saw something, by the monotonic clock; 0 for never."""
        return self._seen.get((source, did), 0.0)
