"""``soak --sessions N``: casts begun and ended in every way, and whether anything is left.

A day has fewer casts than this has in minutes. After a warm-up everything that Home Assistant
holds is counted with nothing being shown, and again after N sessions more.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from simulator.house.sessions_census import ABSOLUTE, Census, look, settled
from simulator.house.sessions_memory import Memory
from simulator.house.sessions_plan import rounds
from simulator.house.sessions_rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.house.house import House
    from simulator.house.progress import Progress
    from simulator.house.sessions_plan import Round

WARM_UP: Final = 3
"""Rounds of before the first count, at least."""
WARM_SHARE: Final = 0.05
"""Sessions of before the first count, of N."""
SETTLES_S: Final = 100.0
"""How long what a session used may linger: Home Assistant keeps its own streams for half a
minute, and their ends are made sure of once more after as long."""
FIRST_S: Final = 40.0
"""How long is looked at the first count, so that nothing that lingers is in it."""
SHORT_S: Final = 10.0
SHORT: Final = 300
"""Fewer sessions are not worth so long a look."""
CALM_S: Final = 12.0
"""How long the integration's own things may linger, without any help by a kill."""
SAY_S: Final = 10.0


class Sessions:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress, seed: int) -> None:
        """Prepare; ``seed`` decides what happens when."""
        self._house = house
        self._progress = progress
        self._seed = seed
        self._rounds = Rounds(house, progress.say)
        self._said = 0.0
        self.memory = Memory()

    async def run(self, sessions: int) -> tuple[dict[str, Any], bool]:
        """Begin and end so many; return the result, and whether nothing was left over."""
        done = self._rounds
        await done.listen()
        try:
            return await self._run(sessions)
        finally:
            await done.stop()

    async def _run(self, sessions: int) -> tuple[dict[str, Any], bool]:
        began = time.monotonic()
        say, done = self._progress.say, self._rounds
        plan = rounds(
            len(self._house.entities.cameras), len(self._house.entities.displays), self._seed
        )
        for _ in range(WARM_UP):
            await done.run(next(plan))
        await self._until(plan, round(sessions * WARM_SHARE))
        say(f"warmed up by {done.total} sessions; counting …")
        least = SHORT_S if sessions < SHORT else FIRST_S
        _, before = await self._count(None, least)
        warm, ended = done.total, dict(done.ended)
        self.memory.begin()
        await self._until(plan, warm + sessions)
        say(f"{done.total - warm} sessions have ended; counting …")
        calm, after = await self._count(before, 0.0)
        leaked = {
            name: max(count, calm.get(name, 0)) for name, count in after.leaked(before).items()
        }
        for line in after.details(before) if any(leaked.values()) else ():
            say(line)
        memory = self.memory.result()
        result: dict[str, Any] = {
            "sessions": done.total - warm,
            "ended": {
                reason: count - ended.get(reason, 0) for reason, count in sorted(done.ended.items())
            },
            "leaked": leaked,
            "rss_mib": memory,
            "minutes": round((time.monotonic() - began) / 60, 1),
            "warm_up": warm,
            "held": {"before": dict(before.counts), "after": dict(after.counts)},
            "ways": dict(sorted(done.ways.items())),
            "happened": dict(sorted(done.worlds.items())),
            "troubles": done.troubles.total(),
            "seed": self._seed,
        }
        return result, not any(leaked.values()) and memory["flat"] is not False

    async def _until(self, plan: Iterator[Round], total: int) -> None:
        done = self._rounds
        while done.total < total:
            await done.run(next(plan))
            outside = await asyncio.to_thread(look, self._house.hass.pid)
            self.memory.add(done.total, outside.rss_mib)
            self._say(f"{done.total} of {total} sessions, {outside.rss_mib:.0f} MiB", total)

    def _say(self, text: str, total: int) -> None:
        """Say how far it is: on a terminal always, in the same line, else from time to time."""
        if os.environ.get("CI"):
            return
        if sys.stderr.isatty():
            end = "\n" if self._rounds.total >= total else ""
            print(
                f"\r\033[Ksessions {self._progress.seconds:6.1f} s  {text}",
                end=end,
                file=sys.stderr,
                flush=True,
            )
        elif self._progress.seconds - self._said >= SAY_S:
            self._said = self._progress.seconds
            self._progress.say(text)

    async def _count(self, before: Census | None, least: float) -> tuple[dict[str, int], Census]:
        """Count with nothing being shown; also what was left before a kill helped, if anything.

        Home Assistant's own streams go by themselves only after half a minute, all at once by
        a kill.
        """
        client = self._house.client
        await self._rounds.over()
        calm = (await settled(self._house, None, CALM_S, 0.0, _nothing)).leaked(None)
        del calm["streams"]
        await client.call("mi_camera.disable_all")
        await client.call("mi_camera.enable_all")
        census = await settled(self._house, before, SETTLES_S, least, self._progress.say)
        if before is None and any(census.counts[name] for name in ABSOLUTE):
            self._progress.say("something is left over already")
        return calm, census


def _nothing(_: str) -> None:
    """Say nothing: what is still there now has some seconds to go."""
