"""What a display answers instead of playing: each error that a sender can be told.

LOAD_FAILED, LOAD_CANCELLED and INVALID_REQUEST are in Google's reference of media messages
(https://developers.google.com/cast/docs/media/messages), the numbers in its list of error codes
(https://developers.google.com/cast/docs/web_receiver/error_codes). LAUNCH_ERROR is known from
senders that read it: Chromium, PyChromecast, rust_cast.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Self

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.fetch import MAX_PLAYLIST, MAX_SEGMENT, Fetcher
from simulator.display.player import Player
from simulator.display.playlist import MediaPlaylist, PlaylistError, parse

if TYPE_CHECKING:
    from simulator.display.fetch import FetchLog
    from simulator.display.player import PlayerListener
    from simulator.display.playlist import Variant

TRIES: Final = 0.3
"""Seconds until it knows, if it fetches nothing."""
FETCHED: Final = {
    MediaError.HLS_NETWORK_MASTER_PLAYLIST: 0,
    MediaError.HLS_MANIFEST_MASTER: 1,
    MediaError.MEDIA_SRC_NOT_SUPPORTED: 1,
    MediaError.HLS_NETWORK_PLAYLIST: 1,
    MediaError.HLS_MANIFEST_PLAYLIST: 2,
    MediaError.SEGMENT_NETWORK: 2,
    MediaError.HLS_NETWORK_INVALID_SEGMENT: 3,
    MediaError.HLS_SEGMENT_PARSING: 3,
    MediaError.MEDIA_DECODE: 3,
}
"""How much of a stream has been fetched when it turns out to be wrong in this way: its master
playlist, the playlist of one variant as well, or a segment as well. By what the errors mean."""
PLAYLISTS: Final = 2


class Answer(Enum):
    """What is answered."""

    LOAD_FAILED = auto()
    """LOAD_FAILED to a LOAD, after MEDIA_STATUS IDLE/ERROR."""
    LOAD_CANCELLED = auto()
    """LOAD_CANCELLED to a LOAD, after MEDIA_STATUS IDLE/CANCELLED: somebody has stopped it."""
    INVALID_REQUEST = auto()
    """INVALID_REQUEST to a LOAD; nothing else happens."""
    LAUNCH_ERROR = auto()
    """LAUNCH_ERROR to a LAUNCH; the idle screen stays."""
    BUFFERING = auto()
    """MEDIA_STATUS BUFFERING for ever; the LOAD is never answered."""
    NOTHING = auto()
    """Not a word to anything at all, a PING included, until told to refuse otherwise."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer; `code` (None: it tells none) and `fetches` are those of a failed LOAD.

    `fetches` is how much of the stream is fetched before, as in `FETCHED`.
    """

    answer: Answer = Answer.LOAD_FAILED
    code: MediaError | None = MediaError.MEDIA_SRC_NOT_SUPPORTED
    fetches: int = 0
    buffers: bool = True
    """Whether it says that it is buffering before it knows."""

    @classmethod
    def failed(cls, code: MediaError) -> Self:
        """Return a failure as it really happens."""
        fetches = FETCHED[code]
        return cls(Answer.LOAD_FAILED, code, fetches, fetches >= PLAYLISTS)


class Refusals:
    """How the next requests are answered; then all is well again."""

    def __init__(self) -> None:
        """Refuse nothing."""
        self._next: deque[Refusal] = deque()

    def set(self, times: int, refusal: Refusal) -> None:
        """Refuse the next so many, in place of what was to be refused before."""
        self._next = deque([refusal] * times)

    @property
    def silent(self) -> bool:
        """Whether nothing is answered at all now."""
        return bool(self._next) and self._next[0].answer is Answer.NOTHING

    def take(self, *answers: Answer) -> Refusal | None:
        """Return the next refusal, which is used up, if it is one of these."""
        if self._next and self._next[0].answer in answers:
            return self._next.popleft()
        return None


class RefusingPlayer(Player):
    """Takes what it is told to play, and finds that it cannot."""

    def __init__(
        self, listener: PlayerListener, refusal: Refusal, url: str, log: FetchLog, session: int
    ) -> None:
        """Prepare; what is fetched from `url` is noted in `log`."""
        super().__init__(listener)
        self._refusal, self._url = refusal, url
        self._fetcher = Fetcher(log, session)

    async def _play(self) -> None:
        refusal = self._refusal
        if refusal.fetches:
            async with self._fetcher:
                await self._fetch(refusal.fetches)
        if refusal.buffers:
            self._listener.buffering()
        if refusal.answer is Answer.BUFFERING:
            await asyncio.Event().wait()
        if not refusal.fetches:
            await asyncio.sleep(TRIES)
        raise PlaybackError(refusal.code, "refused, as it was told to")

    async def _fetch(self, much: int) -> None:
        """Fetch the first things of a stream; PlaybackError if even that cannot be done."""
        playlist = await self._playlist(self._url)
        if much < PLAYLISTS:
            return
        if not isinstance(playlist, MediaPlaylist):
            playlist = await self._playlist(playlist[0].url)
        if much > PLAYLISTS and isinstance(playlist, MediaPlaylist) and playlist.segments:
            await self._fetcher.get(
                playlist.segments[-1].url, MAX_SEGMENT, MediaError.SEGMENT_NETWORK
            )

    async def _playlist(self, url: str) -> MediaPlaylist | list[Variant]:
        code = MediaError.HLS_NETWORK_MASTER_PLAYLIST
        data, url = await self._fetcher.get(url, MAX_PLAYLIST, code)
        try:
            return parse(data.decode(), url)
        except (UnicodeDecodeError, PlaylistError) as err:
            raise PlaybackError(code, f"not even a playlist: {type(err).__name__}") from None
