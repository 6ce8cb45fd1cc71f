"""Stills and the endless pictures made of them, by all kinds of authorisation."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, override

from simulator.house.matrix.path import (
    STILL_MS,
    Kill,
    Look,
    Path,
    Refused,
    Scene,
    dark,
    ended,
    remaining,
    together,
    until,
)
from simulator.house.matrix.table import Cell
from simulator.house.pictures import now_ms
from simulator.house.stills import MjpegViewer, still

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.house.pictures import Picture

SIGNED_HOURS = 24
GONE = ("401", "403")
"""What is answered to a key that is none any more."""
FIRST = 20.0
"""Seconds until an endless picture must have begun."""
ENOUGH = 2
"""Pictures of an endless one that must have come."""


class Key(StrEnum):
    """What opens the address."""

    USER = "signed in"
    TOKEN = "`?token=`"
    PICTURE = "`entity_picture`"
    SIGNED = "`?authSig=`"


class Proxied(Path):
    """A path of Home Assistant's camera proxy."""

    group = "Home Assistant's HTTP server"

    def __init__(self, scene: Scene, did: int, title: str, key: Key, tail: str) -> None:
        """Open ``tail`` (``camera_proxy…``, with an optional query) by ``key``."""
        super().__init__(scene, did, title)
        self.key = key
        self._tail, _, self._query = tail.partition("?")
        self.old: list[str] = []

    @property
    def follows_entity(self) -> bool:
        """Whether the address names the entity only: it shall work again after a release."""
        return self.key in {Key.USER, Key.SIGNED}

    async def find(self) -> str:
        """Return the address somebody would get now; raises :class:`Refused`."""
        client = self.scene.client
        path = f"/api/{self._tail}/{self.entity_id}"
        query = f"?{self._query}" if self._query else ""
        if self.key is Key.USER:
            return f"{client.url}{path}{query}"
        if self.key is Key.SIGNED:
            signed = await client.command(
                "auth/sign_path", path=f"{path}{query}", expires=SIGNED_HOURS * 3600
            )
            return f"{client.url}{signed['path']}"
        attributes = (await client.states())[self.entity_id]["attributes"]
        if self.key is Key.PICTURE:
            if not (picture := attributes.get("entity_picture")):
                raise Refused("no `entity_picture`")
            return f"{client.url}{picture}"
        if not (token := attributes.get("access_token")):
            raise Refused("no token")
        return f"{client.url}{path}?token={token}{'&' if query else ''}{query[1:]}"

    async def headers(self) -> Mapping[str, str] | None:
        """Return what is sent along."""
        return await self.scene.client.authorization() if self.key is Key.USER else None

    async def look(self, url: str) -> Look:
        """Ask once."""
        raise NotImplementedError

    async def look_anew(self) -> Look:
        """Ask by an address got now."""
        try:
            return await self.look(await self.find())
        except Refused as refused:
            return Look(str(refused))

    async def look_all(self) -> list[Look]:
        """Ask by everything given out so far."""
        return list(await asyncio.gather(*map(self.look, self.old)))

    @override
    async def released(self) -> Cell:
        old = await self._old()
        url = await self.find()
        look = await self.patiently(lambda: self.look(url))
        self.old.append(url)
        new = self.right(look.pictures, STILL_MS, look.answer)
        if self.follows_entity:
            return together(("same address", old), ("new", new))
        return together(("old", old), ("new", new))

    async def _old(self) -> Cell:
        if not self.follows_entity:
            return dark(*await self.look_all())
        looks = [
            look
            if look.pictures or look.answer in GONE
            else await self.patiently(partial(self.look, url))
            for look, url in zip(await self.look_all(), self.old, strict=True)
        ]
        # One that was signed before a restart is as dead as a token.
        cells = [
            self.right(look.pictures, STILL_MS) if look.pictures else dark(look) for look in looks
        ]
        return next((cell for cell in cells if not cell.ok), cells[-1])

    @override
    async def restarted(self) -> Cell:
        return dark(*await self.look_all(), await self.look_anew())

    @override
    async def again(self) -> Cell:
        return await self._old()


