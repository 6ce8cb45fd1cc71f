"""Which pictures of a lens a player is shown: its own, its small ones, or a rendition.

A camera takes two viewers, and the owner's phone is one. So casts for which nobody has chosen
a quality do with one session for each lens: what is looked at already is shown if the player
can show it, and converted if not. Only the first time that a player cannot show the best, the
small pictures are looked at beside them, for a moment, while the conversion begins already.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from homeassistant.exceptions import HomeAssistantError

from ..media import FeedState, Trouble
from .feed import CONVERTED_PICTURE, async_format, async_keyframe, look_later, why_not
from .models import async_cast_model
from .request import CastQuality
from .session import named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..gate import Permit
    from ..lens import Lens
    from ..media import Feed, PictureFormat
    from ..media.viewer import Viewer
    from .models import CastModel


SMALL_PICTURE = 0.75
"""Seconds for which a conversion that has begun waits for the first look at the small pictures:
most cameras begin with a key frame. Later ones are known the next time."""


class CastPictures(StrEnum):
    """Which pictures a cast shows."""

    OWN = "own"
    """Those that all see, as they are."""
    LOW = "low"
    """The camera's small ones, as they are."""
    CONVERTED = "converted"
    """A rendition of its own."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The feed to show, and the lens's feed that it is or is made of."""

    feed: Feed
    basis: Feed
    kind: CastPictures

    @property
    def trouble(self) -> Trouble | None:
        """What keeps pictures from coming: the camera's trouble, or the encoder's."""
        return self.basis.trouble or self.feed.trouble


async def async_choose(
    lens: Lens,
    permit: Permit,
    player: str,
    quality: CastQuality,
    make_room: Callable[[], Awaitable[None]],
) -> Choice:
    """Return what of a lens a player (its entity) is shown.

    What is not seen at the moment is taken to be coded as it was the last time, so that the
    player need not wait for the camera before it is told to begin, nor for an encoder that has
    done before. Who joins the feed before the next `await` is counted by whoever chooses next.
    `make_room` is called when as many encoders run as may, to end one that will not be needed.

    Raises:
        MiCameraError, MiCameraInputError: there are no pictures to be had, they cannot be
            converted, or there is no leave any more.
    """
    hass = lens.coordinator.hass
    model = async_cast_model(hass, player)
    async with lens.choosing:
        chooser = _Chooser(lens, permit, model, named(hass, player), make_room)
        if lens.low is lens.feed or quality is CastQuality.HIGH:
            return await chooser.own_or_converted()
        if quality is CastQuality.LOW:
            return await chooser.low() or await chooser.own_or_converted()
        return await chooser.one_session()


