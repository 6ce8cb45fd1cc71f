"""One MISS session of a camera, and the lenses that are seen through it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING

from ..miss import Codec, MissClient, MissError, VideoFrame
from . import clock
from .access_unit import AccessUnit, SoundUnit, Tracks
from .camera_clock import CameraClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..gate import Permit
    from ..miss import AudioFrame, MissKeys
    from ..miss.transport import Dial
    from .access_unit import Source
    from .audition import Audition
    from .lens_guard import LensGuard
    from .quality_ladder import Try
    from .upstream import Quality

__all__ = ["LensStream", "LinkSession"]

_LOGGER = logging.getLogger(__name__)

# Two clocks that differ by no more than this are one: the rest is the time coding takes.
_ONE_CLOCK = 0.5
MAX_STRAYS = 3
"""So many pictures under a wrong label may be an accident."""

_numbers = itertools.count(1)


class LinkSession:
    """A session with a camera under one permit; hands its frames to the lenses open in it."""

    def __init__(
        self,
        host: str,
        keys: MissKeys,
        permit: Permit,
        *,
        fresh: bool,
        codec: Codec | None,
        dial: Dial,
        transports: Sequence[str],
        broadcasts: Sequence[str],
        on_end: Callable[[LinkSession], None],
        on_mixed: Callable[[LinkSession], None],
    ) -> None:
        """Prepare; nothing is sent before its client connects.

        `fresh` tells whether the keys have just been made, `users` how many hold the
        session open without a lens, `codec` what the microphone speaks if that is known.
        `on_end` is called when the session has ended by itself, `on_mixed` when its lenses
        are not told apart.
        """
        self.number = next(_numbers)
        self.permit = permit
        self.fresh = fresh
        self.lenses: dict[int, LensStream] = {}
        self.users = 0
        self.closed = False
        self.error: MissError | None = None
        self.codec = codec
        self.linger: asyncio.TimerHandle | None = None
        self.client = MissClient(
            host,
            keys,
            on_frame=self._frame,
            on_closed=self._ended,
            transports=transports,
            broadcasts=broadcasts,
            dial=dial,
        )
        self._on_end = on_end
        self._on_mixed = on_mixed
        self._microphones: set[int] = set()

    @property
    def usable(self) -> bool:
        """Whether it goes on, and may."""
        return not self.closed and self.permit.valid

    @property
    def wants_sound(self) -> bool:
        """Whether one of its lenses wants the microphone."""
        return any(stream.wants_sound for stream in self.lenses.values())

    def beside(self, stream: LensStream) -> LensStream | None:
        """Return the other lens open in this session."""
        return next((one for one in self.lenses.values() if one is not stream), None)

    def mixed(self) -> None:
        """Give up: pictures of one lens have come with the label of the other."""
        self._on_mixed(self)

    async def ask_codec(self) -> None:
        """Learn what the microphone speaks, if the camera says it before it speaks."""
        try:
            codec = await self.client.audio_format()
        except MissError:
            return
        self.codec = self.codec or codec

    async def ask(self, stream: LensStream, rung: Try) -> None:
        """Ask for a quality of a lens, and wait until its first picture is judged, or too long.

        Raises:
            MissError: the camera does not acknowledge the command, or the session is over.
        """
        lens = stream.source.lens
        if rung.probing and stream.audition.judged.is_set():
            # So the other quality is begun and not, as some firmware may, ignored.
            await self.client.stop_video(lens if self.beside(stream) else None)
        if stream.guard is not None:
            stream.guard.restart()
        stream.audition.ask()
        await self.client.start_video(quality=rung.quality, lens=lens, audio=self.wants_sound)
        stream.audition.asked(clock.now())
        await stream.judged(rung)

    async def stop_lens(self, lens: int) -> None:
        """Stop one lens's pictures while the session goes on."""
        if lens in self.lenses:
            return  # somebody has opened it again
        try:
            await self.client.stop_video(lens if self.lenses else None)
        except MissError:
            _LOGGER.debug("A lens could not be stopped: the session is over")

    def abort(self) -> None:
        """Cut at once; its lenses are told, and nothing else comes of it any more."""
        self._shut()
        self.client.abort()

    async def close(self) -> None:
        """End politely, within a bound; never raises."""
        self._shut()
        await self.client.close()

    def stay(self) -> None:
        """Do not end for want of use."""
        if self.linger is not None:
            self.linger.cancel()
            self.linger = None

    def _shut(self) -> None:
        self.stay()
        self.closed = True
        streams = tuple(self.lenses.values())
        self.lenses.clear()
        for stream in streams:
            stream.ended()

    def _frame(self, frame: VideoFrame | AudioFrame) -> None:
        if not self.permit.valid:
            return
        if isinstance(frame, VideoFrame):
            stream = self.lenses.get(frame.lens)
            if stream is not None:
                stream.picture(frame)
            return
        self.codec = frame.codec
        self._microphones.add(frame.lens)
        for stream in tuple(self.lenses.values()):
            # Most cameras have one microphone, and label its sound with the first lens.
            mine = stream.source.lens
            if frame.lens == (mine if mine in self._microphones else min(self._microphones)):
                stream.sound(frame)

    def _ended(self, error: MissError | None) -> None:
        if not self.closed:
            self.error = error
            self._on_end(self)
            self._shut()


