"""The cameras that are there, and the one camera that was found in two ways.

A camera that was added by its address goes by the did that a hello tells, which is the low 32
bits of the one that its account lists. Adding it from the account makes it the account's camera
and no second one: entities, devices, settings and holds stay.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_MODEL, CONF_REGION, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_call_later

from .camera_config import CONF_ACCOUNT, CONF_DID, CONF_MAC
from .const import DOMAIN, LOGGER, SUBENTRY_CAMERA
from .did import is_did, is_same_did
from .gate_record import GateRecordError
from .kill_switch import DATA_KILL_SWITCH
from .sign_in import FormError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry, ConfigSubentry
    from homeassistant.core import HomeAssistant

    from .camera_config import CameraConfig

FORGET_AFTER: Final = 30.0
"""Seconds after which what held a camera under its old did is forgotten: only when the new one
is stored, so that a power cut in between shows nobody who is hidden."""


class KnownCameras:
    """The cameras of a hub, by whatever did they are stored."""

    def __init__(self, subentries: Iterable[ConfigSubentry] = ()) -> None:
        """Take the subentries of cameras."""
        self._subentries = tuple(subentries)

    def __contains__(self, did: object) -> bool:
        """Whether a camera is stored under this very did."""
        return any(one.unique_id == did for one in self._subentries)

    def stored(self, camera: CameraConfig) -> ConfigSubentry | None:
        """Return the subentry of a camera, None if there is none."""
        same = [one for one in self._subentries if is_same_camera(one, camera)]
        return min(same, key=lambda one: one.unique_id != camera.did, default=None)

    def may_add(self, camera: CameraConfig) -> bool:
        """Whether adding a listed camera changes anything: it is new, or becomes the account's."""
        stored = self.stored(camera)
        if stored is None:
            return True
        return stored.unique_id != camera.did or stored.data.get(CONF_ACCOUNT) is None


@callback
def known_cameras(entry: ConfigEntry) -> KnownCameras:
    """Return the cameras that are there."""
    return KnownCameras(entry.get_subentries_of_type(SUBENTRY_CAMERA))


def is_same_camera(stored: ConfigSubentry, camera: CameraConfig) -> bool:
    """Whether a stored camera is that one, beyond what a hello can tell.

    Nobody but the camera and its account has its token, so that token and hello are enough; so
    are a MAC, which the camera itself has told under its token, and a model.
    """
    did, data = str(stored.unique_id), stored.data
    if did == camera.did:
        return True
    if not is_did(did) or not is_did(camera.did):
        return False
    token = str(data.get(CONF_TOKEN, "")).lower()
    if is_same_did(camera.did, int(did)) and token == camera.token.lower():
        return True
    if data.get(CONF_ACCOUNT) is not None:
        # Its did is an account's: a MAC that another list names proves nothing.
        return False
    mac = _mac(data.get(CONF_MAC))
    return mac is not None and mac == _mac(camera.mac) and data.get(CONF_MODEL) == camera.model


async def async_make_listed(
    hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry, camera: CameraConfig
) -> None:
    """Make a stored camera the one that an account lists; all its entities stay what they are.

    The hub goes away and comes back meanwhile, and with it all pictures. Nothing that held the
    camera is let go by this.

    Raises:
        FormError: it stays as it was.
    """
    entries, kill_switch = hass.config_entries, hass.data[DATA_KILL_SWITCH]
    old, was_loaded = str(subentry.unique_id), entry.state is ConfigEntryState.LOADED
    if not await entries.async_unload(entry.entry_id):
        raise FormError("hub_not_loaded")
    try:
        if old != camera.did:
            await kill_switch.async_carry_holds(old, camera.did)
            _rename(hass, entry, subentry, camera.did)
        told: dict[str, Any] = {
            CONF_DID: camera.did,
            CONF_TOKEN: camera.token,
            CONF_MAC: camera.mac or subentry.data.get(CONF_MAC),
            CONF_ACCOUNT: camera.account,
            CONF_REGION: camera.region,
        }
        entries.async_update_subentry(
            entry, subentry, data={**subentry.data, **told}, unique_id=camera.did
        )
        LOGGER.info("Camera %s is now %s, as its account lists it", old, camera.did)
    except GateRecordError:
        raise FormError("gate_not_saved") from None
    finally:
        if was_loaded:
            await entries.async_setup(entry.entry_id)
    if old != camera.did:
        forget = partial(_forget, hass, entry, old)
        entry.async_on_unload(async_call_later(hass, FORGET_AFTER, forget))


@callback
def _rename(hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry, did: str) -> None:
    old = str(subentry.unique_id)
    entities, devices = er.async_get(hass), dr.async_get(hass)
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        name = entity.unique_id.removeprefix(f"{old}-")
        if entity.config_subentry_id == subentry.subentry_id and name != entity.unique_id:
            entities.async_update_entity(entity.entity_id, new_unique_id=f"{did}-{name}")
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        if (DOMAIN, old) in device.identifiers:
            devices.async_update_device(device.id, new_identifiers={(DOMAIN, did)})


@callback
def _forget(hass: HomeAssistant, entry: ConfigEntry, did: str, _now: datetime) -> None:
    if did not in known_cameras(entry):
        hass.data[DATA_KILL_SWITCH].async_forget_camera(did)


def _mac(text: object) -> str | None:
    """Return a MAC in one form, None for what is none or of nobody."""
    if not isinstance(text, str):
        return None
    mac = dr.format_mac(text)
    return mac if mac.strip("0:") else None
