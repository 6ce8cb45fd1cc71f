"""``soak --displays``: each camera on each display, print the table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.house import logs
from simulator.house.displays import document, home
from simulator.house.displays.show import PLAYS, Shower
from simulator.house.displays.table import Pair, Table
from simulator.house.house import House
from simulator.house.process import free_port
from simulator.house.table_command import run_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.house.displays.home import ShownCamera
    from simulator.house.displays.table import Showing
    from simulator.house.progress import Progress

_OURS = "custom_components.mi_camera"


async def displays(
    *,
    port: int | None,
    as_json: bool,
    write: Path | None,
    cameras: int | None = None,
    network: str = home.NETWORK,
) -> int:
    """Show the first so many cameras (None: all) in a house of its own; return the exit status."""
    shown = home.CAMERAS[:cameras]
    return await run_table(
        "displays",
        lambda directory, progress: _displays(port, network, directory, shown, progress),
        lambda table: document.whole(table, PLAYS),
        as_json=as_json,
        write=write,
    )


async def _displays(
    port: int | None,
    network: str,
    directory: Path,
    cameras: Sequence[ShownCamera],
    progress: Progress,
) -> Table:
    plan = home.write(directory, cameras, network)
    progress.say("starting the simulated home and a new Home Assistant …")
    async with House(plan, directory, port or free_port(), progress) as house:
        run = Run(house, progress)
        for camera in cameras:
            await run.camera(camera)
        for record in logs.errors(house.hass.log):
            if record.logger.startswith(_OURS):
                progress.say(f"hass log: {record.level} [{record.logger}] {record.message}")
        return run.table


class Run:
    """One run over a house that has been set up."""

    def __init__(self, house: House, progress: Progress) -> None:
        """Prepare; each display is one of ``home.DISPLAYS``."""
        self.table = Table(dict(home.DISPLAYS))
        self._house = house
        self._say = progress.say
        self._showers = {name: Shower(house, name) for name in home.DISPLAYS}

    async def camera(self, camera: ShownCamera) -> None:
        """Show one camera on all displays at once, in one way and then in the other."""
        showers = self._showers.values()
        self._say(f"{camera.title}: mi_camera.cast …")
        ours = await asyncio.gather(*(one.ours(camera) for one in showers))
        self._say(f"{_summary(ours)}; camera.play_stream …")
        theirs = await asyncio.gather(*(one.theirs(camera) for one in showers))
        self._say(_summary(theirs))
        for name, by_us, by_them in zip(self._showers, ours, theirs, strict=True):
            self.table.pairs.append(Pair(camera, name, by_us, by_them))
        # Home Assistant keeps its stream for half a minute: that would be an encoder too many.
        await self._house.control.power(camera.did, on=False)


def _summary(showings: list[Showing]) -> str:
    return f"{sum(one.plays for one in showings)} of {len(showings)} play"
