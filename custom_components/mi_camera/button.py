"""Buttons that turn a camera, a step for each press, and those of other actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from homeassistant.components.button import ButtonDeviceClass, ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import callback

from .entity import MiCameraEntity
from .miss.motor import MotorOperation

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .hub import MiCameraConfigEntry

# Presses meet in the motor's own queue, where a held button cannot fill it.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class MotorButtonEntityDescription(ButtonEntityDescription):
    """A button and what it asks of the motor."""

    operation: MotorOperation


BUTTONS = (
    MotorButtonEntityDescription(
        key="left", translation_key="ptz_left", operation=MotorOperation.LEFT
    ),
    MotorButtonEntityDescription(
        key="right", translation_key="ptz_right", operation=MotorOperation.RIGHT
    ),
    MotorButtonEntityDescription(key="up", translation_key="ptz_up", operation=MotorOperation.UP),
    MotorButtonEntityDescription(
        key="down", translation_key="ptz_down", operation=MotorOperation.DOWN
    ),
    MotorButtonEntityDescription(
        key="calibrate",
        translation_key="ptz_calibrate",
        entity_category=EntityCategory.CONFIG,
        operation=MotorOperation.CALIBRATE,
    ),
)

ACTIONS = (
    ButtonEntityDescription(
        key="camera-control:restart-device",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
    ),
    ButtonEntityDescription(
        key="memory-card-management:pop-up",
        translation_key="card_eject",
        entity_category=EntityCategory.CONFIG,
    ),
    ButtonEntityDescription(
        key="memory-card-management:format",
        translation_key="card_format",
        entity_category=EntityCategory.CONFIG,
        # It deletes all recordings.
        entity_registry_enabled_default=False,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add those of the motor to each camera that has one, or may, and those of its actions."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        if coordinator.motor.exists:
            async_add_entities(
                [MotorButton(coordinator, one) for one in BUTTONS],
                config_subentry_id=coordinator.subentry_id,
            )
        missing = {one.key: one for one in ACTIONS}

        @callback
        def look() -> None:
            # What it can do is known for sure once it has answered.
            if not coordinator.answers:
                return
            known = [key for key in missing if key in coordinator.settings.spec.actions]
            if known:
                async_add_entities(
                    [ActionButton(coordinator, missing.pop(key)) for key in known],
                    config_subentry_id=coordinator.subentry_id,
                )

        entry.async_on_unload(coordinator.async_add_listener(look))
        look()

    entry.runtime_data.async_on_camera(add)


class MotorButton(MiCameraEntity, ButtonEntity):
    """A press is one step of the motor, which ends by itself."""

    entity_description: MotorButtonEntityDescription

    def __init__(
        self, coordinator: CameraCoordinator, description: MotorButtonEntityDescription
    ) -> None:
        """Turn the coordinator's camera; off at first where nobody knows of a motor."""
        super().__init__(coordinator, f"ptz_{description.key}")
        self.entity_description = description
        self._attr_entity_registry_enabled_default = coordinator.motor.is_certain

    @property
    @override
    def available(self) -> bool:
        """Available while the camera answers on the LAN, where its motor is turned."""
        return self.coordinator.reachable

    @override
    async def async_press(self) -> None:
        """Do a step."""
        await self.coordinator.motor.async_press(self.entity_description.operation)


class ActionButton(MiCameraEntity, ButtonEntity):
    """A press carries out an action of the camera's specification."""

    def __init__(
        self, coordinator: CameraCoordinator, description: ButtonEntityDescription
    ) -> None:
        """Carry out the action that the description's key names."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @override
    async def async_press(self) -> None:
        """Do it."""
        await self.coordinator.settings.async_act(self.entity_description.key)
