"""Home Assistant `Stream` objects that can be ended at once and for good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from homeassistant.components.camera import DynamicStreamSettings
from homeassistant.components.stream.const import ATTR_STREAMS, DOMAIN as STREAM_DOMAIN
from homeassistant.core import callback

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.components.stream import Stream
    from homeassistant.core import HomeAssistant

    from .hub import MiCameraConfigEntry

# A stop that hits a start in progress leaves a worker without outputs that would knock
# at the relay for ever; asking again later ends that one too.
STOP_AGAIN_AFTER = (1.0, 35.0)


@callback
def async_detach(stream: Stream) -> None:
    """Make every address of `stream` dead, synchronously.

    The segments kept for viewers go as well, and requests that wait for the next one
    are woken to find nothing.
    """
    stream.access_token = None
    for output in tuple(stream.outputs().values()):
        # The worker's first segment may be on its way, and starts the timer unless that has
        # been started before; once started, it is cleared for good.
        output.idle_timer.awake()
        output.cleanup()


async def async_end(stream: Stream) -> None:
    """Stop the worker of a detached stream, even if it is to be kept by preference."""
    stream.dynamic_stream_settings = DynamicStreamSettings(preload_stream=False)
    for output in tuple(stream.outputs().values()):
        await stream.remove_provider(output)
    await stream.stop()


@callback
def async_end_in_background(
    hass: HomeAssistant, entry: MiCameraConfigEntry, stream: Stream
) -> asyncio.Task[None]:
    """End a detached stream without making anybody wait for its worker."""

    async def end() -> None:
        await async_end(stream)
        # Home Assistant keeps every stream, with its last key frame, until it stops.
        kept = hass.data[STREAM_DOMAIN][ATTR_STREAMS]
        if stream in kept:
            kept.remove(stream)
        for delay in STOP_AGAIN_AFTER:
            await asyncio.sleep(delay)
            await stream.stop()

    return entry.async_create_background_task(hass, end(), f"{DOMAIN} end of a stream")
