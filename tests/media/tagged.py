"""Frames of two lenses with their tags in the pictures, as a camera's session gives them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import av

from custom_components.mi_camera.miss import Codec, MissKeys, VideoFrame
from simulator.encoder import PictureEncoder
from simulator.tag import Tag, draw, read_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from custom_components.mi_camera.media import AccessUnit
    from custom_components.mi_camera.miss import MissError

DID = 1001
GROUP = 8
KEYS = MissKeys(bytes(32), bytes(32), bytes(32), "")


@cache
def pictures(lens: int, count: int = 40, width: int = 320, first: int = 0) -> list[VideoFrame]:
    """Return pictures of a lens that count from `first`, labelled as they are."""
    encoder = PictureEncoder("h264", width, width * 9 // 16, 15)
    frames = []
    for number in range(count):
        encoder.planes[0][:] = 60 + 100 * lens
        encoder.planes[1][:] = encoder.planes[2][:] = 128
        draw(encoder.planes[0], Tag(DID, lens, number, 1_000 + number))
        key = number % GROUP == 0
        frames.append(
            VideoFrame(
                lens, first + number, 5_000 + number * 66, Codec.H264, key, encoder.encode(key=key)
            )
        )
    return frames


def mislabelled(frame: VideoFrame) -> VideoFrame:
    """Return the frame without its label: as if of the first lens."""
    return replace(frame, lens=0)


def lenses_seen(units: Iterable[AccessUnit]) -> list[int]:
    """Decode and return whose picture each one is, by its tag."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    lenses = []
    for packet in [*(av.Packet(unit.data) for unit in units), None]:
        for frame in decoder.decode(packet):
            tag = read_frame(frame)
            lenses.append(-1 if tag is None else tag.lens)
    return lenses


class FakeClient:
    """Stands in for `MissClient`: the test plays what comes."""

    made: ClassVar[list[FakeClient]] = []

    def __init__(
        self,
        host: str,
        keys: MissKeys,
        *,
        on_frame: Callable[[VideoFrame], None],
        on_closed: Callable[[MissError | None], None],
        **_: object,
    ) -> None:
        self.on_frame = on_frame
        self.on_closed = on_closed
        self.transport = "udp"
        self.asked: list[tuple[int, int, bool]] = []
        self.stopped: list[int | None] = []
        self.ended = ""
        self.on_start: Callable[[int], None] = lambda lens: None
        type(self).made.append(self)

    async def connect(self, timeout: float) -> None:
        return

    async def start_video(self, *, quality: int, lens: int, audio: bool) -> None:
        self.asked.append((lens, quality, audio))
        self.on_start(lens)

    async def stop_video(self, lens: int | None = None) -> None:
        self.stopped.append(lens)

    async def audio_format(self) -> None:
        return

    async def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def play(self, *frames: VideoFrame) -> None:
        for frame in frames:
            if not self.ended:
                self.on_frame(frame)
