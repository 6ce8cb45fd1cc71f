"""Displays: by this integration's action and by Home Assistant's own."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, override

from simulator.house import logs
from simulator.house.errors import ApiError
from simulator.house.matrix.path import HLS_MS, Kill, Look, Path, Scene, dark, together
from simulator.house.matrix.table import Cell
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from simulator.house.pictures import Picture

FIRST = 45.0
"""Seconds until a display must show the camera: Home Assistant's HLS alone takes about 8."""
STOPS = 5.0
"""Seconds after the kill until a display must be idle, or show the card."""
CARD = "CARD"
"""Its state while it shows the card, of which it has found that no tag is in it."""
QUIET = 2.0
"""Seconds to watch a display that must show nothing."""
_FILES = ("master.m3u8", "playlist.m3u8", "init.mp4", *(f"{number}.m4s" for number in range(30)))
"""What a cast's address may have: it is asked for within half a minute of its beginning."""


class Display(Path):
    """A camera on a simulated display, which decodes what it shows."""

    group = "Displays"

    def __init__(
        self, scene: Scene, did: int, name: str, action: str, data: dict[str, Any]
    ) -> None:
        """Show ``did`` on the display called ``name`` by ``action``."""
        super().__init__(scene, did, f"`{action}`")
        self._name = name
        self._action = action
        self._data = data
        self._since = 0

    async def _frames(self) -> list[Picture]:
        pictures, self._since = await self.scene.house.control.frames(self._name, self._since)
        return pictures

    async def _state(self) -> str:
        display = await self.scene.house.control.display(self._name)
        return CARD if display.get("card") is True else str(display["state"]).upper()

    async def _cast(self) -> None:
        house = self.scene.house
        player = house.entities.displays[self._name]
        await house.client.call(
            self._action,
            {"media_player": [player], **self._data},
            target={"entity_id": self.entity_id},
            response=self._action.startswith("mi_camera."),
        )

    async def _shown(self) -> Cell:
        await self._frames()
        house = self.scene.house
        for remaining in (1, 0):
            log = house.hass.log_size()
            try:
                await self._cast()
                break
            except ApiError:
                if not remaining or not logs.cast_connection_broke(house.hass.log, log):
                    raise
        deadline = now_ms() + FIRST * 1000
        pictures: list[Picture] = []
        while now_ms() < deadline and sum(one.tag is not None for one in pictures) < 15:
            pictures += await self._frames()
            await asyncio.sleep(0.2)
        return self.right(pictures, HLS_MS, await self._state())

    @override
    async def before(self) -> Cell:
        return await self._shown()

    @override
    async def killed(self, kill: Kill) -> Cell:
        while (state := await self._state()) not in {"IDLE", CARD}:
            if now_ms() > kill.returned + STOPS * 1000:
                return Cell(f"still {state} after {STOPS:.0f} s", ok=False)
            await asyncio.sleep(0.05)
        idle = kill.after(now_ms())
        pictures = await self._frames()
        last = kill.after(max((one.received_ms for one in pictures), default=0.0))
        late = [
            one for one in pictures if one.tag is not None and one.tag.captured_ms > kill.returned
        ]
        if late:
            return dark(Look("shows on", tuple(late)))
        again = dark(await self._refused())
        cell = Cell(f"{_words(state)} after {idle / 1000:.1f} s", True, last)
        return together(("", cell), ("again", again))

    async def _refused(self) -> Look:
        await self._frames()
        try:
            await self._cast()
            answer = "accepted"
        except ApiError as error:
            answer = f"refused ({error.message})"
        await asyncio.sleep(QUIET)
        state = await self._state()
        return Look(f"{answer}, {_words(state)}", tuple(await self._frames()))

    @override
    async def released(self) -> Cell:
        by_itself = dark(Look("nothing by itself", tuple(await self._frames())))
        return together(("", by_itself), ("new", await self._shown()))

    @override
    async def restarted(self) -> Cell:
        return dark(await self._refused())


class OwnDisplay(Display):
    """The same by the action of this integration, and the address that the display was given."""

    def __init__(self, scene: Scene, did: int, name: str) -> None:
        """Show ``did`` on the display called ``name``."""
        super().__init__(scene, did, name, "mi_camera.cast", {"duration": {"minutes": 5}})
        self._addresses: list[str] = []

    @override
    async def _shown(self) -> Cell:
        shown = await super()._shown()
        content = (await self.scene.house.control.display(self._name))["content_id"]
        if isinstance(content, str):
            self._addresses.append(content.rpartition("/")[0])
        return shown

    async def _old(self) -> Cell:
        """Ask for everything at the addresses of before."""
        looks: list[Look] = []
        for address in self._addresses:
            for name in _FILES:
                async with self.scene.client.http.get(f"{address}/{name}") as response:
                    size = len(await response.read()) if response.status == HTTPStatus.OK else 0
                    looks.append(Look(str(response.status), size=size))
        return dark(*looks)

    @override
    async def killed(self, kill: Kill) -> Cell:
        old = await self._old()
        return together(("", await super().killed(kill)), ("address", old))

    @override
    async def released(self) -> Cell:
        old = await self._old()
        return together(("old address", old), ("", await super().released()))

    @override
    async def restarted(self) -> Cell:
        old = await self._old()
        return together(("", await super().restarted()), ("addresses", old))


def _words(state: str) -> str:
    return "card on the display" if state == CARD else f"display {state.lower()}"


def paths(scene: Scene, first: int, second: int) -> list[Path]:
    """Return a row for each way, on displays of their own."""
    names = list(scene.house.entities.displays)
    return [
        OwnDisplay(scene, first, names[0]),
        Display(scene, second, names[1], "camera.play_stream", {"format": "hls"}),
    ]
