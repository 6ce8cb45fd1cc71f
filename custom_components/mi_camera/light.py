"""The lamp that some outdoor cameras have, to light what they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.light import (
    ATTR_BRIGHTNESS,
    ColorMode,
    LightEntity,
    LightEntityDescription,
)
from homeassistant.core import callback
from homeassistant.util.color import brightness_to_value, value_to_brightness

from .setting_entity import SettingEntity, async_add_settings

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .device import SpecProperty
    from .hub import MiCameraConfigEntry

# Each camera's requests stand in a queue of their own.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class LampEntityDescription(LightEntityDescription):
    """A lamp's switch, and how bright it is in the same service."""

    brightness: str


SETTINGS: Final = (
    # A service of the MIoT standard.
    LampEntityDescription(key="light:on", translation_key="fill_light", brightness="brightness"),
    # isa cameras: a service for whatever that vendor adds.
    LampEntityDescription(
        key="hl-filllight-switch", translation_key="fill_light", brightness="hl-filllight-lum"
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add what each camera has of these."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        coordinator.settings.async_watch(("light:brightness", "hl-filllight-lum"))

    entry.runtime_data.async_on_camera(add)
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: LampEntityDescription, prop: SpecProperty
) -> Lamp | None:
    if prop.format != "bool" or not prop.writable:
        return None
    return Lamp(coordinator, description)


class Lamp(SettingEntity, LightEntity):
    """A lamp, on or off, dimmed where the specification has a range for that."""

    def __init__(self, coordinator: CameraCoordinator, description: LampEntityDescription) -> None:
        """Switch the property that the description is of."""
        super().__init__(coordinator, description)
        self._dimmer = f"{description.key.partition(':')[0]}:{description.brightness}"
        prop = coordinator.settings.spec.properties.get(self._dimmer)
        self._steps = prop.steps if prop is not None and prop.writable else None
        mode = ColorMode.ONOFF if self._steps is None else ColorMode.BRIGHTNESS
        self._attr_color_mode = mode
        self._attr_supported_color_modes = {mode}

    @property
    @override
    def is_on(self) -> bool:
        """What the camera told."""
        return self.told is True or self.told == 1

    @property
    def _range(self) -> tuple[float, float] | None:
        """The values of a lamp that is on: what is lowest may be none at all."""
        if (steps := self._steps) is None or steps.high - steps.low < steps.step:
            return None
        return (steps.low if steps.low > 0 else steps.low + steps.step), steps.high

    @property
    @override
    def brightness(self) -> int | None:
        """How bright it is, 1 to 255, or None where nobody knows."""
        value, span = self.coordinator.settings.values.get(self._dimmer), self._range
        if span is None or isinstance(value, bool | str | None) or value < span[0]:
            return None
        return value_to_brightness(span, value)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Light it, as brightly as it is asked for."""
        wanted, span, steps = kwargs.get(ATTR_BRIGHTNESS), self._range, self._steps
        if wanted is not None and span is not None and steps is not None:
            value = min(max(brightness_to_value(span, wanted), span[0]), span[1])
            places = round((value - steps.low) / steps.step)
            await self.coordinator.settings.async_set(self._dimmer, steps.low + places * steps.step)
        if not self.is_on:
            await self.async_set(value=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Put it out."""
        await self.async_set(value=False)