class LensStream:
    """One lens open in a session: turns its frames into units (`Upstream`)."""

    def __init__(
        self,
        of: LinkSession,
        source: Source,
        quality: Quality,
        *,
        wants_sound: bool,
        guard: LensGuard | None,
        audition: Audition,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
        leave: Callable[[LensStream], asyncio.Task[None] | None],
    ) -> None:
        """Wait for the first picture.

        Args:
            of: the session the frames come from.
            source: which lens this is.
            quality: which of its pictures are wanted.
            wants_sound: whether sound is passed on.
            guard: what to ask before a picture is believed to be of this lens.
            audition: what to ask before one is begun with.
            on_unit: takes what comes.
            on_closed: called when the session has ended.
            leave: called when this stream is given up; returns what there is to wait for.

        `seen` counts the pictures that have come, passed on or not; `live` tells whether
        any may still come.
        """
        self.of = of
        self.session = of.number
        self.source = source
        self.quality = quality
        self.wants_sound = wants_sound
        self.guard = guard
        self.audition = audition
        self.started = asyncio.Event()
        self.seen = 0
        self.live = True
        self._on_unit = on_unit
        self._on_closed = on_closed
        self._leave = leave
        self._tracks = Tracks.PICTURES
        self._clock = CameraClock()
        self._sound_clock = CameraClock()

    def picture(self, frame: VideoFrame) -> None:
        """Take a picture labelled with this lens."""
        self.seen += 1
        now = clock.now()
        captured = self._clock.captured(frame.timestamp_ms / 1000, now)
        if self.guard is None:
            self._pass(frame, captured)
            return
        other = self.of.beside(self)
        for passed in self.guard.check(frame, None if other is None else other.guard):
            self._pass(passed, self._clock.at(passed.timestamp_ms / 1000, now))
            if other is not None:
                other.settle(passed.sequence, now)
        if self.guard.strays > MAX_STRAYS and other is not None:
            self.of.mixed()

    async def judged(self, rung: Try) -> None:
        """Wait until the first picture of a try has come, or for too long, or the end."""
        # Pictures may come that are not sure to be of this lens yet: they get another chance.
        for _ in range(2):
            try:
                async with asyncio.timeout(rung.seconds):
                    await self.audition.judged.wait()
            except TimeoutError:
                if self.guard is not None and self.seen and not rung.probing:
                    continue
            return

    def settle(self, sequence: int, now: float) -> None:
        """Pass on the picture that waited for the other lens's of the same number."""
        if self.guard is not None:
            for passed in self.guard.settle(sequence):
                self._pass(passed, self._clock.at(passed.timestamp_ms / 1000, now))

    def _pass(self, frame: VideoFrame, captured: float) -> None:
        if not self.live or not self.of.permit.valid:
            return
        if not self.started.is_set():
            if not self.audition.takes(frame, clock.now()):
                return
            if self.wants_sound:
                opus = self.of.codec is Codec.OPUS
                self._tracks = Tracks.SOUND_AND_OPUS if opus else Tracks.SOUND
            self.started.set()
        self._on_unit(
            AccessUnit(
                self.source,
                self.of.permit.epoch,
                self.session,
                frame.sequence,
                captured,
                frame.codec,
                frame.keyframe,
                frame.data,
                self._tracks,
            )
        )

    def sound(self, frame: AudioFrame) -> None:
        """Take a piece of sound that goes with this lens."""
        if not (self.live and self.wants_sound and self.started.is_set()):
            return
        stamp, now = frame.timestamp_ms / 1000, clock.now()
        captured = self._sound_clock.captured(stamp, now)
        if abs(self._sound_clock.shift - self._clock.shift) < _ONE_CLOCK:
            # Stamps of the same clock: so the shifts are the same, whatever coding took.
            captured = self._clock.at(stamp, now)
        self._on_unit(
            SoundUnit(
                self.source,
                self.of.permit.epoch,
                self.session,
                frame.sequence,
                captured,
                frame.codec,
                frame.sample_rate,
                frame.channels,
                frame.data,
            )
        )

    def ended(self) -> None:
        """Pass on that the session is over, or somebody else's."""
        if self.live:
            self.live = False
            self.started.set()
            self.audition.judged.set()
            self._on_closed()

    def abort(self) -> None:
        """Cut at once; the session goes on for others if it has any."""
        self.live = False
        self._leave(self)

    async def close(self) -> None:
        """Stop this lens's pictures, politely; end the session if nobody else uses it."""
        self.live = False
        if (leaving := self._leave(self)) is not None:
            # Not awaited itself: who is cancelled while waiting does not cancel it.
            await asyncio.wait((leaving,))
