"""A minute over a path that loses, delays, doubles and reorders: what can be decoded of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import random

from simulator.network import LossyPath

from .watching import Watcher, camera_spec, eventually, running


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a stream."""

    counters: list[int]
    """The numbers of the decoded pictures, as they came."""
    interruptions: int
    """How often the feed ended and was opened anew."""
    sessions: int
    lost: tuple[float, float]
    """Which share of the datagrams the path lost, to the camera and from it."""
    doubled: int
    most_held: int
    """The most bytes the connection held at any time."""
    violations: int

    @property
    def taken(self) -> int:
        """How many pictures the camera took from the first decoded one to the last."""
        return self.counters[-1] - self.counters[0] + 1

    @property
    def share(self) -> float:
        """Which share of them was decoded."""
        return len(set(self.counters)) / self.taken


async def watch(
    seed: int, network: str, *, loss: float, seconds: float = 60.0, gop_seconds: float = 2.0
) -> Watched:
    """Watch a camera with sound over a bad path.

    Args:
        seed: of what the path and everybody does by chance.
        network: the addresses, such as 127.0.56; of them `.seed` is the camera's and the
            path's is `.100` on, so seeds at the same time are below 100 and differ.
        loss: the share of the datagrams lost each way.
        seconds: for how long, from the first picture on.
        gop_seconds: from key frame to key frame.

    Raises:
        TimeoutError: no picture came within ten seconds.
    """
    random.seed(seed)
    spec = camera_spec(
        f"{network}.{1 + seed % 99}", did=5_000_000_000 + seed, gop_seconds=gop_seconds
    )
    async with (
        running(spec) as camera,
        LossyPath(
            spec.address,
            f"{network}.{100 + seed % 99}",
            loss=loss,
            reorder=0.1,
            jitter_ms=100,
            duplicate=0.02,
            seed=seed,
        ) as path,
    ):
        watcher = Watcher(camera, path.path_address, sound=True)
        async with watcher.watching():
            await eventually(lambda: watcher.times, 10)
            await asyncio.sleep(seconds)
        runs = watcher.tags()
        ways = (path.to_camera, path.to_client)
        return Watched(
            counters=[tag.counter for run in runs for tag in run],
            interruptions=len(runs) - 1,
            sessions=camera.media_connections_total,
            lost=(ways[0].lost / ways[0].datagrams, ways[1].lost / ways[1].datagrams),
            doubled=path.to_client.doubled,
            most_held=watcher.most_held,
            violations=len(watcher.violations),
        )
