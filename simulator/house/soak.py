"""``soak``: viewers of every kind, and everything that can go wrong, for a while.

Every picture that arrives anywhere is decoded and judged. Three counts must be 0: foreign, stale
and after-kill pictures.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
import json
from pathlib import Path
import random
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import aiohttp

from simulator.house import sessions_home, soak_home, soak_plan, soak_streams, soak_viewers
from simulator.house.browser import Browser, BrowserMissing
from simulator.house.casts import DisplayWatch
from simulator.house.demo import until_signal
from simulator.house.errors import HouseError
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.judge import Judge
from simulator.house.process import free_port
from simulator.house.progress import Progress
from simulator.house.sessions import Sessions
from simulator.house.soak_chaos import Chaos
from simulator.house.soak_ground import Ground
from simulator.house.soak_kills import Kills
from simulator.house.soak_latency import measure
from simulator.house.soak_leaks import Leaks
from simulator.house.soak_names import Names
from simulator.house.soak_report import Report, table
from simulator.house.soak_screens import PeerWatch, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

THREADS = 2
"""That decode, on two cores."""
RELAY_READERS = 2
"""Per camera. With go2rtc and Home Assistant's own stream four read at the relay."""
ALWAYS = ("hls", "mjpeg", "record", *(f"still_{kind}" for kind in soak_viewers.KINDS))

type Work = Coroutine[Any, Any, None]


class Soak:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress, seed: int) -> None:
        """Prepare; ``seed`` decides what happens when."""
        self._house = house
        self._say = progress.say
        self._seed = seed
        self.judge = Judge()
        self.report: Report | None = None

    async def run(self, seconds: float) -> dict[str, Any]:
        """Let it all happen for a time and return what was found."""
        async with AsyncExitStack() as stack:
            executor = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")
            stack.callback(executor.shutdown)
            http = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=60),
                )
            )
            ground = Ground(
                self._house,
                http,
                executor,
                self.judge,
                Names(self._house.entities.cameras),
                self._seed,
                self._say,
            )
            return await self._run(ground, seconds, stack)

    async def _run(self, ground: Ground, seconds: float, stack: AsyncExitStack) -> dict[str, Any]:
        house = self._house
        paths = [*ALWAYS]
        work: list[Work] = []
        for did in house.entities.cameras:
            work += [
                soak_viewers.watch_hls(ground, did),
                soak_viewers.watch_mjpeg(ground, did),
                soak_viewers.take_stills(ground, did),
            ]
        work.append(soak_viewers.record(ground, list(house.entities.cameras)))
        sources: soak_streams.Sources | None = None
        if house.go2rtc is None:
            self._say("no go2rtc: nothing is read at the relay, nor by RTSP or WebRTC")
        else:
            paths += ["relay", "rtsp"]
            sources = soak_streams.Sources(ground, house.go2rtc)
            for did in house.entities.cameras:
                work.append(soak_streams.play_rtsp(ground, sources, house.go2rtc, did))
                work += [
                    soak_streams.read_relay(ground, sources, did) for _ in range(RELAY_READERS)
                ]
            if (browser := await self._browser(stack)) is not None:
                paths.append("webrtc")
                work.append(PeerWatch(ground, browser).run())
        for name, player in house.entities.displays.items():
            display = DisplayWatch(house.control, self.judge, name)
            await display.start()
            stack.push_async_callback(display.stop)
            work.append(cast(ground, display, player))
        if house.entities.displays:
            paths.append("display")
        kills = Kills(ground)
        plan = soak_plan.build(seconds, len(house.entities.cameras), self._seed)
        chaos = Chaos(ground, plan, kills, Leaks(ground, sources))
        await chaos.prepare()
        self.report = report = Report(ground, kills, paths)
        self._say(f"{len(house.entities.cameras)} cameras for {seconds:.0f} s, seed {self._seed} …")
        ground.up.set()
        ground.lit.set()
        await self._for(seconds, [chaos.run(), report.run(seconds), house_watch(ground), *work])
        for task in ground.tasks:
            task.cancel()
        report.read_log(house.hass.log)
        # Ends what is still under way, a cast that waits for its first picture for instance.
        await house.client.call("mi_camera.disable_all")
        return report.result(self._seed)

    async def _browser(self, stack: AsyncExitStack) -> Browser | None:
        client = self._house.client
        browser = Browser(client.url, client.tokens, self._house.directory / "screenshots")
        try:
            return await stack.enter_async_context(browser)
        except BrowserMissing as error:
            self._say(str(error))
            return None

    async def _for(self, seconds: float, work: list[Work]) -> None:
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()  # raises: none of them ends by itself
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def house_watch(ground: Ground) -> None:
    """Raise when one of the processes ends by itself, but for a restart of Home Assistant."""
    while True:
        await ground.up.wait()
        watch = asyncio.create_task(ground.house.watch(), name="processes")
        try:
            while ground.up.is_set() and not watch.done():
                await asyncio.wait([watch], timeout=0.2)
        finally:
            watch.cancel()
            await asyncio.wait([watch])
        if not watch.cancelled() and ground.up.is_set():
            watch.result()


