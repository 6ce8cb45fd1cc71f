"""Kills by every way there is, and how long it takes until the last byte has come."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from simulator.house.casts import is_dark
from simulator.house.errors import ApiError
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from simulator.house.client import HassClient, Json
    from simulator.house.live_readers import LiveReader
    from simulator.house.soak_ground import Ground

FLOWS_MS = 250.0
"""How long before a kill a reader got its last byte to count as one that it cuts off."""
RELEASES = 60.0
DISPLAY_STOPS = 8.0
"""Seconds to look whether a display stops; how long it took is reported."""
_POLL = 0.04


class Kills:
    """Switches everything off and on again, one after the other."""

    def __init__(self, ground: Ground) -> None:
        """Prepare; :meth:`prepare` finds out what can be aimed at."""
        self._ground = ground
        self._targets: dict[str, Json] = {}
        self.lock = asyncio.Lock()
        """Held while pictures are off."""
        self.count = 0
        self.ways: Counter[str] = Counter()
        self.last_byte_ms: list[float] = []
        """Of each kill that cut somebody off: from the call being sent to the last byte at any
        reader, by the readers' clock; 0 when none came after it."""
        self.call_ms: list[float] = []
        """From the call to its answer."""
        self.display_ms: list[float] = []
        """From the call until a display that was playing said that it plays nothing, or showed the card."""

    async def prepare(self) -> None:
        """Put the hub's device into an area, so that this can be aimed at too."""
        client, switch = self._ground.house.client, self._ground.house.entities.switch
        device = await device_of(client, switch)
        area = await assign_area(client, device, "Whole house")
        self._targets = {
            "switch": {"entity_id": switch},
            "device": {"device_id": device},
            "area": {"area_id": area},
        }

    def _way(self, pick: int) -> tuple[str, Callable[[HassClient], Awaitable[Json]]]:
        names = ["action", "action, with a reason", "homeassistant.turn_off", *self._targets]
        name = names[pick % len(names)]
        switch = {"entity_id": self._ground.house.entities.switch}
        if name == "action":
            return name, lambda client: client.call("mi_camera.disable_all")
        if name == "action, with a reason":
            return name, lambda client: client.call("mi_camera.disable_all", {"reason": "soak"})
        if name == "homeassistant.turn_off":
            return name, lambda client: client.call(name, target=switch)
        return name, lambda client: client.call("switch.turn_off", target=self._targets[name])

    async def kill(
        self, seconds: float, pick: int, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Switch off, wait, and on again; ``meanwhile`` is awaited in the dark."""
        async with self.lock:
            await self.off(pick)
            dark = asyncio.create_task(asyncio.sleep(seconds))
            if meanwhile is not None:
                await meanwhile()
            await dark
            await self.on()

    async def off(self, pick: int) -> None:
        """Switch off; the lock must be held."""
        ground = self._ground
        client = ground.house.client
        ground.lit.clear()
        ground.epoch += 1
        self.count += 1
        playing = await self._playing()
        name, way = self._way(pick)
        sent = now_ms()
        flowing = [reader for reader in ground.readers if sent - reader.last_ms < FLOWS_MS]
        try:
            await way(client)
            returned = now_ms()
            if not name.startswith("action") and not await self._is("off"):
                # A call aimed at an entity that is away just now does nothing, in silence.
                name, sent = "action", now_ms()
                await client.call("mi_camera.disable_all")
                returned = now_ms()
        except ApiError as error:
            ground.trouble(f"kill by {name}: {error.code} {error.message}")
            sent = now_ms()
            await self._insist()
            returned = now_ms()
        ground.judge.killed(returned)
        self.ways[name] += 1
        self.call_ms.append(returned - sent)
        for display in playing:
            ground.background(self._stops(display, sent))
        if flowing:
            ground.background(self._measure(flowing, sent, returned))

    async def _insist(self) -> None:
        for _ in range(40):
            try:
                await self._ground.house.client.call("mi_camera.disable_all")
            except ApiError:
                await asyncio.sleep(0.25)
            else:
                return
        self._ground.judge.leaked("pictures cannot be switched off")

    async def on(self) -> None:
        """Allow pictures again; the lock must be held."""
        ground = self._ground
        client = ground.house.client
        ground.judge.allowed(now_ms())
        ground.disturb(seconds=0.0)
        problem = "it stays off"
        try:
            async with asyncio.timeout(RELEASES):
                while True:
                    try:
                        await client.call("mi_camera.enable_all")
                        if await self._is("on"):
                            break
                    except ApiError as error:
                        problem = f"{error.code} {error.message}"
                    await asyncio.sleep(0.3)
        except TimeoutError:
            ground.trouble(f"release: {problem}")
        ground.lit.set()

    async def _is(self, state: str) -> bool:
        house = self._ground.house
        states = await house.client.states()
        return house.entities.switch in states and states[house.entities.switch]["state"] == state

    async def _measure(self, readers: Sequence[LiveReader], sent: float, returned: float) -> None:
        """Note the last byte that any of these readers has got."""
        await asyncio.sleep(max(0.0, 0.4 - (now_ms() - returned) / 1000))
        self.last_byte_ms.append(max(0.0, max(reader.last_ms for reader in readers) - sent))

    async def _playing(self) -> list[str]:
        if self._ground.storm:
            return []
        displays = (await self._ground.house.control.state())["displays"]
        return [
            name
            for name, state in displays.items()
            if state["state"].upper() == "PLAYING" and not is_dark(state)
        ]

    async def _stops(self, display: str, sent: float) -> None:
        """Note when a display says that it plays nothing, or shows the card."""
        control = self._ground.house.control
        while now_ms() - sent < DISPLAY_STOPS * 1000:
            if is_dark(await control.display(display)):
                self.display_ms.append(now_ms() - sent)
                return
            await asyncio.sleep(_POLL)
        self.display_ms.append(DISPLAY_STOPS * 1000)
        self._ground.trouble(f"{display} goes on after a kill")


async def device_of(client: HassClient, entity_id: str) -> str:
    """Return the device an entity belongs to."""
    for entity in await client.registry():
        if entity["entity_id"] == entity_id:
            return str(entity["device_id"])
    raise ApiError("config/entity_registry/list", "not_found", entity_id)


async def assign_area(client: HassClient, device: str, name: str) -> str:
    """Put a device into an area of its own, and return the area's id."""
    for area in await client.command("config/area_registry/list"):
        if area["name"] == name:
            break
    else:
        area = await client.command("config/area_registry/create", name=name)
    area_id = str(area["area_id"])
    await client.command("config/device_registry/update", device_id=device, area_id=area_id)
    return area_id