class Still(Proxied):
    """One still on request."""

    def __init__(self, scene: Scene, did: int, key: Key, title: str = "") -> None:
        """Ask for stills by ``key``."""
        super().__init__(scene, did, title or f"`camera_proxy`, {key}", key, "camera_proxy")

    async def look(self, url: str) -> Look:
        """Fetch and decode one."""
        got = await still(self.scene.client.http, url, await self.headers())
        pictures = () if got.picture is None else (got.picture,)
        return Look(str(got.status or "no answer"), pictures, got.size if got.status == 200 else 0)

    @override
    async def before(self) -> Cell:
        self.old.append(await self.find())
        look = await self.patiently(lambda: self.look(self.old[0]))
        return self.right(look.pictures, STILL_MS, look.answer)

    @override
    async def killed(self, kill: Kill) -> Cell:
        return dark(*await self.look_all(), await self.look_anew())


class StillInFlight(Still):
    """A still asked for without a pause, so that one is under way as the kill comes."""

    def __init__(self, scene: Scene, did: int) -> None:
        """Ask as a signed-in user."""
        super().__init__(scene, did, Key.USER, "`camera_proxy`, asked for as the kill comes")
        self._task: asyncio.Task[None] | None = None
        self._last: tuple[float, float, Look] | None = None

    @override
    async def arm(self) -> None:
        self._last = None
        self._task = asyncio.create_task(self._ask(), name="still in flight")

    async def _ask(self) -> None:
        url = self.old[0]
        while self._last is None or self._last[2].pictures:
            asked = now_ms()
            look = await self.look(url)
            self._last = asked, now_ms(), look
            await asyncio.sleep(0)

    @override
    async def killed(self, kill: Kill) -> Cell:
        assert self._task is not None
        over = await until(self._task, remaining(kill))
        await _cancel(self._task)
        if not over or self._last is None:
            return Cell("goes on after the kill", ok=False)
        asked, answered, look = self._last
        cell = dark(look)
        when = "asked before, " if asked < kill.returned else ""
        after = f"after {kill.after(answered):.0f} ms"
        return Cell(f"{when}answered {cell.text} {after}", cell.ok)

    @override
    async def close(self) -> None:
        await _cancel(self._task)


class Mjpeg(Proxied):
    """An endless picture that stays open."""

    def __init__(self, scene: Scene, did: int, key: Key, query: str = "") -> None:
        """Watch by ``key``."""
        name = f"`camera_proxy_stream{f'?{query}' if query else ''}`, {key}"
        tail = f"camera_proxy_stream{f'?{query}' if query else ''}"
        super().__init__(scene, did, name, key, tail)
        self._viewer: MjpegViewer | None = None
        self._task: asyncio.Task[None] | None = None
        self._pictures: list[Picture] = []

    async def _open(self, url: str) -> tuple[MjpegViewer, asyncio.Task[None], list[Picture]]:
        pictures: list[Picture] = []
        viewer = MjpegViewer(self.scene.client.http, url, pictures.append, await self.headers())
        task = asyncio.create_task(viewer.run(), name=f"mjpeg {self.did}")
        deadline = now_ms() + FIRST * 1000
        while len(pictures) < ENOUGH and now_ms() < deadline:
            if await until(task, 0.05):
                break
        return viewer, task, pictures

    async def look(self, url: str) -> Look:
        """Watch for a moment."""
        viewer, task, pictures = await self._open(url)
        await _cancel(task)
        status = str(viewer.status or "no answer")
        return Look(status, tuple(pictures), viewer.media_bytes)

    @override
    async def before(self) -> Cell:
        self.old.append(await self.find())
        self._viewer, self._task, self._pictures = await self._open(self.old[0])
        if not self._pictures:
            await _cancel(self._task)
            self._viewer, self._task, self._pictures = await self._open(self.old[0])
        return self.right(self._pictures, STILL_MS, str(self._viewer.status))

    @override
    async def killed(self, kill: Kill) -> Cell:
        assert self._task is not None
        assert self._viewer is not None
        over = await until(self._task, remaining(kill))
        open_one = ended(over, self._viewer.last_media_ms, kill, self._pictures, self.did)
        await _cancel(self._task)
        asked = dark(*await self.look_all(), await self.look_anew())
        return together(("", open_one), ("again", asked))

    @override
    async def close(self) -> None:
        await _cancel(self._task)


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
