"""What happens to the gate and to casts, as entities that automations can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from homeassistant.components.event import EventEntity
from homeassistant.core import Context, callback

from .casts.news import CastEvent, CastEventType, async_describe_cast
from .const import DOMAIN
from .entity import HubEntity
from .gate_events import GateEvent, GateEventType
from .gate_news import ATTR_AT, async_describe

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
    """Add the two entities."""
    hub = entry.runtime_data
    async_add_entities([GateEventEntity(hub), CastEventEntity(hub)])


class GateEventEntity(HubEntity, EventEntity):
    """Who switched pictures off or on, when and why, and what was cut."""

    _attr_translation_key = "gate"

    def __init__(self, hub: Hub) -> None:
        """Belong to the hub's own device."""
        super().__init__(hub, "gate")
        self._kill_switch = hub.kill_switch
        self._attr_event_types = [one.value for one in GateEventType]

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the gate, and catch up on a switching off from before the hub was there."""
        self.async_on_remove(self._kill_switch.async_on_event(self._happened))
        record = self._kill_switch.record
        if record is None or record.enabled or record.changed_at is None:
            return
        last = await self.async_get_last_state()
        told = str(last.attributes.get(ATTR_AT) or "") if last is not None else ""
        # Both are written in the same way, in UTC.
        if record.changed_at > told:
            await self._async_show(
                GateEvent(
                    GateEventType.DISABLED,
                    record.changed_at,
                    record.user_id,
                    record.reason,
                    cut=record.cut,
                )
            )

    @callback
    def _happened(self, event: GateEvent) -> None:
        self.hass.async_create_task(self._async_show(event), f"{DOMAIN} event {event.type}")

    async def _async_show(self, event: GateEvent) -> None:
        attributes = await async_describe(self.hass, event)
        # Without one of its own it must not be put down to whoever caused the event before.
        self.async_set_context(event.context or Context())
        self._trigger_event(event.type.value, attributes)
        self.async_write_ha_state()


class CastEventEntity(HubEntity, EventEntity):
    """Which camera came on which player, and why it went again."""

    _attr_translation_key = "casts"

    def __init__(self, hub: Hub) -> None:
        """Belong to the hub's own device."""
        super().__init__(hub, "cast-events")
        self._news = hub.casts.news
        self._attr_event_types = [one.value for one in CastEventType]

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the casts."""
        self.async_on_remove(self._news.async_on_event(self._happened))

    @callback
    def _happened(self, event: CastEvent) -> None:
        self.hass.async_create_task(self._async_show(event), f"{DOMAIN} event {event.type}")

    async def _async_show(self, event: CastEvent) -> None:
        attributes = await async_describe_cast(self.hass, event)
        # Without one of its own it must not be put down to whoever caused the event before.
        self.async_set_context(event.context or Context())
        self._trigger_event(event.type.value, attributes)
        self.async_write_ha_state()
