"""``demo --check``: the main job from end to end, judged by tags at the far end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from simulator.house.browser import Browser, BrowserMissing
from simulator.house.browser_check import BrowserCheck
from simulator.house.casts import DisplayWatch
from simulator.house.errors import HouseError
from simulator.house.findings import Findings
from simulator.house.kill_check import KillCheck
from simulator.house.live_check import LiveCheck
from simulator.house.pictures import now_ms
from simulator.house.webrtc_check import WebRtcCheck

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.house.house import House
    from simulator.house.progress import Progress

IDLE = 60.0
"""Seconds after the last viewer until cameras must be left alone: Home Assistant itself goes
on for 30 s after the last request."""


class Check:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress, screenshots: Path) -> None:
        """Prepare; screenshots go into a folder."""
        self.findings = Findings(len(house.plan.cameras), progress)
        self._house = house
        self._screenshots = screenshots
        self._live = LiveCheck(house, self.findings)
        self._kill = KillCheck(house, self.findings)

    async def run(self) -> dict[str, Any]:
        """Do everything and return the JSON result; never raises for a failed requirement."""
        try:
            await self._steps()
        except HouseError as error:
            self.findings.expect(False, f"{type(error).__name__}: {error}")
        finally:
            await self._live.close()
        go2rtc = self._house.go2rtc
        return self.findings.conclude(self._house.hass.log, [go2rtc.log] if go2rtc else [])

    async def _steps(self) -> None:
        found = self.findings
        await self._idle("before anybody looks", 2.0)
        found.say("live view of each camera …")
        found.live_ms.update(await self._live.live())
        found.say(f"live: {found.live_ms} ms to the first decoded picture")
        await self._live.stills()
        display: DisplayWatch | None = None
        if found.expect(bool(self._house.entities.displays), "a display to cast to"):
            name = next(iter(self._house.entities.displays))
            display = DisplayWatch(self._house.control, found.judge, name)
            await display.start()
        browser: Browser | None = None
        try:
            if display is not None:
                await self._live.cast(display)
            browser = await self._open_browser()
            page = None if browser is None else BrowserCheck(found, browser)
            await self._dark_and_back(page, self._webrtc(browser), display)
        finally:
            if browser is not None:
                await browser.__aexit__()
            if display is not None:
                await display.stop()
        if display is not None:
            found.expect(not display.backwards, f"{display.backwards} pictures backwards")
        await self._live.last_viewer()
        found.say("nobody looks any more …")
        await self._idle("after the last viewer", IDLE)

    def _webrtc(self, browser: Browser | None) -> WebRtcCheck | None:
        if self._house.go2rtc is None:
            self.findings.skipped.append("webrtc")
            self.findings.expect(not os.environ.get("CI"), "no go2rtc, and this is CI")
            return None
        return None if browser is None else WebRtcCheck(self._house, self.findings, browser)

    async def _dark_and_back(
        self, page: BrowserCheck | None, webrtc: WebRtcCheck | None, display: DisplayWatch | None
    ) -> None:
        entities = self._house.entities
        if page is not None:
            await page.live(entities)
        if webrtc is not None:
            await webrtc.live()
            await webrtc.open()
        await self._kill.kill(self._live.watches, display)
        await self._live.stop()
        if page is not None:
            await page.dark()
        if webrtc is not None:
            await webrtc.dark()
        await self._kill.restart()
        await self._kill.enable(page)
        await self._live.available()
        again = await self._live.live()
        self.findings.say(f"live again: {again} ms to the first decoded picture")
        if page is not None:
            await page.live(entities, "live-again")
            if webrtc is not None:
                await webrtc.again()
            if display is not None:
                await page.cast(display, self._house)
            await self._kill.off_and_on(page, self._live.watches, display)
            if webrtc is not None:
                await webrtc.dark()
            await page.controls(self._house)
        if display is not None:
            await self._live.stop_casts(display)
        if webrtc is not None:
            await webrtc.silent()
        await self._live.stop()

    async def _open_browser(self) -> Browser | None:
        client = self._house.client
        browser = Browser(client.url, client.tokens, self._screenshots)
        try:
            await browser.__aenter__()
        except BrowserMissing as error:
            self.findings.say(str(error))
            self.findings.skipped.append("browser")
            self.findings.expect(not os.environ.get("CI"), f"{error}, and this is CI")
            return None
        return browser

    async def _idle(self, when: str, seconds: float) -> None:
        began = now_ms()
        connections = await self._kill.connections(seconds)
        if self.findings.expect(not connections, f"{connections} media connections {when}"):
            waited = (now_ms() - began) / 1000
            self.findings.say(f"no media connection {when} ({waited:.0f} s)")
