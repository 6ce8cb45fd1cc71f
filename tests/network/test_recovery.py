"""A feed gets over everything by itself, without anybody doing anything, and within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.media import Trouble, UpstreamError
from simulator.camera import SimCamera
from simulator.network import LossyPath
from tests.home import spec

from .watching import NETWORK, Watcher, eventually, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

UNNOTICED = 9.0
"""Seconds for what only silence tells: five of those, a new session, a key frame."""
TOLD = 5.0
"""Seconds where the camera says that the session is over: a pause, a session, a key frame."""


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
    """Wait for new pictures; return how long that took."""
    since = time.monotonic()
    took = await eventually(lambda: watcher.since(since) > 0, within)
    await eventually(lambda: watcher.since(since) > 10, 3)
    return took


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_camera_that_restarts(transport: str) -> None:
    async with running(11, transport=transport) as camera, watched(camera) as watcher:
        await camera.reboot(downtime=0.5)
        await back(watcher, UNNOTICED)
        # The kept keys were tried first, refused, and new ones asked for, once.
        assert watcher.keys.asked == [False, False, True]
        assert watcher.feed.trouble is None


async def test_a_camera_that_gets_another_address() -> None:
    async with running(12) as camera, watched(camera) as watcher:
        await camera.miss.stop(polite=False)
        await camera.miio.stop()
        moved = SimCamera(spec(12, address=f"{NETWORK}.13", gop_seconds=2.0), camera.keys)
        await moved.start()
        try:
            watcher.host = moved.spec.address
            await back(watcher, UNNOTICED)
            assert watcher.keys.asked == [False, False], "the old keys still do"
            assert moved.viewers == 1
        finally:
            await moved.stop()


async def test_a_router_that_forgets_the_way() -> None:
    async with (
        running(14) as camera,
        LossyPath(camera.spec.address, f"{NETWORK}.114") as path,
        watched(camera, path.path_address) as watcher,
    ):
        path.forget()
        await back(watcher, UNNOTICED)
        assert camera.media_connections_total == 2


async def test_keys_that_are_not_good_any_more() -> None:
    async with running(15) as camera, watched(camera) as watcher:
        camera.keys.rotate(camera.spec.did)
        camera.miss.drop_clients(polite=True)
        await back(watcher, TOLD)
        assert watcher.keys.asked == [False, False, True]


async def test_a_cloud_that_is_away_when_new_keys_are_needed() -> None:
    async with running(16) as camera, watched(camera) as watcher:
        watcher.keys.outage = UpstreamError(Trouble.NO_KEYS)
        camera.keys.rotate(camera.spec.did)
        camera.miss.drop_clients(polite=True)
        await eventually(lambda: watcher.feed.trouble is Trouble.NO_KEYS, TOLD)
        seen = len(watcher.times)
        await asyncio.sleep(2)
        assert len(watcher.times) == seen
        watcher.keys.outage = None
        # The pauses grow: after three seconds away the next attempt is at most five away.
        await back(watcher, 5 + TOLD)
        assert watcher.feed.trouble is None
        assert watcher.keys.asked.count(True) <= 5, "the cloud is not stormed"


async def test_a_cloud_that_is_away_when_no_keys_are_needed() -> None:
    async with running(17) as camera, watched(camera) as watcher:
        watcher.keys.outage = UpstreamError(Trouble.NO_KEYS)
        camera.miss.drop_clients(polite=True)
        await back(watcher, TOLD)
        assert True not in watcher.keys.asked
