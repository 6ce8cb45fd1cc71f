"""Whether something moves in front of a camera, as far as its account's cloud tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later

from .cloud import CameraEvent, EventKind
from .entity import MiCameraEntity

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .hub import MiCameraConfigEntry

PARALLEL_UPDATES = 0

MOTION_SECONDS: Final = 60
"""How long the sensor stays on; the cloud tells when something begins, not when it ends."""
MOVING: Final = frozenset(
    {EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.PET, EventKind.DOORBELL}
)


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
                [MotionSensor(coordinator)], config_subentry_id=coordinator.subentry_id
            )

    entry.runtime_data.async_on_camera(add)


class MotionSensor(MiCameraEntity, BinarySensorEntity):
    """On for a minute after the last thing that moved."""

    _attr_device_class = BinarySensorDeviceClass.MOTION

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Begin with nothing known."""
        super().__init__(coordinator, "motion")
        self._watch = self.hub.events.watch(coordinator)
        self._stop_waiting: Callable[[], None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera's events."""
        await super().async_added_to_hass()
        self.async_on_remove(self._watch.async_listen(self._happened, self.async_write_ha_state))
        self.async_on_remove(self._forget)
        self.async_on_remove(self.coordinator.gate.on_close(self._forget))

    @property
    @override
    def available(self) -> bool:
        """Available while events may be asked for and the cloud tells them."""
        return self.coordinator.gate.is_open and self._watch.known is not False

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether something has moved within the last minute, None before anybody knows."""
        if self._stop_waiting is not None:
            return True
        return False if self._watch.known else None

    @callback
    def _happened(self, event: CameraEvent) -> None:
        if event.kind not in MOVING:
            return
        self._forget()
        self._stop_waiting = async_call_later(self.hass, MOTION_SECONDS, self._calm)
        self.async_write_ha_state()

    @callback
    def _calm(self, _now: datetime) -> None:
        self._stop_waiting = None
        self.async_write_ha_state()

    @callback
    def _forget(self) -> None:
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None
