"""How long until a viewer has a picture, without and with a session that is already there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import statistics
import time
from typing import TYPE_CHECKING, Self

import aiohttp

from custom_components.mi_camera.miss import MissClient, MissError, VideoFrame

from .home import GOP_SECONDS
from .processes import BenchFailed, Helper
from .readers import Reader, check
from .sides import OURS, PEER, both, turns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from custom_components.mi_camera.miss import AudioFrame

    from .home import Camera, Home
    from .processes import Go2rtc
    from .sides import Peer, Sides

_QUALITY = 2
_WARM = "warm"
_PATIENCE = 10.0
_BREATH = 0.3
"""Seconds between two runs, at least."""


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """Medians in ms."""

    cold: Sides
    warm: Sides
    due: float
    """When the camera's next key frame was due, counted from the question, in the cold runs."""


class _Onlooker:
    """A session of its own that tells when the camera sends key frames.

    It keeps the camera going, and lets both sides ask at the same moments between two of them.
    """

    def __init__(self, home: Home, camera: Camera) -> None:
        self._home = home
        self._camera = camera
        self._client: MissClient | None = None
        self._came = asyncio.Event()
        self._ended = False
        self.times: list[float] = []

    async def __aenter__(self) -> Self:
        self._client = MissClient(
            self._camera.host,
            await self._home.keys(self._camera),
            on_frame=self._frame,
            on_closed=self._closed,
        )
        try:
            await self._client.connect()
            await self._client.start_video(quality=_QUALITY)
        except MissError as err:
            raise BenchFailed(f"the simulated camera: {err}") from err
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()

    def _frame(self, frame: VideoFrame | AudioFrame) -> None:
        if isinstance(frame, VideoFrame) and frame.keyframe:
            self.times.append(time.time())
            self._came.set()

    def _closed(self, _error: MissError | None) -> None:
        self._ended = True
        self._came.set()

    async def after_key_frame(self, seconds: float) -> None:
        """Wait until `seconds` after one of the key frames, which come at regular times."""
        while not self.times:
            await self._next()
        at = self.times[-1] + seconds
        while (wait := at - time.time()) < _BREATH:
            at += GOP_SECONDS
        await asyncio.sleep(wait)
        if self._ended:
            raise BenchFailed("the simulated camera hung up")

    async def due(self, asked: float) -> float:
        """Return how many ms after `asked` the next key frame came."""
        while self.times[-1] <= asked:
            await self._next()
        return (next(at for at in self.times if at > asked) - asked) * 1000

    async def _next(self) -> None:
        self._came.clear()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._came.wait()
        except TimeoutError:
            self._ended = True
        if self._ended:
            raise BenchFailed("the simulated camera stopped sending")


@dataclass(slots=True)
class _Runs:
    """The same runs for both sides, each time as long after a key frame as the other's."""

    http: aiohttp.ClientSession
    camera: Camera
    onlooker: _Onlooker
    peer: Peer
    asked: list[float] = field(default_factory=list)

    async def run(self, rounds: int, address: Callable[[str, int], Awaitable[str | None]]) -> Sides:
        """Ask `rounds` times per side, by turns; `address` gives where. Return medians in ms."""
        took: dict[str, list[float]] = {OURS: [], PEER: []}
        for number in range(rounds):
            phase = (number + 0.5) / rounds * GOP_SECONDS
            for side in turns(number):
                if (url := await address(side, number)) is None:
                    continue
                await self.onlooker.after_key_frame(phase)
                try:
                    took[side].append(await self._once(url, side))
                except BenchFailed as err:
                    if side == OURS:
                        raise
                    self.peer.give_up(str(err))
        if not self.peer.there:
            took[PEER] = []
        return both(*(statistics.median(took[side]) if took[side] else None for side in took))

    async def _once(self, url: str, side: str) -> float:
        async with Reader(self.http, url, side) as reader:
            picture = await reader.first()
        check(picture, self.camera.did, side)
        self.asked.append(reader.asked)
        return (picture.at - reader.asked) * 1000


async def first_frame(home: Home, peer: Peer, folder: Path, rounds: int) -> FirstFrame:
    """Measure, with `rounds` runs of each kind for each side."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http:
        cold, due = await _cold(home, peer, folder, rounds, http)
        warm = await _warm(home, peer, folder, rounds, http)
    return FirstFrame(cold, warm, due)


async def _cold(
    home: Home, peer: Peer, folder: Path, rounds: int, http: aiohttp.ClientSession
) -> tuple[Sides, float]:
    camera = home.cold
    # A stream that was read before is another name's: no session can be left of it.
    streams = {f"cold{number}": await home.go2rtc_url(camera) for number in range(rounds)}
    async with (
        _Onlooker(home, camera) as onlooker,
        Helper("relay_process", folder) as relay,
        peer.running(folder, streams) as go2rtc,
    ):
        await relay.ask({"streams": [await home.stream(camera)]})

        async def address(side: str, number: int) -> str | None:
            if side == OURS:
                return str((await relay.ask({"renew": 0}))["url"])
            return go2rtc.url(f"cold{number}") if go2rtc is not None and peer.there else None

        runs = _Runs(http, camera, onlooker, peer)
        cold = await runs.run(rounds, address)
        return cold, statistics.median([await onlooker.due(asked) for asked in runs.asked])


async def _warm(
    home: Home, peer: Peer, folder: Path, rounds: int, http: aiohttp.ClientSession
) -> Sides:
    camera = home.warm
    async with (
        _Onlooker(home, camera) as onlooker,
        Helper("relay_process", folder) as relay,
        peer.running(folder, {_WARM: await home.go2rtc_url(camera)}) as go2rtc,
    ):
        (url,) = (await relay.ask({"streams": [await home.stream(camera)]}))["urls"]
        async with Reader(http, url, OURS) as ours:
            await ours.first()
            async with _watching(http, peer, go2rtc):

                async def address(side: str, _number: int) -> str | None:
                    if side == OURS:
                        return str(url)
                    return go2rtc.url(_WARM) if go2rtc is not None and peer.there else None

                return await _Runs(http, camera, onlooker, peer).run(rounds, address)


@asynccontextmanager
async def _watching(
    http: aiohttp.ClientSession, peer: Peer, go2rtc: Go2rtc | None
) -> AsyncGenerator[None]:
    """Have somebody watch the peer's stream already."""
    if go2rtc is None:
        yield
        return
    async with Reader(http, go2rtc.url(_WARM), PEER) as reader:
        try:
            await reader.first()
        except BenchFailed as err:
            peer.give_up(str(err))
        yield
