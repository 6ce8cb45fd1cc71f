"""Readers outside Home Assistant: of the relay's address, and by way of go2rtc."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

from simulator.house.matrix.path import (
    ENDS,
    LIVE_MS,
    Kill,
    Look,
    Path,
    Scene,
    dark,
    ended,
    remaining,
    together,
    until,
)
from simulator.house.matrix.readers import FfmpegReader, HttpReader, Reader
from simulator.house.matrix.streamer import Frame, OtherApis, register, relay_address, rtsp_address
from simulator.house.matrix.table import Cell
from simulator.house.matrix.webrtc import Peer

if TYPE_CHECKING:
    from collections.abc import Callable


FIRST = 20.0
"""Seconds until a reader must have pictures."""
ENOUGH = 15
SILENCE = 3.0
"""Seconds in which a reader that is refused must have got nothing."""


class Outside(Path):
    """A reader that stays, and whatever it was given."""

    group = "Outside Home Assistant"

    def __init__(
        self,
        scene: Scene,
        did: int,
        title: str,
        find: Callable[[Scene, str], str],
        read: Callable[[Scene, str], Reader],
        *,
        ends: bool,
        by_name: bool = False,
    ) -> None:
        """``find`` returns an address by entity id's go2rtc name; ``read`` reads one.

        ``ends``: whether the connection must have ended after a kill; one of go2rtc's stays
        open and silent. ``by_name``: the address is the stream's name and stays the same.
        """
        super().__init__(scene, did, title)
        self._find = find
        self._read = read
        self._ends = ends
        self._by_name = by_name
        self._reader: Reader | None = None
        self._dead: list[tuple[Reader, int, Kill]] = []
        self._old: list[str] = []

    def _address(self) -> str:
        return self._find(self.scene, f"mi_camera_{self.did}-0")

    async def _open(self) -> Cell:
        await register(self.scene, self.entity_id)
        url = self._address()
        self._reader = self._read(self.scene, url)
        self._reader.start()
        await self._reader.wait(ENOUGH, FIRST)
        if url not in self._old:
            self._old.append(url)
        return self.right(list(self._reader.pictures), LIVE_MS, self._reader.answer)

    async def _try_old(self) -> list[Look]:
        return list(await asyncio.gather(*(self._try(url) for url in self._old)))

    async def _try(self, url: str) -> Look:
        reader = self._read(self.scene, url)
        reader.start()
        await until(reader.task, SILENCE)
        await reader.close()
        answer = reader.answer or "nothing comes"
        return Look(answer, tuple(reader.pictures), reader.bytes if reader.pictures else 0)

    @override
    async def before(self) -> Cell:
        return await self._open()

    @override
    async def killed(self, kill: Kill) -> Cell:
        reader = self._reader
        assert reader is not None
        over = await until(reader.task, remaining(kill))
        if self._ends or over:
            cell = ended(over, reader.last_byte_ms, kill, list(reader.pictures), self.did)
        else:
            cell = ended(True, reader.last_byte_ms, kill, list(reader.pictures), self.did)
            if cell.ok:
                cell = Cell("silent, go2rtc leaves it open", True, cell.last_ms)
        self._dead.append((reader, reader.bytes, kill))
        return together(("", cell), ("again", dark(*await self._try_old())))

    def _blind(self) -> Cell:
        for reader, before, kill in self._dead:
            late = reader.bytes - before
            if late and not reader.buffered:
                return Cell(f"{late} bytes to a reader of before", ok=False)
            cell = ended(True, 0.0, kill, list(reader.pictures), self.did)
            if not cell.ok:
                return cell
        return Cell("still blind")

    @override
    async def released(self) -> Cell:
        old = [] if self._by_name else await self._try_old()
        new = await self._open()
        cells = [("reader of before", self._blind())]
        if old:
            cells.append(("old", dark(*old)))
        return together(*cells, ("new", new))

    @override
    async def restarted(self) -> Cell:
        reader = self._reader
        assert reader is not None
        assert self.scene.kill is not None
        await until(reader.task, ENDS)
        self._dead.append((reader, reader.bytes, self.scene.kill))
        cell = dark(*await self._try_old())
        return together(("", cell), ("reader of before", self._blind()))

    @override
    async def again(self) -> Cell:
        if self._by_name:
            return self._blind()
        return together(("", dark(*await self._try_old())), ("", self._blind()))

    @override
    async def close(self) -> None:
        for reader, *_ in self._dead:
            await reader.close()
        if self._reader is not None:
            await self._reader.close()


class Relay(Path):
    """The relay's own count, over all its readers."""

    group = "Outside Home Assistant"
    stage = 2

    def __init__(self, scene: Scene, did: int) -> None:
        """Ask the diagnostics."""
        super().__init__(scene, did, "The relay's own count, all readers")

    async def _count(self) -> dict[str, float]:
        house = self.scene.house
        diagnostics = await house.client.diagnostics(house.entities.entry_id)
        relay: dict[str, float] = diagnostics["relay"]
        return relay

    async def _flows(self) -> Cell:
        count = await self._count()
        return Cell(f"{count['connections']} readers", count["connections"] > 0)

    @override
    async def before(self) -> Cell:
        return await self._flows()

    @override
    async def killed(self, kill: Kill) -> Cell:
        count = await self._count()
        last_ms = count["last_byte_at"] * 1000
        ok = not count["connections"] and last_ms <= kill.returned
        first = count["bytes_sent"]
        await asyncio.sleep(ENDS)
        late = (await self._count())["bytes_sent"] - first
        return Cell(
            f"{count['connections']} readers, {late} bytes", ok and not late, kill.after(last_ms)
        )

    @override
    async def released(self) -> Cell:
        return await self._flows()

    @override
    async def restarted(self) -> Cell:
        sent = (await self._count())["bytes_sent"]
        return Cell(f"{sent} bytes since the start", not sent)


def paths(scene: Scene, did: int) -> list[Path]:
    """Return the readers that can run here; ``did`` is looked at by no other stream."""
    found: list[Path] = []
    if scene.browser is not None:
        found.append(Peer(scene, did))
    found.append(
        Outside(
            scene,
            did,
            "The relay's address (`stream_source`), read by a program",
            relay_address,
            lambda scene, url: HttpReader(scene.client.http, url),
            ends=True,
        )
    )
    if FfmpegReader.program() is not None:
        found += [
            Outside(
                scene,
                did,
                "The relay's address (`stream_source`), read by ffmpeg as HomeKit does",
                relay_address,
                lambda _, url: FfmpegReader("-i", url),
                ends=True,
            ),
            Outside(
                scene,
                did,
                "go2rtc's RTSP port, no password",
                rtsp_address,
                lambda _, url: FfmpegReader("-rtsp_transport", "tcp", "-i", url),
                ends=False,
                by_name=True,
            ),
            Frame(scene, did),
        ]
    found.append(OtherApis(scene, did))
    return found
