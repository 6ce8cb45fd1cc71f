"""How many casts run and what is shown where, and what cameras tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation
from homeassistant.core import callback

from .control_path import Via
from .entity import HubEntity, MiCameraEntity
from .select import choices_of
from .setting_entity import SettingEntity, async_add_settings

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .device import SpecProperty
    from .hub import Hub, MiCameraConfigEntry

PARALLEL_UPDATES = 0

_CARD: Final = "memory-card-management"
SETTINGS: Final = (
    SensorEntityDescription(
        key=f"{_CARD}:status",
        translation_key="card",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    *(
        SensorEntityDescription(
            key=f"{_CARD}:storage-{space}-space",
            translation_key=f"card_{space}",
            device_class=SensorDeviceClass.DATA_SIZE,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            # The specification names no unit; its largest value is a card of 256 GiB in KiB.
            native_unit_of_measurement=UnitOfInformation.KIBIBYTES,
            suggested_unit_of_measurement=UnitOfInformation.GIBIBYTES,
            suggested_display_precision=1,
            state_class=SensorStateClass.MEASUREMENT,
        )
        for space in ("total", "free", "used")
    ),
)
# What specifications call the states of a memory card, misprints included.
_CARD_STATES: Final = {
    "sd_nomal": "normal",
    "sd_normal": "normal",
    "sd_no_inset": "none",
    "sd_no_insert": "none",
    "sd_no_space": "full",
    "sd_no_work": "faulty",
    "sd_format": "formatting",
    "sd_out": "ejected",
}


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the one sensor of the hub, and those of each camera."""
    async_add_entities([CastsSensor(entry.runtime_data)])

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        async_add_entities([ControlSensor(coordinator)], config_subentry_id=coordinator.subentry_id)

    entry.runtime_data.async_on_camera(add)
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: SensorEntityDescription, prop: SpecProperty
) -> SensorEntity | None:
    if description.device_class is not SensorDeviceClass.ENUM:
        return SpaceSensor(coordinator, description)
    states = {number: _CARD_STATES.get(name, name) for name, number in choices_of(prop).items()}
    return CardSensor(coordinator, description, states) if states else None


class SpaceSensor(SettingEntity, SensorEntity):
    """How much fits on the memory card, is free, or is used."""

    @property
    @override
    def native_value(self) -> float | None:
        """What the camera told."""
        return None if isinstance(self.told, str | bool) else self.told


class CardSensor(SettingEntity, SensorEntity):
    """How the memory card is."""

    def __init__(
        self,
        coordinator: CameraCoordinator,
        description: SensorEntityDescription,
        states: dict[int, str],
    ) -> None:
        """Name the states: by the camera's numbers for them."""
        super().__init__(coordinator, description)
        self._states = states
        self._attr_options = list(dict.fromkeys(states.values()))

    @property
    @override
    def native_value(self) -> str | None:
        """What the camera told, None if its specification has no such state."""
        told = self.told
        return self._states.get(told) if type(told) is int else None


class CastsSensor(HubEntity, SensorEntity):
    """The casts that play now; those that a player is still loading do not count."""

    _attr_translation_key = "casts"
    _attr_state_class = SensorStateClass.MEASUREMENT
    _unrecorded_attributes = frozenset({"casts"})

    def __init__(self, hub: Hub) -> None:
        """Belong to the hub's own device."""
        super().__init__(hub, "casts")
        self._casts = hub.casts

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the casts."""
        self.async_on_remove(self._casts.news.async_on_change(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> int:
        """The number of players that show a camera."""
        return len(self._casts.playing)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """What is shown where, and until when."""
        return {
            "casts": [
                {
                    "camera": session.camera,
                    "media_player": session.player,
                    "started": session.started.isoformat(),
                    "ends": session.ends.isoformat() if session.ends else None,
                }
                for session in self._casts.playing
            ]
        }


class ControlSensor(MiCameraEntity, SensorEntity):
    """By which way the last call went that the camera answered."""

    _attr_translation_key = "control"
    _attr_device_class = SensorDeviceClass.ENUM
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Belong to the camera."""
        super().__init__(coordinator, "control")
        self._attr_options = [one.value for one in Via]

    @property
    @override
    def available(self) -> bool:
        """Always: that nothing controls the camera is worth to be told too."""
        return True

    @property
    @override
    def native_value(self) -> str:
        """The way."""
        return self.coordinator.control.via.value
