"""What happens to the gate, as told to people: who, when, why, and what was cut.

The same data go to the bus, where automations and the logbook find them, and to the event
entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from .gate_events import GateEvent
    from .kill_switch import KillSwitch

EVENT_MI_CAMERA: Final = f"{DOMAIN}_event"

ATTR_TYPE: Final = "type"
ATTR_AT: Final = "at"
ATTR_BY: Final = "by"
ATTR_CAMERA: Final = "camera"
ATTR_REASON: Final = "reason"
CUT_KINDS: Final = ("viewers", "webrtc", "casts", "cameras")
"""What is counted before the gate closes."""


@callback
def async_setup_news(hass: HomeAssistant, kill_switch: KillSwitch) -> None:
    """Fire each event of the gate on the bus, whether or not the hub is loaded."""

    @callback
    def fire(event: GateEvent) -> None:
        hass.async_create_task(_async_fire(hass, event), f"{DOMAIN} news {event.type}")

    kill_switch.async_on_event(fire)


async def _async_fire(hass: HomeAssistant, event: GateEvent) -> None:
    data = await async_describe(hass, event)
    hass.bus.async_fire(
        EVENT_MI_CAMERA,
        {
            ATTR_TYPE: event.type.value,
            ATTR_DEVICE_ID: async_device_id(hass, event.did),
            **data,
        },
        context=event.context,
    )


async def async_describe(hass: HomeAssistant, event: GateEvent) -> dict[str, Any]:
    """Return what there is to say about an event: the attributes of the event entity."""
    return {
        ATTR_AT: event.at,
        ATTR_BY: await async_user_name(hass, event.user_id),
        ATTR_REASON: event.reason,
        ATTR_CAMERA: async_camera_name(hass, event.did) if event.did else None,
        **cut_attributes(event.cut),
    }


def cut_attributes(cut: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of what was cut, as flat attributes."""
    return {f"cut_{kind}": cut[kind] for kind in CUT_KINDS if cut.get(kind)}


async def async_user_name(hass: HomeAssistant, user_id: str | None) -> str | None:
    """Return what a user is called, or None for automations and users that are gone."""
    user = await hass.auth.async_get_user(user_id) if user_id else None
    return user.name if user else None


@callback
def async_camera_name(hass: HomeAssistant, did: str) -> str:
    """Return what the user calls a camera, whether or not the hub is loaded."""
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, did), entry.entry_id)
        if device is not None and (name := device.name_by_user or device.name):
            return name
        for subentry in entry.subentries.values():
            if subentry.unique_id == did:
                return subentry.title
    return did


@callback
def async_device_id(hass: HomeAssistant, did: str | None) -> str | None:
    """Return the device of the camera, or the hub's own."""
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        identifier = (DOMAIN, did or entry.entry_id)
        device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
        if device is not None:
            return device.id
    return None
