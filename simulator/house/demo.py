"""``demo``: the house with a dashboard to play with, and ``demo --check``."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING, Any

from simulator.house import onboarding, setup_home
from simulator.house.check import Check
from simulator.house.errors import HouseError
from simulator.house.hass import ROOT
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.process import free_port
from simulator.house.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DESCRIPTION = ROOT / "simulator" / "homes" / "demo.json"
DIRECTORY = ROOT / ".demo"
SCREENSHOTS = DIRECTORY / "screenshots"
PORT = 8123
SIGN_IN_POLL = 3.0


@contextlib.asynccontextmanager
async def until_signal() -> AsyncIterator[asyncio.Event]:
    """Set an event at SIGINT, SIGTERM or SIGHUP instead of dying of it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _welcome(house: House) -> str:
    cameras = ", ".join(house.plan.cameras.values())
    displays = ", ".join(house.plan.displays)
    lines = [
        f"Home Assistant   {house.dashboard}",
        f"Log in           {onboarding.USERNAME} / {onboarding.PASSWORD}",
        f"Cameras          {cameras} (simulated)",
        f"Displays         {displays} (simulated; what it shows: {_control_url(house)}/state)",
        f"Live view        {'HLS, there is no go2rtc' if house.go2rtc is None else 'WebRTC'}",
        f"Logs             {house.hass.log}",
        f"                 {house.home.log}",
        "Stop             Ctrl-C; the next start finds everything as it was",
        f"Begin anew       rm -r {house.directory}",
    ]
    width = max(map(len, lines))
    rule = "─" * (width + 2)
    return "\n".join([f"┌{rule}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{rule}┘"])


def _control_url(house: House) -> str:
    host, port = house.plan.control
    return f"http://{host}:{port}"


async def demo(description: Path, port: int) -> int:
    """Run until Ctrl-C."""
    progress = Progress("demo")
    progress.say("starting the simulated home and Home Assistant …")
    async with until_signal() as stop:
        running = asyncio.create_task(_run(description, port, progress), name="demo")
        stopped = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            progress.say("stopping …")
        for task in (running, stopped):
            task.cancel()
        await asyncio.wait({running, stopped})
        if running.cancelled():
            return 0
        running.result()
    return 0


async def _run(description: Path, port: int, progress: Progress) -> None:
    house = House(HomePlan.read(description), DIRECTORY, port, progress)
    async with house:
        print(_welcome(house), flush=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(house.watch(), name="processes")
            tasks.create_task(_keep_signed_in(house, progress), name="account")


async def _keep_signed_in(house: House, progress: Progress) -> None:
    """Give the simulated account's password when a start found pictures switched off."""
    while True:
        if await setup_home.sign_in_again(house.client, house.plan):
            progress.say("signed in to the simulated account again")
        await asyncio.sleep(SIGN_IN_POLL)


async def check(description: Path, port: int | None) -> int:
    """Run the check in a house of its own; print the JSON result last."""
    progress = Progress("check")
    directory = Path(tempfile.mkdtemp(prefix="mi-camera-check-"))
    async with until_signal() as stop:
        running = asyncio.create_task(_check(description, port, directory, progress))
        stopped = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopped):
            task.cancel()
        await asyncio.wait({running, stopped})
    if running.cancelled():
        result: dict[str, Any] = {"ok": False, "failed": ["interrupted"]}
    else:
        result = running.result()
    if result["ok"]:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        progress.say(f"logs are kept in {directory}")
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


async def _check(
    description: Path, port: int | None, directory: Path, progress: Progress
) -> dict[str, Any]:
    progress.say("starting the simulated home and a new Home Assistant …")
    try:
        plan = HomePlan.read(description)
        async with House(plan, directory, port or free_port(), progress) as house:
            result = await Check(house, progress, SCREENSHOTS).run()
        progress.say(f"stopped; screenshots are in {SCREENSHOTS}")
    except HouseError as error:
        progress.say(str(error))
        return {"ok": False, "failed": [f"{type(error).__name__}: {error}"]}
    return result
