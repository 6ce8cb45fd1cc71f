"""Which player plays what is loaded, and the thread and tasks they all share."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.fetch import FetchLog
from simulator.display.player import HlsPlayer, Player, PlayerListener
from simulator.display.refusal import Answer, Refusals, RefusingPlayer
from simulator.display.still import StillPlayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.display.models import Model
    from simulator.display.screen import Screen
    from simulator.display.wire import Json

HLS_TYPES = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "application/mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
    }
)
STILL_TYPES = frozenset({"image/jpeg", "image/jpg", "image/png"})


class ScreenPlayers:
    """Makes players for one screen, and sees them to their end."""

    def __init__(
        self, screen: Screen, model: Model, name: str, give_up: float, refusals: Refusals
    ) -> None:
        """Prepare; `name` is for the thread, `give_up` as of HlsPlayer."""
        self._screen, self._model, self._name, self._give_up = screen, model, name, give_up
        self._executor: ThreadPoolExecutor | None = None
        self._refusals = refusals
        self._retired: set[asyncio.Task[None]] = set()
        self.log = FetchLog()
        """What players have fetched."""

    def start(self) -> None:
        """Be ready for players."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"display-{self._name}")

    async def stop(self) -> None:
        """Wait until retired players have ended, and end the thread."""
        if retired := list(self._retired):
            await asyncio.wait(retired)
        if self._executor is not None:
            self._executor.shutdown()  # idle by now
            self._executor = None

    async def in_thread[Result](self, call: Callable[[], Result]) -> Result:
        """Return what a blocking call returns."""
        assert self._executor is not None
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def open(self, media: Json, listener: PlayerListener, session: int) -> Player:
        """Make a player for what a LOAD describes; PlaybackError when nothing plays it."""
        assert self._executor is not None
        self.log.loaded(session)
        url = str(media.get("contentUrl") or media.get("contentId"))
        if (refusal := self._refusals.take(Answer.LOAD_FAILED, Answer.BUFFERING)) is not None:
            return RefusingPlayer(listener, refusal, url, self.log, session)
        content_type = str(media.get("contentType", "")).lower()
        if content_type in STILL_TYPES:
            return StillPlayer(listener, url, self._screen, session, log=self.log)
        if content_type in HLS_TYPES:
            return HlsPlayer(
                listener,
                url,
                self._screen,
                session,
                model=self._model,
                fragmented=media.get("hlsVideoSegmentFormat") == "fmp4",
                executor=self._executor,
                log=self.log,
                give_up=self._give_up,
            )
        raise PlaybackError(
            MediaError.MEDIA_SRC_NOT_SUPPORTED, f"nothing plays {content_type[:60]!r} here"
        )

    def retire(self, player: Player) -> None:
        """Halt a player at once and see it to its end."""
        player.halt()
        task = asyncio.create_task(player.wait_closed(), name="ScreenPlayers.retire")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)
