"""A group of pictures encoded once and sent over and over, where encoders would be too many.

What a client cannot tell from live pictures stays as it is: the size of the pictures and their
pace. Only the tags grow old, since they are in the pictures.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
import time
from typing import TYPE_CHECKING

import numpy as np

from simulator.encoder import PictureEncoder
from simulator.scene import Scene
from simulator.tag import Tag, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.camera.spec import CameraSpec, VideoCodec
    from simulator.encoder import Plane

_BEHIND = 1.0
_NOISE = 1.0
"""Standard deviation of luma. Without a sensor's noise, a picture in which nothing moves takes
no bytes, and the stream falls short of its bit rate."""


@functools.lru_cache(maxsize=2)
def _noise(width: int, height: int) -> Plane:
    """Return noise to add, modulo 256, to luma; twice as high as the picture."""
    noise = np.random.default_rng(1).normal(0, _NOISE, (2 * height, width))
    return np.rint(noise).astype(np.int8).view(np.uint8)


def record(
    spec: CameraSpec, lens: int, codec: VideoCodec, size: tuple[int, int], counter: Iterator[int]
) -> tuple[bytes, ...]:
    """Return one group of pictures of a lens, the key frame first; takes a fifth of a second.

    The encoder runs for half a group before, until its rate control has settled.
    """
    width, height = size
    scene = Scene(spec.scene, spec.name, width, height, lens)
    encoder = PictureEncoder(codec, width, height, spec.fps)
    noise = _noise(width, height)
    start = random.Random(spec.did)
    gop = max(2, round(spec.gop_seconds * spec.fps))
    before = gop // 2
    began = time.time_ns() // 1_000_000
    pictures: list[bytes] = []
    for index in range(before + gop):
        at = began + index * 1000 // spec.fps
        scene.paint(encoder.planes, at)
        row = start.randrange(height)
        luma = encoder.planes[0]
        luma += noise[row : row + height]
        draw(luma, Tag(spec.did, lens, next(counter), at))
        pictures.append(encoder.encode(key=index in {0, before}))
    return tuple(pictures[before:])


async def replay(
    pictures: tuple[bytes, ...], fps: int, give: Callable[[bool, bytes], bool]
) -> None:
    """Give the pictures, each with whether it is a key frame, until `give` returns False.

    Begins at any moment within a picture's time: cameras do not keep time together.
    """
    loop = asyncio.get_running_loop()
    period = 1 / fps
    due = loop.time() + random.uniform(0, period)
    for index in itertools.cycle(range(len(pictures))):
        now = loop.time()
        if now - due > _BEHIND:
            due = now
        await asyncio.sleep(due - now)
        due += period
        if not give(index == 0, pictures[index]):
            return
