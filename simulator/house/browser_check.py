"""The part of the check that happens in Chromium."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from simulator.house import controls, dashboard, logs
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.browser import Browser, Shown
    from simulator.house.casts import DisplayWatch
    from simulator.house.findings import Findings
    from simulator.house.house import House
    from simulator.house.setup_home import Entities

PLAYERS = 60.0
"""Seconds until every camera of the dashboard must be on the screen."""
DARKENS = 2.0
"""Seconds until the dashboard must be dark."""
PLAY = 3.0
"""Seconds to let them play on."""
SWITCHES = 5.0
"""Seconds until the switch must have followed a click."""
STALL = 15.0
"""Seconds a player may fill its buffer after its first picture: two segments and a little."""
DISPLAY = 20.0
"""Seconds until a display must show a camera."""


class BrowserCheck:
    """Looks at the dashboard as a person would, and clicks what is there."""

    def __init__(self, findings: Findings, browser: Browser) -> None:
        """Report to ``findings``."""
        self._found = findings
        self._browser = browser

    async def _try(self, what: str, step: asyncio.Future[None] | asyncio.Task[None]) -> bool:
        try:
            await step
        except PlaywrightError as error:
            return self._found.expect(False, f"browser, {what}: {error.message.splitlines()[0]}")
        return True

    async def live(self, entities: Entities, screenshot: str = "live") -> None:
        """Open the dashboard: every camera plays, and every video shows its own camera."""
        await self._try("dashboard", asyncio.ensure_future(self._live(entities, screenshot)))

    async def _live(self, entities: Entities, screenshot: str) -> None:
        views = entities.views
        await self._browser.open(f"/{dashboard.URL_PATH}/live")
        first = await self._browser.wait_players(len(views), PLAYERS, video=True)
        before = self._judge(first, views)
        after: dict[str, int] = {}
        standing = set(views)
        deadline = now_ms() + STALL * 1000
        while standing and now_ms() < deadline:
            await asyncio.sleep(PLAY)
            after |= self._judge(await self._browser.look(), views)
            standing = {one for one in views if after.get(one, 0) <= before.get(one, 1 << 32)}
        await self._browser.screenshot(screenshot)
        for entity_id in standing:
            self._found.expect(False, f"browser: {entity_id} does not play")

    def _judge(self, shown: list[Shown], views: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        """Judge the videos; return the frame counters by entity id."""
        counters: dict[str, int] = {}
        for one in shown:
            name = one.entity_id or ""
            if name not in views or one.picture is None:
                continue
            did, lens = views[name]
            self._found.judge.take(one.picture, did, lens=lens)
            if one.picture.tag is not None:
                # Until the frontend has chosen, it has two players of a camera.
                counters[name] = max(counters.get(name, 0), one.picture.tag.counter)
        return counters

    async def dark(self) -> None:
        """After the kill nothing moves, and nothing shows a picture taken since."""
        await self._try("dark", asyncio.ensure_future(self._dark("dark")))

    async def _dark(self, screenshot: str) -> None:
        before = await self._browser.wait_dark(DARKENS)
        await asyncio.sleep(PLAY)
        await self._browser.screenshot(screenshot)
        after = await self._browser.look()
        frozen = [one for one in after if one.picture is not None and one.picture.tag is not None]
        names = ", ".join(str(one.entity_id) for one in frozen)
        self._found.expect(not frozen, f"browser: a picture is left on the screen: {names}")
        moved = sum(one.position for one in after) - sum(one.position for one in before)
        self._found.expect(moved <= 0, "browser: a video plays on after the kill")

    async def switch_on(self, house: House) -> bool:
        """Open the dashboard, which is dark, and allow pictures by a click on the tile."""
        return await self._try("switch", asyncio.ensure_future(self._switch_on(house)))

    async def _switch_on(self, house: House) -> None:
        await self._browser.open(f"/{dashboard.URL_PATH}/live")
        await asyncio.sleep(1.0)
        await self._browser.screenshot("dark-after-restart")
        await self._browser.toggle(controls.SWITCH_LABEL)
        on = await house.client.wait_state(house.entities.switch, "on", SWITCHES)
        self._found.expect(on, "browser: a click on the tile allows pictures again")

    async def off_and_on(self, house: House) -> None:
        """Click the switch off: all pictures go. Click it on: all come back."""
        await self._try("off and on", asyncio.ensure_future(self._off_and_on(house)))

    async def _off_and_on(self, house: House) -> None:
        client, switch = house.client, house.entities.switch
        await self._browser.toggle(controls.SWITCH_LABEL)
        off = await client.wait_state(switch, "off", SWITCHES)
        self._found.judge.killed(now_ms())
        self._found.expect(off, "browser: a click on the tile switches everything off")
        await self._dark("dark-by-click")
        self._found.judge.allowed(now_ms())
        await self._browser.toggle(controls.SWITCH_LABEL)
        on = await client.wait_state(switch, "on", SWITCHES)
        self._found.expect(on, "browser: a second click switches everything on")
        views = house.entities.views
        # The frontend goes on with stills where a video was cut off, until it is opened anew.
        shown = await self._browser.wait_players(len(views), PLAYERS, video=False)
        again = self._judge(shown, views)
        if missing := ", ".join(sorted(set(views) - set(again))):
            # Seen on a machine with too much to do: a player of the frontend's gives up.
            self._found.say(f"{missing}: not back by itself, so the page is opened again")
            await self._browser.open(f"/{dashboard.URL_PATH}/live")
            shown = await self._browser.wait_players(len(views), PLAYERS, video=False)
            missing = ", ".join(sorted(set(views) - set(self._judge(shown, views))))
        self._found.expect(not missing, f"browser: pictures come back, not {missing}")

    async def cast(self, display: DisplayWatch, house: House) -> None:
        """Press a camera's cast button: the display shows it."""
        await self._try("cast button", asyncio.ensure_future(self._cast(display, house)))

    async def _cast(self, display: DisplayWatch, house: House) -> None:
        index = 1 if len(house.entities.cameras) > 1 else 0
        did = list(house.entities.cameras)[index]
        display.expect(did)
        log, began = house.hass.log_size(), now_ms()
        await self._browser.press(f"{dashboard.CAST_LABEL} {display.name}", index)
        picture = await display.wait_camera(did, began, DISPLAY)
        if picture is None and logs.cast_connection_broke(house.hass.log, log):
            await self._browser.press(f"{dashboard.CAST_LABEL} {display.name}", index)
            picture = await display.wait_camera(did, began, DISPLAY)
        self._found.expect(picture is not None, "browser: the cast button puts a camera on show")
        await asyncio.sleep(PLAY)
        await self._browser.screenshot("casting")

    async def controls(self, house: House) -> None:
        """Open the other view and click a camera's light off and on: the camera follows."""
        await self._try("controls", asyncio.ensure_future(self._controls(house)))

    async def _controls(self, house: House) -> None:
        parts = next(iter(house.entities.more.values()), {})
        light = parts.get(controls.LIGHT)
        if not self._found.expect(light is not None, "the first camera has a status light"):
            return
        await self._browser.open(f"/{dashboard.URL_PATH}/{controls.PATH}")
        for state in ("off", "on"):
            await self._browser.toggle(controls.LIGHT_LABEL)
            there = await house.client.wait_state(str(light), state, SWITCHES)
            self._found.expect(there, f"browser: a click turns the status light {state}")
        await self._browser.screenshot("controls")
