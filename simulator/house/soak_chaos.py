"""What goes wrong in a soak: runs the plan, each fault in a task of its own so that they meet."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from simulator.house.errors import ApiError, HomeFailed
from simulator.house.soak_entities import Exchange, Privacy
from simulator.house.soak_leaks import CAMERAS
from simulator.house.soak_plan import Action, Fault
from simulator.house.soak_restarts import Restarts

if TYPE_CHECKING:
    from simulator.house.soak_ground import Ground
    from simulator.house.soak_kills import Kills
    from simulator.house.soak_leaks import Leaks
    from simulator.house.soak_plan import Plan

FOUND_AGAIN_S = 90.0
"""How long a camera may be away that has got another address: it is looked for each minute."""
SETTLES_S = 12.0
"""How long a view may take to come back after anything else."""
_WAKES = 5


class Chaos:
    """Runs a plan. Its clock stands still while Home Assistant is restarted."""

    def __init__(self, ground: Ground, plan: Plan, kills: Kills, leaks: Leaks) -> None:
        """Prepare; nothing happens before :meth:`run`."""
        self._ground = ground
        self._plan = plan
        self._kills = kills
        self._leaks = leaks
        self._restarts = Restarts(ground, kills)
        self._exchange = Exchange(ground)
        self._privacy = Privacy(ground)
        self._dids = list(ground.house.entities.cameras)
        self._at = 0.0
        self._began = 0.0
        self._running: set[asyncio.Task[None]] = set()
        self._busy: set[tuple[Fault, int]] = set()
        self._handlers = {
            Fault.KILL: self._kill,
            Fault.PRIVACY: self._hide,
            Fault.LENS: self._lens,
            Fault.NETWORK: self._network,
            Fault.REBOOT: self._reboot,
            Fault.SWAP_ADDRESSES: self._swap_addresses,
            Fault.SWAP_ENTITIES: self._swap_entities,
            Fault.RENAME: self._rename,
            Fault.RELOAD: self._reload,
            Fault.LEAK: self._leak,
            Fault.RESTART: self._restart,
        }

    async def prepare(self) -> None:
        """Find out what there is to aim at."""
        await self._kills.prepare()
        await self._privacy.prepare()

    @property
    def clock(self) -> float:
        """Seconds of the plan that have passed."""
        return time.monotonic() - self._began

    async def run(self) -> None:
        """Do everything that is planned, when it is due; returns never."""
        self._began = time.monotonic()
        try:
            for action in self._plan.actions:
                await asyncio.sleep(max(0.0, action.at - self.clock))
                self._ground.storm = self._plan.phase(action.at).storm
                if action.fault is Fault.RESTART:
                    await self._alone(action)
                else:
                    self._begin(action)
            await asyncio.Event().wait()
        finally:
            for task in self._running:
                task.cancel()
            if self._running:
                await asyncio.wait(self._running)

    async def _alone(self, action: Action) -> None:
        """Do one thing when everything else is over, with the clock stopped."""
        before = self.clock
        if self._running:
            await asyncio.wait(self._running)
        await self._do(action)
        self._began += self.clock - before

    def _begin(self, action: Action) -> None:
        task = asyncio.create_task(self._do(action), name=action.fault)
        self._running.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._ground.trouble(f"{task.get_name()}: {type(error).__name__}: {error}")

    async def _do(self, action: Action) -> None:
        """Do it, unless the same is being done to the same camera."""
        keys = {(action.fault, camera) for camera in action.cameras}
        if keys & self._busy:
            return
        self._busy |= keys
        try:
            done = await self._handlers[action.fault](action)
        except (ApiError, HomeFailed) as error:
            self._ground.trouble(f"{action.fault}: {error}")
        else:
            if done:
                self._ground.faults[done] += 1
        finally:
            self._busy -= keys

    def _some(self, action: Action) -> list[int]:
        return [self._dids[camera] for camera in action.cameras]

    # --- each fault; returns what to count it as, "" for nothing -------------------------------
    async def _kill(self, action: Action) -> str:
        calm = not self._ground.storm
        await self._kills.kill(
            action.seconds, action.pick, self._leaks.in_the_dark if calm else None
        )
        return Fault.KILL

    async def _hide(self, action: Action) -> str:
        (did,) = self._some(action)
        return await self._privacy.hide(did, action.seconds, action.pick)

    async def _lens(self, action: Action) -> str:
        """Put a lens to sleep as a user does; it is woken at the camera if nothing else helps."""
        (did,) = self._some(action)
        ground = self._ground
        client = ground.house.client
        ground.disturb(did, seconds=action.seconds + SETTLES_S)
        try:
            await client.call("camera.turn_off", target={"entity_id": ground.names.entity(did)})
        except ApiError:
            return ""  # it did not answer just now
        await asyncio.sleep(action.seconds)
        for _ in range(_WAKES):
            with contextlib.suppress(ApiError):
                await ground.house.client.call(
                    "camera.turn_on", target={"entity_id": ground.names.entity(did)}
                )
            cameras = await ground.house.control.cameras()
            if all(camera["power"] for camera in cameras.values()):
                break
            await asyncio.sleep(1.0)
        else:
            for each in self._dids:
                await ground.house.control.power(each, on=True)
        ground.disturb(did, seconds=SETTLES_S)
        return Fault.LENS

    async def _network(self, action: Action) -> str:
        (did,) = self._some(action)
        control, pick = self._ground.house.control, action.pick
        loss, duplicate, delay = ((0.1, 0.0, 0.0), (0.0, 0.1, 0.15), (0.05, 0.05, 0.08))[pick % 3]
        self._ground.disturb(did, seconds=action.seconds + SETTLES_S)
        await control.network(did, loss=loss, duplicate=duplicate, delay=delay)
        try:
            await asyncio.sleep(action.seconds)
        finally:
            await control.network(did, loss=0.0, duplicate=0.0, delay=0.0)
        return Fault.NETWORK

    async def _reboot(self, action: Action) -> str:
        (did,) = self._some(action)
        self._ground.disturb(did, seconds=action.seconds + 2 * SETTLES_S)
        await self._ground.house.control.reboot(did, downtime=action.seconds)
        return Fault.REBOOT

    async def _swap_addresses(self, action: Action) -> str:
        did, other = self._some(action)
        self._ground.disturb(did, other, seconds=FOUND_AGAIN_S)
        await self._ground.house.control.swap(did, other)
        return Fault.SWAP_ADDRESSES

    async def _swap_entities(self, action: Action) -> str:
        did, other = self._some(action)
        self._ground.disturb(did, other, seconds=SETTLES_S)
        return Fault.SWAP_ENTITIES if await self._exchange.swap(did, other) else ""

    async def _rename(self, action: Action) -> str:
        (did,) = self._some(action)
        self._ground.disturb(did, seconds=SETTLES_S)
        name = f"camera.room_{action.pick:08x}"
        return Fault.RENAME if await self._exchange.rename(did, name) else ""

    async def _reload(self, action: Action) -> str:
        del action
        ground = self._ground
        ground.epoch += 1
        ground.disturb(seconds=2 * SETTLES_S)
        entry = ground.house.entities.entry_id
        await ground.house.client.rest("POST", f"/api/config/config_entries/entry/{entry}/reload")
        return Fault.RELOAD

    async def _leak(self, action: Action) -> str:
        """Collect in a calm; try what was collected before whenever pictures are allowed."""
        await self._ground.ready()
        await self._leaks.knock()
        if not self._ground.storm:
            first = action.pick % len(self._dids)
            await self._leaks.collect((self._dids * 2)[first : first + CAMERAS])
        return Fault.LEAK

    async def _restart(self, action: Action) -> str:
        self._ground.disturb(seconds=120)
        what = await self._restarts.restart(action.pick)
        self._ground.disturb(seconds=2 * SETTLES_S)
        return what
