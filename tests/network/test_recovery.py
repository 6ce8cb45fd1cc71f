"""A feed gets over everything by itself, without anybody doing anything, and within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.media import Trouble, UpstreamError
from script.network_runs.changes import UNNOTICED, another_address, back, reboot, watched
from script.network_runs.clock import simulated
from script.network_runs.watching import camera_spec, eventually, running
from simulator.network import LossyPath

if TYPE_CHECKING:
    from simulator.camera import CameraSpec
    from simulator.camera.spec import Transport

NETWORK = "127.0.56"
TOLD = 5.0
"""Seconds where the camera says that the session is over: a pause, a session, a key frame."""


def _spec(number: int) -> CameraSpec:
    return camera_spec(f"{NETWORK}.{number}", did=5_000_000_000 + number, gop_seconds=2.0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_camera_that_restarts(transport: Transport) -> None:
    _, asked = simulated(reboot(NETWORK, transport=transport))
    # The kept keys were tried first, refused, and new ones asked for, once.
    assert asked == [False, False, True]


def test_a_camera_that_gets_another_address() -> None:
    _, asked = simulated(another_address(NETWORK))
    assert asked == [False, False], "the old keys still do"


async def test_a_router_that_forgets_the_way() -> None:
    async with (
        running(_spec(14)) as camera,
        LossyPath(camera.spec.address, f"{NETWORK}.114") as path,
        watched(camera, path.path_address) as watcher,
    ):
        path.forget()
        await back(watcher, UNNOTICED)
        assert camera.media_connections_total == 2


async def test_keys_that_are_not_good_any_more() -> None:
    async with running(_spec(15)) as camera, watched(camera) as watcher:
        camera.keys.rotate(camera.spec.did)
        camera.miss.drop_clients(polite=True)
        await back(watcher, TOLD)
        assert watcher.keys.asked == [False, False, True]


async def test_a_cloud_that_is_away_when_new_keys_are_needed() -> None:
    async with running(_spec(16)) as camera, watched(camera) as watcher:
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
    async with running(_spec(17)) as camera, watched(camera) as watcher:
        watcher.keys.outage = UpstreamError(Trouble.NO_KEYS)
        camera.miss.drop_clients(polite=True)
        await back(watcher, TOLD)
        assert True not in watcher.keys.asked
