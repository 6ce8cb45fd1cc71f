"""Mi Camera: Xiaomi cameras live in Home Assistant, and off when told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .casts.card import async_setup_card
from .casts.view import async_setup_casts
from .cloud import PRODUCTION, CloudEndpoints
from .const import (
    CONF_ACCOUNT_URL,
    CONF_API_URL,
    CONF_DEVELOPER,
    DATA_ENDPOINTS,
    DOMAIN,
    SUBENTRY_CAMERA,
)
from .gate_issues import async_forget_issues, async_setup_issues
from .gate_news import async_setup_news
from .hub import Hub
from .key_store import KeyStore
from .kill_switch import DATA_KILL_SWITCH, KillSwitch
from .lens_sleep import async_forget_sleepers
from .model_specs import ModelSpecs
from .services import async_setup_services

if TYPE_CHECKING:
    from homeassistant.core import Event, HomeAssistant
    from homeassistant.helpers.device_registry import DeviceEntry
    from homeassistant.helpers.typing import ConfigType

    from .hub import MiCameraConfigEntry

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CAMERA,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.LIGHT,
    Platform.MEDIA_PLAYER,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SIREN,
    Platform.SWITCH,
    Platform.TIME,
    Platform.UPDATE,
]


def _endpoints(urls: dict[str, str]) -> CloudEndpoints:
    return CloudEndpoints.from_mapping(
        {"account": urls[CONF_ACCOUNT_URL], "api": urls[CONF_API_URL]}
    )


CONFIG_SCHEMA = vol.Schema(
    {
        vol.Optional(DOMAIN, default={}): vol.Schema(
            {
                vol.Optional(CONF_DEVELOPER): vol.All(
                    {
                        vol.Required(CONF_ACCOUNT_URL): cv.url,
                        vol.Required(CONF_API_URL): cv.url,
                    },
                    _endpoints,
                )
            }
        )
    },
    extra=vol.ALLOW_EXTRA,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Make the gate, closed, before there is anything it could let out."""
    kill_switch = hass.data[DATA_KILL_SWITCH] = KillSwitch(hass)
    async_setup_news(hass, kill_switch)
    async_setup_issues(hass, kill_switch)
    developer = config.get(DOMAIN, {}).get(CONF_DEVELOPER)
    hass.data[DATA_ENDPOINTS] = developer or PRODUCTION
    async_setup_casts(hass)
    async_setup_card(hass)
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: MiCameraConfigEntry) -> bool:
    """Start the hub; the gate opens only if both records say so."""
    kill_switch = hass.data[DATA_KILL_SWITCH]
    hub = Hub(hass, entry, kill_switch, hass.data[DATA_ENDPOINTS])
    try:
        await hub.async_start()
    except OSError as err:
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="no_socket") from err
    entry.runtime_data = hub
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_entry_changed))

    async def stop(_event: Event) -> None:
        # Entries are not unloaded when Home Assistant stops, and a camera keeps the place
        # of a viewer that leaves without a word.
        kill_switch.async_unload()
        await hub.async_stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await kill_switch.async_load(entry)
    return True


async def _async_entry_changed(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    await entry.runtime_data.async_sync()


async def async_unload_entry(hass: HomeAssistant, entry: MiCameraConfigEntry) -> bool:
    """Close the gate first: unloading alone would leave streams running."""
    hass.data[DATA_KILL_SWITCH].async_unload()
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await entry.runtime_data.async_stop()
    return True


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: MiCameraConfigEntry, device: DeviceEntry
) -> bool:
    """Remove a camera whose device is removed; the hub's own device stays."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA):
        if (DOMAIN, str(subentry.unique_id)) in device.identifiers:
            hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
            return True
    return (DOMAIN, entry.entry_id) not in device.identifiers


async def async_remove_entry(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    """Forget that pictures were allowed, and all keys."""
    if (kill_switch := hass.data.get(DATA_KILL_SWITCH)) is not None:
        await kill_switch.async_forget()
        async_forget_issues(hass)
    await KeyStore(hass).async_remove()
    await ModelSpecs(hass, hass.data[DATA_ENDPOINTS].specs).async_remove()
    await async_forget_sleepers(hass)
