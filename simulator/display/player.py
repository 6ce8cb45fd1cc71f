"""Players: what they have in common, and one of HLS that decodes and presents in real time.

The HLS player has two halves with a queue of one segment between them. The fetching half polls
the playlist every half target duration and decodes each new segment in a thread; the presenting
half lets the frames out at their time. So at most three segments are held: one on the screen,
one queued, one waiting to be queued.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from simulator.display.decoder import SegmentDecoder
from simulator.display.errors import MediaError, PlaybackError
from simulator.display.fetch import MAX_PLAYLIST, MAX_SEGMENT, Fetcher, name_of
from simulator.display.models import sound_codec, video_codec
from simulator.display.playlist import MediaPlaylist, PlaylistError, Segment, Variant, parse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from simulator.display.fetch import FetchLog
    from simulator.display.models import Model
    from simulator.display.screen import DecodedFrame, Screen

GIVE_UP = 4.0
"""Seconds without a picture, and with every fetch failing, until an HLS player gives up."""
STALL = 0.25
"""Seconds a frame may be late before the player says that it is buffering."""
JUMP = 1.0
"""Seconds the stream's clock may jump between frames before presentation starts anew."""
SKIP_AFTER = 3
"""Times a segment is asked for before the player goes on with the next."""


class PlayerListener(Protocol):
    """Who is told what a player does."""

    def buffering(self) -> None:
        """Hear that pictures are awaited."""

    def playing(self) -> None:
        """Hear that pictures are shown."""

    def failed(self, error: PlaybackError) -> None:
        """Hear that the player has given up."""

    def finished(self) -> None:
        """Hear that the stream has come to its end."""


