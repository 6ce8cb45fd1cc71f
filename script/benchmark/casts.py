"""How long until a display shows a camera: our casts, and Home Assistant's own beside them.

A whole Home Assistant with its own `cast` integration, and simulated displays that fetch and
decode what they are given.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import json
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from simulator.display.fetch import LOAD
from simulator.house.casts import cast, stop_cast
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.process import free_port

from .cast_home import GOP_SECONDS, OTHER, SHOWN, describe, is_large
from .processes import BenchFailed
from .quantile import quantile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from simulator.house.progress import Progress

_PATIENCE: Final = 40.0
_PLAYS: Final = 5.0
"""Seconds of play from which the delay is taken; it begins after the first second."""
_POLL: Final = 0.05
_CONVERTED: Final = ("converted_cold", "converted_warm")
_KINDS: Final = ("cold", "warm", "play_stream", *_CONVERTED)
_PLAY_STREAM_COLD: Final = "play_stream_cold"
_ALL_KINDS: Final = (*_KINDS, _PLAY_STREAM_COLD)
STEPS: Final = ("camera", "told", "asked", "listed", "served", "decoded")
"""On the way to the first picture: the camera has taken it (0: before the action), the display
has been told, it has asked for the playlist, has got one, has got a segment, has decoded it."""


@dataclass(slots=True)
class Casts:
    """Milliseconds, by kind."""

    first: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    """From the action to the first picture that a display has decoded."""
    delays: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    """From capture to the screen, the median of each run."""
    steps: dict[str, list[dict[str, float]]] = field(
        default_factory=lambda: {kind: [] for kind in _ALL_KINDS}
    )
    """From the action to each of `STEPS`."""
    repeated: int = 0
    """How many were done once more, as the display showed nothing."""

    def figures(self) -> dict[str, Any]:
        """Return them as the benchmark prints them."""
        cold, warm = _CONVERTED
        return {
            "cast_ms": {
                "cold": _quantiles(self.first["cold"]),
                "warm": _quantiles(self.first["warm"]),
                "play_stream": _quantiles(self.first["play_stream"]),
                "converted": {
                    "cold": _quantiles(self.first[cold]),
                    "warm": _quantiles(self.first[warm]),
                },
            },
            "cast_latency_ms": {
                "ours": statistics.median(self.delays["cold"] + self.delays["warm"]),
                "play_stream": statistics.median(self.delays["play_stream"]),
                "converted": statistics.median(self.delays[cold] + self.delays[warm]),
            },
            "casts_repeated": self.repeated,
            "cast_steps_ms": {
                "ours": {"cold": self._steps("cold"), "warm": self._steps("warm")},
                "play_stream": {
                    "cold": self._steps(_PLAY_STREAM_COLD),
                    "warm": self._steps("play_stream"),
                },
                "converted": {"cold": self._steps(cold), "warm": self._steps(warm)},
            },
        }

    def _steps(self, kind: str) -> dict[str, dict[str, float]]:
        runs = self.steps[kind]
        return {step: _quantiles(took) for step in STEPS if (took := [run[step] for run in runs])}


def _quantiles(took: Sequence[float]) -> dict[str, float]:
    return {"p50": quantile(took, 0.5), "p95": quantile(took, 0.95)}


async def casts(folder: Path, rounds: int, progress: Progress) -> Casts:
    """Show cameras on a display so many times in each way; raises `HouseError`."""
    path = folder / "casts.json"
    path.write_text(json.dumps(describe()), "utf-8")
    plan = HomePlan.read(path)
    progress.say("a Home Assistant with displays")
    async with (
        House(plan, folder / "casts", free_port(), progress) as house,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
    ):
        run = _Run(house, http, progress.say)
        for number in range(rounds):
            await run.round(number)
            progress.say(f"casts {number + 1} of {rounds}: {run.last()}")
    return run.casts


@dataclass(slots=True)
class _Run:
    house: House
    http: aiohttp.ClientSession
    say: Callable[[str], None]
    casts: Casts = field(default_factory=Casts)

    def last(self) -> str:
        return ", ".join(f"{kind} {took[-1]:.0f} ms" for kind, took in self.casts.first.items())

    async def round(self, number: int) -> None:
        await self._as_it_is(number)
        await self._converted(number)

    async def _as_it_is(self, number: int) -> None:
        client, cameras = self.house.client, self._cameras(large=False)
        did, camera = cameras[number % len(cameras)]
        second_did, second = cameras[(number + len(cameras) // 2) % len(cameras)]
        shown, other = self._displays

        async def theirs(camera: str = camera) -> object:
            target = {"entity_id": camera}
            return await client.call("camera.play_stream", {"media_player": shown}, target=target)

        async def stop_theirs() -> object:
            target = {"entity_id": shown}
            return await client.call("media_player.turn_off", {}, target=target)

        await self._ours("cold", did, camera)
        # Somebody else looks at it from now on.
        await cast(client, camera, other)
        await self._spread(number)
        await self._ours("warm", did, camera)
        await self._tried("play_stream", did, theirs, stop_theirs)
        await stop_cast(client, camera, other)
        await self._quiet(second_did)
        await self._tried(_PLAY_STREAM_COLD, second_did, lambda: theirs(second), stop_theirs)

    async def _converted(self, number: int) -> None:
        """Show a camera whose pictures the display does not play."""
        cold, warm = _CONVERTED
        cameras = self._cameras(large=True)
        did, camera = cameras[number % len(cameras)]
        await self._spread(number)
        await self._ours(cold, did, camera)
        await cast(self.house.client, camera, self._displays[1])
        await self._spread(number)
        await self._ours(warm, did, camera)
        await stop_cast(self.house.client, camera, self._displays[1])

    def _cameras(self, *, large: bool) -> list[tuple[int, str]]:
        every = self.house.entities.cameras.items()
        return [(did, entity) for did, entity in every if is_large(did) is large]

    @property
    def _displays(self) -> tuple[str, str]:
        of = self.house.entities.displays
        return of[SHOWN], of[OTHER]

    @staticmethod
    async def _spread(number: int) -> None:
        """Wait, so that the moments are spread over a group of pictures."""
        await asyncio.sleep(1.0 + number * 0.37 % GOP_SECONDS)

    async def _ours(self, kind: str, did: int, camera: str) -> None:
        client, shown = self.house.client, self._displays[0]
        if kind.endswith("cold"):
            await self._quiet(did)
        await self._tried(
            kind,
            did,
            lambda: cast(client, camera, shown),
            lambda: stop_cast(client, camera, shown),
        )

    async def _tried(
        self,
        kind: str,
        did: int,
        begin: Callable[[], Awaitable[object]],
        end: Callable[[], Awaitable[object]],
    ) -> None:
        """Do it once more if need be: a display that loses its connection is not told again."""
        try:
            await self._once(kind, did, begin, end)
        except BenchFailed as err:
            self.say(f"{kind}, once more: {err}")
            self.casts.repeated += 1
            await end()
            await asyncio.sleep(1.0)
            await self._once(kind, did, begin, end)

    async def _once(
        self,
        kind: str,
        did: int,
        begin: Callable[[], Awaitable[object]],
        end: Callable[[], Awaitable[object]],
    ) -> None:
        since = await self._newest()
        asked = max((int(one["n"]) for one in await self._requests(0)), default=0)
        began = time.time() * 1000
        calling = asyncio.ensure_future(begin())
        try:
            first = await self._first(did, since, calling)
            await calling
        finally:
            calling.cancel()
            await asyncio.wait([calling])
        self.casts.steps[kind].append(
            steps(began, first, await self._frames(since), await self._requests(asked))
        )
        if kind == _PLAY_STREAM_COLD:
            await end()
            return
        self.casts.first[kind].append(first - began)
        await asyncio.sleep(_PLAYS)
        frames = await self._frames(since)
        settled = [one for one in frames if one["presented_ms"] > first + 1000]
        if not settled or any(one["did"] != did for one in frames):
            raise BenchFailed(f"{kind}: the display does not show camera {did}")
        self.casts.delays[kind].append(
            statistics.median(one["presented_ms"] - one["captured_ms"] for one in settled)
        )
        await end()
        await asyncio.sleep(1.0)

    async def _first(self, did: int, since: int, calling: asyncio.Future[object]) -> float:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            for frame in await self._frames(since):
                if frame["did"] == did:
                    return float(frame["decoded_ms"])
            if calling.done() and (error := calling.exception()) is not None:
                raise BenchFailed(f"camera {did} cannot be shown: {error}")
            await asyncio.sleep(_POLL)
        raise BenchFailed(f"no picture of camera {did} on a display in {_PATIENCE:.0f} s")

    async def _newest(self) -> int:
        frames = await self._frames(0)
        return int(frames[-1]["n"]) if frames else 0

    async def _frames(self, since: int) -> list[dict[str, Any]]:
        return await self._news("frames", since)

    async def _requests(self, since: int) -> list[dict[str, Any]]:
        return await self._news("requests", since)

    async def _news(self, what: str, since: int) -> list[dict[str, Any]]:
        host, port = self.house.plan.control
        url = f"http://{host}:{port}/displays/{SHOWN}/{what}?since={since}"
        async with self.http.get(url) as response:
            news: list[dict[str, Any]] = (await response.json())[what]
            return news

    async def _quiet(self, did: int) -> None:
        """Wait until nobody has a session with a camera any more."""
        deadline = time.monotonic() + 2 * _PATIENCE
        while (await self.house.control.cameras())[did]["media_connections"]:
            if time.monotonic() > deadline:
                raise BenchFailed(f"camera {did} is never left alone")
            await asyncio.sleep(0.2)


def steps(
    began: float,
    decoded: float,
    frames: Sequence[Mapping[str, Any]],
    requests: Sequence[Mapping[str, Any]],
) -> dict[str, float]:
    """Return the time from the action, at `began`, to each of `STEPS`, in milliseconds.

    `frames` and `requests` are what the display has presented and asked for since; `decoded` is
    when the first picture of the camera was decoded. All times are unix milliseconds.
    """
    shown = next(one for one in frames if one["decoded_ms"] == decoded)
    mine = [one for one in requests if one["session"] == shown["session"]]
    (told,) = (one for one in mine if one["name"] == LOAD)
    asked = next(one for one in mine if one["name"] != LOAD)

    def got(suffix: str) -> float:
        return float(
            next(
                one["answered_ms"]
                for one in mine
                if one["name"].endswith(suffix) and one["size"] is not None
            )
        )

    times = {
        "camera": shown["captured_ms"],
        "told": told["asked_ms"],
        "asked": asked["asked_ms"],
        "listed": got(".m3u8"),
        "served": got(".m4s"),
        "decoded": decoded,
    }
    return {step: max(0.0, times[step] - began) for step in STEPS}