@dataclass(frozen=True, slots=True)
class _Chooser:
    """Chooses for one player, of which `model` says what it can show (None: all)."""

    lens: Lens
    permit: Permit
    model: CastModel | None
    player: str
    """What users call the player."""
    make_room: Callable[[], Awaitable[None]]

    async def one_session(self) -> Choice:
        """Choose without having the camera send both, as far as the player can show one."""
        lens = self.lens
        if _is_watched(lens.low) and not _is_watched(lens.feed) and (low := await self.low()):
            return low
        if await self._shows_own():
            return self._own()
        if _is_watched(lens.low):
            return await self.low() or await self._converted()
        if _is_watched(lens.feed):
            return await self._converted()
        if lens.low_shape is None and not lens.lacks_low:
            return await self._first_time()
        return await self.low() or await self._converted()

    async def own_or_converted(self) -> Choice:
        """Choose as if there were no small pictures."""
        return self._own() if await self._shows_own() else await self._converted()

    async def low(self) -> Choice | None:
        """Choose the small pictures, None if there are none or the player cannot show them."""
        lens = self.lens
        if lens.lacks_low or not self._shows(lens.low_shape):
            return None
        is_alone = not _is_watched(lens.feed)
        if is_alone:
            await lens.feed.rest()
        # Beside others the camera may refuse a second viewer, so there it is not assumed.
        if lens.low_shape is None or lens.low.state is FeedState.LIVE or not is_alone:
            try:
                await self._look_at_low()
            except TimeoutError:
                self._require_leave()
                is_silent = self._low_is_silent
                await lens.low.rest()
                if is_silent:
                    await self._see_own()  # or it sleeps
                    lens.lacks_low = True
                return None
        else:
            look_later(lens, self._look_at_low)
        self._require_leave()
        if not self._shows(lens.low_shape):
            await lens.low.rest()
            self._require_leave()
            return None
        return Choice(lens.low, lens.low, CastPictures.LOW)

    async def _first_time(self) -> Choice:
        """Look at the small pictures while a conversion of the best begins."""
        lens = self.lens
        if lens.feed.state is not FeedState.LIVE:
            await self._see_own()
        looking = look_later(lens, self._learn_low)
        async with _Beginning(self._converted, self.permit) as conversion:
            await asyncio.wait((looking,), timeout=SMALL_PICTURE)
            if not looking.done():
                with contextlib.suppress(HomeAssistantError):
                    return await conversion.choice
                # Without a conversion they are all there may be.
                await asyncio.wait((looking,))
            self._require_leave()
            if lens.low_shape is not None and self._shows(lens.low_shape):
                # So that it does not end before it is joined.
                kept = lens.low.view(self.permit)
                await self._leave_own(conversion)
                kept.close()
                self._require_leave()
                return Choice(lens.low, lens.low, CastPictures.LOW)
            if lens.low.trouble is not Trouble.BUSY or lens.low_shape is not None:
                return await conversion.choice
            # It takes one viewer only, or somebody else looks as well.
            await self._leave_own(conversion)
        return await self.low() or await self._converted()

    async def _leave_own(self, conversion: _Beginning) -> None:
        await conversion.end()
        await self.lens.rendition.feed.rest()
        await self.lens.feed.rest()

    async def _shows_own(self) -> bool:
        lens = self.lens
        if self.model is None:
            return True
        if lens.shape is None or lens.feed.state is FeedState.LIVE:
            await self._see_own()
        self._require_leave()
        return self._shows(lens.shape)

    def _own(self) -> Choice:
        lens = self.lens
        if self.model is not None and lens.feed.state is not FeedState.LIVE:
            look_later(lens, self._look_at_own)
        kind = CastPictures.LOW if lens.low is lens.feed else CastPictures.OWN
        return Choice(lens.feed, lens.feed, kind)

    async def _converted(self) -> Choice:
        lens = self.lens
        rendition = lens.rendition.feed
        choice = Choice(rendition, lens.feed, CastPictures.CONVERTED)
        runs = rendition.state is FeedState.LIVE
        slots = lens.coordinator.hub.encoder_slots
        if not runs and slots.full:
            await self._end_idle()
        begins_surely = lens.feed.trouble is None and lens.rendition.upstream.proven
        if not runs and not slots.full and begins_surely:
            look_later(lens, self._look_at_own)
            return choice
        if lens.feed.state is not FeedState.LIVE:
            await self._see_own()
        if not runs and slots.full:
            await self.make_room()
        try:
            await async_keyframe(rendition, self.permit, CONVERTED_PICTURE)
        except TimeoutError:
            raise why_not(lens, rendition, self.permit, Trouble.ENCODER, self.player) from None
        self._require_leave()
        return choice

    async def _end_idle(self) -> None:
        """End the encoders that nobody looks at any more: each runs on for a second."""
        for coordinator in self.lens.coordinator.hub.cameras.values():
            for lens in coordinator.lenses:
                await lens.rendition.feed.rest()
        self._require_leave()

    async def _see_own(self) -> None:
        """Wait for a picture of the lens's own feed, or say why there is none."""
        try:
            await self._look_at_own()
        except TimeoutError:
            lens = self.lens
            raise why_not(lens, lens.feed, self.permit, Trouble.UNREACHABLE) from None

    async def _look_at_own(self) -> None:
        self.lens.shape = await async_format(self.lens.feed, self.permit)

    async def _look_at_low(self) -> None:
        self.lens.low_shape = await async_format(self.lens.low, self.permit)

    async def _learn_low(self) -> None:
        """Look at the small pictures, or find that there are none, beside the best."""
        lens = self.lens
        try:
            await self._look_at_low()
        except TimeoutError:
            if self.permit.valid and self._low_is_silent and lens.feed.state is FeedState.LIVE:
                lens.lacks_low = True
            await lens.low.rest()
        else:
            if not self._shows(lens.low_shape):
                await lens.low.rest()

    @property
    def _low_is_silent(self) -> bool:
        """Whether no picture came of any quality that is called a small one."""
        return self.lens.low.trouble is Trouble.ASLEEP

    def _shows(self, shape: PictureFormat | None) -> bool:
        return self.model is None or shape is None or self.model.shows(shape)

    def _require_leave(self) -> None:
        if not self.permit.valid:
            raise self.lens.coordinator.refusal()


class _Beginning:
    """A conversion that begins while something else is looked at; a context manager."""

    def __init__(self, convert: Callable[[], Awaitable[Choice]], permit: Permit) -> None:
        self._convert = convert
        self._permit = permit
        self._kept: Viewer | None = None
        self.choice = asyncio.ensure_future(self._begin())

    async def _begin(self) -> Choice:
        choice = await self._convert()
        # It would end when nobody looked for a second.
        self._kept = choice.feed.view(self._permit)
        return choice

    async def end(self) -> None:
        """Leave it, begun or not."""
        self.choice.cancel()
        await asyncio.wait((self.choice,))
        if not self.choice.cancelled():
            self.choice.exception()
        if self._kept is not None:
            self._kept.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.end()


def _is_watched(feed: Feed) -> bool:
    """Whether somebody looks at a feed, not only at a still of it."""
    return bool(feed.audience.viewers)
