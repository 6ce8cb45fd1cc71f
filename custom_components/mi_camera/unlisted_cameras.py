"""Cameras that an account may see no more: unshared by their owner, or given away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .cloud import CloudApiError, CloudError
from .const import LOGGER
from .gate.camera_gate import Hold
from .gate_followers import run_logged
from .gate_issues import async_listed_again, async_unlisted
from .miss import new_client_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .coordinator import CameraCoordinator
    from .hub import Hub

DENIED: Final = "permit"
"""Stands in what the cloud says of a device that is not for this account (public notes)."""


class UnlistedCameras:
    """Holds back the cameras that no account lists, once the cloud refuses their keys too.

    A list alone proves nothing: the cloud has been seen to answer with an empty one. Whoever
    took a camera back from this account wants its pictures to end here, so the keys kept of it
    are forgotten and its gate is closed; only a user removes it. It comes back by itself when
    an account lists it again.
    """

    def __init__(self, hub: Hub) -> None:
        """Miss none."""
        self._hub = hub

    @callback
    def async_take_back(self, listed: Collection[str]) -> None:
        """Let go of the cameras that a list names, be it complete or not."""
        for coordinator in tuple(self._hub.cameras.values()):
            if coordinator.config.did in listed:
                self._take_back(coordinator)

    async def async_check(
        self, listed: Collection[str], accounts: Collection[str], allowed: Callable[[], bool]
    ) -> None:
        """Look for cameras of these accounts (user ids) whose dids are not `listed`.

        It is for lists that are complete. `allowed` is asked before each request, with what the
        camera itself allows.
        """
        for coordinator in tuple(self._hub.cameras.values()):
            did, account = coordinator.config.did, coordinator.config.account
            if (
                did not in listed
                and account in accounts
                and await self._is_refused(coordinator, allowed)
            ):
                self._hold(coordinator)

    async def _is_refused(
        self, coordinator: CameraCoordinator, allowed: Callable[[], bool]
    ) -> bool:
        """Whether every account refuses keys for the camera, as it is none of theirs."""
        permit = coordinator.gate.permit()
        if permit is None:
            return False
        config = coordinator.config
        for account in self._hub.accounts_of(config):
            try:
                await account.miss_vendor(
                    config.did, new_client_key()[1], allowed=lambda: allowed() and permit.valid
                )
            except CloudApiError as err:
                if DENIED not in err.message.lower():
                    return False
            except CloudError:
                return False
            else:
                return False
        return permit.valid and coordinator in self._hub.cameras.values()

    @callback
    def _hold(self, coordinator: CameraCoordinator) -> None:
        config = coordinator.config
        LOGGER.warning("Camera %s is in no account any more; its pictures end", config.did)
        self._hub.keys.forget(config.did)
        run_logged([partial(coordinator.gate.hold, Hold.UNLISTED)])
        coordinator.async_update_listeners()
        async_unlisted(self._hub.hass, config.did)

    @callback
    def _take_back(self, coordinator: CameraCoordinator) -> None:
        self.async_forget(coordinator.config.did)
        if Hold.UNLISTED in coordinator.gate.holds:
            coordinator.gate.release(Hold.UNLISTED)
            coordinator.async_gate_changed()

    @callback
    def async_forget(self, did: str) -> None:
        """Take back what was said of a camera."""
        async_listed_again(self._hub.hass, did)