async def soak(
    *,
    minutes: float,
    cameras: int,
    seed: int | None,
    port: int | None,
    as_json: bool,
    kills: int | None = None,
    sessions: int | None = None,
) -> int:
    """Run a soak in a house of its own; return the exit status.

    With ``kills`` or ``sessions`` there are only so many kills or casts, and nothing else.
    """
    progress = Progress("soak" if sessions is None else "sessions")
    seed = random.randrange(1 << 32) if seed is None else seed
    directory = Path(tempfile.mkdtemp(prefix="mi-camera-soak-"))
    path = directory / "home.json"
    more: dict[str, Any] = {}
    if sessions is None:
        plan = HomePlan.read(soak_home.write(cameras, path))
    else:
        plan = HomePlan.read(sessions_home.write(path))
        more = {"extra_yaml": sessions_home.YAML, "components": sessions_home.COMPONENTS}
    building = House(plan, directory, port or free_port(), progress, **more)

    async def run(house: House) -> tuple[dict[str, Any], bool]:
        if sessions is not None:
            return await Sessions(house, progress, seed).run(sessions)
        if kills is not None:
            return await measure(house, progress, kills, seed)
        return await _judged(house, progress, minutes * 60, seed)

    async with until_signal() as stop:
        running = asyncio.create_task(_in_a_house(run, building, progress))
        stopped = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopped):
            task.cancel()
        await asyncio.wait({running, stopped})
    if running.cancelled():
        progress.say("interrupted")
        return 1
    try:
        result, clean = running.result()
    except HouseError as error:
        progress.say(f"{type(error).__name__}: {error}")
        progress.say(f"logs are kept in {directory}")
        return 1
    if clean and not result.get("troubles"):
        shutil.rmtree(directory, ignore_errors=True)
    else:
        progress.say(f"logs are kept in {directory}")
    print(json.dumps(result) if as_json else table(result), flush=True)
    return 0 if clean else 1


async def _in_a_house(
    run: Callable[[House], Coroutine[Any, Any, tuple[dict[str, Any], bool]]],
    building: House,
    progress: Progress,
) -> tuple[dict[str, Any], bool]:
    progress.say("starting the simulated home and a new Home Assistant …")
    async with building as house:
        found = await run(house)
        progress.say("stopping …")
    return found


async def _judged(
    house: House, progress: Progress, seconds: float, seed: int
) -> tuple[dict[str, Any], bool]:
    run = Soak(house, progress, seed)
    result = await run.run(seconds)
    assert run.report is not None
    blind = run.report.blind()
    for line in run.judge.examples:
        progress.say(line)
    if blind:
        progress.say(f"nothing was checked by {', '.join(blind)}")
    return result, run.judge.clean and not blind
