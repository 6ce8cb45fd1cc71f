"""Whether there is a newer firmware for a camera, as its account's cloud tells.

It is for looking only: the Mi Home app, which warns of what can go wrong, installs it.
"""

from __future__ import annotations

from datetime import timedelta
import random
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.update import UpdateDeviceClass, UpdateEntity, UpdateEntityFeature
from homeassistant.const import EntityCategory
from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_interval

from .cloud import CloudError, NotAllowed
from .const import LOGGER
from .entity import MiCameraEntity
from .media import clock

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .cloud import FirmwareCheck
    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .hub import MiCameraConfigEntry

PARALLEL_UPDATES = 0

FIRST: Final = (30.0, 300.0)
"""Seconds until the cloud is asked for the first time, at random between these."""
EVERY: Final = 24 * 3600.0
"""Seconds between two requests."""
AGAIN: Final = 3600.0
"""Seconds until the next one after one in vain."""
LOOK: Final = timedelta(minutes=1)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one to each camera of an account."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        if coordinator.config.account:
            async_add_entities(
                [FirmwareUpdate(coordinator)], config_subentry_id=coordinator.subentry_id
            )

    entry.runtime_data.async_on_camera(add)


class FirmwareUpdate(MiCameraEntity, UpdateEntity):
    """The version the camera told itself, beside the newest one; asked for once a day."""

    _attr_device_class = UpdateDeviceClass.FIRMWARE
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_supported_features = UpdateEntityFeature.RELEASE_NOTES

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Know nothing yet."""
        super().__init__(coordinator, "firmware")
        self._check: FirmwareCheck | None = None
        self._asking = False
        self._due = clock.now() + random.uniform(*FIRST)

    @property
    @override
    def installed_version(self) -> str | None:
        """What the camera has told, or else what the cloud knows."""
        told = self.coordinator.firmware
        return told or (self._check.current if self._check is not None else None)

    @property
    @override
    def latest_version(self) -> str | None:
        """What the cloud has told, None before it has."""
        if self._check is None:
            return None
        current = self._check.current
        if self._check.is_latest and current in {None, self.installed_version}:
            return self.installed_version
        return self._check.latest

    @override
    def version_is_newer(self, latest_version: str, installed_version: str) -> bool:
        """Whatever the cloud offers instead: the versions of some models cannot be compared."""
        return latest_version != installed_version

    @override
    async def async_release_notes(self) -> str | None:
        """Return what the cloud says has changed."""
        return self._check.notes or None if self._check is not None else None

    @override
    async def async_added_to_hass(self) -> None:
        """Look now and then whether it is time: a camera that says nothing new wakes nobody."""
        await super().async_added_to_hass()
        self.async_on_remove(async_track_time_interval(self.hass, self._async_look, LOOK))

    @callback
    def _async_look(self, _: datetime) -> None:
        """Ask the cloud when it is time."""
        permit = self.coordinator.gate.permit()
        if permit is not None and not self._asking and clock.now() >= self._due:
            self._asking = True
            self._due = clock.now() + AGAIN
            self.hub.events.async_run(self._ask(permit), self.coordinator.config.did)

    async def _ask(self, permit: Permit) -> None:
        config, events = self.coordinator.config, self.hub.events
        try:
            await events.async_turn(config.account or "")
            if not permit.valid or (owner := events.account_of(self.coordinator)) is None:
                return
            self._check = await owner[1].firmware_check(config.did, allowed=lambda: permit.valid)
            self._due = clock.now() + EVERY
        except NotAllowed:
            return
        except CloudError as err:
            LOGGER.debug("No firmware of camera %s is known: %s", config.did, err)
        finally:
            self._asking = False
        if self.hass is not None and self.enabled:
            self.async_write_ha_state()
