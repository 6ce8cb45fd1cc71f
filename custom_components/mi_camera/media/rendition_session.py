"""One encoder at work on the pictures of a lens, from its feed and back to access units."""

from __future__ import annotations

import asyncio
from collections import deque
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ..miss import Codec
from . import clock
from .access_unit import AccessUnit, Tracks
from .encoder import Encoder, EncoderError
from .encoder_arguments import encoder_arguments
from .mux import TsMuxer
from .picture_format import picture_format
from .upstream import Trouble, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..gate import Permit
    from .access_unit import Origin, SoundUnit
    from .encoder_arguments import H264Encoder
    from .encoder_slots import EncoderSlot
    from .feed import Feed
    from .flv import FlvPicture
    from .mux import Parts

__all__ = ["RenditionSession", "fitted"]

BOX: Final = (1280, 720)
"""The largest picture that is made, in either orientation: what every display shows."""
_IN_FLIGHT: Final = 12
"""So many pictures are in the encoder at most: one that is too slow loses pictures, not time."""
_LOST: Final = 3.0
"""A picture that has not come out for so long, in seconds, is none the encoder is at."""
_STUCK: Final = 2.0
"""A machine's encoder that owes pictures for so long, in seconds, has failed."""
_HARDWARE_STARTING: Final = 3.0
_HURRY: Final = 3.0
"""So many seconds of pictures are made at the usual priority: a display begins with them."""
_MAX_WAITING: Final = 8 * 1024 * 1024
_MAX_LIFE: Final = 24 * 3600.0
"""After so long it is begun anew: the clock of MPEG-TS goes round every 26 hours."""


def fitted(width: int, height: int, box: tuple[int, int] = BOX) -> tuple[int, int]:
    """Return the size, in even pixels, that fits the box in its orientation; never larger."""
    across, down = box if width >= height else box[::-1]
    scale = min(across / width, down / height, 1.0)
    return max(2, int(width * scale) & ~1), max(2, int(height * scale) & ~1)


class _InFlight(NamedTuple):
    """A picture the encoder has been given: its capture, and when that was (by `clock`, s)."""

    captured: float
    given: float


