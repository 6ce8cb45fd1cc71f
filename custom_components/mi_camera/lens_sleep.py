"""Lenses that sleep while all pictures are switched off, where the user wants that.

The one exception to the rule that nothing is sent to cameras then: it comes when everything
is dark already, and ends within a few seconds, or as soon as it is not dark any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN, LOGGER
from .device import MiioError, MiioNotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from .coordinator import CameraCoordinator
    from .hub import Hub

LIMIT: Final = 5.0
"""Seconds for one camera; all are asked at the same time."""
WAKE_AGAIN: Final = (0.0, 10.0, 60.0)
"""Seconds before each attempt to wake lenses again."""
STORAGE_KEY: Final = f"{DOMAIN}.asleep"


class LensSleep:
    """Puts lenses to sleep when all pictures are switched off, and wakes those and no others.

    Which ones is remembered over a restart. Cameras that sleep to save their battery are
    left alone: nobody but a viewer wakes them.
    """

    def __init__(self, hub: Hub) -> None:
        """Have put none to sleep."""
        self._hub = hub
        self._store = _store(hub.hass)
        self._asleep: set[str] | None = None
        self._failed: set[str] = set()
        self._lock = asyncio.Lock()
        self._waking: asyncio.Task[None] | None = None

    @callback
    def async_follow(self) -> Callable[[], None]:
        """Follow the kill switch from now on; returns how to stop that."""
        kill_switch = self._hub.kill_switch
        undo = (
            kill_switch.async_on_engaged(self._async_engaged),
            kill_switch.async_listen(self._changed),
        )

        def stop() -> None:
            for one in undo:
                one()

        return stop

    async def async_stop(self) -> None:
        """Send nothing any more; what is remembered stays."""
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.wait((self._waking,))

    # -- going to sleep --------------------------------------------------------------------

    async def _async_engaged(self) -> None:
        if not self._hub.options.sleep_lenses:
            return
        async with self._lock:
            asleep = await self._remembered()
            awake = await asyncio.gather(*map(self._is_awake, self._hub.cameras.values()))
            chosen = [one for one in awake if one is not None]
            # Noted before they are told: an answer that is lost does not make one forgotten.
            asleep.update(one.config.did for one in chosen)
            await self._remember()
            await asyncio.gather(*map(self._put_to_sleep, chosen))

    def _may_tell(self, coordinator: CameraCoordinator) -> bool:
        """Whether a camera may be told to sleep: the exception, so only while it is dark."""
        return (
            not self._hub.gate.is_open
            and not coordinator.identity.doubted
            and self._hub.cameras.get(coordinator.subentry_id) is coordinator
        )

    async def _is_awake(self, coordinator: CameraCoordinator) -> CameraCoordinator | None:
        if coordinator.model.wake is not None:
            return None
        try:
            async with asyncio.timeout(LIMIT / 2):
                status = await coordinator.device.status(
                    allowed=lambda: self._may_tell(coordinator)
                )
        except MiioNotAllowed:
            return None
        except (MiioError, TimeoutError) as err:
            self._failing(coordinator, err)
            return None
        return coordinator if status.power else None

    async def _put_to_sleep(self, coordinator: CameraCoordinator) -> None:
        try:
            async with asyncio.timeout(LIMIT / 2):
                await coordinator.device.set_power(
                    False, allowed=lambda: self._may_tell(coordinator)
                )
        except MiioNotAllowed:
            pass
        except (MiioError, TimeoutError) as err:
            self._failing(coordinator, err)
        else:
            self._failed.discard(coordinator.config.did)

    def _failing(self, coordinator: CameraCoordinator, err: Exception) -> None:
        did = coordinator.config.did
        if did not in self._failed:
            self._failed.add(did)
            LOGGER.warning("The lens of camera %s was not put to sleep or woken: %r", did, err)

    # -- waking ----------------------------------------------------------------------------

    @callback
    def _changed(self) -> None:
        if self._hub.gate.is_open and (self._waking is None or self._waking.done()):
            self._waking = self._hub.entry.async_create_background_task(
                self._hub.hass, self._wake_all(), f"{DOMAIN} waking of lenses"
            )

    async def _wake_all(self) -> None:
        for pause in WAKE_AGAIN:
            await asyncio.sleep(pause)
            async with self._lock:
                asleep = await self._remembered()
                by_did = {one.config.did: one for one in self._hub.cameras.values()}
                chosen = {did: by_did[did] for did in asleep if did in by_did}
                woken = await asyncio.gather(*map(self._wake, chosen.values()))
                for did, done in zip(chosen, woken, strict=True):
                    if done:
                        asleep.discard(did)
                if any(woken):
                    await self._remember()
            # A hidden camera is woken when it is shown again: that is a change as well.
            if not any(one.gate.is_open for did, one in chosen.items() if did in asleep):
                return

    async def _wake(self, coordinator: CameraCoordinator) -> bool:
        if (permit := coordinator.gate.permit()) is None:
            return False
        try:
            async with asyncio.timeout(LIMIT):
                await coordinator.device.set_power(True, allowed=lambda: permit.valid)
        except MiioNotAllowed:
            return False
        except (MiioError, TimeoutError) as err:
            self._failing(coordinator, err)
            return False
        self._failed.discard(coordinator.config.did)
        await coordinator.async_refresh()
        return True

    # -- remembering -----------------------------------------------------------------------

    async def _remembered(self) -> set[str]:
        if self._asleep is None:
            stored = await self._store.async_load()
            dids = stored.get("dids") if isinstance(stored, dict) else None
            known = dids if isinstance(dids, list) else []
            self._asleep = {did for did in known if isinstance(did, str)}
        return self._asleep

    async def _remember(self) -> None:
        await self._store.async_save({"dids": sorted(self._asleep or ())})


async def async_forget_sleepers(hass: HomeAssistant) -> None:
    """Delete what is remembered, as the hub has been removed."""
    await _store(hass).async_remove()


def _store(hass: HomeAssistant) -> Store[dict[str, list[str]]]:
    return Store(hass, 1, STORAGE_KEY, private=True, atomic_writes=True)
