"""Restarts of Home Assistant, with what may have become of the switch's files meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from simulator.house.errors import ApiError
from simulator.house.hass import INTEGRATION
from simulator.house.pictures import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.house.client import HassClient
    from simulator.house.soak_ground import Ground
    from simulator.house.soak_kills import Kills

GATE = ".storage/mi_camera.gate"
JOURNAL = "mi_camera.gate.log"
ENTRIES = ".storage/core.config_entries"
KINDS = (
    "damaged, on",
    "engaged while starting",
    "deleted, off",
    "journal deleted, on",
    "options damaged, on",
    "deleted, on",
    "damaged, off",
    "journal damaged, on",
    "off",
    "on",
)
"""What a restart meets: one of the three witnesses damaged or deleted, pictures on or off before."""
ENGAGES_S = 30.0
STOPS_S = 8.0
"""Seconds Home Assistant may take to end, then it is killed: a call of a display that does not
answer would keep it for half a minute. Every third restart is a power cut."""


class Restarts:
    """Restarts Home Assistant, one kind after the other."""

    def __init__(self, ground: Ground, kills: Kills) -> None:
        """Prepare."""
        self._ground = ground
        self._kills = kills

    async def restart(self, number: int) -> str:
        """Restart, and expect the dark afterwards wherever it must be; return the kind."""
        ground = self._ground
        kind = KINDS[number % len(KINDS)]
        async with self._kills.lock:
            if kind.endswith("off"):
                await self._kills.off(number)
            ground.up.clear()
            ground.lit.clear()
            ground.epoch += 1
            ground.say(f"restart: {kind}")
            must_be_off = kind != "on"

            def meanwhile() -> None:
                tampered = self._tamper(kind)
                nonlocal must_be_off
                must_be_off &= tampered
                if must_be_off and kind != "engaged while starting":
                    ground.judge.killed(now_ms())

            seconds = await ground.house.restart_hass(
                meanwhile=meanwhile,
                starting=self._engage if kind == "engaged while starting" else None,
                available=False,
                patience=0.0 if number % 3 == 1 else STOPS_S,
            )
            ground.names.changed(ground.house.entities.cameras)
            ground.up.set()
            await self._expect(kind, must_be_off)
            await asyncio.sleep(1.0)
            await self._kills.on()
        ground.say(f"restarted in {seconds:.0f} s")
        return f"restart: {kind}"

    def _tamper(self, kind: str) -> bool:
        """Do it to the file; False when there is no such file, and nothing to expect."""
        directory = self._ground.house.hass.directory
        if kind.startswith("options"):
            return _damage_options(directory / ENTRIES)
        path: Path = directory / (JOURNAL if kind.startswith("journal") else GATE)
        act: Callable[[Path], object] | None = None
        if "deleted" in kind:
            act = _delete
        elif "damaged" in kind:
            act = _damage
        if act is None:
            return True
        if not path.exists():
            return False
        act(path)
        return True

    async def _engage(self, client: HassClient) -> None:
        """Switch off as soon as the action is there, long before everything has started."""
        try:
            async with asyncio.timeout(ENGAGES_S):
                while True:
                    try:
                        await client.call("mi_camera.disable_all")
                    except ApiError:
                        await asyncio.sleep(0.02)
                    else:
                        break
        except TimeoutError:
            self._ground.trouble("no switching off while Home Assistant starts")
        else:
            self._ground.judge.killed(now_ms())

    async def _expect(self, kind: str, off: bool) -> None:
        house = self._ground.house
        state = (await house.client.states())[house.entities.switch]["state"]
        if off and state != "off":
            self._ground.judge.leaked(f"the switch is {state} after a restart ({kind})")
        elif not off and state != "on":
            self._ground.trouble(f"the switch is {state} after a restart ({kind})")


def _delete(path: Path) -> None:
    path.unlink()


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _damage_options(path: Path) -> bool:
    """Take the hub's copy out of Home Assistant's own file; False when it is not there."""
    stored = json.loads(path.read_text("utf-8"))
    (hub,) = (one for one in stored["data"]["entries"] if one["domain"] == INTEGRATION)
    found = hub["options"].pop("gate", None) is not None
    path.write_text(json.dumps(stored), "utf-8")
    return found
