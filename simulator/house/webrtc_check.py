"""The part of the check about WebRTC: how late a picture is on the glass, and the dark."""

from __future__ import annotations

import asyncio
import statistics
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from simulator.house import frames
from simulator.house.errors import ApiError
from simulator.house.peer import PeerViewer
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from playwright.async_api import Page

    from simulator.house.browser import Browser
    from simulator.house.findings import Findings
    from simulator.house.house import House

MEDIAN_MS = 500.0
"""Milliseconds from the lens to the glass that half of the frames may take, on one machine."""
FRAMES = 100
"""Frames of each camera to measure: 7 s of them."""
MEASURE = 40.0
"""Seconds to see so many."""
FEWEST = 15
"""Frames a viewer of our own must have shown to count as one that sees."""
STARTS = 20.0
"""Seconds it may take for that."""
ON_ITS_WAY_MS = 500.0
"""Milliseconds after the kill in which a browser may still show what it had received."""


class WebRtcCheck:
    """Looks by WebRTC: through the dashboard's players, and with viewers that never let go.

    A dashboard takes its players away when pictures are switched off, which proves nothing
    about what go2rtc would still send. The viewers of our own keep their connections for ever.
    """

    def __init__(self, house: House, findings: Findings, browser: Browser) -> None:
        """Report to ``findings``."""
        self._house = house
        self._found = findings
        self._browser = browser
        self._page: Page | None = None
        self._viewers: dict[int, PeerViewer] = {}
        self._opened = 0
        self._dead: dict[str, tuple[PeerViewer, int]] = {}
        self._sources: set[str] = set()

    async def _try(self, what: str, step: Awaitable[None]) -> None:
        try:
            await step
        except (PlaywrightError, ApiError) as error:
            self._found.expect(False, f"WebRTC, {what}: {str(error).splitlines()[0]}")

    # --- the dashboard ------------------------------------------------------------------------
    async def live(self) -> None:
        """Measure on the open dashboard, whose players must be WebRTC players."""
        await self._try("dashboard", self._live())

    async def _live(self) -> None:
        found, cameras = self._found, self._house.entities.cameras
        for entity_id in cameras.values():
            answer = await self._house.client.command("camera/capabilities", entity_id=entity_id)
            kinds = set(answer["frontend_stream_types"])
            found.expect(kinds == {"hls", "web_rtc"}, f"{entity_id} is offered as {kinds}")
        ages = await self._measure(self._browser.page)
        for did, entity_id in cameras.items():
            name = entity_id.removeprefix("camera.")
            if found.expect(len(ages[did]) >= FRAMES, f"{name}: {len(ages[did])} by WebRTC only"):
                found.webrtc_ms[name] = round(statistics.median(ages[did]))
                late = found.webrtc_ms[name] >= MEDIAN_MS
                found.expect(not late, f"{name}: {found.webrtc_ms[name]} ms late by WebRTC")
        found.say(f"WebRTC: {found.webrtc_ms} ms from the lens to the glass, median")

    async def _measure(self, page: Page) -> dict[int, list[float]]:
        """Return the ages in milliseconds of what the page's players show, by did."""
        cameras = self._house.entities.cameras
        views = self._house.entities.views
        ages: dict[int, list[float]] = {did: [] for did in cameras}
        deadline = now_ms() + MEASURE * 1000
        while now_ms() < deadline and any(len(some) < FRAMES for some in ages.values()):
            await frames.watch_players(page)
            await asyncio.sleep(0.5)
            for frame in await frames.drain(page):
                did, lens = views[frame.key]
                self._found.judge.take(frame.picture, did, lens=lens)
                if frame.picture.tag is not None and lens == 0:
                    ages[did].append(frame.picture.age_ms)
        return ages

    # --- viewers of our own -------------------------------------------------------------------
    async def open(self) -> None:
        """Open a viewer of each camera that sees; go2rtc reads addresses it never had before."""
        await self._try("offer", self._open())

    async def _open(self) -> None:
        found, house = self._found, self._house
        if self._page is None:
            self._page = await self._browser.blank()
        self._opened += 1
        for did, entity_id in house.entities.cameras.items():
            self._viewers[did] = PeerViewer(self._page, entity_id, self._opened)
        await asyncio.gather(*(viewer.open(house.client) for viewer in self._viewers.values()))
        seen = dict.fromkeys(self._viewers, 0)
        deadline = now_ms() + STARTS * 1000
        while now_ms() < deadline and any(count < FEWEST for count in seen.values()):
            await asyncio.sleep(0.2)
            for did, count in (await self._take()).items():
                seen[did] += count
        for did, count in seen.items():
            name = house.plan.cameras[did]
            found.expect(count >= FEWEST, f"{name}: a WebRTC viewer sees {count} frames only")
        assert house.go2rtc is not None
        sources = set(house.go2rtc.sources())
        found.expect(bool(sources), "go2rtc reads from the relay")
        known = len(sources & self._sources)
        found.expect(not known, f"go2rtc still has {known} addresses of before the kill")
        self._sources |= sources

    async def _take(self, shown_by_ms: float | None = None) -> dict[int, int]:
        """Judge what the viewers have shown since the last call; return how many by did.

        Nothing may have been shown after ``shown_by_ms``, nor by a viewer that is dead.
        """
        if self._page is None:
            return {}
        found = self._found
        seen = dict.fromkeys(self._viewers, 0)
        late = 0
        dids = {viewer.key: did for did, viewer in self._viewers.items()}
        for frame in await frames.drain(self._page):
            did = dids.get(frame.key)
            if did is None:
                late += 1
                continue
            found.judge.take(frame.picture, did)
            seen[did] += 1
            late += shown_by_ms is not None and frame.picture.received_ms > shown_by_ms
        found.expect(not late, f"{late} frames by WebRTC after the kill")
        return seen

    async def dark(self) -> None:
        """Expect that the viewers have shown nothing since the last kill; they are dead now."""
        await self._try("dark", self._dark())

    async def _dark(self) -> None:
        killed_ms = self._found.judge.killed_ms
        assert killed_ms is not None
        await asyncio.sleep(max(0.0, ON_ITS_WAY_MS - (now_ms() - killed_ms)) / 1000)
        await self._take(killed_ms + ON_ITS_WAY_MS)
        for viewer in self._viewers.values():
            self._dead[viewer.key] = viewer, await viewer.decoded()
        self._viewers.clear()

    async def silent(self) -> None:
        """Expect that dead viewers have been sent nothing since, whatever is allowed by now."""
        await self._try("dead viewers", self._silent())

    async def _silent(self) -> None:
        await self._take()
        for viewer, decoded in self._dead.values():
            late = await viewer.decoded() - decoded
            self._found.expect(not late, f"{viewer.key}: {late} frames decoded after the kill")

    async def again(self) -> None:
        """Expect that a new offer works, by a new address, and dead viewers stay blind."""
        await self.open()
        await self.silent()
