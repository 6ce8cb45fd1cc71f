"""``soak``: viewers, casts and kills at random for a while; every picture is judged.

Far ends: a live HLS view of each camera that decodes every frame, stills by all kinds of
addresses, and what the displays have decoded. Three counts must be 0: foreign, stale and
after-kill pictures.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import random
import shutil
import tempfile
import time
from typing import TYPE_CHECKING, Any

from simulator.house import casts, logs, soak_home
from simulator.house.demo import until_signal
from simulator.house.errors import ApiError, HouseError
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.judge import Judge
from simulator.house.pictures import now_ms
from simulator.house.process import free_port
from simulator.house.progress import Progress
from simulator.house.watch import LiveWatch, picture_of, signed_in_picture

if TYPE_CHECKING:
    from collections.abc import Coroutine

WATCH_S = (20.0, 60.0)
"""How long a live view is watched before it is opened anew."""
STILL_S = (0.5, 3.0)
CAST_S = (3.0, 9.0)
"""How long a camera stays on a display."""
KILL_S = (18.0, 30.0)
"""Between kills: a live view needs about 8 s to come back."""
DARK_S = (1.0, 5.0)
REPORT_S = 15.0
_KILLED_IN_BETWEEN = ("Failed to cast media", "did not begin to play")
"""What Home Assistant logs when a kill comes between a cast and its first picture."""


class Soak:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress, chance: random.Random) -> None:
        """Prepare; ``chance`` decides what happens when."""
        self._house = house
        self._say = progress.say
        self._chance = chance
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self._dark = False
        self.judge = Judge()
        self.kills = 0
        self.casts = 0
        self.troubles: list[str] = []
        """What went wrong without being a forbidden picture."""

    async def run(self, seconds: float) -> dict[str, Any]:
        """Let it all happen for a time and return the counts."""
        house, client = self._house, self._house.client
        work: list[Coroutine[Any, Any, None]] = [self._kill(), self._report(seconds)]
        for did, entity_id in house.entities.cameras.items():
            work += [self._watch(did, entity_id), self._stills(did, entity_id)]
        displays = []
        for name, player in house.entities.displays.items():
            display = casts.DisplayWatch(house.control, self.judge, name)
            await display.start()
            displays.append(display)
            work.append(self._cast(display, player))
        self._say(f"{len(house.entities.cameras)} cameras for {seconds:.0f} s …")
        tasks = [asyncio.create_task(one) for one in work]
        watch = asyncio.create_task(house.watch(), name="processes")
        try:
            done, _ = await asyncio.wait(
                [*tasks, watch], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()  # raises: none of them ends by itself
        finally:
            for task in (*tasks, watch):
                task.cancel()
            await asyncio.wait([*tasks, watch])
            for display in displays:
                await display.stop()
            self._executor.shutdown()
        self._note_log()
        # Ends what is still under way, a cast that waits for its first picture for instance.
        await client.call("mi_camera.disable_all")
        return {
            "frames_checked": self.judge.frames_checked,
            "foreign": self.judge.foreign,
            "stale": self.judge.stale,
            "after_kill": self.judge.after_kill,
            "kills": self.kills,
            "casts": self.casts,
        }

    def _between(self, span: tuple[float, float]) -> float:
        return self._chance.uniform(*span)

    def _trouble(self, what: str) -> None:
        if not self._dark and len(self.troubles) < 50:
            self.troubles.append(what)
            self._say(f"trouble: {what}")

    async def _watch(self, did: int, entity_id: str) -> None:
        """Watch one camera for ever, opening the view anew when it ends or time is up."""
        while True:
            watch = LiveWatch(self._house.client, self._executor, self.judge, entity_id, did)
            epoch = self.kills
            try:
                await watch.start()
                await watch.wait_end(self._between(WATCH_S))
            except ApiError as error:
                if epoch == self.kills:
                    self._trouble(str(error))
                await asyncio.sleep(0.3)
            finally:
                await watch.stop()
            if watch.end is not None and epoch == self.kills:
                self._trouble(f"live view of {entity_id} ended: {watch.end}")
            if watch.backwards:
                self._trouble(f"{watch.backwards} pictures of {entity_id} backwards")

    async def _stills(self, did: int, entity_id: str) -> None:
        while True:
            await asyncio.sleep(self._between(STILL_S))
            read = self._chance.choice((picture_of, signed_in_picture))
            epoch = self.kills
            still = await read(self._house.client, entity_id)
            if still.picture is not None:
                self.judge.take(still.picture, did)
            elif epoch == self.kills:
                self._trouble(f"no still of {entity_id}: {still.status}")

    async def _cast(self, display: casts.DisplayWatch, player: str) -> None:
        """Put one camera after another on a display, sometimes straight over the one before."""
        client = self._house.client
        cameras = list(self._house.entities.cameras.items())
        before: int | None = None
        while True:
            did, entity_id = self._chance.choice(cameras)
            epoch = self.kills
            display.expect(did, *(() if before is None else (before,)))
            try:
                await casts.cast(client, entity_id, player, seconds=120)
                display.expect(did)
                before = did
                self.casts += 1
                await asyncio.sleep(self._between(CAST_S))
                if self._chance.random() < 0.5:
                    await casts.stop_cast(client, entity_id, player)
            except ApiError as error:
                if epoch == self.kills:
                    self._trouble(f"cast of {entity_id} on {player}: {error}")
                await asyncio.sleep(0.5)

    async def _kill(self) -> None:
        """Switch everything off and on, by every way there is."""
        client, switch = self._house.client, self._house.entities.switch
        target = {"entity_id": switch}
        while True:
            await asyncio.sleep(self._between(KILL_S))
            self._dark = True
            self.kills += 1
            by_switch = self._chance.random() < 0.5
            if by_switch:
                await client.call("switch.turn_off", target=target)
            else:
                await client.call("mi_camera.disable_all")
            self.judge.killed(now_ms())
            await asyncio.sleep(self._between(DARK_S))
            self.judge.allowed(now_ms())
            if by_switch:
                await client.call("switch.turn_on", target=target)
            else:
                await client.call("mi_camera.enable_all")
            self._dark = False

    async def _report(self, seconds: float) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(REPORT_S)
            judge = self.judge
            self._say(
                f"{time.monotonic() - began:.0f} of {seconds:.0f} s:"
                f" {judge.frames_checked} pictures, {judge.foreign} foreign, {judge.stale} stale,"
                f" {judge.after_kill} after a kill, {self.kills} kills, {self.casts} casts"
            )

    def _note_log(self) -> None:
        self.troubles += [
            f"hass log: {record.level} [{record.logger}] {record.message}"
            for record in logs.errors(self._house.hass.log)
            if not any(text in record.message for text in _KILLED_IN_BETWEEN)
        ]


async def soak(
    *, minutes: float, cameras: int, seed: int | None, port: int | None, as_json: bool
) -> int:
    """Run a soak in a house of its own; return the exit status."""
    progress = Progress("soak")
    seed = random.randrange(1 << 32) if seed is None else seed
    directory = Path(tempfile.mkdtemp(prefix="mi-camera-soak-"))
    async with until_signal() as stop:
        running = asyncio.create_task(
            _soak(minutes * 60, cameras, random.Random(seed), port, directory, progress)
        )
        stopped = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopped):
            task.cancel()
        await asyncio.wait({running, stopped})
    if running.cancelled():
        progress.say("interrupted")
        return 1
    try:
        result, clean, quiet = running.result()
    except HouseError as error:
        progress.say(f"{type(error).__name__}: {error}")
        progress.say(f"logs are kept in {directory}")
        return 1
    progress.say(f"seed {seed}")
    if clean and quiet:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        progress.say(f"logs are kept in {directory}")
    if as_json:
        print(json.dumps(result), flush=True)
    else:
        print("\n".join(f"{name:<16}{count}" for name, count in result.items()), flush=True)
    return 0 if clean else 1


async def _soak(
    seconds: float,
    cameras: int,
    chance: random.Random,
    port: int | None,
    directory: Path,
    progress: Progress,
) -> tuple[dict[str, Any], bool, bool]:
    plan = HomePlan.read(soak_home.write(cameras, directory / "home.json"))
    progress.say("starting the simulated home and a new Home Assistant …")
    async with House(plan, directory, port or free_port(), progress) as house:
        run = Soak(house, progress, chance)
        result = await run.run(seconds)
        progress.say("stopping …")
    judge = run.judge
    for line in (*judge.examples, *run.troubles):
        progress.say(line)
    ages = ", ".join(f"{s} {ms / 1000:.1f} s" for s, ms in sorted(judge.oldest_ms.items()))
    counts = ", ".join(f"{n} {source}" for source, n in sorted(judge.by_source.items()))
    progress.say(f"pictures: {counts}; oldest on arrival: {ages}; {judge.unreadable} unreadable")
    return result, judge.clean and judge.frames_checked > 0, not run.troubles