class Player:
    """Common part of players: one task, owned until `wait_closed`."""

    def __init__(self, listener: PlayerListener) -> None:
        """Prepare."""
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._halted = False
        self._running = asyncio.Event()
        self._running.set()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._guard(), name=type(self).__name__)

    def halt(self) -> None:
        """Stop at once: nothing is presented and nobody is told anything after this call."""
        if not self._halted and self._task is not None:
            self._task.cancel()
        self._halted = True

    async def wait_closed(self) -> None:
        """Wait, after `halt`, until no task, thread or connection is left."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def pause(self) -> None:
        """Freeze the picture."""
        self._running.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._running.set()

    @property
    def position(self) -> float:
        """Seconds presented."""
        return 0.0

    async def _guard(self) -> None:
        try:
            await self._play()
        except PlaybackError as err:
            if not self._halted:
                self._listener.failed(err)

    async def _play(self) -> None:
        raise NotImplementedError


class HlsPlayer(Player):
    """Plays one HLS stream from its live edge."""

    def __init__(
        self,
        listener: PlayerListener,
        url: str,
        screen: Screen,
        session: int,
        *,
        model: Model,
        fragmented: bool,
        executor: Executor,
        log: FetchLog | None = None,
        give_up: float = GIVE_UP,
    ) -> None:
        """Play the master or media playlist at `url` on `screen`.

        `fragmented` is what the sender said in hlsVideoSegmentFormat: with "fmp4" segments are
        fragmented MP4, and transport streams otherwise, whatever the playlist holds. What is
        fetched is noted in `log`.
        """
        super().__init__(listener)
        self._url, self._screen, self._session = url, screen, session
        self._model, self._executor, self._give_up = model, executor, give_up
        self._decoder = SegmentDecoder(model, fragmented=fragmented)
        screen.sound = self._decoder.sound
        self._fetcher = Fetcher(log, session)
        self._media_url = url
        self._init: tuple[str, bytes] | None = None
        self._queue: asyncio.Queue[list[DecodedFrame] | None] = asyncio.Queue(maxsize=1)
        self._starving_since: float | None = None
        self._trouble_since: float | None = None
        self._presented = 0.0

    @property
    def position(self) -> float:
        """Seconds presented."""
        return self._presented

    def halt(self) -> None:
        """Stop at once: nothing is presented and nobody is told anything after this call."""
        self._decoder.halt()
        super().halt()

    async def _play(self) -> None:
        self._starving_since = asyncio.get_running_loop().time()
        async with self._fetcher:
            playlist = await self._load()
            self._listener.buffering()
            fetching = asyncio.create_task(self._fetch(playlist), name="HlsPlayer.fetch")
            try:
                await self._present(fetching)
            finally:
                fetching.cancel()
                await asyncio.wait([fetching])
                if not fetching.cancelled():
                    fetching.exception()
        self._listener.finished()

    # --- fetching ---

    async def _load(self) -> MediaPlaylist:
        """Return the first media playlist, by way of a master playlist when there is one."""
        data, url = await self._fetcher.get(
            self._url, MAX_PLAYLIST, MediaError.HLS_NETWORK_MASTER_PLAYLIST
        )
        playlist = _parse(data, url, MediaError.HLS_MANIFEST_MASTER)
        if isinstance(playlist, MediaPlaylist):
            self._media_url = self._url
            return playlist
        self._media_url = self._choose(playlist).url
        return await self._poll()

    def _choose(self, variants: list[Variant]) -> Variant:
        """Return the best variant this display can play."""
        refused = ""
        playable: list[Variant] = []
        for variant in variants:
            if why := self._refuses(variant):
                refused = why
            else:
                playable.append(variant)
        if not playable:
            raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, refused, final=True)
        return max(playable, key=lambda variant: variant.bandwidth)

    def _refuses(self, variant: Variant) -> str | None:
        video, sound = video_codec(variant.codecs), sound_codec(variant.codecs)
        why = video and self._model.refuses(
            video.codec, variant.width, variant.height, video.level, video.profile
        )
        return why or (sound and self._model.refuses_sound(sound))

    async def _poll(self) -> MediaPlaylist:
        data, url = await self._fetcher.get(
            self._media_url, MAX_PLAYLIST, MediaError.HLS_NETWORK_PLAYLIST
        )
        playlist = _parse(data, url, MediaError.HLS_MANIFEST_PLAYLIST)
        if not isinstance(playlist, MediaPlaylist):
            raise PlaybackError(
                MediaError.HLS_MANIFEST_PLAYLIST, "a master playlist in a master playlist"
            )
        return playlist

    async def _fetch(self, playlist: MediaPlaylist) -> None:
        """Put decoded segments into the queue, and None at the stream's end."""
        position: int | None = None
        restart = False
        attempts = 0
        current: MediaPlaylist | None = playlist
        pause = 0.0
        while True:
            try:
                if current is None:
                    current = await self._poll()
                pause = max(0.1, min(current.target_duration / 2, 10.0))
                position, restart = _resume_at(current, position, restart=restart)
                for segment in current.segments:
                    if position is not None and segment.sequence == position:
                        frames = await self._segment(segment, restart=restart)
                        position, restart, attempts = position + 1, False, 0
                        await self._queue.put(frames)
                self._trouble_since = None
            except PlaybackError as err:
                self._consider(err)
                pause = min(pause, 1.0)
                attempts += 1
                if attempts >= SKIP_AFTER and current and position is not None:
                    position, restart = min(position + 1, current.last), True
            else:
                if current.ended:
                    await self._queue.put(None)
                    return
            await asyncio.sleep(pause)
            current = None

    def _consider(self, error: PlaybackError) -> None:
        """Raise the error when it is final or has left the screen without pictures too long."""
        now = asyncio.get_running_loop().time()
        if self._trouble_since is None:
            self._trouble_since = now
        starving = self._starving_since
        if error.final or (
            starving is not None and now - max(starving, self._trouble_since) >= self._give_up
        ):
            raise error

    async def _segment(self, segment: Segment, *, restart: bool) -> list[DecodedFrame]:
        init = b""
        if segment.init_url is not None:
            if self._init is None or self._init[0] != segment.init_url:
                data, _ = await self._fetcher.get(
                    segment.init_url, MAX_SEGMENT, MediaError.SEGMENT_NETWORK
                )
                self._init = segment.init_url, data
            init = self._init[1]
        data, _ = await self._fetcher.get(segment.url, MAX_SEGMENT, MediaError.SEGMENT_NETWORK)
        decoding = asyncio.get_running_loop().run_in_executor(
            self._executor,
            lambda: self._decoder.decode(init, data, restart=restart or segment.discontinuity),
        )
        try:
            await asyncio.wait([decoding])
        except asyncio.CancelledError:
            # The thread cannot be cancelled, only asked to stop; it must not outlive us.
            self._decoder.halt()
            await asyncio.wait([decoding])
            decoding.exception()
            raise
        return decoding.result()

    # --- presenting ---

    async def _present(self, fetching: asyncio.Task[None]) -> None:
        """Show frames at their time until the stream ends; PlaybackError when it breaks."""
        loop = asyncio.get_running_loop()
        clock: float | None = None  # loop time minus stream time
        last = 0.0
        while (frames := await self._next(fetching)) is not None:
            for frame in frames:
                if clock is None or not 0 <= frame.at - last <= JUMP:
                    clock, last = loop.time() - frame.at, frame.at
                late = loop.time() - clock - frame.at
                if late < 0:
                    await asyncio.sleep(-late)
                if late > STALL or not self._running.is_set():
                    await self._running.wait()
                    clock = loop.time() - frame.at
                if self._starving_since is not None:
                    self._starving_since = None
                    self._listener.playing()
                self._screen.show(self._session, frame)
                self._presented += frame.at - last
                last = frame.at

    async def _next(self, fetching: asyncio.Task[None]) -> list[DecodedFrame] | None:
        """Return the next segment; say that we are buffering when it is late."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        getting = asyncio.create_task(self._queue.get(), name="HlsPlayer.next")
        either = {getting, fetching}
        try:
            if self._starving_since is None:
                await asyncio.wait(either, timeout=STALL, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done() and not fetching.done():
                    self._starving_since = asyncio.get_running_loop().time()
                    self._listener.buffering()
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done() and self._queue.empty():
                fetching.result()  # raises what has ended it
            return await getting
        finally:
            getting.cancel()
            await asyncio.wait([getting])


def _parse(data: bytes, url: str, code: MediaError) -> list[Variant] | MediaPlaylist:
    try:
        return parse(data.decode(), url)
    except UnicodeDecodeError:
        raise PlaybackError(code, f"{name_of(url)} is no text") from None
    except PlaylistError as err:
        raise PlaybackError(code, f"{name_of(url)}: {err}") from None


def _resume_at(
    playlist: MediaPlaylist, position: int | None, *, restart: bool
) -> tuple[int | None, bool]:
    """Return where to go on in a window that may have left us behind, or begun anew."""
    if not playlist.segments:
        return position, restart
    if position is None:
        return playlist.start(), restart
    if position < playlist.segments[0].sequence:
        return playlist.segments[0].sequence, True
    if position > playlist.last + 1:
        return playlist.start(), True
    return position, restart
