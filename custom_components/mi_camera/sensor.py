"""How many casts run, and what is shown where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.sensor import SensorEntity, SensorStateClass

from .entity import HubEntity

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .hub import Hub, MiCameraConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the one sensor."""
    async_add_entities([CastsSensor(entry.runtime_data)])


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
