"""The trial of an encoder: it makes pictures as it would have to, and they are looked at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import av
from av.error import FFmpegError

from ..miss import Codec
from .access_unit import AccessUnit, Source
from .encoder import Encoder, EncoderError
from .encoder_arguments import encoder_arguments
from .mux import TsMuxer
from .picture_format import picture_format

if TYPE_CHECKING:
    from .encoder_arguments import H264Encoder
    from .flv import FlvPicture

__all__ = ["TrialFailed", "async_try"]

SIZE: Final = (1280, 720)
"""The largest that is ever asked for, and the usual one."""
FPS: Final = 20
PICTURES: Final = 40
"""Two seconds of them, so that there must be two key frames."""
PACE: Final = 2
"""So many times as fast as a camera."""
HELD: Final = 6
"""So many pictures may be in the encoder when the next is given: more would be a delay."""
FIRST: Final = 2.5
"""How long the first picture may take, in seconds: it is that of the program as well."""
LATE: Final = 1.0
_MAIN: Final = 77
_MAX_LEVEL: Final = 41
_MIDDLE: Final = 128
_OFF: Final = 24
_SOURCE: Final = Source("trial")
# A grey key frame of 64×64 pixels: sequence and picture parameter sets, and one IDR slice.
_GREY: Final = bytes.fromhex(
    "000000016742c00ad90426c044000003000400000300083c4899200000000168cb83cb200000"
    "01658884057c98a000205b2727275d75d75d75d75d75d780"
)


class TrialFailed(Exception):
    """An encoder does not do; the text says why, for diagnostics."""


async def async_try(binary: str, encoder: H264Encoder) -> None:
    """Let an encoder of an ffmpeg make pictures with the arguments it would be used with.

    The process is gone when this returns, also when it is cancelled.

    Raises:
        TrialFailed: it cannot be run, or what it makes is not what was asked for, or late.
    """
    trial = _Trial()
    try:
        await trial.run(binary, encoder)
    finally:
        trial.process.kill()
        await trial.process.wait()
    trial.judge()
    await asyncio.get_running_loop().run_in_executor(None, trial.look)


class _Trial:
    def __init__(self) -> None:
        self.made: list[FlvPicture] = []
        self._changed = asyncio.Event()
        self.process = Encoder(self._made, self._changed.set)

    def _made(self, picture: FlvPicture) -> None:
        self.made.append(picture)
        self._changed.set()

    async def run(self, binary: str, encoder: H264Encoder) -> None:
        """Feed it at its pace; each picture has to be out soon."""
        try:
            await self.process.start(binary, encoder_arguments(*SIZE, encoder))
        except EncoderError as err:
            raise TrialFailed(f"it cannot be run: {err}") from None
        self.process.calm()
        muxer = TsMuxer(Codec.H264, 0.0)
        for number in range(PICTURES):
            at = number / FPS
            unit = AccessUnit(_SOURCE, 0, 0, number, at, Codec.H264, keyframe=True, data=_GREY)
            self.process.write(muxer.mux(unit))
            await self._until(number + 1 - HELD)
            await asyncio.sleep(1 / FPS / PACE)
        await self._until(PICTURES - HELD)

    async def _until(self, count: int) -> None:
        """Wait until so many pictures have come."""
        try:
            async with asyncio.timeout(LATE if self.made else FIRST):
                while len(self.made) < count:
                    if self.process.ended:
                        raise TrialFailed(self.process.complaint or "it has ended")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TrialFailed(
                "its pictures are late" if self.made else "it gives no picture"
            ) from None

    def judge(self) -> None:
        """Look at what is told of the pictures."""
        unit = self._first()
        shape = picture_format(unit) if unit.keyframe else None
        if shape is None or (shape.width, shape.height) != SIZE:
            raise TrialFailed("it does not begin with a key frame of the size asked for")
        if shape.profile > _MAIN or shape.level > _MAX_LEVEL:
            raise TrialFailed(f"it makes profile {shape.profile}, level {shape.level / 10}")
        times = [picture.at for picture in self.made]
        if times != sorted(set(times)):
            raise TrialFailed("its pictures are not in order")
        if sum(picture.keyframe for picture in self.made) < 2:
            raise TrialFailed("it makes too few key frames")

    def look(self) -> None:
        """Decode the first picture; a driver that does not do makes green ones."""
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        try:
            frames = [
                frame
                for packet in (av.Packet(self._first().data), None)
                for frame in decoder.decode(packet)
            ]
        except FFmpegError:
            frames = []
        if not frames:
            raise TrialFailed("its first picture cannot be decoded")
        for plane in frames[0].reformat(format="yuv420p").planes:
            middle = bytes(plane)[plane.line_size * plane.height // 2 :][: plane.width]
            if abs(sum(middle) / len(middle) - _MIDDLE) > _OFF:
                raise TrialFailed("its pictures are not those it was given")

    def _first(self) -> AccessUnit:
        first = self.made[0]
        return AccessUnit(_SOURCE, 0, 0, 0, 0.0, Codec.H264, first.keyframe, first.data)
