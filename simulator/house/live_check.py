"""The part of the check about pictures that must be there: live views, stills, a display."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from simulator.house import logs
from simulator.house.casts import cast, stop_cast
from simulator.house.errors import ApiError
from simulator.house.pictures import now_ms
from simulator.house.watch import LiveWatch, picture_of, signed_in_picture

if TYPE_CHECKING:
    from simulator.house.casts import DisplayWatch
    from simulator.house.findings import Findings
    from simulator.house.house import House

FIRST_PICTURE = 45.0
"""Seconds a live view may take: Home Assistant's HLS alone needs about 7."""
LOOK = 4.0
"""Seconds to look at running pictures: two groups of pictures."""
FEWEST = 15
"""Pictures that must have been seen by then: a second's worth."""
AVAILABLE = 20.0
"""Seconds until cameras must be available again after pictures have been allowed."""


class LiveCheck:
    """Opens live views, and keeps them open until somebody closes them."""

    def __init__(self, house: House, findings: Findings) -> None:
        """Report to ``findings``."""
        self._house = house
        self._found = findings
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self.watches: dict[int, LiveWatch] = {}
        """Open live views by did."""

    async def close(self) -> None:
        """Close every live view and the decoders."""
        await self.stop()
        self._executor.shutdown()

    async def stop(self) -> None:
        """Close every live view."""
        for watch in self.watches.values():
            await watch.stop()
        self.watches.clear()

    async def live(self) -> dict[str, int]:
        """Open a live view of each camera; return the milliseconds to the first picture."""
        entities = self._house.entities
        for did, entity_id in entities.cameras.items():
            await self._open(did, entity_id)
        first: dict[str, int] = {}
        for did, watch in self.watches.items():
            name = entities.cameras[did].removeprefix("camera.")
            if await watch.wait_first(FIRST_PICTURE):
                first[name] = round(watch.first_ms)
            else:
                why = watch.end or "nothing came"
                self._found.expect(False, f"{name}: no live picture ({why})")
        await asyncio.sleep(LOOK)
        for did, watch in self.watches.items():
            name = entities.cameras[did]
            self._found.expect(watch.end is None, f"{name}: the live view ended: {watch.end}")
            self._found.expect(watch.pictures > FEWEST, f"{name}: {watch.pictures} pictures only")
            self._found.expect(not watch.backwards, f"{name}: {watch.backwards} pictures backwards")
        return first

    async def _open(self, did: int, entity_id: str) -> None:
        watch = LiveWatch(self._house.client, self._executor, self._found.judge, entity_id, did)
        self.watches[did] = watch
        try:
            await watch.start()
        except ApiError as error:
            self._found.expect(False, f"{entity_id}: no live view ({error})")

    async def last_viewer(self) -> None:
        """Open a live view and just go away, as when somebody closes a browser."""
        did, entity_id = next(iter(self._house.entities.cameras.items()))
        await self.available()
        await self._open(did, entity_id)
        seen = await self.watches[did].wait_first(FIRST_PICTURE)
        self._found.expect(seen, f"{entity_id}: no last live view")
        await self.stop()

    async def stills(self) -> None:
        """Fetch a still of each camera by its entity's token, and as a signed-in user."""
        for did, entity_id in self._house.entities.cameras.items():
            for read in (picture_of, signed_in_picture):
                still = await read(self._house.client, entity_id)
                picture = still.picture
                if self._found.expect(
                    picture is not None and picture.tag is not None,
                    f"{entity_id}: no still ({still.status}, {still.size} bytes)",
                ):
                    assert picture is not None
                    self._found.judge.take(picture, did)
        self._found.say("a still of each camera")

    async def cast(self, watch: DisplayWatch) -> None:
        """Put the first camera on a display, and see it there."""
        found, house = self._found, self._house
        did, entity_id = next(iter(house.entities.cameras.items()))
        player = house.entities.displays[watch.name]
        found.say(f"{entity_id} on {watch.name} …")
        watch.expect(did)
        log, began = house.hass.log_size(), now_ms()
        try:
            answer = await cast(house.client, entity_id, player)
        except ApiError as error:
            if not logs.cast_connection_broke(house.hass.log, log):
                raise
            found.say(f"{error}; PyChromecast has spoilt its connection, once more …")
            found.tolerated.append(error.message)
            began = now_ms()
            answer = await cast(house.client, entity_id, player)
        found.expect(len(answer.get("sessions", [])) == 1, f"one cast session: {answer}")
        first = await watch.wait_camera(did, began, FIRST_PICTURE)
        if found.expect(first is not None, f"{watch.name} shows {entity_id}"):
            assert first is not None
            found.cast_ms = round(first.received_ms - began)
            await asyncio.sleep(LOOK)
            found.expect(watch.shown > FEWEST, f"{watch.name}: {watch.shown} pictures only")
            found.say(f"cast: {found.cast_ms} ms to the first picture on {watch.name}")

    async def stop_casts(self, watch: DisplayWatch) -> None:
        """Take whatever it is off a display."""
        player = self._house.entities.displays[watch.name]
        for entity_id in self._house.entities.cameras.values():
            await stop_cast(self._house.client, entity_id, player)
        stopped = await watch.wait_stopped(10.0)
        self._found.expect(stopped, f"{watch.name} stops when told so")

    async def available(self) -> None:
        """Wait until Home Assistant has found the cameras again, after it was dark."""
        deadline = now_ms() + AVAILABLE * 1000
        while now_ms() < deadline:
            states = await self._house.client.states()
            gone = {"unavailable", "unknown"}
            if all(
                states[one]["state"] not in gone for one in self._house.entities.cameras.values()
            ):
                return
            await asyncio.sleep(0.2)
        self._found.expect(False, f"cameras are available again within {AVAILABLE:.0f} s")
