"""A rendition: the pictures of a lens made smaller, or of another codec, as a feed of its own."""

from __future__ import annotations

from dataclasses import replace
import itertools
import logging
from typing import TYPE_CHECKING, Final

from .feed import Feed
from .rendition_session import RenditionSession
from .upstream import Trouble, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..gate import Permit
    from .access_unit import AccessUnit, SoundUnit, Source
    from .encoder import Encoder
    from .encoder_arguments import H264Encoder
    from .encoder_choice import EncoderChoice
    from .encoder_slots import EncoderSlots
    from .feed_limits import FeedLimits

__all__ = ["Rendition", "RenditionUpstream"]

_LOGGER = logging.getLogger(__name__)

LINGER: Final = 1.0
"""How long the encoder runs on after the last viewer."""
FIRST_PICTURE: Final = 20.0
"""How long the lens's own first picture is waited for, in seconds."""
STARTING: Final = 8.0
"""How long the encoder may take for its first picture, in seconds."""


class RenditionUpstream:
    """Views a lens's own feed and gives what an encoder makes of it.

    Whatever comes out has the source, the epoch and the time of capture of what went in.
    """

    def __init__(
        self,
        feed: Feed,
        binary: Callable[[], Awaitable[str]],
        *,
        slots: EncoderSlots,
        choice: EncoderChoice,
        on_violation: Callable[[Source], None] | None = None,
        starting: float = STARTING,
    ) -> None:
        """Make an upstream; nothing is opened.

        Args:
            feed: of the lens.
            binary: gives the path of ffmpeg, asked at each connecting.
            slots: shared by all renditions, where each encoder takes a place.
            choice: shared by all, knows which encoder does.
            on_violation: called when the feed has given a picture of elsewhere.
            starting: how long the encoder may take for its first picture, in seconds.
        """
        self._feed = feed
        self._binary = binary
        self._slots = slots
        self._choice = choice
        self._on_violation = on_violation
        self._starting = starting
        self._sessions: set[RenditionSession] = set()
        self._numbers = itertools.count(1)
        self._dying: set[Encoder] = set()
        self._complained = False
        self.proven = False
        """Whether the last encoder that was started has given pictures."""

    @property
    def encoders(self) -> list[int]:
        """Process ids of the encoders that run now."""
        return [one.encoder.pid for one in self._sessions if one.encoder.pid is not None]

    @property
    def kinds(self) -> list[str]:
        """Names of the encoders that run now."""
        return [one.kind.name for one in self._sessions]

    async def connect(
        self,
        permit: Permit,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> RenditionSession:
        """Start an encoder and return once its first picture has come.

        Raises:
            UpstreamError: with the trouble of the lens, `Trouble.ENCODER` or
                `Trouble.ENCODERS_TAKEN`.
        """
        try:
            await self._feed.keyframe(
                permit, max_age=self._feed.limits.stall, timeout=FIRST_PICTURE
            )
        except TimeoutError:
            raise UpstreamError(self._feed.trouble or Trouble.UNREACHABLE) from None
        binary = await self._binary()
        while True:
            kind = await self._choice.best(binary)
            try:
                return await self._begin(permit, binary, kind, on_unit, on_closed)
            except UpstreamError as err:
                # One of the machine's that fails has been given up: there is still libx264.
                if err.trouble is not Trouble.ENCODER or not kind.hardware:
                    raise

    async def _begin(
        self,
        permit: Permit,
        binary: str,
        kind: H264Encoder,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> RenditionSession:
        """Start an encoder of this kind, once there is a place for it."""
        slot = await self._slots.take()
        if not permit.valid:
            slot.give_back()
            raise UpstreamError(Trouble.BROKEN)
        session = RenditionSession(
            self._feed,
            permit,
            next(self._numbers),
            kind,
            slot,
            on_unit=on_unit,
            on_closed=on_closed,
            leave=self._left,
            violated=self._violated,
            complain=lambda what: self._complain(kind, what),
        )
        self._sessions.add(session)
        try:
            await session.start(binary, self._starting)
        except BaseException:
            session.abort()
            raise
        self._complained, self.proven = False, True
        return session

    def cut(self) -> None:
        """Kill every encoder, running or just being started."""
        for session in tuple(self._sessions):
            session.abort()

    async def gone(self) -> None:
        """Wait, with a bound, until every encoder that was ended has been reaped."""
        for encoder in tuple(self._dying):
            await encoder.wait()
        self._dying.clear()

    def _left(self, session: RenditionSession) -> None:
        self._sessions.discard(session)
        self._dying = {one for one in self._dying if not one.gone}
        self._dying.add(session.encoder)

    def _complain(self, kind: H264Encoder, what: str) -> None:
        """Say what is wrong with ffmpeg: once, until it does again."""
        if kind.hardware:
            self._choice.give_up(kind, what)
            return
        self.proven = False
        level = logging.DEBUG if self._complained else logging.ERROR
        self._complained = True
        did = self._feed.source.did
        _LOGGER.log(level, "ffmpeg cannot convert pictures of camera %s: %s", did, what)

    def _violated(self) -> None:
        if self._on_violation is not None:
            self._on_violation(self._feed.source)


class Rendition:
    """The rendition of one lens that every display can show, and the feed it is seen by.

    The encoder runs while the feed has viewers, one for all of them.
    """

    def __init__(
        self,
        feed: Feed,
        binary: Callable[[], Awaitable[str]],
        *,
        slots: EncoderSlots,
        choice: EncoderChoice,
        on_violation: Callable[[Source], None] | None = None,
        starting: float = STARTING,
    ) -> None:
        """Make a rendition of what `feed` gives; nothing is opened. See `RenditionUpstream`."""
        self.upstream = RenditionUpstream(
            feed,
            binary,
            slots=slots,
            choice=choice,
            on_violation=on_violation,
            starting=starting,
        )
        self.feed = Feed(feed.source, self.upstream.connect, on_violation=on_violation)
        self.limit(self.feed.limits)

    def limit(self, limits: FeedLimits) -> None:
        """Keep these limits, those of the lens's own feed, from now on."""
        self.feed.limits = replace(limits, linger=LINGER)

    def cut(self) -> None:
        """Kill the encoder and forget its pictures, synchronously."""
        self.upstream.cut()
        self.feed.cut()

    async def close(self) -> None:
        """End for good, and wait within a bound until nothing of it runs any more."""
        self.upstream.cut()
        await self.feed.close()
        await self.upstream.gone()
