"""Simulated cameras and bare clients of them."""

from __future__ import annotations

from contextlib import AsyncExitStack
import itertools
from typing import TYPE_CHECKING

import pytest

from simulator.camera import CameraSpec, SimCamera
from simulator.keys import KeyBook

from .miss_peer import MissPeer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .cameras import MakeCamera, MakePeer

_addresses = itertools.cycle(f"127.0.40.{last}" for last in range(10, 120))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def camera_at(stack: AsyncExitStack) -> MakeCamera:
    """Start a camera with small pictures and short groups of them."""

    async def make(**changes: object) -> SimCamera:
        fields: dict[str, object] = {
            "did": 1001001001,
            "model": "chuangmi.camera.021a04",
            "name": "Kitchen",
            "scene": "kitchen",
            "address": next(_addresses),
            "mac": "54:EF:44:00:00:01",
            "token": bytes(range(16)),
            "gop_seconds": 0.5,
            "qualities": {1: (320, 180), 2: (640, 360)},
        }
        camera = SimCamera(CameraSpec(**(fields | changes)), KeyBook())  # type: ignore[arg-type]
        camera.miss.chatter = 0
        await camera.start()
        stack.push_async_callback(camera.stop)
        return camera

    return make


@pytest.fixture
def peer_of(stack: AsyncExitStack) -> MakePeer:
    """Make a client of a camera."""

    async def make(camera: SimCamera, *, acknowledge: bool = True) -> MissPeer:
        peer = MissPeer(camera.spec, camera.keys, acknowledge=acknowledge)
        return await stack.enter_async_context(peer)

    return make
