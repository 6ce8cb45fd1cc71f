"""The siren that some outdoor cameras have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.siren import SirenEntity, SirenEntityDescription, SirenEntityFeature

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
    # isa cameras: a service for whatever that vendor adds.
    SirenEntityDescription(key="hl-audible-alarm", translation_key="siren"),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add what each camera has of these."""
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: SirenEntityDescription, prop: SpecProperty
) -> Siren | None:
    if prop.format != "bool" or not prop.writable:
        return None
    return Siren(coordinator, description)


class Siren(SettingEntity, SirenEntity):
    """A siren, which sounds until it is turned off or the camera ends it."""

    _attr_supported_features = SirenEntityFeature.TURN_ON | SirenEntityFeature.TURN_OFF

    @property
    @override
    def is_on(self) -> bool:
        """What the camera told."""
        return self.told is True or self.told == 1

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Let it sound."""
        await self.async_set(value=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Silence it."""
        await self.async_set(value=False)
