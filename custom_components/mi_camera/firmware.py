"""A camera's firmware, shown at its device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

__all__ = ["async_show_firmware"]


@callback
def async_show_firmware(hass: HomeAssistant, entry_id: str, did: str, version: str | None) -> None:
    """Let the camera's device have the version that the camera itself has told."""
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier((DOMAIN, did), entry_id)
    if device is not None and version is not None and device.sw_version != version:
        devices.async_update_device(device.id, sw_version=version)
