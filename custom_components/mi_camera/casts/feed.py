"""Waiting for the pictures of a lens, and seeing how they are coded, before they are cast."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from homeassistant.setup import async_setup_component

from ..const import DOMAIN
from ..exceptions import session_error
from ..media import Trouble, UpstreamError, picture_format

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from ..gate import Permit
    from ..lens import Lens
    from ..media import AccessUnit, Feed, PictureFormat

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


async def async_format(feed: Feed, permit: Permit) -> PictureFormat | None:
    """Return how the pictures of a feed are coded, once a key frame is there; None: unclear.

    Raises:
        TimeoutError: there is none.
    """
    return picture_format(await async_keyframe(feed, permit, FIRST_PICTURE))


async def async_keyframe(feed: Feed, permit: Permit, seconds: float) -> AccessUnit:
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


def look_later(lens: Lens, look: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """See to it that what was assumed of a lens is right the next time; returns the looking."""

    async def learn() -> None:
        with contextlib.suppress(TimeoutError):
            await look()

    return lens.coordinator.hub.entry.async_create_background_task(
        lens.coordinator.hass, learn(), f"{DOMAIN} look at how pictures are coded"
    )


def why_not(
    lens: Lens, feed: Feed, permit: Permit, otherwise: Trouble, player: str | None = None
) -> Exception:
    """Return what to raise when a feed of a lens gives no picture (for a player of that name)."""
    if not permit.valid:
        return lens.coordinator.refusal()
    trouble = feed.trouble or otherwise
    return session_error(UpstreamError(trouble), lens.coordinator.config.name, player)
