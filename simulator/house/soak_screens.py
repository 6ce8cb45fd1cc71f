"""Displays that cameras are cast to, and browsers that watch by WebRTC."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from simulator.house import casts, frames
from simulator.house.errors import ApiError
from simulator.house.peer import PeerViewer
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from playwright.async_api import Page

    from simulator.house.browser import Browser
    from simulator.house.casts import DisplayWatch
    from simulator.house.soak_ground import Ground

CAST_S = (5.0, 14.0)
"""How long a camera stays on a display."""
STARTS_S = 14
"""Seconds a cast may take to begin: less than a calm."""
PEERS = 2
"""Cameras watched by WebRTC at a time."""
PEER_S = (14.0, 24.0)
GHOST_S = 20.0
"""How long a viewer of before a kill stays connected, to see whether anything comes."""
DRAIN_S = 0.5


async def cast(ground: Ground, display: DisplayWatch, player: str) -> None:
    """Put one camera after another on a display, sometimes straight over the one before."""
    chance = ground.chance("cast", display.name)
    dids = list(ground.house.entities.cameras)
    before: tuple[int, ...] = ()
    while True:
        await ground.ready()
        did = chance.choice(dids)
        client, entity_id, asked = ground.house.client, ground.names.entity(did), now_ms()
        display.expect(did, *before, *ground.names.holders(entity_id, asked))
        try:
            await casts.cast(client, entity_id, player, seconds=60)
            before = ground.names.holders(entity_id, asked)
            display.expect(*before)
            ground.faults["casts"] += 1
            await asyncio.sleep(chance.uniform(*CAST_S))
            if chance.random() < 0.5:
                await casts.stop_cast(client, entity_id, player)
        except ApiError:
            before = tuple({*before, *ground.names.holders(entity_id, asked)})
            await asyncio.sleep(1.0)


@dataclass(slots=True)
class _Peer:
    viewer: PeerViewer
    dids: tuple[int, ...]
    asked: float
    epoch: int
    ends: float


class PeerWatch:
    """Watches by WebRTC in a browser; who was let in before a kill stays and must see nothing."""

    def __init__(self, ground: Ground, browser: Browser) -> None:
        """Watch in a page of ``browser``."""
        self._ground = ground
        self._browser = browser
        self._peers: dict[str, _Peer] = {}
        self._opened = 0

    async def run(self) -> None:
        """Watch for ever."""
        chance = self._ground.chance("webrtc")
        dids = list(self._ground.house.entities.cameras)
        page = self._browser.page  # the one in front: the others show less than all frames
        await page.goto(f"{self._ground.house.client.url}/robots.txt")
        while True:
            await self._ground.ready()
            alive = sum(peer.epoch == self._ground.epoch for peer in self._peers.values())
            try:
                if alive < PEERS and not self._ground.storm:
                    await self._open(page, chance.choice(dids), chance.uniform(*PEER_S))
                await asyncio.sleep(DRAIN_S)
                await self._take(page)
                await self._close()
            except PlaywrightError as error:
                self._ground.trouble(f"browser: {str(error).splitlines()[0]}")
                await asyncio.sleep(1.0)

    async def _open(self, page: Page, did: int, seconds: float) -> None:
        ground = self._ground
        entity_id, epoch, asked = ground.names.entity(did), ground.epoch, now_ms()
        self._opened += 1
        viewer = PeerViewer(page, entity_id, self._opened)
        try:
            await viewer.open(ground.house.client)
        except ApiError:
            await viewer.close()
            await asyncio.sleep(1.0)
            return
        if epoch != ground.epoch:
            await viewer.close()
            return
        ends = now_ms() + 1000 * seconds
        holders = ground.names.holders(entity_id, asked)
        self._peers[viewer.key] = _Peer(viewer, holders, asked, epoch, ends)

    async def _take(self, page: Page) -> None:
        if not self._opened:
            return
        for frame in await frames.drain(page):
            if (peer := self._peers.get(frame.key)) is not None:
                self._ground.take(frame.picture, peer.dids, peer.asked)

    async def _close(self) -> None:
        for key, peer in tuple(self._peers.items()):
            ends = peer.ends
            if peer.epoch != self._ground.epoch:
                ends += 1000 * GHOST_S
            if now_ms() > ends:
                del self._peers[key]
                await peer.viewer.close()
