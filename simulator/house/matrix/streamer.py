"""go2rtc: what it is told, its addresses, and what its API gives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

import aiohttp

from simulator.house.errors import ApiError
from simulator.house.matrix.path import STILL_MS, Kill, Look, Path, Refused, Scene, dark
from simulator.house.matrix.table import Cell
from simulator.house.stills import still

if TYPE_CHECKING:
    from simulator.house.go2rtc import Go2rtc

FIRST = 20.0
"""Seconds until there must be a picture."""
SILENCE = 3.0
"""Seconds in which there must be none."""

# Of an offer that leads nowhere Home Assistant makes as much as of a good one: it tells go2rtc
# the camera's address of this moment.
_OFFER = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def go2rtc_of(scene: Scene) -> Go2rtc:
    """Return the go2rtc that is there whenever these paths are."""
    assert scene.house.go2rtc is not None
    return scene.house.go2rtc


async def register(scene: Scene, entity_id: str) -> None:
    """Have Home Assistant tell go2rtc the camera's present address, if there is one."""
    answered = asyncio.Event()
    try:
        await scene.client.subscribe(
            lambda event: answered.set() if event["type"] in {"answer", "error"} else None,
            "camera/webrtc/offer",
            entity_id=entity_id,
            offer=_OFFER,
        )
        async with asyncio.timeout(10):
            await answered.wait()
    except ApiError, TimeoutError:
        return


def relay_address(scene: Scene, name: str) -> str:
    """Return the newest address of the relay that go2rtc has for a stream."""
    if not (found := go2rtc_of(scene).streams().get(name)):
        raise Refused("go2rtc has no address of the relay")
    return found


def rtsp_address(scene: Scene, name: str) -> str:
    """Return the address of go2rtc's RTSP server; it asks for no password."""
    return go2rtc_of(scene).rtsp(name)


class Frame(Path):
    """go2rtc's still of a stream, by its API."""

    group = "Outside Home Assistant"

    def __init__(self, scene: Scene, did: int) -> None:
        """Ask with the password Home Assistant has."""
        super().__init__(scene, did, "go2rtc's API, `frame.jpeg`")

    async def _look(self, seconds: float = FIRST) -> Look:
        go2rtc = go2rtc_of(self.scene)
        try:
            async with asyncio.timeout(seconds):
                got = await still(
                    self.scene.client.http,
                    f"{go2rtc.access.url}api/frame.jpeg?src=mi_camera_{self.did}-0",
                    go2rtc.login(),
                )
        except TimeoutError:
            return Look("nothing comes")
        pictures = () if got.picture is None else (got.picture,)
        return Look(str(got.status or "no answer"), pictures, got.size if got.status == 200 else 0)

    async def _seen(self) -> Cell:
        await register(self.scene, self.entity_id)
        look = await self.patiently(self._look)
        return self.right(look.pictures, STILL_MS, look.answer)

    @override
    async def before(self) -> Cell:
        return await self._seen()

    @override
    async def killed(self, kill: Kill) -> Cell:
        return dark(await self._look(SILENCE))

    @override
    async def released(self) -> Cell:
        return await self._seen()

    @override
    async def restarted(self) -> Cell:
        await register(self.scene, self.entity_id)
        return dark(await self._look(SILENCE))


class OtherApis(Path):
    """What else go2rtc could do, and Home Assistant leaves off."""

    group = "Outside Home Assistant"
    _NAMES = ("stream.mp4", "stream.m3u8", "stream.ts", "stream.mjpeg")

    def __init__(self, scene: Scene, did: int) -> None:
        """Ask with the password Home Assistant has."""
        super().__init__(scene, did, "go2rtc's API, `stream.mp4`, `.m3u8`, `.ts`, `.mjpeg`")

    async def _closed(self) -> Cell:
        return dark(*await asyncio.gather(*map(self._look, self._NAMES)))

    async def _look(self, name: str) -> Look:
        go2rtc = go2rtc_of(self.scene)
        url = f"{go2rtc.access.url}api/{name}?src=mi_camera_{self.did}-0"
        try:
            async with (
                asyncio.timeout(5),
                self.scene.client.http.get(url, headers=go2rtc.login()) as answer,
            ):
                if answer.status != 200:
                    return Look(str(answer.status))
                return Look(str(answer.status), (), len(await answer.content.read(1)))
        except aiohttp.ClientError, TimeoutError:
            return Look("no answer")

    @override
    async def before(self) -> Cell:
        cell = await self._closed()
        return Cell(f"left off by Home Assistant: {cell.text}", cell.ok)

    @override
    async def killed(self, kill: Kill) -> Cell:
        return await self._closed()

    @override
    async def released(self) -> Cell:
        return await self._closed()

    @override
    async def restarted(self) -> Cell:
        return await self._closed()
