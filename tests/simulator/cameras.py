"""What tests of the simulated camera share: waiting and decoding."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import av

from simulator.tag import Tag, read_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.camera import SimCamera

    from .miss_peer import Media, MissPeer

    type MakeCamera = Callable[..., Awaitable[SimCamera]]
    type MakePeer = Callable[..., Awaitable[MissPeer]]


async def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def decoded(pictures: list[Media]) -> list[Tag]:
    """Decode from the first key frame on."""
    start = next(index for index, picture in enumerate(pictures) if picture.is_key)
    name = "h264" if pictures[0].codec == 4 else "hevc"
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [f for p in pictures[start:] for f in decoder.decode(av.Packet(p.data))]
    frames += decoder.decode(None)
    tags = [read_frame(frame) for frame in frames]
    assert None not in tags
    return [tag for tag in tags if tag]
