"""A player that takes what it is told to play, buffers, and finds that it cannot."""

from __future__ import annotations

import asyncio
from typing import Final

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.player import Player

TRIES: Final = 0.3
"""Seconds until it knows."""


class RefusingPlayer(Player):
    """Refuses whatever it is, after a moment."""

    async def _play(self) -> None:
        self._listener.buffering()
        await asyncio.sleep(TRIES)
        raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, "refused, as it was told to")
