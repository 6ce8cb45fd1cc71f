"""What is said on the displays of a cast: a text, made into speech once for all of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import numpy as np

from ..const import DOMAIN, LOGGER
from ..exceptions import MiCameraInputError
from ..media.aac import AacEncoder
from ..media.sound_timeline import RATE
from ..miss import Codec
from ..talk_codec import FRAME_MS, Sound, SoundError, SoundReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.tts import ResultStream
    from homeassistant.core import HomeAssistant

    from ..hub import MiCameraConfigEntry
    from .session import CastSession

MAX_TEXT: Final = 500
"""Characters."""
MAX_BYTES: Final = 4 << 20
"""Speech as the engine gives it; more is not listened to."""
MAX_SECONDS: Final = 60
"""What is longer is not said to its end."""
TIMEOUT: Final = 15.0
"""Seconds the engine may take; who asked for the cast waits no longer for it."""
TTS_DOMAIN: Final = "tts"


class Announcement:
    """A text that is being made into speech while players load."""

    def __init__(self, hass: HomeAssistant, entry: MiCameraConfigEntry, text: str) -> None:
        """Ask Home Assistant's default text-to-speech engine, in the language it speaks.

        Raises:
            MiCameraInputError: there is none.
        """
        if TTS_DOMAIN not in hass.config.components:
            raise MiCameraInputError("no_speech")
        # Its package is there for sure only once the integration is set up.
        from homeassistant.components import tts  # noqa: PLC0415

        if (engine := tts.async_default_engine(hass)) is None:
            raise MiCameraInputError("no_speech")
        self._hass = hass
        self._complained = False
        self._task = entry.async_create_background_task(
            hass,
            self._async_make(lambda: tts.async_create_stream(hass, engine), text),
            f"{DOMAIN} speech for a cast",
        )
        self._task.add_done_callback(_forget)

    async def async_say(self, session: CastSession) -> bool:
        """Say it on a session as soon as it is there; returns whether it will be heard."""
        await asyncio.wait((self._task,))
        if self._task.cancelled():
            return False
        # Engines raise whatever their libraries do, and may quote the text.
        if (err := self._task.exception()) is not None:
            if not self._complained:
                self._complained = True
                LOGGER.warning("Nothing is said with a cast: %s", type(err).__name__)
            return False
        return session.pictures.say(self._task.result())

    async def async_end(self) -> None:
        """Give up what has not been made by now."""
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _async_make(self, open_stream: Callable[[], ResultStream], text: str) -> list[bytes]:
        stream = open_stream()
        data = bytearray()
        try:
            async with asyncio.timeout(TIMEOUT), aclosing(stream.async_stream_result()) as chunks:
                stream.async_set_message(text)
                async for chunk in chunks:
                    data += chunk
                    if len(data) > MAX_BYTES:
                        raise SoundError("there is too much of it")
        finally:
            # Nobody is to fetch it at the address it would have.
            stream.delete()
        return await self._hass.async_add_executor_job(speech_frames, bytes(data))


def _forget(task: asyncio.Task[list[bytes]]) -> None:
    """Let nobody complain of what nobody asked for any more."""
    if not task.cancelled():
        task.exception()


def speech_frames(data: bytes) -> list[bytes]:
    """Return a file of sound as frames of AAC. It blocks: it belongs in a worker thread.

    Raises:
        SoundError: it is none.
    """
    reader = SoundReader(Sound(data=data), Codec.PCM, RATE)
    encoder = AacEncoder()
    frames: list[bytes] = []
    pieces = 0
    try:
        while pieces * FRAME_MS < MAX_SECONDS * 1000 and (chunk := reader.read()):
            pieces += len(chunk)
            samples = np.frombuffer(b"".join(chunk), "<i2").astype(np.float32) / 32768
            frames += [frame.data for frame in encoder.encode(samples.tobytes())]
    finally:
        reader.close()
    if not pieces:
        raise SoundError("there is no sound in it")
    return frames + [frame.data for frame in encoder.finish()]
