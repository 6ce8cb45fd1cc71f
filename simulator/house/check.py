"""``demo --check``: the main job from end to end, judged by tags at the far end."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import os
from typing import TYPE_CHECKING, Any

from simulator.house import logs
from simulator.house.addresses import Address, ask, collect, offers
from simulator.house.browser import Browser, BrowserMissing
from simulator.house.browser_check import BrowserCheck
from simulator.house.casts import DisplayWatch, cast, stop_cast
from simulator.house.errors import ApiError, HouseError
from simulator.house.judge import Judge
from simulator.house.pictures import now_ms
from simulator.house.watch import LiveWatch, picture_of, signed_in_picture

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.house.house import House
    from simulator.house.progress import Progress

FIRST_PICTURE = 45.0
"""Seconds a live view may take: Home Assistant's HLS alone needs about 7."""
LOOK = 4.0
"""Seconds to look at running pictures: two groups of pictures."""
DARK = 6.0
"""Seconds to look at what must stay dark: one segment of Home Assistant's HLS."""
VIEWERS_END = 3.0
"""Seconds after the kill until every viewer must have been cut off."""
DISPLAY_STOPS = 5.0
"""Seconds after the kill until a display must be idle."""
CAMERA_CLOSES = 5.0
"""Seconds until a camera must have noticed that nobody looks."""
IDLE = 60.0
"""Seconds after the last viewer until cameras must be left alone: Home Assistant itself goes
on for 30 s after the last request."""


