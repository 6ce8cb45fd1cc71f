"""Finding a camera again that has got another address."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import time
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .const import DOMAIN, LOGGER
from .device import CameraDevice, MiioError, MiioNotAllowed, MiioWrongDevice, find_device
from .identity import is_same

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coordinator import CameraCoordinator

LOOK_EVERY = 60.0
"""Seconds between two searches for one camera."""
MISSES = 2
"""Polls without an answer after which it is looked for; another device's answer is enough."""


class Relocation:
    """Looks for one camera where it is not any more, by a hello to everybody.

    A hello proves nothing, so whoever says to be the camera must open what is sealed with
    its token, and be the same model with the same MAC. No other did is ever taken.
    """

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Look for the coordinator's camera when told that it is missed."""
        self._coordinator = coordinator
        self._misses = 0
        self._told: str | None = None
        self._looked: float | None = None
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_found(self) -> None:
        """Note that it answers where it is said to be."""
        self._misses = 0

    @callback
    def async_missed(self, error: MiioError) -> None:
        """Note that it did not answer, or that somebody else did."""
        self._misses += 1
        if self._misses >= MISSES or isinstance(error, MiioWrongDevice):
            self.async_look()

    @callback
    def async_told(self, address: str) -> None:
        """Note where it is said to be, and look there as soon as it may be asked.

        It must prove itself there as anywhere, and stays where it was if it still does so there.
        """
        coordinator = self._coordinator
        self._told = address if address != coordinator.config.host else None
        if self._told is not None and coordinator.may_ask:
            self.async_look()

    @callback
    def async_look(self) -> None:
        """Begin a search unless there is one or was one just now."""
        now = time.monotonic()
        task = self._task
        if task is not None and not task.done() and not task.cancelling():
            return
        if self._looked is not None and now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        coordinator = self._coordinator
        self._task = coordinator.hub.entry.async_create_background_task(
            coordinator.hass, self._look(), f"{DOMAIN} search for {coordinator.config.did}"
        )

    @callback
    def cut(self) -> None:
        """End a search: no more is asked. The next one need not wait then."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._looked = None

    async def async_stop(self) -> None:
        """End a search, and wait until nothing of it runs any more."""
        self.cut()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _look(self) -> None:
        coordinator = self._coordinator
        hub, config = coordinator.hub, coordinator.config
        # While another answers in its place the camera's own gate is closed, and this is how
        # it is found again; what else closes that gate ends the search.
        permit = hub.gate.permit()
        if permit is None:
            return

        def allowed() -> bool:
            return permit.valid and coordinator.may_ask

        told, self._told = self._told, None
        if told is not None and await self._is_ours(config.host, allowed):
            return
        await hub.async_find_broadcasts()
        try:
            addresses = await find_device(int(config.did), hub.broadcasts, allowed=allowed)
        except (OSError, MiioNotAllowed) as err:
            LOGGER.debug("Camera %s cannot be looked for: %s", config.did, err)
            return
        if told is not None and told not in addresses:
            addresses = (*addresses, told)
        for address in addresses:
            if coordinator.config != config:
                return
            if address != config.host and await self._is_ours(address, allowed):
                if allowed():
                    self._move(address)
                return

    async def _is_ours(self, address: str, allowed: Callable[[], bool]) -> bool:
        hub, config = self._coordinator.hub, self._coordinator.config
        device = CameraDevice(
            hub.miio, address, bytes.fromhex(config.token), config.model, did=int(config.did)
        )
        try:
            info = await device.info(allowed=allowed)
        except MiioError as err:
            LOGGER.debug("%s does not prove to be camera %s: %s", address, config.did, err)
            return False
        return is_same(config, info)

    @callback
    def _move(self, address: str) -> None:
        """Store the new address; the coordinator is given it as any other change."""
        coordinator = self._coordinator
        entry, config = coordinator.hub.entry, coordinator.config
        subentry = entry.subentries.get(coordinator.subentry_id)
        if subentry is None:
            return
        LOGGER.info("Camera %s has moved from %s to %s", config.did, config.host, address)
        coordinator.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, **replace(config, host=address).as_dict()}
        )
