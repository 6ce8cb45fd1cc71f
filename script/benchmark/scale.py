"""Many cameras on one Home Assistant: what they add to its start, and what they cost at rest."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import json
import secrets
import statistics
from typing import TYPE_CHECKING, Any, Final

from simulator.house.home_process import Control, HomePlan, HomeProcess
from simulator.house.process import free_port

from .processes import Helper
from .scale_meter import Meter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from simulator.house.progress import Progress

CAMERAS: Final = 64
IDLE_SECONDS: Final = 81
"""For which a home at rest is counted: each camera is asked once in that time."""
MODELS: Final = ("chuangmi.camera.021a04", "isa.camera.hlc7")
"""By turns: one that is asked by the older commands, and one by MIoT."""
_NETWORK: Final = "127.0.61"
_REGION: Final = "de"
_SECONDS: Final = 30
"""For which polls are measured: each camera is asked once."""
_ENDING: Final = 30.0
"""Seconds that Home Assistant may take to end."""
_HOUR: Final = 3600
type _Answer = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What has gone over the network, both ways together."""

    miio_packets: int
    """Datagrams."""
    miio_bytes: int
    """Their payload."""
    cloud_requests: int
    cloud_bytes: int
    """Payload of TCP: HTTP with its headers, without TLS."""

    def per_camera_hour(self, before: Traffic, cameras: int, seconds: float) -> dict[str, float]:
        """Return what came since `before`, for one camera and an hour."""
        share = _HOUR / seconds / cameras
        return {
            "miio_packets": (self.miio_packets - before.miio_packets) * share,
            "miio_bytes": (self.miio_bytes - before.miio_bytes) * share,
            "cloud_bytes": (self.cloud_bytes - before.cloud_bytes) * share,
            "requests": (self.cloud_requests - before.cloud_requests) * share,
        }


@dataclass(frozen=True, slots=True)
class Watched:
    """What some seconds of a Home Assistant have cost: `seconds`, `cpu`, `polls` and more."""

    busy: _Answer
    """Cameras are asked as often as they ever are."""
    at_rest: _Answer
    """Nothing has changed for long."""
    dark: _Answer
    """Pictures are switched off, and nobody is asked."""
    hourly: Mapping[str, float]
    """Traffic at rest, per camera and hour."""


async def scale(
    folder: Path, cameras: int, rounds: int, progress: Progress, idle: float = IDLE_SECONDS
) -> dict[str, Any]:
    """Start a Home Assistant with and without so many cameras, and have it ask them.

    `idle` is for how many seconds its traffic at rest is counted. Without `rounds` nothing is
    known of starts, nor of the cloud's bytes. Returns the figures as the
    benchmark prints them. Raises `HouseError` and `OSError`.
    """
    path = folder / "scale.json"
    path.write_text(json.dumps(_describe(cameras)), "utf-8")
    plan = HomePlan.read(path)
    home = HomeProcess(plan, folder / "scale-home.log")
    progress.say(f"a Home Assistant with {cameras} cameras, and one without this integration")
    await home.start()
    try:
        async with Meter(f"{_NETWORK}.3", plan.cloud) as meter, Control(plan.control) as control:
            return await _measured(folder, plan, meter, control, rounds, idle, progress)
    finally:
        await home.stop()


async def _measured(
    folder: Path,
    plan: HomePlan,
    meter: Meter,
    control: Control,
    rounds: int,
    idle: float,
    progress: Progress,
) -> dict[str, Any]:
    without, with_all = folder / "scale-without", folder / "scale-with"
    cameras = len(plan.cameras)
    account = {"username": plan.username, "password": plan.password, "region": plan.region}
    starts: list[tuple[_Answer, _Answer]] = []
    watched: Watched | None = None
    async with AsyncExitStack() as stack:
        if rounds:
            await stack.enter_async_context(_running(folder, without, None))
        # Signing in ends at the cloud's own address, and nowhere else.
        running = _running(folder, with_all, plan.cloud_url)
        helper, _ = await stack.enter_async_context(running)
        await helper.ask({"add": account, "answered": cameras})
        if not rounds:
            watched = await _watch(helper, meter, control, cameras, idle, progress)
    for number in range(rounds):
        progress.say(f"start {number + 1} of {rounds}")
        async with _running(folder, without, None) as (_, bare):
            pass
        async with _running(folder, with_all, meter.url) as (helper, full):
            starts.append((bare, full))
            if number + 1 == rounds:
                await helper.ask({"answered": cameras})
                watched = await _watch(helper, meter, control, cameras, idle, progress)
    assert watched is not None
    return figures(cameras, starts, watched)


