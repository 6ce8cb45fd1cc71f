"""What is written about pictures: diagnostics and logs must not hold one, nor an address of one."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, override

from simulator.house.errors import HouseError
from simulator.house.matrix.hls import get
from simulator.house.matrix.path import Kill, Path, Scene
from simulator.house.matrix.table import Cell

if TYPE_CHECKING:
    from pathlib import Path as FilePath

SECONDS = 10.0
"""Seconds an address may take to answer."""
_KEY = re.compile(r"auth=(?!\*)|/9j/|authSig=(?!\*)")
"""A key of the relay, a JPEG, a signed path."""
_STREAM = re.compile(r"/api/(?:hls|mi_camera/cast)/[0-9a-f]{16,}/")
"""The address of a stream, which Home Assistant itself writes when a display fails to play it."""


class _Paper(Path):
    group = "Files and other integrations in Home Assistant"

    async def texts(self) -> list[str]:
        """Return what is written."""
        raise NotImplementedError

    async def _read(self) -> Cell:
        states = await self.scene.client.states()
        secrets = {
            state["attributes"]["access_token"]
            for state in states.values()
            if "access_token" in state["attributes"]
        }
        texts = await self.texts()
        found = sum(len(_KEY.findall(text)) for text in texts)
        found += sum(secret in text for secret in secrets for text in texts)
        streams = {one for text in texts for one in _STREAM.findall(text)}
        found += sum([await self._works(one) for one in sorted(streams)])
        if not any(texts):
            return Cell("nothing written", ok=False)
        return Cell("no picture, no address" if not found else f"{found} addresses", not found)

    async def _works(self, path: str) -> bool:
        client = self.scene.client
        return (await get(client.http, f"{client.url}{path}playlist.m3u8", SECONDS)).status == 200

    @override
    async def before(self) -> Cell:
        return await self._read()

    @override
    async def killed(self, kill: Kill) -> Cell:
        return await self._read()

    @override
    async def released(self) -> Cell:
        return await self._read()

    @override
    async def restarted(self) -> Cell:
        return await self._read()


class Diagnostics(_Paper):
    """What an owner attaches to a public bug report."""

    def __init__(self, scene: Scene, did: int) -> None:
        """Of the entry and of every device."""
        super().__init__(scene, did, "Diagnostics of the entry and its devices")

    @override
    async def texts(self) -> list[str]:
        client, entry_id = self.scene.client, self.scene.house.entities.entry_id
        texts = [repr(await client.rest("GET", f"/api/diagnostics/config_entry/{entry_id}"))]
        for device in await client.command("config/device_registry/list"):
            if entry_id in device.get("config_entries", [device.get("config_entry_id")]):
                path = f"/api/diagnostics/config_entry/{entry_id}/device/{device['id']}"
                try:
                    texts.append(repr(await client.rest("GET", path)))
                except HouseError:
                    continue  # a device of which the integration says nothing of its own
        return texts


class Logs(_Paper):
    """What an owner attaches as well."""

    stage = 1

    def __init__(self, scene: Scene, did: int) -> None:
        """Of Home Assistant and of go2rtc."""
        super().__init__(scene, did, "Logs of Home Assistant and go2rtc")

    @override
    async def texts(self) -> list[str]:
        house = self.scene.house
        files: list[FilePath] = [house.hass.log]
        if house.go2rtc is not None:
            files.append(house.go2rtc.log)
        return [await asyncio.to_thread(file.read_text, "utf-8", "replace") for file in files]
