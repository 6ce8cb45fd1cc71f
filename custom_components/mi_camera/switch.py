"""The kill switch as an entity: on lets pictures out, off stops them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .hub import Hub, MiCameraConfigEntry

# Nothing may stand in a queue before the kill switch.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the one switch."""
    async_add_entities([PicturesSwitch(entry.runtime_data)])


class PicturesSwitch(SwitchEntity):
    """Pictures of all cameras, on or off; always available."""

    _attr_has_entity_name = True
    _attr_translation_key = "streaming"
    _attr_should_poll = False

    def __init__(self, hub: Hub) -> None:
        """Belong to the hub's own device."""
        self._kill_switch = hub.kill_switch
        self._attr_unique_id = f"{hub.entry.entry_id}-streaming"
        self._attr_device_info = DeviceInfo(
            identifiers={hub.device_identifier},
            entry_type=DeviceEntryType.SERVICE,
            name="Mi Camera",
        )

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the gate."""
        self.async_on_remove(self._kill_switch.async_listen(self.async_write_ha_state))

    @property
    @override
    def is_on(self) -> bool:
        """Whether pictures may leave."""
        return self._kill_switch.gate.is_open

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Since when, and the reason that was given."""
        record = self._kill_switch.record
        return {
            "changed_at": record.changed_at if record else None,
            "reason": record.reason if record else None,
        }

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Stop all pictures; everybody with control may."""
        await self._kill_switch.async_engage()

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Allow pictures again; administrators and automations may."""
        if self._context is not None:
            await self._kill_switch.async_require_admin(self._context)
        await self._kill_switch.async_release()