class RenditionSession:
    """One encoder at work under one permit (`Upstream`)."""

    def __init__(
        self,
        feed: Feed,
        permit: Permit,
        number: int,
        kind: H264Encoder,
        slot: EncoderSlot,
        *,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
        leave: Callable[[RenditionSession], None],
        violated: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        """Join the feed at once; the encoder is not running yet.

        Args:
            feed: of the lens, which has just given a key frame.
            permit: what it is seen and shown under.
            number: tells this session from others.
            kind: which encoder of ffmpeg.
            slot: its place among the encoders, given back when it has ended in any way.
            on_unit: takes what the encoder has made, and the sound as it is.
            on_closed: called when the session, once it has started, has ended by itself.
            leave: called once, when it has ended in any way.
            violated: called when the feed has given something of elsewhere.
            complain: called with what is wrong with ffmpeg.
        """
        self.session = number
        self.kind = kind
        self._slot = slot
        self.encoder = Encoder(self._made, self._encoder_ended)
        self._source = feed.source
        self._permit = permit
        self._on_unit = on_unit
        self._on_closed = on_closed
        self._leave = leave
        self._violated = violated
        self._complain = complain
        self._over = False
        self._started = False
        self._owed_since: float | None = None
        self._trouble = Trouble.BROKEN
        self._first = asyncio.Event()
        self._arrived = asyncio.Event()
        self._calm = False
        self._sent = 0
        self._tracks = Tracks.PICTURES
        self._begun = 0.0
        self._muxer: TsMuxer | None = None
        self._waiting: deque[AccessUnit] = deque()
        self._waiting_bytes = 0
        self._in_flight: deque[_InFlight] = deque()
        self._viewer = feed.view(permit, on_sound=self._sound)
        self._viewer.listen(self._pump)

    async def start(self, binary: str, seconds: float) -> None:
        """Run the encoder and wait for its first picture.

        Raises:
            UpstreamError: there is none within so many seconds; of the machine's encoders
                not even half as many are waited for, as there is another.
        """
        keyframe = await self._keyframe(seconds)
        if (shape := picture_format(keyframe)) is None:
            raise UpstreamError(Trouble.BROKEN)
        try:
            await self.encoder.start(
                binary, encoder_arguments(*fitted(shape.width, shape.height), self.kind)
            )
        except EncoderError as err:
            self._complain(f"it cannot be run: {err}")
            raise UpstreamError(Trouble.ENCODER) from None
        if self._over:
            raise UpstreamError(self._trouble)
        self._tracks, self._begun = keyframe.tracks, keyframe.captured
        self._muxer = TsMuxer(keyframe.codec, self._begun)
        self._pump()
        try:
            async with asyncio.timeout(
                min(seconds, _HARDWARE_STARTING) if self.kind.hardware else seconds
            ):
                await self._first.wait()
        except TimeoutError:
            self._complain(f"it gives no picture {self._said()}")
            raise UpstreamError(Trouble.ENCODER) from None
        if self._over:
            raise UpstreamError(self._trouble)
        self._started = True

    async def _keyframe(self, seconds: float) -> AccessUnit:
        """Wait for the picture to begin with.

        It need not be here: while a place and the program were looked for, the group of pictures
        of before may have become too old to begin with.
        """
        self._pump()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        if self._over or not self._waiting:
            raise UpstreamError(self._trouble)
        return self._waiting[0]

    def abort(self) -> None:
        """Kill the encoder and leave the feed; no unit comes after this returns."""
        if self._over:
            return
        self._over = True
        self.encoder.kill()
        self._slot.give_back()
        self._viewer.close()
        self._forget_waiting()
        self._in_flight.clear()
        self._first.set()
        self._arrived.set()
        self._leave(self)

    async def close(self) -> None:
        """End, and wait within a bound until the process is gone."""
        self.abort()
        await self.encoder.wait()

    def _end(self) -> None:
        if not self._over:
            self.abort()
            if self._started:
                self._on_closed()

    # -- from the feed to the encoder -------------------------------------------------------

    def _pump(self) -> None:
        """Take what the feed has for this, and give the encoder what it has room for."""
        while not self._over and (taken := self._viewer.take_parts()) is not None:
            self._take(*taken)
        if self._over:
            return
        if self._viewer.ended or not self._permit.valid:
            self._end()
            return
        now = clock.now()
        while self._in_flight and now - self._in_flight[0].given > _LOST:
            self._in_flight.popleft()
        if self._muxer is None:
            return
        if self._is_stuck(now):
            self._failed("it gives no more pictures")
            return
        while self._waiting and len(self._in_flight) < _IN_FLIGHT:
            self._give(self._waiting.popleft(), self._muxer, now)

    def _take(self, parts: Parts, origin: Origin | None) -> None:
        """Let a picture wait for its turn."""
        if origin is None or not self._is_ours(origin):
            self._foreign()
            return
        for unit in parts:
            if not isinstance(unit, AccessUnit):
                continue
            if not self._is_ours(unit):
                self._foreign()
                return
            if unit.keyframe:
                # What the encoder has not come to by now is old.
                self._forget_waiting()
            elif self._waiting_bytes > _MAX_WAITING:
                continue
            self._waiting.append(unit)
            self._waiting_bytes += len(unit.data)
            self._arrived.set()

    def _give(self, unit: AccessUnit, muxer: TsMuxer, now: float) -> None:
        self._waiting_bytes -= len(unit.data)
        if unit.captured - self._begun > _MAX_LIFE:
            self._end()
            return
        self._in_flight.append(_InFlight(unit.captured, now))
        if self._owed_since is None:
            self._owed_since = now
        self.encoder.write(muxer.mux(unit))

    def _is_stuck(self, now: float) -> bool:
        return (
            self.kind.hardware
            and self._started
            and self._owed_since is not None
            and now - self._owed_since > _STUCK
        )

    def _is_ours(self, what: Origin | AccessUnit | SoundUnit) -> bool:
        return what.source == self._source and what.epoch == self._permit.epoch

    def _foreign(self) -> None:
        self.abort()
        self._violated()

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0

    # -- from the encoder to the viewers of the rendition -----------------------------------

    def _made(self, picture: FlvPicture) -> None:
        if self._over:
            return
        if not self._permit.valid:
            self._end()
            return
        # The clock the encoder was given shows one second at the first picture.
        captured = min(self._begun + picture.at / 1000 - 1.0, clock.now())
        while self._in_flight and self._in_flight[0].captured <= captured + 0.001:
            self._in_flight.popleft()
        self._owed_since = self._in_flight[0].given if self._in_flight else None
        self._sent += 1
        self._on_unit(
            AccessUnit(
                self._source,
                self._permit.epoch,
                self.session,
                self._sent,
                captured,
                Codec.H264,
                picture.keyframe,
                picture.data,
                self._tracks,
            )
        )
        self._first.set()
        if not self._calm and captured - self._begun >= _HURRY:
            self._calm = True
            self.encoder.calm()
        if self._waiting:
            self._pump()

    def _sound(self, unit: SoundUnit) -> None:
        """Pass a piece of sound as it is, but for the session it is of."""
        if self._over or not self._permit.valid:
            return
        if not self._is_ours(unit):
            self._foreign()
            return
        self._on_unit(replace(unit, session=self.session))

    def _encoder_ended(self) -> None:
        self._failed(f"it has ended {self._said()}")

    def _failed(self, what: str) -> None:
        self._complain(what)
        self._trouble = Trouble.ENCODER
        self._end()

    def _said(self) -> str:
        return f"({self.encoder.complaint})" if self.encoder.complaint else ""
