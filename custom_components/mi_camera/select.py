"""Settings of cameras that are one of a few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
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

SETTINGS: Final = tuple(
    SelectEntityDescription(
        key=key, translation_key=translation_key, entity_category=EntityCategory.CONFIG
    )
    for key, translation_key in (
        ("camera-control:image-rollover", "image_rollover"),
        ("camera-control:night-shot", "night_shot"),
        ("camera-control:power-frequency", "power_frequency"),
        ("camera-control:recording-mode", "recording_mode"),
        ("motion-detection:detection-sensitivity", "detection_sensitivity"),
    )
)
MAX_OPTIONS: Final = 12
# What specifications call the same thing, misprints included.
_SAME: Final = {
    "always": "continuous",
    "continue_record": "continuous",
    "continuous_record": "continuous",
    "dynamic_record": "motion",
    "motion_record": "motion",
    "stop_record": "off",
    "no_record": "off",
    "close": "off",
    "open": "on",
    "automatic": "auto",
    "middle": "medium",
    "hight": "high",
}
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+", re.ASCII)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add what each camera has of these."""
    async_add_settings(entry, async_add_entities, SETTINGS, _make_setting)


def _make_setting(
    coordinator: CameraCoordinator, description: SelectEntityDescription, prop: SpecProperty
) -> SettingSelect | None:
    choices = choices_of(prop)
    if len(choices) < 2 or not prop.writable:
        return None
    return SettingSelect(coordinator, description, choices)


def choices_of(prop: SpecProperty) -> dict[str, int]:
    """Return a property's values by the names they have here, none if it is not a choice."""
    choices: dict[str, int] = {}
    for one in prop.values:
        word = _NOT_A_WORD.sub("_", one.description.lower()).strip("_")
        word = _SAME.get(word, word) or str(one.value)
        choices[word if word not in choices else f"{word}_{one.value}"] = one.value
    if not choices and prop.steps is not None:
        low, step = prop.steps.low, prop.steps.step
        count = (prop.steps.high - low) / step + 1
        if count <= MAX_OPTIONS:
            # A picture that is turned all the way round is not turned.
            numbers = (int(low + step * index) for index in range(int(count)))
            choices = {str(one): one for one in numbers if prop.unit != "arcdegrees" or one < 360}
    return choices


class SettingSelect(SettingEntity, SelectEntity):
    """A setting that is one of a few."""

    def __init__(
        self,
        coordinator: CameraCoordinator,
        description: SelectEntityDescription,
        choices: dict[str, int],
    ) -> None:
        """Offer these choices: their names, and the camera's numbers for them."""
        super().__init__(coordinator, description)
        self._choices = choices
        self._attr_options = list(choices)

    @property
    @override
    def current_option(self) -> str | None:
        """What the camera told, None if it is none of the choices."""
        return next((name for name, one in self._choices.items() if one == self.told), None)

    @override
    async def async_select_option(self, option: str) -> None:
        """Set it."""
        await self.async_set(self._choices[option])
