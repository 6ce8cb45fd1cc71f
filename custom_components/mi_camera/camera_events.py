"""What cameras notice, asked of their accounts' clouds while somebody wants to know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import random
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .camera_watch import CameraWatch
from .const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from .cloud import DeviceCalls
    from .coordinator import CameraCoordinator
    from .hub import Hub


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the cloud is asked; all in seconds."""

    first: float = 15.0
    """From the beginning to the first request; nothing older is told anyway."""
    idle: float = 60.0
    """Between two requests for a camera at rest."""
    active: float = 20.0
    """Between two for a camera that has noticed something of late."""
    active_for: float = 600.0
    """How long that is of late."""
    longest: float = 300.0
    """Between two at most, where each failure doubles the time."""
    spacing: float = 2.0
    """Between any two requests for the cameras of one account."""
    jitter: float = 0.1
    """Share by which each time differs at random."""

    def vary(self, seconds: float) -> float:
        """Return the time with its jitter."""
        return seconds * random.uniform(1 - self.jitter, 1 + self.jitter)


class _Turns:
    """Lets requests for one account through one after the other, in the order they came."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._next = 0.0

    async def wait(self, spacing: float) -> None:
        loop = asyncio.get_running_loop()
        async with self._lock:
            await asyncio.sleep(self._next - loop.time())
            self._next = loop.time() + spacing


class CameraEvents:
    """Owns the watches of all cameras, and sees to it that no account is asked too often."""

    def __init__(self, hub: Hub) -> None:
        """Watch nothing yet."""
        self.hub = hub
        self.pace = Pace()
        self._watches: dict[str, CameraWatch] = {}
        self._turns: dict[str, _Turns] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @callback
    def watch(self, coordinator: CameraCoordinator) -> CameraWatch:
        """Return what watches a camera, the same one as long as the camera is there."""
        did = coordinator.config.did
        watch = self._watches.get(did)
        if watch is None or watch.coordinator is not coordinator:
            watch = self._watches[did] = CameraWatch(self, coordinator)
        return watch

    @callback
    def async_forget(self, coordinator: CameraCoordinator) -> None:
        """Let go of a camera that has been removed."""
        watch = self._watches.get(coordinator.config.did)
        if watch is not None and watch.coordinator is coordinator:
            del self._watches[coordinator.config.did]
            watch.async_end()

    async def async_stop(self) -> None:
        """End all watches."""
        for watch in self._watches.values():
            watch.async_end()
        self._watches.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @callback
    def async_run(self, work: Coroutine[None, None, None], did: str) -> asyncio.Task[None]:
        """Let a watch's work go on in the background, until it ends or everything stops."""
        task = self.hub.entry.async_create_background_task(
            self.hub.hass, work, f"{DOMAIN} events {did}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def account_of(self, coordinator: CameraCoordinator) -> tuple[str, DeviceCalls] | None:
        """Return the account a camera was added from, and its subentry's id."""
        for subentry_id, account in self.hub.accounts.items():
            subentry = self.hub.entry.subentries.get(subentry_id)
            if subentry is not None and subentry.unique_id == coordinator.config.account:
                return subentry_id, account.at(coordinator.config.region)
        return None

    async def async_turn(self, account: str) -> None:
        """Wait until an account may be asked once more."""
        await self._turns.setdefault(account, _Turns()).wait(self.pace.spacing)

    def diagnostics(self, coordinator: CameraCoordinator) -> dict[str, int | bool | None] | None:
        """Return counts of a camera's watch, None as long as nobody has wanted one."""
        watch = self._watches.get(coordinator.config.did)
        return watch.diagnostics if watch is not None else None
