"""What entities that show one of a camera's settings have in common.

Their descriptions' keys are MIoT names, those of vendors' own properties without the service.
An entity appears once its camera has told a value of that name, in the form the kind of entity
needs, so each camera gets what its model really has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, override

from homeassistant.core import callback

from .device import aliases
from .entity import MiCameraEntity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homeassistant.helpers.entity import Entity, EntityDescription
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .device import SpecProperty
    from .device.miot import Scalar
    from .hub import MiCameraConfigEntry


class MakeSetting[D](Protocol):
    """Makes an entity, or None where the property has not the form it needs."""

    def __call__(
        self, coordinator: CameraCoordinator, description: D, prop: SpecProperty, /
    ) -> Entity | None:
        """Return the entity of `description`, which shows `prop`."""


class SettingEntity(MiCameraEntity):
    """An entity that shows one property of a camera."""

    def __init__(self, coordinator: CameraCoordinator, description: EntityDescription) -> None:
        """Show the property that the description is of."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @property
    def told(self) -> Scalar | None:
        """What the camera told of it the last time."""
        return self.coordinator.settings.values.get(self.entity_description.key)

    @property
    @override
    def available(self) -> bool:
        """Available while the camera is, and tells of this property."""
        return super().available and self.told is not None

    async def async_set(self, value: object) -> None:
        """Set the property; raises what `CameraSettings.async_set` does."""
        await self.coordinator.settings.async_set(self.entity_description.key, value)


@callback
def async_add_settings[D: EntityDescription](
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    descriptions: Sequence[D],
    make: MakeSetting[D],
) -> None:
    """Add, for each camera there is and will be, the entities of what it tells of."""

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        settings = coordinator.settings
        missing = {one.key: one for one in descriptions}

        @callback
        def look() -> None:
            found: list[Entity] = []
            for name in settings.values:
                prop = settings.spec.properties.get(name)
                key = next((one for one in aliases(name) if one in missing), None)
                if prop is None or key is None:
                    continue
                made = make(coordinator, replace(missing[key], key=name), prop)
                if made is not None:
                    del missing[key]
                    found.append(made)
            if found:
                async_add_entities(found, config_subentry_id=coordinator.subentry_id)

        stop: Callable[[], None] = coordinator.async_add_listener(look)
        entry.async_on_unload(stop)
        settings.async_watch(missing)
        look()

    entry.runtime_data.async_on_camera(add)
