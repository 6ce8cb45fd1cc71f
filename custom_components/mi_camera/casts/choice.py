"""Which pictures of a lens a player is shown: its own, its small ones, or a rendition.

A camera takes two viewers, and the owner's phone is one. So casts for which nobody has chosen
a quality do with one session for each lens: what is looked at already is shown if the player
can show it, and converted if not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ..media import FeedState, Trouble
from .feed import CONVERTED_PICTURE, async_format, async_keyframe, look_later, why_not
from .models import async_cast_model
from .request import CastQuality

if TYPE_CHECKING:
    from ..gate import Permit
    from ..lens import Lens
    from ..media import Feed, PictureFormat
    from .models import CastModel


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


async def async_choose(lens: Lens, permit: Permit, player: str, quality: CastQuality) -> Choice:
    """Return what of a lens a player (its entity) is shown.

    What is not seen at the moment is taken to be coded as it was the last time, so that the
    player need not wait for the camera before it is told to begin. Who joins the feed before
    the next `await` is counted by whoever chooses next.

    Raises:
        MiCameraError, MiCameraInputError: there are no pictures to be had, they cannot be
            converted, or there is no leave any more.
    """
    model = async_cast_model(lens.coordinator.hass, player)
    async with lens.choosing:
        chooser = _Chooser(lens, permit, model)
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

    async def one_session(self) -> Choice:
        """Choose without having the camera send both, as far as the player can show one."""
        lens = self.lens
        if _is_watched(lens.low) and not _is_watched(lens.feed) and (low := await self.low()):
            return low
        if await self._shows_own():
            return self._own()
        if _is_watched(lens.low) or not _is_watched(lens.feed):
            return await self.low() or await self._converted()
        return await self._converted()

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
                lens.low_shape = await async_format(lens.low, self.permit)
            except TimeoutError:
                self._require_leave()
                # No picture of any quality that is called a small one.
                is_silent = lens.low.trouble is Trouble.ASLEEP
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
        if lens.feed.state is not FeedState.LIVE:
            await self._see_own()
        rendition = lens.rendition.feed
        try:
            await async_keyframe(rendition, self.permit, CONVERTED_PICTURE)
        except TimeoutError:
            raise why_not(lens, rendition, self.permit, Trouble.ENCODER) from None
        self._require_leave()
        return Choice(rendition, lens.feed, CastPictures.CONVERTED)

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

    def _shows(self, shape: PictureFormat | None) -> bool:
        return self.model is None or shape is None or self.model.shows(shape)

    def _require_leave(self) -> None:
        if not self.permit.valid:
            raise self.lens.coordinator.refusal()


def _is_watched(feed: Feed) -> bool:
    """Whether somebody looks at a feed, not only at a still of it."""
    return bool(feed.audience.viewers)
