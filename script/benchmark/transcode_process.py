"""One conversion in a process of its own: as a rendition makes it, or by ffmpeg alone.

A line in, a line out: {"units": path, "fps": number, "seconds": number, "ffmpeg": path} is
answered, once that has been converted at the pace it was taken, by {"cpu": seconds of it and its
ffmpeg, "ffmpeg": seconds of ffmpeg alone, "pictures": how many came out}. With {"alone": true}
ffmpeg reads a file of the same pictures and nothing of ours is in between.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.media import (
    AccessUnit,
    EncoderChoice,
    EncoderSlots,
    Feed,
    Rendition,
    Source,
    clock,
    picture_format,
)
from custom_components.mi_camera.media.encoder_arguments import encoder_arguments
from custom_components.mi_camera.media.flv import FlvReader
from custom_components.mi_camera.media.mux import TsMuxer
from custom_components.mi_camera.media.rendition_session import fitted
from custom_components.mi_camera.miss import Codec

from .lines import lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.gate import Permit

_SOURCE = Source("3004004001")
_REST = 1.0
"""Seconds for the last pictures to come out."""


class _Upstream:
    """A camera that plays what it is given."""

    session = 1

    def __init__(self, playing: asyncio.Task[None]) -> None:
        self._playing = playing

    def abort(self) -> None:
        """Stop playing."""
        self._playing.cancel()

    async def close(self) -> None:
        """Stop playing."""
        self.abort()


def _unit(number: int, captured: float, pictures: list[bytes], epoch: int = 0) -> AccessUnit:
    place = number % len(pictures)
    return AccessUnit(
        _SOURCE,
        epoch,
        _Upstream.session,
        number,
        captured,
        Codec.H265,
        keyframe=place == 0,
        data=pictures[place],
    )


async def _rendition(pictures: list[bytes], fps: int, count: int, ffmpeg: str) -> int:
    """Make a rendition of a lens that sends so many pictures; return how many have come."""
    gate = Gate()
    gate.open()
    permit = gate.require()

    async def play(on_unit: Callable[[AccessUnit], None]) -> None:
        began = clock.now()
        for number in range(count):
            await asyncio.sleep(began + number / fps - clock.now())
            on_unit(_unit(number, clock.now(), pictures, permit.epoch))

    async def connect(_: Permit, on_unit: Callable[[Any], None], __: object) -> _Upstream:
        return _Upstream(asyncio.get_running_loop().create_task(play(on_unit)))

    async def binary() -> str:
        return ffmpeg

    feed = Feed(_SOURCE, connect)
    rendition = Rendition(feed, binary, slots=EncoderSlots(1), choice=EncoderChoice(()))
    viewer = rendition.feed.view(permit)
    made = 0

    def take() -> None:
        nonlocal made
        while (taken := viewer.take_parts()) is not None:
            made += sum(isinstance(part, AccessUnit) for part in taken[0])

    viewer.listen(take)
    try:
        await asyncio.sleep(count / fps + _REST)
    finally:
        gate.close()
        await rendition.close()
        await feed.close()
    return made


def _alone(pictures: list[bytes], fps: int, count: int, ffmpeg: str, file: Path) -> int:
    """Have ffmpeg convert a file of so many pictures with the same arguments."""
    shape = picture_format(_unit(0, 0.0, pictures))
    assert shape is not None
    muxer = TsMuxer(Codec.H265, 0.0)
    with file.open("wb") as stream:
        for number in range(count):
            stream.write(muxer.mux(_unit(number, number / fps, pictures)))
    arguments = encoder_arguments(*fitted(shape.width, shape.height))
    # At the pace it was taken, like the other: a processor that rests between pictures has
    # less of them in its caches.
    arguments.insert(arguments.index("-f"), "-re")
    with file.open("rb") as stream:
        done = subprocess.run([ffmpeg, *arguments], stdin=stream, capture_output=True, check=True)
    return sum(1 for _ in FlvReader().feed(done.stdout))


def _used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _pictures(path: Path) -> list[bytes]:
    return [bytes.fromhex(line) for line in path.read_text("ascii").split()]


async def _serve() -> None:
    async for question in lines():
        units, fps, ffmpeg = Path(question["units"]), question["fps"], question["ffmpeg"]
        pictures, count = _pictures(units), round(question["seconds"] * fps)
        own, child = _used(resource.RUSAGE_SELF), _used(resource.RUSAGE_CHILDREN)
        if is_alone := question.get("alone", False):
            file = units.with_suffix(".ts")
            made = await asyncio.to_thread(_alone, pictures, fps, count, ffmpeg, file)
        else:
            made = await _rendition(pictures, fps, count, ffmpeg)
        child = _used(resource.RUSAGE_CHILDREN) - child
        own = 0.0 if is_alone else _used(resource.RUSAGE_SELF) - own
        answer = {"cpu": own + child, "ffmpeg": child, "pictures": made}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
    sys.exit()
