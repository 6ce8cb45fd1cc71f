"""Ten seconds without network: how long until pictures are back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import random
import time

from simulator.network import LossyPath

from .watching import Watcher, camera_spec, eventually, running

DARK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Blackout:
    """How pictures came back after the network did."""

    seconds: float
    """From the network to the first picture."""
    due: float
    """From the network to the camera's first key frame."""
    age: float
    """How old the last picture was when it came, once all was well again: seconds."""
    violations: int


async def blackout(
    seed: int,
    network: str,
    *,
    gop_seconds: float,
    patience: float = 10.0,
    dark_seconds: float = DARK_SECONDS,
    loss: float = 0.1,
) -> Blackout:
    """Watch a camera through a blackout of a path that loses, delays and reorders all the time.

    Args:
        seed: of what the path and everybody does by chance, and of when the light goes out.
        network: the addresses, such as 127.0.56; .1 is the camera, .2 the path.
        gop_seconds: from key frame to key frame.
        patience: how long the camera waits for a client that is silent.
        dark_seconds: how long nothing passes.
        loss: the share of the datagrams lost all the time.

    Raises:
        TimeoutError: no picture within ten seconds.
    """
    random.seed(seed)
    chance = random.Random(seed)
    async with (
        running(camera_spec(f"{network}.1", gop_seconds=gop_seconds)) as camera,
        LossyPath(
            camera.spec.address,
            f"{network}.2",
            loss=loss,
            reorder=0.1,
            jitter_ms=100,
            duplicate=0.02,
            seed=seed,
        ) as path,
    ):
        camera.miss.silence_timeout = patience
        watcher = Watcher(camera, path.path_address)
        async with watcher.watching():
            await eventually(lambda: len(watcher.times) > 15, 10)
            keys: list[float] = []
            forget = camera.miss.watch(
                0, 2, lambda one: keys.append(time.monotonic()) if one.keyframe else None
            )
            await asyncio.sleep(chance.uniform(0, gop_seconds))
            path.blackout = True
            await asyncio.sleep(dark_seconds)
            light = time.monotonic()
            path.blackout = False
            took = await eventually(lambda: watcher.since(light), 20)
            await asyncio.sleep(1.5)
            forget()
            age = time.time() - watcher.tags()[-1][-1].captured_ms / 1000
    due = next(at for at in keys if at >= light) - light
    return Blackout(took, due, age, len(watcher.violations))
