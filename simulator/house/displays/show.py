"""Showing a camera on a display, and taking down what the display decoded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from simulator.house import logs
from simulator.house.casts import cast, stop_cast
from simulator.house.displays.table import ENOUGH, Showing
from simulator.house.errors import ApiError
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from simulator.house.displays.home import ShownCamera
    from simulator.house.house import House
    from simulator.house.pictures import Picture

PATIENCE = 45.0
"""Seconds until a display must show something, or say that it will not."""
PLAYS = 4.0
"""Seconds of play that are judged."""
ANSWERS = 5.0
"""Seconds after the first pictures until our action must have answered that they are there."""
IDLE = 10.0
"""Seconds until a display must be idle again."""
_POLL = 0.1


class Shower:
    """Shows cameras on one display, one after the other."""

    def __init__(self, house: House, display: str) -> None:
        """Use the display called ``display``."""
        self._house = house
        self._display = display
        self._since = 0

    @property
    def _player(self) -> str:
        return self._house.entities.displays[self._display]

    async def ours(self, camera: ShownCamera) -> Showing:
        """Show it by this integration's action."""
        entity = self._house.entities.cameras[camera.did]
        log = self._house.hass.log_size()
        showing = await self._show(camera, entity, by_us=True)
        if showing.error and logs.cast_connection_broke(self._house.hass.log, log):
            showing = await self._show(camera, entity, by_us=True)
        return showing

    async def theirs(self, camera: ShownCamera) -> Showing:
        """Show it by Home Assistant's own."""
        entity = self._house.entities.cameras[camera.did]
        return await self._show(camera, entity, by_us=False)

    async def _show(self, camera: ShownCamera, entity: str, *, by_us: bool) -> Showing:
        before = await self._state()
        await self._new()
        began = now_ms()
        call = asyncio.create_task(self._begin(entity, by_us=by_us), name="show a camera")
        pictures: list[Picture] = []
        error: str | None = None
        try:
            deadline = began + PATIENCE * 1000
            while not pictures and error is None and now_ms() < deadline:
                await asyncio.sleep(_POLL)
                pictures += await self._new()
                # Not before: our action tells a display that fails a second time.
                if call.done():
                    error = await self._failure(call.result(), before["errors"])
            if pictures:
                await asyncio.sleep(PLAYS)
                deadline = now_ms() + PLAYS * 1000
                pictures += await self._new()
                while len(pictures) < ENOUGH and now_ms() < deadline:
                    await asyncio.sleep(_POLL)
                    pictures += await self._new()
                if by_us:
                    await asyncio.wait([call], timeout=ANSWERS)
                    error = call.result() if call.done() else "the action does not answer"
            after = await self._state()
        finally:
            call.cancel()
            await asyncio.wait([call])
            await self._end(entity, by_us=by_us)
        return _showing(camera, began, pictures, after, error)

    async def _failure(self, refusal: str | None, noted: list[str]) -> str | None:
        """Return why the display shows nothing: what it has noted itself, or else a refusal."""
        state = await self._state()
        if refusal is None and state["state"] != "IDLE":
            return None
        return _news(noted, state["errors"]) or refusal

    async def _begin(self, entity: str, *, by_us: bool) -> str | None:
        """Call the action; return what it answers when it refuses."""
        client = self._house.client
        try:
            if by_us:
                await cast(client, entity, self._player)
            else:
                data = {"media_player": self._player, "format": "hls"}
                await client.call("camera.play_stream", data, target={"entity_id": entity})
        except ApiError as error:
            return error.message
        return None

    async def _end(self, entity: str, *, by_us: bool) -> None:
        client = self._house.client
        if by_us:
            await stop_cast(client, entity, self._player)
        else:
            await client.call("media_player.turn_off", {}, target={"entity_id": self._player})
        deadline = now_ms() + IDLE * 1000
        state = await self._state()
        while state["state"] != "IDLE" and now_ms() < deadline:
            await asyncio.sleep(_POLL)
            state = await self._state()

    async def _state(self) -> dict[str, Any]:
        return await self._house.control.display(self._display)

    async def _new(self) -> list[Picture]:
        pictures, self._since = await self._house.control.frames(self._display, self._since)
        return pictures


def _showing(
    camera: ShownCamera,
    began: float,
    pictures: list[Picture],
    after: dict[str, Any],
    error: str | None,
) -> Showing:
    tags = [one.tag for one in pictures if one.tag is not None]
    ages = [one.age_ms for one in pictures if one.tag is not None]
    video = after["video"] if pictures else None
    return Showing(
        pictures=len(pictures),
        unreadable=len(pictures) - len(tags),
        foreign=tuple(sorted({one.did for one in tags if one.did != camera.did})),
        codec=video["codec"] if video else None,
        width=video["width"] if video else 0,
        height=video["height"] if video else 0,
        first_ms=pictures[0].received_ms - began if pictures else None,
        age_ms=ages[-1] if ages else None,
        sound_seconds=after["sound_seconds"] if pictures else 0.0,
        error=error,
    )


def _news(before: list[str], after: list[str]) -> str | None:
    """Return what a display has noted since; it forgets the oldest."""
    return after[-1] if len(after) > len(before) or after[-1:] != before[-1:] else None
