"""A player of still pictures, such as the card that is shown when a camera's pictures end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError
from yarl import URL

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.fetch import Fetcher, FetchLog, name_of
from simulator.display.player import Player, PlayerListener
from simulator.display.screen import DecodedFrame, Screen, Video, now_ms
from simulator.tag import read

if TYPE_CHECKING:
    from simulator.tag import Tag

CARD_PATH = "/api/mi_camera/card/"
"""Where the card comes from, whatever the host."""
MAX_IMAGE = 8 << 20
_FORMATS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}


class StillPlayer(Player):
    """Shows one picture, until it is halted."""

    def __init__(
        self,
        listener: PlayerListener,
        url: str,
        screen: Screen,
        session: int,
        *,
        log: FetchLog | None = None,
    ) -> None:
        """Show the JPEG or PNG at `url` on `screen`."""
        super().__init__(listener)
        self._log = log
        self._url, self._screen, self._session = url, screen, session

    async def _play(self) -> None:
        async with Fetcher(self._log, self._session) as fetcher:
            data, url = await fetcher.get(
                self._url, MAX_IMAGE, MediaError.MEDIA_SRC_NOT_SUPPORTED, cors=False
            )
        tag, video = _decode(data, name_of(self._url))
        # A picture of a camera stays one, whatever the address it came from.
        card = tag is None and URL(url).path.startswith(CARD_PATH)
        self._screen.show(self._session, DecodedFrame(0.0, tag, now_ms(), video), card=card)
        self._listener.playing()


def _decode(data: bytes, name: str) -> tuple[Tag | None, Video]:
    """Return what a picture says and how it was coded; PlaybackError when it is none."""
    kind = next((kind for start, kind in _FORMATS.items() if data.startswith(start)), None)
    if kind is None:
        raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, f"{name} is no JPEG or PNG")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            tag = read(np.asarray(image.convert("L")))
            return tag, Video(kind.lower(), image.width, image.height)
    except UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError:
        raise PlaybackError(
            MediaError.MEDIA_DECODE, f"{name} is a broken {kind}", final=True
        ) from None
