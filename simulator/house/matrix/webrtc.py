"""A WebRTC peer that never lets go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

from playwright.async_api import Error as PlaywrightError

from simulator.house import frames
from simulator.house.errors import ApiError
from simulator.house.matrix.path import (
    LIVE_MS,
    ON_ITS_WAY_MS,
    Kill,
    Look,
    Path,
    Scene,
    dark,
    ended,
    remaining,
    together,
)
from simulator.house.matrix.table import Cell
from simulator.house.peer import PeerViewer
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from playwright.async_api import Page

    from simulator.house.pictures import Picture

FIRST = 20.0
"""Seconds until there must be pictures."""
ENOUGH = 15
SILENCE = 3.0
"""Seconds in which an offer that should have been refused must have shown nothing."""
REFUSED = 100
"""Number of the first peer that is not to see anything."""


class Peer(Path):
    """A WebRTC connection of a browser that never lets go."""

    group = "Outside Home Assistant"

    def __init__(self, scene: Scene, did: int) -> None:
        """Look with the scene's browser."""
        super().__init__(scene, did, "WebSocket `camera/webrtc/offer`, then WebRTC by go2rtc")
        self._page: Page | None = None
        self._viewers: list[PeerViewer] = []
        self._offers = 0
        self._decoded: dict[str, int] = {}
        self._shown: dict[str, list[Picture]] = {}

    async def _take(self) -> None:
        assert self._page is not None
        for frame in await frames.drain(self._page):
            self._shown.setdefault(frame.key, []).append(frame.picture)

    async def _open(self) -> Cell:
        assert self.scene.browser is not None
        try:
            if self._page is None:
                self._page = await self.scene.browser.blank()
            viewer = PeerViewer(self._page, self.entity_id, len(self._viewers) + 1)
            self._viewers.append(viewer)
            await viewer.open(self.scene.client)
            deadline = now_ms() + FIRST * 1000
            while now_ms() < deadline and len(self._shown.get(viewer.key, [])) < ENOUGH:
                await asyncio.sleep(0.2)
                await self._take()
        except PlaywrightError as error:
            return Cell(str(error).splitlines()[0], ok=False)
        return self.right(self._shown.get(viewer.key, []), LIVE_MS)

    @override
    async def before(self) -> Cell:
        return await self._open()

    async def _offer(self) -> Look:
        """Make a real offer, and look at what comes of it."""
        assert self._page is not None
        self._offers += 1
        viewer = PeerViewer(self._page, self.entity_id, REFUSED + self._offers)
        try:
            await viewer.open(self.scene.client)
        except ApiError as error:
            return Look(f"refused ({error.message})")
        await asyncio.sleep(SILENCE)
        await self._take()
        pictures = self._shown.get(viewer.key, [])
        return Look("an offer is answered", tuple(pictures), await viewer.decoded())

    @override
    async def killed(self, kill: Kill) -> Cell:
        await asyncio.sleep(remaining(kill, ON_ITS_WAY_MS / 1000))
        await self._take()
        viewer = self._viewers[-1]
        shown = self._shown[viewer.key]
        cell = ended(True, max(one.received_ms for one in shown), kill, shown, self.did)
        if cell.ok:
            cell = Cell("no frame any more, go2rtc leaves it open", True, cell.last_ms)
        self._decoded[viewer.key] = await viewer.decoded()
        return together(("", cell), ("again", dark(await self._offer())))

    async def _blind(self) -> Cell:
        await self._take()
        late = 0
        for viewer in self._viewers:
            if viewer.key in self._decoded:
                late += await viewer.decoded() - self._decoded[viewer.key]
        return Cell("still blind" if not late else f"{late} frames to a peer of before", not late)

    @override
    async def released(self) -> Cell:
        new = await self._open()
        return together(("peer of before", await self._blind()), ("new", new))

    @override
    async def restarted(self) -> Cell:
        viewer = self._viewers[-1]
        before = await viewer.decoded()
        await asyncio.sleep(1.0)
        late = await viewer.decoded() - before
        if late:
            return Cell(f"{late} frames go on", ok=False)
        self._decoded[viewer.key] = before
        return together(
            ("offer", dark(await self._offer())), ("peers of before", await self._blind())
        )

    @override
    async def again(self) -> Cell:
        return await self._blind()
