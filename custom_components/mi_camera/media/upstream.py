"""Where a feed gets its access units from."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import StrEnum
import itertools
import time
from typing import TYPE_CHECKING, Protocol

from ..miss import MissBusy, MissClient, MissError, MissKeys, MissRefused, MissWrongKey, VideoFrame
from .access_unit import AccessUnit, Source
from .camera_clock import CameraClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..miss import AudioFrame

__all__ = [
    "Connect",
    "KeySource",
    "MissUpstream",
    "Trouble",
    "Upstream",
    "UpstreamError",
]

# A quality the camera does not know is answered by silence, so each is tried in turn.
QUALITY_LADDER = (2, 3, 1, 0)
FIRST_FRAME_TIMEOUT = 4.0
CONNECT_TIMEOUT = 6.0

_sessions = itertools.count(1)


class Trouble(StrEnum):
    """Why there is no picture."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BUSY = "busy"
    ASLEEP = "asleep"
    NO_KEYS = "no_keys"
    BROKEN = "broken"


class UpstreamError(Exception):
    """There is no picture to be had now."""

    def __init__(self, trouble: Trouble) -> None:
        """Say which trouble it is."""
        super().__init__(trouble.value)
        self.trouble = trouble


class Upstream(Protocol):
    """A running session with a camera."""

    session: int

    def abort(self) -> None:
        """Cut at once; no access unit comes after this returns."""

    async def close(self) -> None:
        """End politely, within a bound; never raises."""


class KeySource(Protocol):
    """Gives the keys for a session with one camera."""

    def __call__(self, *, fresh: bool) -> Awaitable[MissKeys]:
        """Return keys, new ones from the cloud when `fresh`.

        Raises:
            UpstreamError: no keys can be had.
        """


type Connect = Callable[
    [int, Callable[[AccessUnit], None], Callable[[], None]], Awaitable[Upstream]
]
"""Open an upstream in an epoch, given where units go and what to call when it ends."""


@dataclass(slots=True)
class MissUpstream:
    """Sessions with one lens of one camera over MISS."""

    source: Source
    host: Callable[[], str]
    keys: KeySource
    quality: int | None = None
    keys_are_old: bool = False
    """Whether the last session showed that the camera has other keys by now."""

    async def connect(
        self,
        epoch: int,
        on_unit: Callable[[AccessUnit], None],
        on_closed: Callable[[], None],
    ) -> Upstream:
        """Open a session and return it once the first picture is on its way.

        Raises:
            UpstreamError: with the trouble that was met.
        """
        if not self.keys_are_old:
            try:
                return await self._attempt(epoch, on_unit, on_closed, fresh=False)
            except MissRefused, MissWrongKey:
                # The camera has been restarted or the signature has aged.
                self.keys_are_old = True
        try:
            session = await self._attempt(epoch, on_unit, on_closed, fresh=True)
        except MissRefused, MissWrongKey:
            raise UpstreamError(Trouble.REFUSED) from None
        self.keys_are_old = False
        return session

    async def _attempt(
        self,
        epoch: int,
        on_unit: Callable[[AccessUnit], None],
        on_closed: Callable[[], None],
        *,
        fresh: bool,
    ) -> Upstream:
        keys = await self.keys(fresh=fresh)
        session = _MissSession(self, epoch, self.host(), keys, on_unit, on_closed)
        try:
            await session.client.connect(CONNECT_TIMEOUT)
            await self._start(session)
        except MissRefused, MissWrongKey:
            session.abort()
            raise
        except MissBusy:
            session.abort()
            raise UpstreamError(Trouble.BUSY) from None
        except MissError:
            session.abort()
            raise UpstreamError(Trouble.UNREACHABLE) from None
        except BaseException:
            session.abort()
            raise
        return session

    async def _start(self, session: _MissSession) -> None:
        """Go down the quality ladder until a picture comes; remember which one did."""
        first = () if self.quality is None else (self.quality,)
        for quality in (*first, *(q for q in QUALITY_LADDER if q != self.quality)):
            await session.client.start_video(quality=quality, lens=self.source.lens)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_FRAME_TIMEOUT):
                    await session.started.wait()
            if session.closed:
                if isinstance(session.error, MissWrongKey):
                    raise session.error
                raise UpstreamError(Trouble.BROKEN)
            if session.started.is_set():
                self.quality = quality
                return
        raise UpstreamError(Trouble.ASLEEP)


class _MissSession:
    """One MISS session; turns its frames into access units."""

    def __init__(
        self,
        upstream: MissUpstream,
        epoch: int,
        host: str,
        keys: MissKeys,
        on_unit: Callable[[AccessUnit], None],
        on_closed: Callable[[], None],
    ) -> None:
        self.session = next(_sessions)
        self.started = asyncio.Event()
        self.closed = False
        self.error: MissError | None = None
        self._upstream = upstream
        self._source = upstream.source
        self._epoch = epoch
        self._on_unit = on_unit
        self._on_closed = on_closed
        self._clock = CameraClock()
        self.client = MissClient(host, keys, on_frame=self._frame, on_closed=self._end)

    def _frame(self, frame: VideoFrame | AudioFrame) -> None:
        if not isinstance(frame, VideoFrame) or frame.lens != self._source.lens:
            return
        self.started.set()
        captured = self._clock.captured(frame.timestamp_ms / 1000, time.monotonic())
        self._on_unit(
            AccessUnit(
                source=self._source,
                epoch=self._epoch,
                session=self.session,
                sequence=frame.sequence,
                captured=captured,
                codec=frame.codec,
                keyframe=frame.keyframe,
                data=frame.data,
            )
        )

    def _end(self, error: MissError | None) -> None:
        self.closed = True
        self.error = error
        if isinstance(error, MissWrongKey):
            self._upstream.keys_are_old = True
        self.started.set()
        self._on_closed()

    def abort(self) -> None:
        """Cut at once."""
        self.client.abort()

    async def close(self) -> None:
        """Stop the video and close, bounded."""
        await self.client.close()
