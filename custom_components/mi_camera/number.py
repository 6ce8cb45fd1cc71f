"""Settings of cameras that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, override

from homeassistant.components.number import NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime

from .setting_entity import SettingEntity, async_add_settings

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .device import SpecProperty
    from .hub import MiCameraConfigEntry

# Each camera's requests stand in a queue of their own.
PARALLEL_UPDATES = 0

SETTINGS: Final = (
    # Writing the number of a position that was saved in the app makes the camera look there.
    NumberEntityDescription(
        key="camera-fav-area:active-fav-area", translation_key="preset", mode=NumberMode.BOX
    ),
    NumberEntityDescription(
        key="motion-detection:alarm-interval",
        translation_key="alarm_interval",
        entity_category=EntityCategory.CONFIG,
    ),
    NumberEntityDescription(
        key="speaker:volume",
        translation_key="speaker_volume",
        entity_category=EntityCategory.CONFIG,
    ),
)
_UNITS: Final = {
    "minutes": UnitOfTime.MINUTES,
    "percentage": PERCENTAGE,
    "seconds": UnitOfTime.SECONDS,
}


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add what each camera has of these."""
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: NumberEntityDescription, prop: SpecProperty
) -> SettingNumber | None:
    if prop.steps is None or not prop.writable:
        return None
    return SettingNumber(coordinator, description, prop)


class SettingNumber(SettingEntity, NumberEntity):
    """A setting that is a number of a range."""

    def __init__(
        self,
        coordinator: CameraCoordinator,
        description: NumberEntityDescription,
        prop: SpecProperty,
    ) -> None:
        """Offer the range that the specification has."""
        super().__init__(coordinator, description)
        assert prop.steps is not None
        self._attr_native_min_value = prop.steps.low
        self._attr_native_max_value = prop.steps.high
        self._attr_native_step = prop.steps.step
        self._attr_native_unit_of_measurement = _UNITS.get(prop.unit or "")

    @property
    @override
    def native_value(self) -> float | None:
        """What the camera told."""
        return None if isinstance(self.told, str | bool) else self.told

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set it."""
        await self.async_set(value)
