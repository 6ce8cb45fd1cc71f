"""Entity ids that are exchanged, and cameras that are hidden one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.house.errors import ApiError
from simulator.house.hass import INTEGRATION
from simulator.house.pictures import now_ms
from simulator.house.soak_kills import assign_area, device_of
from simulator.house.soak_plan import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.client import Json
    from simulator.house.soak_ground import Ground

_SHELF = "camera.soak_exchange"
"""Where an entity id is put while another one takes its place; numbered."""
SHOWS_S = 20.0
FREES_TRIES = 20


class Exchange:
    """Gives cameras other entity ids, one change at a time."""

    def __init__(self, ground: Ground) -> None:
        """Prepare."""
        self._ground = ground
        self._lock = asyncio.Lock()
        self._count = 0

    async def rename(self, did: int, new: str) -> bool:
        """Give a camera a new entity id; False when it could not be."""
        async with self._lock:
            names = self._ground.names
            names.changing((did,), (new,))
            try:
                await self._update(names.entity(did), new)
            except ApiError as error:
                await self._look(error)
                return False
            names.changed({did: new})
            return True

    async def swap(self, did: int, other: int) -> bool:
        """Exchange two cameras' entity ids; False when it could not be."""
        async with self._lock:
            names = self._ground.names
            first, second = names.entity(did), names.entity(other)
            self._count += 1
            shelf = f"{_SHELF}_{self._count}"
            names.changing((did, other), (shelf,))
            try:
                await self._update(first, shelf)
                await self._update(second, first)
                await self._update(shelf, second)
            except ApiError as error:
                await self._look(error)
                return False
            names.changed({did: second, other: first})
            return True

    async def _update(self, entity_id: str, new: str) -> None:
        for remaining in reversed(range(FREES_TRIES)):
            try:
                await self._ground.house.client.command(
                    "config/entity_registry/update", entity_id=entity_id, new_entity_id=new
                )
            except ApiError as error:
                # The entity that had the id has not yet left it.
                if error.code != "invalid_info" or not remaining:
                    raise
                await asyncio.sleep(0.03)
            else:
                return

    async def _look(self, error: ApiError) -> None:
        self._ground.trouble(f"entity id: {error.code} {error.message}")
        self._ground.names.changed(first_lenses(await self._ground.house.client.registry()))


def first_lenses(registry: list[Json]) -> Mapping[int, str]:
    """Return the entity ids of the cameras' first lenses by did."""
    found: dict[int, str] = {}
    for entity in registry:
        did, _, part = str(entity["unique_id"]).partition("-")
        if (
            entity["platform"] == INTEGRATION
            and str(entity["entity_id"]).startswith("camera.")
            and did.isdecimal()
            and part == "0"
        ):
            found[int(did)] = str(entity["entity_id"])
    return found


class Privacy:
    """Hides one camera by its switch, aimed at as an entity, a device or an area."""

    def __init__(self, ground: Ground) -> None:
        """Prepare; :meth:`prepare` finds the switches."""
        self._ground = ground
        self._targets: dict[int, list[Json]] = {}

    async def prepare(self) -> None:
        """Put each camera that can be hidden into an area of its own."""
        house = self._ground.house
        for did, parts in house.entities.more.items():
            if (entity_id := parts.get("privacy")) is None:
                continue
            device = await device_of(house.client, entity_id)
            area = await assign_area(house.client, device, f"Room of {did}")
            self._targets[did] = [
                {"entity_id": entity_id},
                {"device_id": device},
                {"area_id": area},
            ]

    async def hide(self, did: int, seconds: float, pick: int) -> str:
        """Hide a camera for a time; return what to count it as, "" where it cannot be."""
        targets = self._targets.get(did)
        if targets is None:
            return ""
        ground = self._ground
        entity_id = targets[0]["entity_id"]
        target = targets[pick % len(targets)]
        ground.disturb(did, seconds=seconds + SHOWS_S)
        await ground.house.client.call("switch.turn_on", target=target)
        returned = now_ms()
        hidden = await self._is(entity_id, "on")
        if hidden:
            ground.judge.killed(returned, did)
            await asyncio.sleep(seconds)
            ground.judge.allowed(now_ms(), did)
        # Also when it did not seem to be: a call that met a reload may yet have come through.
        problem = "it stays hidden"
        for _ in range(round(SHOWS_S / 0.5)):
            try:
                await ground.house.client.call("switch.turn_off", target=targets[0])
                if await self._is(entity_id, "off"):
                    break
            except ApiError as error:
                problem = f"{error.code} {error.message}"
            await asyncio.sleep(0.5)
        else:
            ground.trouble(f"privacy: {problem}")
        return f"{Fault.PRIVACY}, by {next(iter(target)).removesuffix('_id')}" if hidden else ""

    async def _is(self, entity_id: str, state: str) -> bool:
        states = await self._ground.house.client.states()
        return entity_id in states and states[entity_id]["state"] == state
