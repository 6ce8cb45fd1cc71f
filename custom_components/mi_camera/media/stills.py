"""Stills: the newest key frame as JPEG, with the time of its capture."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import io
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from . import clock
from .mux import CODEC_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..gate import Permit
    from .access_unit import AccessUnit, Source
    from .feed import Feed

__all__ = ["Still", "StillMaker", "decode_keyframe"]


@dataclass(frozen=True, slots=True)
class Still:
    """A JPEG picture; `captured` is in seconds, by `clock`."""

    jpeg: bytes
    captured: float
    identity: tuple[int, int]

    @property
    def age(self) -> float:
        """Seconds since the capture."""
        return clock.now() - self.captured


def decode_keyframe(unit: AccessUnit, width: int | None = None, height: int | None = None) -> bytes:
    """Decode one key frame into JPEG, made smaller to fit when a size is given.

    Raises:
        ValueError: the access unit does not hold a whole picture.
    """
    decoder = av.CodecContext.create(CODEC_NAMES[unit.codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    try:
        frames = [*decoder.decode(av.Packet(unit.data)), *decoder.decode(None)]
    except FFmpegError as err:
        raise ValueError("the key frame cannot be decoded") from err
    if not frames:
        raise ValueError("the key frame holds no picture")
    frame = frames[0]
    scale = min((width or frame.width) / frame.width, (height or frame.height) / frame.height, 1)
    size = max(2, int(frame.width * scale) & ~1), max(2, int(frame.height * scale) & ~1)
    frame = frame.reformat(width=size[0], height=size[1], format="yuvj420p", dst_color_range="JPEG")
    out = io.BytesIO()
    with av.open(out, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1, options={"qmin": "3", "qmax": "5"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p"
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


class StillMaker:
    """Makes the stills of one feed, one decoding at a time."""

    def __init__(
        self,
        feed: Feed,
        source: Source | None = None,
        *,
        max_age: float = 10.0,
        timeout: float = 12.0,
        on_violation: Callable[[Source], None] | None = None,
    ) -> None:
        """Make stills of `source`, the feed's own if it is not given.

        They are never older than `max_age` seconds, which may be changed at any time;
        `timeout` bounds the waiting. `on_violation` is called when the feed has given a
        picture of elsewhere.
        """
        self.max_age = max_age
        self._feed = feed
        self._source = source or feed.source
        self._timeout = timeout
        self._on_violation = on_violation
        self._lock = asyncio.Lock()
        self._last: tuple[Permit, tuple[int | None, int | None], Still] | None = None

    def forget(self) -> None:
        """Drop the last still."""
        self._last = None

    async def still(
        self, permit: Permit, width: int | None = None, height: int | None = None
    ) -> Still | None:
        """Return a still of this feed, or None when no live one can be had.

        Several askers for the same picture cost one decoding.
        """
        async with self._lock:
            try:
                unit = await self._feed.keyframe(
                    permit, max_age=self.max_age, timeout=self._timeout
                )
            except TimeoutError:
                return None
            if unit.source != self._source or unit.epoch != permit.epoch:
                if permit.valid and self._on_violation is not None:
                    self._on_violation(self._source)
                return None
            identity = (unit.session, unit.sequence)
            if self._last is not None:
                for_permit, size, still = self._last
                if for_permit == permit and size == (width, height) and still.identity == identity:
                    return still if permit.valid and still.age <= self.max_age else None
            try:
                jpeg = await asyncio.get_running_loop().run_in_executor(
                    None, decode_keyframe, unit, width, height
                )
            except ValueError:
                return None
            still = Still(jpeg, unit.captured, identity)
            if not permit.valid or still.age > self.max_age:
                return None
            self._last = (permit, (width, height), still)
            return still
