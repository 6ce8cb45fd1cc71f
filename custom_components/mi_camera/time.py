"""Settings of cameras that are times of the day, by the camera's own clock."""

from __future__ import annotations

from datetime import time
import re
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import EntityCategory

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
    TimeEntityDescription(
        key="motion-detection:motion-detection-start-time",
        translation_key="motion_detection_start",
        entity_category=EntityCategory.CONFIG,
    ),
    TimeEntityDescription(
        key="motion-detection:motion-detection-end-time",
        translation_key="motion_detection_end",
        entity_category=EntityCategory.CONFIG,
    ),
)
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?", re.ASCII)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add what each camera has of these."""
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: TimeEntityDescription, prop: SpecProperty
) -> SettingTime | None:
    if prop.format != "string" or not prop.writable:
        return None
    return SettingTime(coordinator, description)


class SettingTime(SettingEntity, TimeEntity):
    """A time of the day, which cameras write as text: hours, minutes and perhaps seconds."""

    @property
    def _match(self) -> re.Match[str] | None:
        return _TIME.fullmatch(self.told) if isinstance(self.told, str) else None

    @property
    @override
    def native_value(self) -> time | None:
        """What the camera told, None if that is no time."""
        if (match := self._match) is None:
            return None
        return time(int(match[1]), int(match[2]), int(match[3][1:]) if match[3] else 0)

    @override
    async def async_set_value(self, value: time) -> None:
        """Set it, written as the camera does."""
        match = self._match
        short = match is not None and match[3] is None
        await self.async_set(value.strftime("%H:%M" if short else "%H:%M:%S"))
