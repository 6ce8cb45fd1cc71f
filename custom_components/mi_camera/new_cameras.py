"""Cameras that an account lists and the hub does not have: they are offered, not added."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import random
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import (
    DISCOVERY_SOURCES,
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigFlowContext,
)
from homeassistant.core import callback
from homeassistant.helpers import discovery_flow

from .cloud import NotAllowed
from .const import DOMAIN, LOGGER, SUBENTRY_CAMERA
from .discovery import Found
from .flow_forms import usable
from .known_cameras import KnownCameras, known_cameras
from .sign_in import FormError, async_list_cameras
from .unlisted_cameras import UnlistedCameras

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .camera_config import CameraConfig
    from .cloud import CloudDevice, XiaomiAccount
    from .hub import Hub

FIRST: Final = (60.0, 300.0)
"""Seconds after the start in which the accounts are asked first."""
DAY: Final = 86400.0
RETRY: Final = 3600.0
"""Seconds until the next attempt after one that failed or was not allowed; it doubles."""
JITTER: Final = 0.2
"""Share of a wait by which it may be longer, so that not all homes ask at once."""
MAX_OFFERED: Final = 64


@dataclass(slots=True)
class Listed:
    """What the accounts list: their cameras, each one's account, and what went wrong if anything.

    `owners` has the account's user id by did, `accounts` those that were asked; `problem` is a
    form key of the last account that could not be. `complete` is whether nothing was left out.
    """

    devices: list[CloudDevice] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    problem: str | None = None
    complete: bool = True

    def usable(self, known: KnownCameras) -> dict[str, CameraConfig]:
        """Return the cameras that can be added, by did."""
        found: dict[str, CameraConfig] = {}
        for device in self.devices:
            found |= usable((device,), self.owners[device.did], known)
        return found


def _regions(hub: Hub, user_id: str, account: XiaomiAccount) -> tuple[str, ...]:
    """Return where an account's cameras are known to be, its own region first."""
    configs = [coordinator.config for coordinator in hub.cameras.values()]
    others = {one.region for one in configs if one.region and one.account == user_id}
    return (account.region, *sorted(others - {account.region}))


async def async_listed(
    hub: Hub, allowed: Callable[[], bool] = lambda: True, *, everywhere: bool = False
) -> Listed:
    """Ask each account for its cameras, as long as `allowed`.

    It is asked where it has some already, or in all regions.
    """
    listed = Listed()
    for subentry_id, account in tuple(hub.accounts.items()):
        if not allowed():
            break
        subentry = hub.entry.subentries.get(subentry_id)
        if subentry is None:
            continue
        user_id = str(subentry.unique_id)
        regions = hub.endpoints.regions if everywhere else _regions(hub, user_id, account)
        try:
            found = await async_list_cameras(account, regions, allowed)
        except NotAllowed:
            listed.complete = False
            break
        except FormError as err:
            # The cameras of other accounts can be added all the same.
            listed.problem, listed.complete = err.key, False
            if err.key == "session_expired":
                hub.async_sign_in_again(subentry_id)
            continue
        if subentry_id not in hub.entry.subentries:
            continue
        listed.accounts.add(user_id)
        listed.complete &= found.complete
        for camera in found.cameras:
            if camera.did not in listed.owners:
                listed.owners[camera.did] = user_id
                listed.devices.append(camera)
    return listed


class NewCameras:
    """Asks the accounts for cameras soon after the start and once a day, and offers new ones.

    The switch is asked first: while pictures are off, nobody is asked anything. A camera that
    was ignored is not offered again. One that is gone from all accounts is held back, and said
    so: only a user removes a camera.
    """

    def __init__(self, hub: Hub) -> None:
        """Ask nothing yet."""
        self._hub = hub
        self.unlisted = UnlistedCameras(hub)
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> None:
        """Begin to ask now and then."""
        self._task = self._hub.entry.async_create_background_task(
            self._hub.hass, self._run(), f"{DOMAIN} search for new cameras"
        )

    async def async_stop(self) -> None:
        """Ask no more, and wait until nothing of it runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def _run(self) -> None:
        wait, failures = random.uniform(*FIRST), 0
        while True:
            await asyncio.sleep(wait)
            failures = 0 if await self.async_look() else failures + 1
            wait = DAY if not failures else min(DAY, RETRY * 2 ** min(failures - 1, 8))
            wait *= random.uniform(1, 1 + JITTER)

    async def async_look(self) -> bool:
        """Ask the accounts, and offer what is new; False if that could not be done in full."""
        hub = self._hub
        permit = hub.gate.permit()
        if permit is None:
            return False
        listed = await async_listed(hub, lambda: permit.valid)
        if not permit.valid:
            return False
        known = known_cameras(hub.entry)
        usable = listed.usable(known).values()
        # One that is there already becomes the account's when a user says so.
        new = (Found.of_account(one) for one in usable if known.stored(one) is None)
        offered = [found for found in new if not is_ignored(hub.hass, found)]
        for found in offered[:MAX_OFFERED]:
            LOGGER.debug("Camera %s is offered: an account lists it", found.did)
            discovery_flow.async_create_flow(
                hub.hass,
                DOMAIN,
                ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
                found.as_dict(),
            )
        self.unlisted.async_take_back(listed.owners)
        if listed.complete:
            await self.unlisted.async_check(listed.owners, listed.accounts, lambda: permit.valid)
        return listed.problem is None


@callback
def async_end_offers(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """End the discovery flows of cameras that the hub has meanwhile."""
    cameras = entry.get_subentries_of_type(SUBENTRY_CAMERA)
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        context = flow["context"]
        key = context.get("unique_id")
        if context["source"] not in DISCOVERY_SOURCES or key is None:
            continue
        if any(Found(key, key, None, "", "").is_camera(one) for one in cameras):
            hass.config_entries.flow.async_abort(flow["flow_id"])


@callback
def is_ignored(hass: HomeAssistant, found: Found) -> bool:
    """Whether a user has ignored this camera, when it was found by its did or by its MAC."""
    entry_of = hass.config_entries.async_entry_for_domain_unique_id
    return any(key and entry_of(DOMAIN, key) for key in (found.did, found.mac))
