"""What all entities of a camera have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import (
    CONNECTION_NETWORK_MAC,
    DeviceEntryType,
    DeviceInfo,
)
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import CameraCoordinator

if TYPE_CHECKING:
    from .hub import Hub


class HubEntity(Entity):
    """An entity of the hub's own device; its unique id begins with the entry's id."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, hub: Hub, key: str) -> None:
        """Belong to the hub's own device."""
        self._attr_unique_id = f"{hub.entry.entry_id}-{key}"
        self._attr_device_info = DeviceInfo(
            identifiers={hub.device_identifier},
            entry_type=DeviceEntryType.SERVICE,
            name="Mi Camera",
        )


class MiCameraEntity(CoordinatorEntity[CameraCoordinator]):
    """An entity of one camera; its unique id begins with the camera's did."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: CameraCoordinator, key: str) -> None:
        """Belong to the device of the coordinator's camera."""
        super().__init__(coordinator)
        config = coordinator.config
        self._attr_unique_id = f"{config.did}-{key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, config.did)},
            connections={(CONNECTION_NETWORK_MAC, config.mac)} if config.mac else set(),
            manufacturer="Xiaomi",
            model=config.model,
            name=config.name,
            via_device_id=coordinator.hub.device_id,
        )
        if coordinator.firmware is not None:
            self._attr_device_info["sw_version"] = coordinator.firmware

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Let the entity id be changed in place, as Home Assistant does from 2026.11 on."""
        changed = getattr(super(), "async_entity_id_changed", None)
        if changed is not None:
            changed(old_entity_id)

    @property
    def hub(self) -> Hub:
        """The hub this camera belongs to."""
        return self.coordinator.hub

    @property
    @override
    def available(self) -> bool:
        """Available while the camera answers, be it by the cloud, and pictures are allowed."""
        return self.coordinator.controllable
