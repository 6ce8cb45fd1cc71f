"""WebRTC in the dashboard: Home Assistant's own go2rtc integration, the real go2rtc, Chromium."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from simulator.house import dashboard, frames, soak_home
from simulator.house.browser import Browser, find_chromium
from simulator.house.findings import Findings
from simulator.house.go2rtc import find_go2rtc
from simulator.house.home_process import HomePlan
from simulator.house.house import House
from simulator.house.live_check import LiveCheck
from simulator.house.pictures import now_ms
from simulator.house.process import free_port
from simulator.house.progress import Progress
from simulator.house.webrtc_check import FRAMES, MEDIAN_MS, WebRtcCheck

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

CAMERAS = 2
NETWORK = "127.0.42"
KNOCKS = 10
"""How often one dead address may be tried in the 8 s after the kill: go2rtc tries five times in
as many seconds, then ever more seldom."""


def plan(directory: Path) -> HomePlan:
    """Return a home without displays whose cameras send what real ones do."""
    home = soak_home.describe(CAMERAS, NETWORK) | {"displays": []}
    for camera in home["cameras"]:
        del camera["qualities"]
    path = directory / "home.json"
    path.write_text(json.dumps(home))
    return HomePlan.read(path)


async def relay(house: House) -> dict[str, Any]:
    diagnostics = await house.client.diagnostics(house.entities.entry_id)
    found: dict[str, Any] = diagnostics["relay"]
    return found


async def more_info(house: House, browser: Browser) -> list[float]:
    """Open a camera's dialog by a click on its picture; return the ages of what it shows."""
    entity_id = next(iter(house.entities.cameras.values()))
    await browser.page.locator("hui-picture-entity-card").first.click()
    await browser.page.locator("ha-more-info-dialog ha-web-rtc-player video").wait_for()
    await browser.page.locator("ha-more-info-dialog ha-hls-player").wait_for(state="detached")
    await frames.watch_players(browser.page)
    await asyncio.sleep(2.0)
    seen = [one for one in await frames.drain(browser.page) if one.key == entity_id]
    await browser.page.keyboard.press("Escape")
    return [one.picture.age_ms for one in seen if one.picture.tag is not None]


async def watch(house: House, browser: Browser, found: Findings) -> None:
    check = WebRtcCheck(house, found, browser)
    await browser.open(f"/{dashboard.URL_PATH}/live")
    await check.live()
    assert set(found.webrtc_ms) == {
        entity_id.removeprefix("camera.") for entity_id in house.entities.cameras.values()
    }
    assert max(found.webrtc_ms.values()) < MEDIAN_MS
    ages = await more_info(house, browser)
    assert len(ages) > 10
    assert statistics.median(ages) < MEDIAN_MS

    await check.open()
    before = await relay(house)
    killed = time.monotonic()
    await house.client.call("mi_camera.disable_all")
    found.judge.killed(now_ms())
    await check.dark()
    await asyncio.sleep(max(0.0, killed + 8.0 - time.monotonic()))
    after = await relay(house)
    assert after["connections"] == 0
    readers = before["connections"]
    assert readers >= CAMERAS
    knocks = after["refused"] - before["refused"]
    assert 0 < knocks <= readers * KNOCKS, "go2rtc comes back, and is sent away each time"

    found.judge.allowed(now_ms())
    await house.client.call("mi_camera.enable_all")
    assert await house.client.wait_state(house.entities.switch, "on", 5.0)
    await LiveCheck(house, found).available()
    await check.again()


async def run(directory: Path) -> Findings:
    progress = Progress("webrtc")
    found = Findings(CAMERAS, progress)
    async with AsyncExitStack() as stack:
        house = House(plan(directory), directory, free_port(), progress)
        await stack.enter_async_context(house)
        browser = Browser(house.client.url, house.client.tokens, directory / "screenshots")
        await stack.enter_async_context(browser)
        await watch(house, browser, found)
        assert house.go2rtc is not None
        found.conclude(house.hass.log, [house.go2rtc.log])
    return found


def test_pictures_are_on_the_glass_within_half_a_second_and_a_kill_is_final(
    tmp_path: Path,
) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium")
    if find_go2rtc() is None:
        pytest.skip("no go2rtc")
    found = asyncio.run(run(tmp_path))
    print(found.webrtc_ms)
    assert not found.failed
    assert found.judge.clean
    assert found.judge.by_source["webrtc"] > 2 * CAMERAS * FRAMES // 2