async def _watch(
    helper: Helper,
    meter: Meter,
    control: Control,
    cameras: int,
    idle: float,
    progress: Progress,
) -> Watched:
    """See what a Home Assistant does whose cameras have all answered; it is dark afterwards."""

    async def traffic() -> Traffic:
        state = await control.state()
        asked = state["cameras"].values()
        return Traffic(
            sum(int(one["miio_packets"]) for one in asked),
            sum(int(one["miio_bytes"]) for one in asked),
            int(state["cloud"]["requests"]),
            meter.bytes,
        )

    seconds = min(_SECONDS, idle)
    progress.say(f"polls, {seconds:.0f} s")
    busy = await helper.ask({"cost": seconds})
    progress.say(f"the same home at rest, {idle:.0f} s")
    await helper.ask({"rest": seconds})
    before = await traffic()
    await helper.ask({"begin": True})
    await asyncio.sleep(idle)
    at_rest = await helper.ask({"end": True})
    after = await traffic()
    progress.say(f"with pictures switched off, {seconds:.0f} s")
    dark = await helper.ask({"off": True, "cost": seconds})
    return Watched(busy, at_rest, dark, after.per_camera_hour(before, cameras, idle))


def figures(
    cameras: int, starts: Sequence[tuple[_Answer, _Answer]], watched: Watched
) -> dict[str, Any]:
    """Put the figures together; `starts` are pairs without and with the integration."""
    busy, at_rest, dark = watched.busy, watched.at_rest, watched.dark

    def percent(of: _Answer) -> float:
        return 100 * (of["cpu"] / of["seconds"] - dark["cpu"] / dark["seconds"])

    start, polling = _added(starts, "seconds"), percent(busy)
    polls = max(1.0, busy["polls"])
    return {
        f"startup_s_{cameras}_cameras": start,
        f"polling_cpu_percent_{cameras}_cameras": polling,
        "idle_traffic_per_camera_hour": dict(watched.hourly),
        "scale": {
            "cameras": cameras,
            "start_s": start,
            "start_cpu_s": _added(starts, "cpu"),
            "poll_cpu_percent": polling,
            "poll_cpu_ms": 10 * polling * busy["seconds"] / polls,
            "polls_per_minute": 60 * busy["polls"] / busy["seconds"] / cameras,
            "datagrams_per_poll": busy["datagrams"] / polls,
            "idle_cpu_percent": percent(at_rest),
            "idle_polls_per_minute": 60 * at_rest["polls"] / at_rest["seconds"] / cameras,
            "entities_per_camera": busy["entities"] / cameras,
        },
    }


@asynccontextmanager
async def _running(
    folder: Path, place: Path, cloud: str | None
) -> AsyncIterator[tuple[Helper, _Answer]]:
    """Run a Home Assistant that keeps its things at `place`; also yields what its start took."""
    async with Helper("scale_process", folder, ending=_ENDING) as helper:
        told = {"folder": str(place), "port": free_port(), "cloud": cloud}
        yield helper, await helper.ask(told)


def _added(starts: Sequence[tuple[_Answer, _Answer]], figure: str) -> float | None:
    """Return what the cameras have added to the start, median of the rounds."""
    added = [full[figure] - bare[figure] for bare, full in starts]
    return statistics.median(added) if added else None


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
