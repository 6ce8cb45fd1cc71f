"""What happens to the gate, to casts and before cameras, for automations to follow."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.event import DoorbellEventType, EventDeviceClass, EventEntity
from homeassistant.core import Context, callback
from homeassistant.util import dt as dt_util

from .camera_watch import is_doorbell
from .casts.news import CastEvent, CastEventType, async_describe_cast
from .cloud import CameraEvent, EventKind
from .const import DOMAIN
from .entity import HubEntity, MiCameraEntity
from .gate_events import GateEvent, GateEventType
from .gate_news import ATTR_AT, async_describe

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import CameraCoordinator
    from .hub import Hub, MiCameraConfigEntry

PARALLEL_UPDATES = 0

DETECTIONS: Final = [one.value for one in EventKind if one is not EventKind.DOORBELL]


async def async_setup_entry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the two entities of the hub, and those of each camera."""
    hub = entry.runtime_data
    async_add_entities([GateEventEntity(hub), CastEventEntity(hub)])

    @callback
    def add(coordinator: CameraCoordinator) -> None:
        async_add_entities(detections_of(coordinator), config_subentry_id=coordinator.subentry_id)

    hub.async_on_camera(add)


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


class CameraEventEntity(MiCameraEntity, EventEntity):
    """Tells each of the camera's events once.

    It stays available while pictures are off, with the last event it told: otherwise its
    coming back would look to automations like an event of this moment.
    """

    @property
    @override
    def available(self) -> bool:
        """Always: what it shows has happened."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the camera's events, from after the last one that was told."""
        await super().async_added_to_hass()
        watch = self.hub.events.watch(self.coordinator)
        last = await self.async_get_last_state()
        if last is not None and (at := dt_util.parse_datetime(str(last.attributes.get(ATTR_AT)))):
            watch.async_told_before(round(at.timestamp() * 1000))
        self.async_on_remove(watch.async_listen(self._happened, self.async_write_ha_state))

    @callback
    def _happened(self, event: CameraEvent) -> None:
        if (what := self._type_of(event)) is None:
            return
        at = datetime.fromtimestamp(event.at_ms / 1000, dt_util.UTC)
        self._trigger_event(what, {ATTR_AT: at.isoformat(timespec="milliseconds")})
        self.async_write_ha_state()

    def _type_of(self, event: CameraEvent) -> str | None:
        raise NotImplementedError


class DetectionEntity(CameraEventEntity):
    """Motion, persons, faces, a baby's cry."""

    _attr_translation_key = "detection"
    _attr_device_class = EventDeviceClass.MOTION

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Belong to the camera."""
        super().__init__(coordinator, "detection")
        self._attr_event_types = DETECTIONS

    @override
    def _type_of(self, event: CameraEvent) -> str | None:
        if event.kind is not EventKind.DOORBELL:
            return event.kind.value
        return None if is_doorbell(self.coordinator.config.model) else EventKind.OTHER.value


class DoorbellEntity(CameraEventEntity):
    """Somebody rings."""

    _attr_translation_key = "doorbell"
    _attr_device_class = EventDeviceClass.DOORBELL

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Belong to the camera."""
        super().__init__(coordinator, "doorbell")
        self._attr_event_types = [DoorbellEventType.RING.value]

    @override
    def _type_of(self, event: CameraEvent) -> str | None:
        return DoorbellEventType.RING.value if event.kind is EventKind.DOORBELL else None


def detections_of(coordinator: CameraCoordinator) -> list[CameraEventEntity]:
    """Return a camera's entities; events of one without an account are nowhere to be had."""
    if not coordinator.config.account:
        return []
    entities: list[CameraEventEntity] = [DetectionEntity(coordinator)]
    if is_doorbell(coordinator.config.model):
        entities.append(DoorbellEntity(coordinator))
    return entities