class Check:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress, screenshots: Path) -> None:
        """Prepare; screenshots go into a folder."""
        self._house = house
        self._say = progress.say
        self._screenshots = screenshots
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self._watches: dict[int, LiveWatch] = {}
        self._old: list[Address] = []
        self.judge = Judge()
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.result: dict[str, Any] = {
            "ok": False,
            "cameras": len(house.plan.cameras),
            "live_ms": {},
            "cast_ms": None,
            "kill_ms": None,
            "bytes_after_kill": 0,
            "foreign": 0,
            "stale": 0,
        }

    def expect(self, holds: bool, what: str) -> bool:
        """Note a requirement that does not hold."""
        if not holds:
            self.failed.append(what)
            self._say(f"FAILED: {what}")
        return holds

    async def run(self) -> dict[str, Any]:
        """Do everything and return the JSON result; never raises for a failed requirement."""
        try:
            await self._steps()
        except HouseError as error:
            self.expect(False, f"{type(error).__name__}: {error}")
        finally:
            for watch in self._watches.values():
                await watch.stop()
            self._executor.shutdown()
        judge = self.judge
        self.expect(not judge.after_kill, f"{judge.after_kill} pictures after the kill")
        self.expect(
            judge.unreadable <= judge.frames_checked // 100,
            f"{judge.unreadable} pictures without a readable tag",
        )
        for example in judge.examples:
            self._say(example)
        for record in logs.errors(self._house.hass.log):
            self.expect(False, f"hass log: {record.level} [{record.logger}] {record.message}")
        result = self.result
        result["foreign"], result["stale"] = judge.foreign, judge.stale
        result["ok"] = not (
            self.failed or judge.foreign or judge.stale or result["bytes_after_kill"]
        )
        if self.skipped:
            result["skipped"] = self.skipped
        if not result["ok"]:
            result["failed"] = self.failed or ["see the counts"]
        ages = ", ".join(f"{s} {ms / 1000:.1f} s" for s, ms in sorted(judge.oldest_ms.items()))
        self._say(f"{judge.frames_checked} pictures checked; oldest on arrival: {ages}")
        return result

    async def _steps(self) -> None:
        await self._idle("before anybody looks", 2.0)
        await self._live()
        await self._stills()
        display = next(iter(self._house.entities.displays), None)
        watch = None
        if self.expect(display is not None, "a display to cast to") and display is not None:
            watch = DisplayWatch(self._house.control, self.judge, display)
            await watch.start()
        browser: Browser | None = None
        try:
            if watch is not None:
                await self._cast(watch)
            browser = await self._open_browser()
            page = None if browser is None else BrowserCheck(self, browser)
            if page is not None:
                await page.live(self._house.entities.cameras)
            await self._kill(watch)
            if page is not None:
                await page.dark()
            await self._restart()
            await self._enable(page)
            if page is not None:
                await page.live(self._house.entities.cameras, "live-again")
                if watch is not None:
                    await page.cast(watch, self._house)
                await self._off_and_on(page, watch)
            await self._end(watch)
        finally:
            if browser is not None:
                await browser.__aexit__()
            if watch is not None:
                await watch.stop()
                self.expect(not watch.backwards, f"{watch.backwards} pictures backwards")
        await self._last_viewer()

    # --- pictures -----------------------------------------------------------------------------
    async def _live(self) -> None:
        self._say("live view of each camera …")
        await self._watch_all()
        for did, watch in self._watches.items():
            name = self._house.entities.cameras[did].removeprefix("camera.")
            if await watch.wait_first(FIRST_PICTURE):
                self.result["live_ms"][name] = round(watch.first_ms)
            else:
                self.expect(False, f"{name}: no live picture ({watch.end or 'nothing came'})")
        await asyncio.sleep(LOOK)
        self._judge_watches()
        self._say(f"live: {self.result['live_ms']} ms to the first decoded picture")

    async def _watch_all(self) -> None:
        for did, entity_id in self._house.entities.cameras.items():
            watch = LiveWatch(self._house.client, self._executor, self.judge, entity_id, did)
            self._watches[did] = watch
            try:
                await watch.start()
            except ApiError as error:
                self.expect(False, f"{entity_id}: no live view ({error})")

    def _judge_watches(self) -> None:
        names = self._house.plan.cameras
        for did, watch in self._watches.items():
            name = names[did]
            self.expect(watch.end is None, f"{name}: the live view ended: {watch.end}")
            self.expect(watch.pictures > 15, f"{name}: only {watch.pictures} live pictures")
            self.expect(not watch.backwards, f"{name}: {watch.backwards} pictures backwards")

    async def _stills(self) -> None:
        for did, entity_id in self._house.entities.cameras.items():
            for read in (picture_of, signed_in_picture):
                still = await read(self._house.client, entity_id)
                if self.expect(
                    still.picture is not None and still.picture.tag is not None,
                    f"{entity_id}: no still ({still.status}, {still.size} bytes)",
                ):
                    assert still.picture is not None
                    self.judge.take(still.picture, did)
        self._say("a still of each camera")

    async def _cast(self, watch: DisplayWatch) -> None:
        did, entity_id = next(iter(self._house.entities.cameras.items()))
        self._say(f"{entity_id} on {watch.name} …")
        began = now_ms()
        watch.expect(did)
        answer = await cast(self._house.client, entity_id, self._player(watch))
        self.expect(len(answer.get("sessions", [])) == 1, f"one cast session: {answer}")
        first = await watch.wait_camera(did, began, FIRST_PICTURE)
        if self.expect(first is not None, f"{watch.name} shows {entity_id}") and first is not None:
            self.result["cast_ms"] = round(first.received_ms - began)
            await asyncio.sleep(LOOK)
            self.expect(watch.shown > 15, f"only {watch.shown} pictures on {watch.name}")
            self._say(f"cast: {self.result['cast_ms']} ms to the first picture on {watch.name}")

    def _player(self, watch: DisplayWatch) -> str:
        return self._house.entities.displays[watch.name]

    async def _open_browser(self) -> Browser | None:
        client = self._house.client
        browser = Browser(client.url, client.tokens, self._screenshots)
        try:
            await browser.__aenter__()
        except BrowserMissing as error:
            self._say(str(error))
            self.skipped.append("browser")
            self.expect(not os.environ.get("CI"), f"{error}, and this is CI")
            return None
        return browser

    # --- the switch -----------------------------------------------------------------------------
    async def _relay(self) -> dict[str, Any]:
        diagnostics = await self._house.client.diagnostics(self._house.entities.entry_id)
        relay: dict[str, Any] = diagnostics["relay"]
        return relay

    async def _kill(self, display: DisplayWatch | None) -> None:
        client, control = self._house.client, self._house.control
        for did, entity_id in self._house.entities.cameras.items():
            self._old += await collect(client, entity_id, self._watches[did].url)
        before = await ask(client, self._old)
        dead = [a.address.what for a in before if a.status != 200 or not a.size]
        self.expect(not dead, f"addresses that should give a picture: {', '.join(dead)}")
        self._say(f"kill, with {len(self._old)} addresses in other hands …")
        self.expect((await self._relay())["connections"] > 0, "pictures flow before the kill")

        sent = now_ms()
        await client.call("mi_camera.disable_all")
        returned = now_ms()
        self.judge.killed(returned)
        at_return = await self._relay()
        last = at_return["last_byte_at"]
        self.result["kill_ms"] = max(0, round(last * 1000 - sent)) if last else 0
        self.expect(not last or last * 1000 <= returned, "a byte at the relay after the kill")
        self._say(f"kill: returned after {returned - sent:.0f} ms")
        # What was on its way when the call returned has been read by now.
        received = {did: watch.media_bytes for did, watch in self._watches.items()}

        await asyncio.gather(self._expect_dark("after the kill"), self._all_end(display, returned))
        camera_bytes = await control.media_bytes()
        await asyncio.sleep(DARK)
        at_end = await self._relay()
        late = {did: watch.media_bytes - received[did] for did, watch in self._watches.items()}
        self.result["bytes_after_kill"] += (
            at_end["bytes_sent"] - at_return["bytes_sent"] + sum(late.values())
        )
        self.expect(at_end["connections"] == 0, "no connection at the relay after the kill")
        self.expect(
            await control.media_bytes() == camera_bytes, "cameras send nothing after the kill"
        )
        self.expect(not any(late.values()), f"bytes at viewers after the kill: {late}")
        for watch in self._watches.values():
            await watch.stop()
        self._watches.clear()
        self._say(f"dark: last byte {self.result['kill_ms']} ms after the call was sent")

    async def _all_end(self, display: DisplayWatch | None, returned: float) -> None:
        """Viewers, the display and the cameras notice, each within its bound."""
        for did, watch in self._watches.items():
            ended = await watch.wait_end(VIEWERS_END)
            self.expect(ended, f"{self._house.plan.cameras[did]}: a viewer goes on after the kill")
        if display is not None:
            left = max(0.1, DISPLAY_STOPS - (now_ms() - returned) / 1000)
            self.expect(await display.wait_stopped(left), f"{display.name} goes on after the kill")
            display.expect()
        connections = await self._connections_closed(CAMERA_CLOSES)
        self.expect(not connections, f"{connections} media connections at cameras after the kill")

    async def _connections_closed(self, seconds: float) -> int:
        """Wait until no camera has a media connection; return how many are left."""
        deadline = now_ms() + seconds * 1000
        connections = await self._house.control.media_connections()
        while connections and now_ms() < deadline:
            await asyncio.sleep(0.2)
            connections = await self._house.control.media_connections()
        return connections

    async def _connections_so_far(self) -> int:
        cameras = await self._house.control.cameras()
        return sum(int(camera["media_connections_total"]) for camera in cameras.values())

    async def _expect_dark(self, when: str) -> None:
        """No old address and no call gives a picture."""
        client, entities = self._house.client, self._house.entities
        state = (await client.states())[entities.switch]["state"]
        self.expect(state == "off", f"the switch is {state} {when}")
        for answer in await ask(client, self._old):
            if answer.status == 200 and answer.size:
                self.result["bytes_after_kill"] += answer.size
                self.expect(False, f"{answer.address.what} gives {answer.size} bytes {when}")
        for entity_id in entities.cameras.values():
            for call in await offers(client, entity_id):
                self.expect(False, f"{call} works {when}")
            still = await signed_in_picture(client, entity_id)
            self.expect(still.picture is None, f"{entity_id} gives a still {when}")
        for entity_id in entities.cameras.values():
            for player in entities.displays.values():
                try:
                    await cast(client, entity_id, player, seconds=10)
                except ApiError:
                    continue
                self.expect(False, f"{entity_id} can be cast {when}")

    async def _restart(self) -> None:
        self._say("restart of Home Assistant while killed …")
        total = sum(
            int(c["media_connections_total"])
            for c in (await self._house.control.cameras()).values()
        )
        seconds = await self._house.restart_hass()
        await self._expect_dark("after the restart")
        await asyncio.sleep(2.0)
        relay = await self._relay()
        self.expect(relay["bytes_sent"] == 0, "no byte at the relay after the restart")
        self.result["bytes_after_kill"] += relay["bytes_sent"]
        self.expect(
            await self._connections_so_far() == total, "no camera is called after the restart"
        )
        self._say(f"restarted in {seconds:.1f} s, still dark")

    async def _enable(self, page: BrowserCheck | None) -> None:
        self._say("enable …")
        self.judge.allowed(now_ms())
        if page is not None:
            await page.switch_on(self._house.client)
        else:
            await self._house.client.call("mi_camera.enable_all")
        client, switch = self._house.client, self._house.entities.switch
        for _ in range(50):
            if (await client.states())[switch]["state"] == "on":
                break
            await asyncio.sleep(0.1)
        else:
            self.expect(False, "the switch is on again")
        for answer in await ask(client, [one for one in self._old if "HLS" in one.what]):
            self.expect(
                not (answer.status == 200 and answer.size),
                f"{answer.address.what} of before the kill works again",
            )
        await self._available()
        await self._watch_all()
        for did, watch in self._watches.items():
            name = self._house.plan.cameras[did]
            self.expect(
                await watch.wait_first(FIRST_PICTURE), f"{name}: not live again ({watch.end})"
            )
        await asyncio.sleep(LOOK)
        self._judge_watches()
        again = [round(watch.first_ms) for watch in self._watches.values()]
        self._say(f"live again: {again} ms to the first decoded picture")

    async def _off_and_on(self, page: BrowserCheck, display: DisplayWatch | None) -> None:
        """Off and on by clicks, with the display playing."""
        self._say("off and on again by clicks on the dashboard …")
        await page.off_and_on(self._house)
        if display is not None:
            self.expect(
                await display.wait_stopped(DISPLAY_STOPS), f"{display.name} stops by a click"
            )
            display.expect()
        for did, watch in self._watches.items():
            ended = await watch.wait_end(VIEWERS_END)
            self.expect(ended, f"{self._house.plan.cameras[did]}: a viewer goes on after a click")

    async def _available(self) -> None:
        """Wait until Home Assistant has found the cameras again, and is no longer dark."""
        for _ in range(100):
            states = await self._house.client.states()
            if all(
                states[entity_id]["state"] not in {"unavailable", "unknown"}
                for entity_id in self._house.entities.cameras.values()
            ):
                return
            await asyncio.sleep(0.2)
        self.expect(False, "cameras are available again within 20 s")

    # --- nobody looks ------------------------------------------------------------------------------
    async def _end(self, display: DisplayWatch | None) -> None:
        if display is not None:
            for entity_id in self._house.entities.cameras.values():
                await stop_cast(self._house.client, entity_id, self._player(display))
            self.expect(await display.wait_stopped(10.0), f"{display.name} stops when told so")
        for watch in self._watches.values():
            await watch.stop()
        self._watches.clear()

    async def _last_viewer(self) -> None:
        """After a live view that just goes away no camera is kept busy."""
        did, entity_id = next(iter(self._house.entities.cameras.items()))
        await self._available()
        watch = LiveWatch(self._house.client, self._executor, self.judge, entity_id, did)
        self._watches[did] = watch
        await watch.start()
        self.expect(await watch.wait_first(FIRST_PICTURE), f"{entity_id}: no last live view")
        await watch.stop()
        self._watches.clear()
        self._say("nobody looks any more …")
        await self._idle("after the last viewer", IDLE)

    async def _idle(self, when: str, seconds: float) -> None:
        began = now_ms()
        connections = await self._connections_closed(seconds)
        if self.expect(not connections, f"{connections} media connections {when}"):
            self._say(f"no media connection {when} ({(now_ms() - began) / 1000:.0f} s)")
