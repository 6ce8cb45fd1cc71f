"""The part of the check about the dark: after the kill, over a restart, and the way back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from simulator.house.addresses import Address, ask, collect, offers, relay
from simulator.house.casts import cast
from simulator.house.errors import ApiError
from simulator.house.pictures import now_ms
from simulator.house.watch import signed_in_picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.browser_check import BrowserCheck
    from simulator.house.casts import DisplayWatch
    from simulator.house.findings import Findings
    from simulator.house.house import House
    from simulator.house.watch import LiveWatch

FLOWS_MS = 1000.0
"""How long ago the relay may have sent its last byte while somebody looks."""
DARK = 6.0
"""Seconds to look at what must stay dark: one segment of Home Assistant's HLS."""
VIEWERS_END = 3.0
"""Seconds after the kill until every viewer must have been cut off."""
DISPLAY_STOPS = 5.0
"""Seconds after the kill until a display must show nothing of a camera."""
CARD_ENDS = 15.0
"""Seconds until it must be back at its idle screen."""
CAMERA_CLOSES = 5.0
"""Seconds until a camera must have noticed that nobody looks."""
SWITCHES = 5.0


class KillCheck:
    """Knows every address that was good before the kill."""

    def __init__(self, house: House, findings: Findings) -> None:
        """Report to ``findings``."""
        self._house = house
        self._found = findings
        self._old: list[Address] = []

    async def kill(self, watches: Mapping[int, LiveWatch], display: DisplayWatch | None) -> None:
        """Kill with live views and a display running, and look everywhere."""
        house, found = self._house, self._found
        await self._collect(watches)
        found.say(f"kill, with {len(self._old)} addresses in other hands …")
        before = await self._relay()
        flows = before["connections"] > 0 and now_ms() - before["last_byte_at"] * 1000 < FLOWS_MS
        found.expect(flows, "pictures flow before the kill")

        sent = now_ms()
        await house.client.call("mi_camera.disable_all")
        returned = now_ms()
        found.judge.killed(returned)
        at_return = await self._relay()
        last = at_return["last_byte_at"]
        found.kill_ms = max(0, round(last * 1000 - sent)) if last else 0
        found.expect(not last or last * 1000 <= returned, "a byte at the relay after the kill")
        found.say(f"kill: returned after {returned - sent:.0f} ms")
        # What was on its way when the call returned has been read by now.
        received = {did: watch.media_bytes for did, watch in watches.items()}

        await asyncio.gather(
            self._expect_dark("after the kill"), self._all_end(watches, display, returned)
        )
        if display is not None:
            idle = await display.wait_idle(CARD_ENDS)
            found.expect(idle, f"{display.name} is back at its idle screen")
        camera_bytes = await house.control.media_bytes()
        await asyncio.sleep(DARK)
        at_end = await self._relay()
        late = {did: watch.media_bytes - received[did] for did, watch in watches.items()}
        found.bytes_after_kill += at_end["bytes_sent"] - at_return["bytes_sent"]
        found.bytes_after_kill += sum(late.values())
        found.expect(not any(late.values()), f"bytes at viewers after the kill: {late}")
        found.expect(at_end["connections"] == 0, "no connection at the relay after the kill")
        silent = await house.control.media_bytes() == camera_bytes
        found.expect(silent, "cameras send nothing after the kill")
        found.say(f"dark: last byte {found.kill_ms} ms after the call was sent")

    async def _collect(self, watches: Mapping[int, LiveWatch]) -> None:
        """Note every address that gives a picture now, as somebody else might have."""
        client = self._house.client
        for did, entity_id in self._house.entities.cameras.items():
            url = watches[did].url if did in watches else ""
            self._old += await collect(client, entity_id, url)
        if self._house.go2rtc is not None:
            self._old += relay(self._house.go2rtc)
        answers = await ask(client, self._old)
        dead = [one.address.what for one in answers if one.status != 200 or not one.size]
        self._found.expect(not dead, f"addresses that should give a picture: {', '.join(dead)}")

    async def _relay(self) -> dict[str, Any]:
        diagnostics = await self._house.client.diagnostics(self._house.entities.entry_id)
        relay: dict[str, Any] = diagnostics["relay"]
        return relay

    async def _all_end(
        self, watches: Mapping[int, LiveWatch], display: DisplayWatch | None, returned: float
    ) -> None:
        """Viewers, the display and the cameras notice, each within its bound."""
        await self.viewers_end(watches, "after the kill")
        if display is not None:
            left = max(0.1, DISPLAY_STOPS - (now_ms() - returned) / 1000)
            stopped = await display.wait_stopped(left)
            self._found.expect(stopped, f"{display.name} goes on after the kill")
            display.expect()
        connections = await self.connections(CAMERA_CLOSES)
        self._found.expect(
            not connections, f"{connections} media connections at cameras after the kill"
        )

    async def viewers_end(self, watches: Mapping[int, LiveWatch], when: str) -> None:
        """Every open live view is cut off."""
        for did, watch in watches.items():
            ended = await watch.wait_end(VIEWERS_END)
            name = self._house.plan.cameras[did]
            self._found.expect(ended, f"{name}: a viewer goes on {when}")

    async def connections(self, seconds: float) -> int:
        """Wait until no camera has a media connection; return how many are left."""
        deadline = now_ms() + seconds * 1000
        connections = await self._house.control.media_connections()
        while connections and now_ms() < deadline:
            await asyncio.sleep(0.2)
            connections = await self._house.control.media_connections()
        return connections

    async def _expect_dark(self, when: str) -> None:
        """No old address and no call gives a picture."""
        client, entities, found = self._house.client, self._house.entities, self._found
        state = (await client.states())[entities.switch]["state"]
        found.expect(state == "off", f"the switch is {state} {when}")
        for answer in await ask(client, self._old):
            if answer.status == 200 and answer.size:
                found.bytes_after_kill += answer.size
                found.expect(False, f"{answer.address.what} gives {answer.size} bytes {when}")
        for entity_id in entities.cameras.values():
            for call in await offers(client, entity_id):
                found.expect(False, f"{call} works {when}")
            still = await signed_in_picture(client, entity_id)
            found.expect(still.picture is None, f"{entity_id} gives a still {when}")
            for player in entities.displays.values():
                try:
                    await cast(client, entity_id, player, seconds=10)
                except ApiError:
                    continue
                found.expect(False, f"{entity_id} can be cast {when}")

    async def restart(self) -> None:
        """Restart Home Assistant while killed: it stays dark, and no camera is called."""
        house, found = self._house, self._found
        found.say("restart of Home Assistant while killed …")
        before = await self._called_so_far()
        seconds = await house.restart_hass()
        await self._expect_dark("after the restart")
        await asyncio.sleep(2.0)
        relay = await self._relay()
        found.bytes_after_kill += relay["bytes_sent"]
        found.expect(relay["bytes_sent"] == 0, "no byte at the relay after the restart")
        called = await self._called_so_far() - before
        found.expect(not called, f"cameras are called {called} times after the restart")
        found.say(f"restarted in {seconds:.1f} s, still dark")

    async def _called_so_far(self) -> int:
        cameras = await self._house.control.cameras()
        return sum(int(camera["media_connections_total"]) for camera in cameras.values())

    async def enable(self, page: BrowserCheck | None) -> None:
        """Allow pictures again, by a click where there is a browser; old addresses stay dead."""
        client, found = self._house.client, self._found
        found.say("enable …")
        found.judge.allowed(now_ms())
        if page is None or not await page.switch_on(self._house):
            await client.call("mi_camera.enable_all")
        on = await client.wait_state(self._house.entities.switch, "on", SWITCHES)
        found.expect(on, "the switch is on again")
        streams = [one for one in self._old if "HLS" in one.what or "relay" in one.what]
        for answer in await ask(client, streams):
            alive = answer.status == 200 and answer.size > 0
            found.expect(not alive, f"{answer.address.what} of before the kill works again")

    async def off_and_on(
        self,
        page: BrowserCheck,
        watches: Mapping[int, LiveWatch],
        display: DisplayWatch | None,
    ) -> None:
        """Off and on by clicks, with live views and the display running."""
        self._found.say("off and on again by clicks on the dashboard …")
        await page.off_and_on(self._house)
        if display is not None:
            stopped = await display.wait_stopped(DISPLAY_STOPS)
            self._found.expect(stopped, f"{display.name} stops by a click")
            display.expect()
        await self.viewers_end(watches, "after a click")
