"""Which pictures of a lens a player is shown: its own, or a rendition that it can show."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from homeassistant.setup import async_setup_component

from ..const import DOMAIN
from ..exceptions import session_error
from ..media import Feed, FeedState, Trouble, UpstreamError, picture_format
from .models import async_cast_model

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..gate import Permit
    from ..lens import Lens
    from ..media import AccessUnit

FIRST_PICTURE = 20.0
"""Seconds a camera may take for its first picture, waking it included."""
CONVERTED_PICTURE = 12.0
PATIENCE = 6.0
"""Seconds for which a failed attempt is followed by another."""
AGAIN = 0.5
PASSING = {Trouble.UNREACHABLE, Trouble.BROKEN}
FFMPEG_DOMAIN = "ffmpeg"


async def async_ffmpeg(hass: HomeAssistant) -> str:
    """Return the path of the ffmpeg that Home Assistant uses, or its usual name."""
    if not await async_setup_component(hass, FFMPEG_DOMAIN, {}):
        return FFMPEG_DOMAIN
    # Its package is there for sure only once the integration is set up.
    from homeassistant.components.ffmpeg import get_ffmpeg_manager  # noqa: PLC0415

    return get_ffmpeg_manager(hass).binary


async def async_feed_for(lens: Lens, permit: Permit, player: str) -> Feed:
    """Return the feed of a lens that a player (its entity) can show.

    It is the lens's own unless that is known to be too much for the player. What is not
    seen at the moment is taken to be coded as it was the last time, so that the player need
    not wait for the camera before it is told to begin.

    Raises:
        MiCameraError, MiCameraInputError: there are no pictures to be had, they cannot be
            converted, or there is no leave any more.
    """
    model = async_cast_model(lens.coordinator.hass, player)
    if model is None:
        return lens.feed
    if lens.shape is None or lens.feed.state is FeedState.LIVE:
        await _async_learn(lens, permit)
    else:
        _learn_later(lens, permit)
    if not permit.valid:
        raise lens.coordinator.refusal()
    if lens.shape is None or model.shows(lens.shape):
        return lens.feed
    rendition = lens.rendition.feed
    try:
        await _async_keyframe(rendition, permit, CONVERTED_PICTURE)
    except TimeoutError:
        raise _why_not(lens, rendition, permit, Trouble.ENCODER) from None
    if not permit.valid:
        raise lens.coordinator.refusal()
    return rendition


async def _async_learn(lens: Lens, permit: Permit) -> None:
    """See how the lens's pictures are coded, once the next key frame is there."""
    try:
        await _async_look(lens, permit)
    except TimeoutError:
        raise _why_not(lens, lens.feed, permit, Trouble.UNREACHABLE) from None


async def _async_look(lens: Lens, permit: Permit) -> None:
    unit = await _async_keyframe(lens.feed, permit, FIRST_PICTURE)
    lens.shape = picture_format(unit)


async def _async_keyframe(feed: Feed, permit: Permit, seconds: float) -> AccessUnit:
    """Wait for a key frame; a feed that meets a trouble that may pass gets another chance.

    Raises:
        TimeoutError: there is none.
    """
    patience_ends = time.monotonic() + PATIENCE
    while True:
        try:
            return await feed.keyframe(permit, max_age=feed.limits.stall, timeout=seconds)
        except TimeoutError:
            may_pass = feed.trouble in PASSING and time.monotonic() < patience_ends
            if not may_pass or not permit.valid:
                raise
        await asyncio.sleep(AGAIN)


def _learn_later(lens: Lens, permit: Permit) -> None:
    """See to it that what was assumed of a lens is right the next time."""

    async def learn() -> None:
        with contextlib.suppress(TimeoutError):
            await _async_look(lens, permit)

    lens.coordinator.hub.entry.async_create_background_task(
        lens.coordinator.hass, learn(), f"{DOMAIN} look at how pictures are coded"
    )


def _why_not(lens: Lens, feed: Feed, permit: Permit, otherwise: Trouble) -> Exception:
    if not permit.valid:
        return lens.coordinator.refusal()
    trouble = feed.trouble or otherwise
    return session_error(UpstreamError(trouble), lens.coordinator.config.name)
