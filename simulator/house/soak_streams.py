"""Readers at the relay and at go2rtc's RTSP port, and how they come by an address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from simulator.house.errors import ApiError
from simulator.house.hls import StreamGone
from simulator.house.live_readers import RelayReader, RtspReader
from simulator.house.pictures import Picture, now_ms

if TYPE_CHECKING:
    from simulator.house.client import Json
    from simulator.house.go2rtc import Go2rtc
    from simulator.house.soak_ground import Ground

OFFERED = 1.5
"""Seconds to wait for what becomes of an offer."""
AGAIN = 0.15
"""Seconds until the next offer, at first; each that fails doubles it."""
LONGEST = 2.0
NO_OFFER = "v=0\r\n"
"""Enough that Home Assistant tells go2rtc where the stream is, and too little to connect."""
LINGER = 0.2
"""Share of RTSP players that hold on to their connection after a kill."""
NOTICED = 1.5
"""Seconds after a kill in which a player that is left alone must not get anything."""


@dataclass(frozen=True, slots=True)
class Source:
    """An address of the relay."""

    url: str
    obtained_ms: float
    """When it was asked for: it was good then."""
    epoch: int


class Sources:
    """The newest address of each camera at the relay, as go2rtc has been given it.

    Home Assistant tells go2rtc an address when somebody wants to watch by WebRTC. Whoever
    reads go2rtc's files on this machine has it, and HomeKit's ffmpeg gets the same.
    """

    def __init__(self, ground: Ground, go2rtc: Go2rtc) -> None:
        """Read ``go2rtc``'s configuration."""
        self._ground = ground
        self._go2rtc = go2rtc
        self._known: dict[int, Source] = {}
        self._dead: dict[int, str] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    @staticmethod
    def name(did: int) -> str:
        """Return what Home Assistant calls a camera's first lens at go2rtc."""
        return f"mi_camera_{did}-0"

    def ended(self, did: int, source: Source, *, refused: bool = False) -> None:
        """Forget an address that gives nothing any more, for good when it is refused."""
        if refused:
            self._dead[did] = source.url
        if self._known.get(did) == source:
            del self._known[did]

    async def fresh(self, did: int) -> Source:
        """Return an address of the present epoch, asking for one until there is one."""
        ground = self._ground
        wait = AGAIN
        async with self._locks.setdefault(did, asyncio.Lock()):
            while True:
                await ground.ready()
                known = self._known.get(did)
                if known is not None and known.epoch == ground.epoch:
                    return known
                if known is not None:
                    self._dead[did] = known.url  # a kill has come since
                if (source := await self._ask(did)) is not None:
                    self._known[did] = source
                    return source
                await asyncio.sleep(wait)
                wait = min(LONGEST, 2 * wait)

    async def _ask(self, did: int) -> Source | None:
        ground = self._ground
        client, epoch, asked = ground.house.client, ground.epoch, now_ms()
        told = asyncio.Event()

        def event(message: Json) -> None:
            if message["type"] in {"answer", "error"}:
                told.set()

        try:
            number = await client.subscribe(
                event,
                "camera/webrtc/offer",
                entity_id=ground.names.entity(did),
                offer=NO_OFFER,
            )
            try:
                async with asyncio.timeout(OFFERED):
                    await told.wait()
            except TimeoutError:
                pass
            await client.unsubscribe(number)
        except ApiError:
            return None
        url = self._go2rtc.streams().get(self.name(did))
        # An offer that an exchange of entity ids or a kill got in the way of told go2rtc nothing.
        if url is None or epoch != ground.epoch or url == self._dead.get(did):
            return None
        return Source(url, asked, epoch)


async def read_relay(ground: Ground, sources: Sources, did: int) -> None:
    """Read at the relay for ever: with one address for as long as it gives anything."""
    while True:
        source = await sources.fresh(did)

        def seen(picture: Picture, source: Source = source) -> None:
            ground.take(picture, (did,), source.obtained_ms)

        for _ in range(3):
            reader = RelayReader(ground.http, source.url, seen, ground.executor)
            ground.readers.add(reader)
            try:
                await reader.run()
            except StreamGone:
                pass
            finally:
                ground.readers.discard(reader)
            if not reader.last_ms:
                break
            await asyncio.sleep(AGAIN)
        sources.ended(did, source, refused=reader.status != HTTPStatus.OK)
        await asyncio.sleep(AGAIN)


async def play_rtsp(ground: Ground, sources: Sources, go2rtc: Go2rtc, did: int) -> None:
    """Play go2rtc's stream of a camera for ever; some players never let go by themselves."""
    chance = ground.chance("rtsp", did)
    url = go2rtc.rtsp(sources.name(did))
    lingering: set[asyncio.Task[None]] = set()

    def seen(picture: Picture) -> None:
        ground.take(picture, (did,), picture.requested_ms)

    try:
        while True:
            source = await sources.fresh(did)
            playing = asyncio.create_task(_play(RtspReader(url, seen, ground.executor)))
            lingering.add(playing)
            playing.add_done_callback(lingering.discard)
            while not playing.done() and source.epoch == ground.epoch:
                await asyncio.wait([playing], timeout=0.2)
            if playing.done():
                sources.ended(did, source)
                await asyncio.sleep(AGAIN)
            elif chance.random() >= LINGER:
                await asyncio.wait([playing], timeout=NOTICED)
                playing.cancel()
    finally:
        for task in lingering:
            task.cancel()
        if lingering:
            await asyncio.wait(lingering)


async def _play(reader: RtspReader) -> None:
    try:
        await reader.run()
    except StreamGone:
        return
