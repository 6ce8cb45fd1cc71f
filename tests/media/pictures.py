"""Real coded pictures and an upstream that plays them, for the tests of media/."""

from __future__ import annotations

import asyncio
from functools import cache
import itertools
from typing import TYPE_CHECKING

import av
import numpy as np

from custom_components.mi_camera.media import (
    AccessUnit,
    SoundUnit,
    Source,
    Tracks,
    UpstreamError,
    clock,
)
from custom_components.mi_camera.miss import Codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.gate import Permit

GROUP = 10
ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}
_sessions = itertools.count(1000)


@cache
def coded(
    codec: Codec = Codec.H264, width: int = 320, height: int = 180, grey: int = 128
) -> tuple[bytes, ...]:
    """Return two groups of pictures, Annex B, parameter sets on key frames."""
    encoder = av.CodecContext.create(ENCODERS[codec], "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = 15
    encoder.time_base = 1 / encoder.framerate
    encoder.gop_size = GROUP
    if codec is Codec.H264:
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "repeat-headers": "1"}
        encoder.options["x264-params"] = (
            f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:repeat-headers=1"
        )
    else:
        encoder.options = {
            "preset": "ultrafast",
            "x265-params": f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:bframes=0:"
            "repeat-headers=1:log-level=none:rc-lookahead=0:frame-threads=1",
        }
    units = []
    for index in range(2 * GROUP):
        plane = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
        plane[:height] = grey
        plane[:height, (index * 8) % width :][:, :8] = 255 - grey
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts = index
        units += [bytes(packet) for packet in encoder.encode(frame)]
    units += [bytes(packet) for packet in encoder.encode(None)]
    return tuple(units)


class FakeUpstream:
    """A camera session under the test's control, which counts what is done to it."""

    def __init__(
        self,
        source: Source,
        epoch: int,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
        tracks: Tracks = Tracks.PICTURES,
    ) -> None:
        self.source = source
        self.tracks = tracks
        self.sound_sequence = 0
        self.epoch = epoch
        self.session = next(_sessions)
        self.on_unit = on_unit
        self.on_closed = on_closed
        self.aborted = False
        self.closed = False
        self.sequence = 0

    def send(
        self,
        count: int = 1,
        *,
        codec: Codec = Codec.H264,
        units: tuple[bytes, ...] | None = None,
        source: Source | None = None,
        epoch: int | None = None,
        session: int | None = None,
        age: float = 0.0,
    ) -> None:
        """Deliver the next pictures, or forged ones."""
        pictures = units or coded(codec)
        for _ in range(count):
            data = pictures[self.sequence % len(pictures)]
            self.on_unit(
                AccessUnit(
                    source=source or self.source,
                    epoch=self.epoch if epoch is None else epoch,
                    session=self.session if session is None else session,
                    sequence=self.sequence,
                    captured=clock.now() - age,
                    codec=codec,
                    keyframe=self.sequence % GROUP == 0,
                    data=data,
                    tracks=self.tracks,
                )
            )
            self.sequence += 1

    def speak(
        self,
        data: bytes,
        captured: float,
        *,
        codec: Codec = Codec.PCMA,
        rate: int = 8000,
        channels: int = 1,
        session: int | None = None,
    ) -> None:
        """Deliver a piece of sound."""
        session = self.session if session is None else session
        self.on_unit(
            SoundUnit(
                self.source,
                self.epoch,
                session,
                self.sound_sequence,
                captured,
                codec,
                rate,
                channels,
                data,
            )
        )
        self.sound_sequence += 1

    def abort(self) -> None:
        self.aborted = True

    async def close(self) -> None:
        self.closed = True


class FakeCamera:
    """Gives `FakeUpstream`s to a feed; can refuse, or hang."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tracks = Tracks.PICTURES
        self.sessions: list[FakeUpstream] = []
        self.trouble: UpstreamError | None = None
        self.hang = False
        self.attempts = 0

    async def connect(
        self,
        permit: Permit,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> FakeUpstream:
        self.attempts += 1
        if self.hang:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        upstream = FakeUpstream(self.source, permit.epoch, on_unit, on_closed, self.tracks)
        self.sessions.append(upstream)
        return upstream

    async def session(self, number: int = 1) -> FakeUpstream:
        """Wait for the n-th session; for long, as a busy machine may take its time."""
        async with asyncio.timeout(30):
            while len(self.sessions) < number:
                await asyncio.sleep(0.005)
        return self.sessions[number - 1]
