"""A camera that restarts, or comes back at another address: how long until pictures are back."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from simulator.camera import SimCamera

from .watching import Watcher, camera_spec, eventually, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simulator.camera.spec import Transport

UNNOTICED = 9.0
"""Seconds for what only silence tells: five of those, a new session, a key frame."""
_GOP_SECONDS = 2.0


@contextlib.asynccontextmanager
async def watched(camera: SimCamera, host: str | None = None) -> AsyncGenerator[Watcher]:
    """Watch a camera that sends pictures; none may be foreign or damaged in the end."""
    watcher = Watcher(camera, host or camera.spec.address)
    async with watcher.watching():
        await eventually(lambda: len(watcher.times) > 10, 10)
        yield watcher
    jumps = [
        (earlier.counter, later.counter)
        for run in watcher.tags()
        for earlier, later in itertools.pairwise(run)
        if later.counter != earlier.counter + 1
    ]
    assert all(later > earlier for earlier, later in jumps), "nothing is shown again"
    assert len(jumps) < len(watcher.keys.asked), "holes are between sessions only"
    assert watcher.violations == []


async def back(watcher: Watcher, within: float) -> float:
    """Wait for new pictures; return how long that took.

    Raises:
        TimeoutError: it took longer.
    """
    since = time.monotonic()
    took = await eventually(lambda: watcher.since(since) > 0, within)
    await eventually(lambda: watcher.since(since) > 10, 3)
    return took


async def reboot(network: str, *, transport: Transport = "udp") -> tuple[float, list[bool]]:
    """Let a camera restart within half a second, with a new key pair.

    Return how long pictures were away, in seconds, and for each session whether it was
    opened with fresh keys.

    Raises:
        TimeoutError: there is no picture within `UNNOTICED`.
    """
    spec = camera_spec(f"{network}.11", gop_seconds=_GOP_SECONDS, transport=transport)
    async with running(spec) as camera, watched(camera) as watcher:
        began = time.monotonic()
        await camera.reboot(downtime=0.5)
        await back(watcher, UNNOTICED)
        assert watcher.feed.trouble is None
        first = next(at for at in watcher.times if at > began)
        return first - began, watcher.keys.asked


async def another_address(network: str) -> tuple[float, list[bool]]:
    """Let a camera come back at another address, and tell the link at once; as `reboot`."""
    async with (
        running(camera_spec(f"{network}.12", gop_seconds=_GOP_SECONDS)) as camera,
        watched(camera) as watcher,
    ):
        await camera.miss.stop(polite=False)
        await camera.miio.stop()
        spec = camera_spec(f"{network}.13", gop_seconds=_GOP_SECONDS)
        moved = SimCamera(spec, camera.keys)
        await moved.start()
        try:
            watcher.host = spec.address
            took = await back(watcher, UNNOTICED)
            assert moved.viewers == 1
            return took, watcher.keys.asked
        finally:
            await moved.stop()
