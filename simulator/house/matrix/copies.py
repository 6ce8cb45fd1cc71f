"""Copies that others keep: a proxy camera, whose cache nobody else can empty."""

from __future__ import annotations

import asyncio
from typing import override

from simulator.house.matrix.path import STILL_MS, Kill, Look, Path, Scene, dark, together
from simulator.house.matrix.table import Cell, Kind
from simulator.house.pictures import now_ms
from simulator.house.stills import still

CACHED = 6.0
"""Seconds the proxy camera keeps its copy."""


class Proxy(Path):
    """Home Assistant's ``proxy`` camera of one of ours."""

    group = "Files and other integrations in Home Assistant"
    kind = Kind.RESIDUAL
    reason = (
        "the proxy camera is an entity of its own with a copy of its own, which it gives away for"
        f" its `image_refresh_rate` ({CACHED:.0f} s here) without asking, and, after each time it"
        " has asked in vain, for as long again; what it shows in the dark was taken before the"
        " kill, and only a new picture or a restart makes it forget"
    )

    def __init__(self, scene: Scene, did: int, proxy: str) -> None:
        """``proxy`` is the entity that shows ``did``."""
        super().__init__(scene, did, "`proxy` camera with a copy")
        self._proxy = proxy

    async def _look(self) -> Look:
        client = self.scene.client
        got = await still(
            client.http,
            f"{client.url}/api/camera_proxy/{self._proxy}",
            await client.authorization(),
        )
        pictures = () if got.picture is None else (got.picture,)
        return Look(str(got.status or "no answer"), pictures, got.size if got.status == 200 else 0)

    async def _seen(self) -> Cell:
        look = await self.patiently(self._look)
        return self.right(look.pictures, STILL_MS, look.answer)

    @override
    async def before(self) -> Cell:
        return await self._seen()

    @override
    async def arm(self) -> None:
        await self._look()

    def _copy(self, look: Look, kill: Kill) -> Cell:
        """Judge a picture that may be the copy, and nothing else."""
        tags = [picture.tag for picture in look.pictures if picture.tag is not None]
        if not tags:
            return dark(look)
        if any(tag.did != self.did or tag.captured_ms > kill.returned for tag in tags):
            return dark(look)
        return Cell(f"its copy, taken {(kill.sent - tags[0].captured_ms) / 1000:.1f} s before")

    @override
    async def killed(self, kill: Kill) -> Cell:
        copy = self._copy(await self._look(), kill)
        await asyncio.sleep(max(0.0, CACHED + 0.5 - (now_ms() - kill.returned) / 1000))
        vain = dark(await self._look())
        later = self._copy(await self._look(), kill)
        return together(("", copy), (f"after {CACHED:.0f} s", vain), ("then", later))

    @override
    async def released(self) -> Cell:
        assert self.scene.kill is not None
        first = self._copy(await self._look(), self.scene.kill)
        if not first.ok:
            return await self._seen()
        await asyncio.sleep(CACHED)
        return together(("", first), (f"after {CACHED:.0f} s", await self._seen()))

    @override
    async def restarted(self) -> Cell:
        return dark(await self._look())
