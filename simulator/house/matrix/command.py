"""``soak --matrix``: run every path through its moments, print the table."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from simulator.house import logs
from simulator.house.browser import Browser, BrowserMissing
from simulator.house.errors import HouseError, SetupFailed
from simulator.house.house import House
from simulator.house.matrix import document, home, rows
from simulator.house.matrix.path import Kill, Refused, Scene, attempt, together
from simulator.house.matrix.table import Cell, Column, Matrix, Row
from simulator.house.pictures import now_ms
from simulator.house.process import free_port
from simulator.house.table_command import run_table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from simulator.house.matrix import path
    from simulator.house.progress import Progress

AVAILABLE = 20.0
"""Seconds until cameras must be available again after pictures have been allowed."""
NOTICED = 5.0
"""Seconds until a camera must have noticed that nobody looks."""
MAX_TROUBLES = 20
"""Records of Home Assistant's log to print: they are no cells."""
IN_FLIGHT = 1.0
"""Seconds in which what is to be under way as the kill comes gets there."""


class Run:
    """One run over a house that has been set up."""

    def __init__(self, scene: Scene, progress: Progress) -> None:
        """Prepare all paths."""
        self._scene = scene
        self._say = progress.say
        self._paths = rows.paths(scene)
        self._rows = [Row(one.group, one.title, one.kind, reason=one.reason) for one in self._paths]

    async def run(self) -> Matrix:
        """Go through all moments."""
        try:
            await self._go()
        finally:
            await asyncio.gather(*(one.close() for one in self._paths))
        return Matrix(self._rows + rows.skipped(self._scene))

    async def _go(self) -> None:
        self._say(f"{len(self._paths)} paths, before the kill …")
        await self._all(Column.BEFORE, lambda one: one.before())
        await asyncio.gather(*(self._arm(one) for one in self._paths))
        await asyncio.sleep(IN_FLIGHT)
        kill = await self._kill()
        self._say(f"killed within {kill.returned - kill.sent:.0f} ms …")
        await self._all(Column.KILLED, lambda one: one.killed(kill), together_at_once=True)
        await self._release()
        self._say("released …")
        await self._all(Column.RELEASED, lambda one: one.released())
        await self._kill()
        await self._quiet()
        self._say("killed again, restart of Home Assistant …")
        seconds = await self._scene.house.restart_hass()
        await home.finish(self._scene.client)
        self._say(f"restarted in {seconds:.0f} s …")
        await self._all(Column.RESTARTED, lambda one: one.restarted(), together_at_once=True)
        await self._release()
        self._say("released again …")
        await asyncio.gather(*map(self._again, self._paths, self._rows, strict=True))

    async def _arm(self, one: path.Path) -> None:
        try:
            await one.arm()
        except (HouseError, TimeoutError, Refused) as error:
            self._say(f"{one.title}: {error}")

    async def _all(
        self,
        column: Column,
        step: Callable[[path.Path], Awaitable[Cell]],
        *,
        together_at_once: bool = False,
    ) -> None:
        async def one_cell(one: path.Path, row: Row) -> None:
            cell = await attempt(step(one))
            row.cells[column] = cell
            if not cell.ok:
                self._say(f"WRONG: {row.path}, {column}: {cell.text}")

        for stage in sorted({one.stage for one in self._paths}):
            await asyncio.gather(
                *(
                    one_cell(one, row)
                    for one, row in zip(self._paths, self._rows, strict=True)
                    if together_at_once or one.stage == stage
                )
            )
            if together_at_once:
                break

    async def _again(self, one: path.Path, row: Row) -> None:
        cell = await attempt(_look_again(one))
        if not cell.ok:
            row.cells[Column.RELEASED] = together(
                ("", row.cells[Column.RELEASED]), ("after the restart", cell)
            )
            self._say(f"WRONG: {row.path}, after the last release: {cell.text}")

    async def _kill(self) -> Kill:
        sent = now_ms()
        await self._scene.client.call("mi_camera.disable_all", {"reason": "egress matrix"})
        self._scene.kill = Kill(sent, now_ms())
        return self._scene.kill

    async def _quiet(self) -> None:
        """Wait until cameras have noticed, and note what they have counted so far."""
        deadline = now_ms() + NOTICED * 1000
        control = self._scene.house.control
        connections = await control.media_connections()
        while connections and now_ms() < deadline:
            await asyncio.sleep(0.1)
            connections = await control.media_connections()
        self._scene.at_kill = await control.cameras()

    async def _release(self) -> None:
        scene = self._scene
        await scene.client.call("mi_camera.enable_all")
        deadline = now_ms() + AVAILABLE * 1000
        while now_ms() < deadline:
            states = await scene.client.states()
            cameras = scene.house.entities.cameras.values()
            if all(states[one]["state"] not in {"unavailable", "unknown"} for one in cameras):
                return
            await asyncio.sleep(0.2)
        raise SetupFailed(f"cameras are not available {AVAILABLE:.0f} s after the release")


async def _look_again(one: path.Path) -> Cell:
    return await one.again() or Cell("")


async def matrix(
    *,
    port: int | None,
    as_json: bool,
    write: Path | None,
    network: str = home.NETWORK,
) -> int:
    """Run the matrix in a house of its own; return the exit status."""
    return await run_table(
        "matrix",
        lambda directory, progress: _matrix(port, network, directory, progress),
        document.whole,
        as_json=as_json,
        write=write,
    )


async def _matrix(port: int | None, network: str, directory: Path, progress: Progress) -> Matrix:
    plan = home.write(directory, network)
    progress.say("starting the simulated home and a new Home Assistant …")
    async with AsyncExitStack() as stack:
        house = House(plan, directory, port or free_port(), progress, extra_yaml=home.yaml(plan))
        await stack.enter_async_context(house)
        await home.finish(house.client)
        browser: Browser | None = Browser(house.client.url, house.client.tokens, directory)
        try:
            assert browser is not None
            await stack.enter_async_context(browser)
        except BrowserMissing as missing:
            progress.say(str(missing))
            browser = None
        executor = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="decode"))
        files = house.hass.directory / "www"
        files.mkdir(exist_ok=True)
        found = await Run(Scene(house, executor, browser, files), progress).run()
        for record in logs.errors(house.hass.log)[:MAX_TROUBLES]:
            progress.say(f"hass log: {record.level} [{record.logger}] {record.message}")
        return found
