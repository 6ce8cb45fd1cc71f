"""Fixtures of the tests of renditions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from .pictures import FakeCamera
from .rendition_scene import SOURCE, Scene

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from custom_components.mi_camera.gate import Gate


@pytest.fixture
async def scene(gate: Gate) -> AsyncGenerator[Scene]:
    scene = Scene(FakeCamera(SOURCE), gate)
    yield scene
    await scene.close()


@pytest.fixture
def playing(scene: Scene) -> Callable[..., asyncio.Task[None]]:
    return lambda **how: asyncio.create_task(scene.play(**how))
