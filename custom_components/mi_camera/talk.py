"""One sound from Home Assistant to the speaker of a camera, at the pace it is heard."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from .const import LOGGER
from .gate import GateClosedError
from .miss import MissClosed, MissError, MissSpeakerRefused, MissUnreachable
from .talk_codec import FRAME_MS, SoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from .gate import Permit
    from .miss import Codec
    from .talk_codec import SoundReader

FRAME = FRAME_MS / 1000
AHEAD = 2
"""Frames sent before their time, so that the speaker has some in hand."""
STOP_TIMEOUT = 2.0
MAX_LOST = 125
"""Frames in a row that a network may take no more of before the sound ends: 5 s."""


class Speaker(Protocol):
    """What of a session with a camera is used here; see `MissClient`."""

    async def start_speaker(self) -> None:
        """Make the camera listen."""

    def speak(self, codec: Codec, data: bytes, timestamp_ms: int) -> None:
        """Send one frame."""

    async def stop_speaker(self) -> None:
        """End it."""

    @property
    def speaker_backlog(self) -> int:
        """How many packets of sound the camera has not acknowledged yet."""


class Pace:
    """When frames are due: `AHEAD` of the time they are heard, and never a longer burst.

    Frame n is heard n times 40 ms after the first. Times are reckoned from the first frame,
    so that what a timer is late does not add up. Who is so late that the speaker has run dry
    starts anew from then: what was missed is silence, and is not made up for by a burst.
    """

    def __init__(self, now: float) -> None:
        """Let the first frame be due now (seconds of any clock)."""
        self._begin = now
        self._heard = now

    def due(self, now: float) -> float:
        """Return when to send the next frame."""
        self._heard = max(self._heard, now)
        return max(self._heard - AHEAD * FRAME, self._begin)

    def take(self) -> int:
        """Count the next frame as sent; returns when it is heard, in ms since the first."""
        heard = self._heard
        self._heard += FRAME
        return round((heard - self._begin) * 1000)


async def talk(
    control: Callable[[Permit], AbstractAsyncContextManager[Speaker]],
    permit: Permit,
    reader: SoundReader,
    codec: Codec,
    on_sound: Callable[[], None],
) -> None:
    """Play a sound on a camera; returns when it is over.

    The camera is not asked before the first of the sound has been decoded. When cancelled,
    the speaker is told to stop, which takes `STOP_TIMEOUT` at most. Once the permit is not
    valid any more nothing is sent at all, not even that.

    Args:
        control: opens a session with the camera.
        permit: leave to do so.
        reader: the sound, coded for this camera; closed at the end.
        codec: its codec.
        on_sound: called when the camera has opened its speaker.

    Raises:
        SoundError: it is no sound that can be played.
        UpstreamError, MissError: the camera cannot be reached or does not go on.
        MissSpeakerRefused: it does not open its speaker.
        GateClosedError: the permit is not valid any more.
    """
    frames = _frames(reader)
    try:
        first = await anext(frames, None)
        if first is None:
            raise SoundError("there is no sound in it")
        _check(permit)
        async with control(permit) as speaker:
            _check(permit)
            await _play(speaker, permit, first, frames, codec, on_sound)
    finally:
        reader.close()
        await frames.aclose()


async def _play(
    speaker: Speaker,
    permit: Permit,
    first: bytes,
    frames: AsyncGenerator[bytes],
    codec: Codec,
    on_sound: Callable[[], None],
) -> None:
    listening = True
    try:
        try:
            await speaker.start_speaker()
        except MissSpeakerRefused, MissClosed:
            # After any other error the camera may listen: maybe only its answer was lost.
            listening = False
            raise
        _check(permit)
        on_sound()
        loop = asyncio.get_running_loop()
        pace, began = Pace(loop.time()), int(time.time() * 1000)
        frame: bytes | None = first
        lost = 0
        while frame is not None:
            now = loop.time()
            if (due := pace.due(now)) > now:
                await asyncio.sleep(due - now)
            _check(permit)
            try:
                speaker.speak(codec, frame, began + pace.take())
                lost = 0
            except MissUnreachable:
                # Not sent, as too much is on its way already. Old sound is of no use later.
                lost += 1
                if lost > MAX_LOST:
                    raise
            frame = await anext(frames, None)
        # The command to stop must not overtake the last of the sound.
        for _ in range(int(STOP_TIMEOUT / FRAME)):
            if not speaker.speaker_backlog:
                break
            await asyncio.sleep(FRAME)
        await asyncio.sleep((AHEAD + 1) * FRAME)
    finally:
        if listening and permit.valid:
            try:
                async with asyncio.timeout(STOP_TIMEOUT):
                    await speaker.stop_speaker()
            except (MissError, TimeoutError) as err:
                LOGGER.debug("A camera was left without a stop of its speaker: %s", err)


async def _frames(reader: SoundReader) -> AsyncGenerator[bytes]:
    """Read in worker threads, one piece ahead."""
    loop = asyncio.get_running_loop()
    pending = loop.run_in_executor(None, reader.read)
    try:
        while chunk := await pending:
            pending = loop.run_in_executor(None, reader.read)
            for frame in chunk:
                yield frame
    finally:
        # The thread ends by itself; nobody asks any more what it has found.
        pending.add_done_callback(_forget)
        pending.cancel()


def _forget(future: asyncio.Future[list[bytes]]) -> None:
    if not future.cancelled():
        future.exception()


def _check(permit: Permit) -> None:
    if not permit.valid:
        raise GateClosedError
