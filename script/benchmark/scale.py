"""Many cameras on one Home Assistant: what they add to its start, and what asking them costs."""

from __future__ import annotations

from contextlib import asynccontextmanager
import json
import secrets
import statistics
from typing import TYPE_CHECKING, Any, Final

from simulator.house.home_process import HomePlan, HomeProcess
from simulator.house.process import free_port

from .processes import Helper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from simulator.house.progress import Progress

CAMERAS: Final = 64
MODELS: Final = ("chuangmi.camera.021a04", "isa.camera.hlc7")
"""By turns: one that is asked by the older commands, and one by MIoT."""
_NETWORK: Final = "127.0.61"
_REGION: Final = "de"
_SECONDS: Final = 30
"""For which polls are measured: each camera is asked once."""
_ENDING: Final = 30.0
"""Seconds that Home Assistant may take to end."""
type _Start = Mapping[str, float]


async def scale(folder: Path, cameras: int, rounds: int, progress: Progress) -> dict[str, Any]:
    """Start a Home Assistant with and without so many cameras, and have it ask them.

    Returns the figures as the benchmark prints them. Raises `HouseError`.
    """
    path = folder / "scale.json"
    path.write_text(json.dumps(_describe(cameras)), "utf-8")
    plan = HomePlan.read(path)
    home = HomeProcess(plan, folder / "scale-home.log")
    progress.say(f"a Home Assistant with {cameras} cameras, and one without this integration")
    await home.start()
    try:
        without, with_all = folder / "scale-without", folder / "scale-with"
        account = {"username": plan.username, "password": plan.password, "region": plan.region}
        async with _running(folder, without, None):
            pass
        async with _running(folder, with_all, plan) as (helper, _):
            await helper.ask({"add": account, "answered": cameras})
        starts: list[tuple[_Start, _Start]] = []
        for number in range(rounds):
            progress.say(f"start {number + 1} of {rounds}")
            async with _running(folder, without, None) as (_, bare):
                pass
            async with _running(folder, with_all, plan) as (helper, full):
                starts.append((bare, full))
                if number + 1 == rounds:
                    await helper.ask({"answered": cameras})
                    progress.say(f"polls, {_SECONDS} s")
                    on = await helper.ask({"cost": _SECONDS})
                    off = await helper.ask({"off": True, "cost": _SECONDS})
    finally:
        await home.stop()
    cpu = on["cpu"] - off["cpu"]
    return {
        "scale": {
            "cameras": cameras,
            "start_s": _added(starts, "seconds"),
            "start_cpu_s": _added(starts, "cpu"),
            "poll_cpu_percent": 100 * cpu / _SECONDS,
            "poll_cpu_ms": 1000 * cpu / on["polls"],
            "polls_per_minute": 60 * on["polls"] / _SECONDS / cameras,
            "datagrams_per_poll": on["datagrams"] / on["polls"],
            "entities_per_camera": on["entities"] / cameras,
        }
    }


@asynccontextmanager
async def _running(
    folder: Path, place: Path, plan: HomePlan | None
) -> AsyncIterator[tuple[Helper, _Start]]:
    """Run a Home Assistant that keeps its things at `place`; also yields what its start took."""
    async with Helper("scale_process", folder, ending=_ENDING) as helper:
        cloud = None if plan is None else plan.cloud_url
        told = {"folder": str(place), "port": free_port(), "cloud": cloud}
        yield helper, await helper.ask(told)


def _added(starts: Sequence[tuple[_Start, _Start]], figure: str) -> float:
    """Return what the cameras have added to the start, median of the rounds."""
    return statistics.median(full[figure] - bare[figure] for bare, full in starts)


def _describe(cameras: int) -> dict[str, Any]:
    """Return the description of a home of cameras that nobody watches."""
    return {
        "cameras": [
            {
                "did": 3005005001 + index,
                "model": MODELS[index % len(MODELS)],
                "name": f"Camera {index + 1}",
                "scene": "kitchen",
                "address": f"{_NETWORK}.{11 + index}",
                "token": secrets.token_hex(16),
            }
            for index in range(cameras)
        ],
        "cloud": {
            "address": f"{_NETWORK}.2",
            "port": free_port(f"{_NETWORK}.2"),
            "username": "bench@example.com",
            "password": secrets.token_urlsafe(12),
            "region": _REGION,
        },
        "control": {"port": free_port()},
    }
