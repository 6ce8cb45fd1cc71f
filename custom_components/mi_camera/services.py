"""Actions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
import probatio as vol

from .const import DOMAIN
from .exceptions import MiCameraError, MiCameraInputError
from .kill_switch import DATA_KILL_SWITCH, MAX_REASON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .coordinator import CameraCoordinator
    from .hub import Hub

SERVICE_CAST = "cast"
SERVICE_STOP_CAST = "stop_cast"
SERVICE_DISABLE_ALL = "disable_all"
SERVICE_ENABLE_ALL = "enable_all"

ATTR_MEDIA_PLAYER = "media_player"
ATTR_DURATION = "duration"
ATTR_REASON = "reason"

MAX_DURATION = timedelta(days=7)

PLAYERS = vol.All(cv.ensure_list, [cv.entity_domain("media_player")], vol.Length(min=1, max=16))

CAST_SCHEMA = cv.make_entity_service_schema(
    {
        vol.Required(ATTR_MEDIA_PLAYER): PLAYERS,
        vol.Optional(ATTR_DURATION): vol.All(cv.positive_time_period, vol.Range(max=MAX_DURATION)),
    }
)
STOP_CAST_SCHEMA = vol.Schema(
    {**cv.TARGET_SERVICE_FIELDS, vol.Optional(ATTR_MEDIA_PLAYER): PLAYERS}
)
REASON_SCHEMA = vol.Schema(
    {vol.Optional(ATTR_REASON): vol.All(cv.string, vol.Length(max=MAX_REASON))}
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; they exist whatever state the hub is in."""
    register = hass.services.async_register
    register(DOMAIN, SERVICE_CAST, _cast, CAST_SCHEMA, supports_response=SupportsResponse.OPTIONAL)
    register(
        DOMAIN,
        SERVICE_STOP_CAST,
        _stop_cast,
        STOP_CAST_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    register(DOMAIN, SERVICE_DISABLE_ALL, _disable_all, REASON_SCHEMA)
    register(DOMAIN, SERVICE_ENABLE_ALL, _enable_all, REASON_SCHEMA)


def _hub(hass: HomeAssistant) -> Hub:
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        return cast("Hub", entry.runtime_data)
    raise MiCameraError("hub_not_loaded")


def _cameras(call: ServiceCall, hub: Hub) -> dict[str, CameraCoordinator]:
    """Return the cameras a call is aimed at, by entity id."""
    selected = async_extract_referenced_entity_ids(call.hass, TargetSelection(call.data))
    registry = er.async_get(call.hass)
    by_did = {coordinator.config.did: coordinator for coordinator in hub.cameras.values()}
    found: dict[str, CameraCoordinator] = {}
    for entity_id in sorted(selected.referenced | selected.indirectly_referenced):
        entry = registry.async_get(entity_id)
        if entry is not None and entry.platform == DOMAIN and entry.domain == CAMERA_DOMAIN:
            did = entry.unique_id.partition("-")[0]
            if did in by_did:
                found[entity_id] = by_did[did]
                continue
        if entity_id in selected.referenced:
            raise MiCameraInputError("not_our_camera", entity=entity_id)
    return found


async def _require_control(call: ServiceCall, entity_ids: Iterable[str] | None) -> None:
    """Refuse users who may only look (None: who may not control everything)."""
    if call.context.user_id is None:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise Unauthorized(context=call.context)
    allowed = (
        user.permissions.access_all_entities(POLICY_CONTROL)
        if entity_ids is None
        else all(user.permissions.check_entity(one, POLICY_CONTROL) for one in entity_ids)
    )
    if not allowed:
        raise Unauthorized(context=call.context, permission=POLICY_CONTROL)


async def _cast(call: ServiceCall) -> ServiceResponse:
    hub = _hub(call.hass)
    cameras = _cameras(call, hub)
    await _require_control(call, cameras)
    if len(cameras) != 1:
        raise MiCameraInputError("one_camera")
    ((entity_id, coordinator),) = cameras.items()
    players = list(dict.fromkeys(call.data[ATTR_MEDIA_PLAYER]))
    sessions = await hub.casts.async_cast(
        coordinator, entity_id, players, call.data.get(ATTR_DURATION), call.context
    )
    return {"sessions": [session.as_dict() for session in sessions]}


async def _stop_cast(call: ServiceCall) -> ServiceResponse:
    hub = _hub(call.hass)
    targeted = any(call.data.get(str(key)) for key in cv.TARGET_SERVICE_FIELDS)
    cameras = _cameras(call, hub) if targeted else None
    await _require_control(call, cameras)
    ended = await hub.casts.async_end_all(
        cameras.values() if cameras is not None else None, call.data.get(ATTR_MEDIA_PLAYER)
    )
    return {"sessions": [session.as_dict() for session in ended]}


async def _disable_all(call: ServiceCall) -> None:
    await _require_control(call, None)
    await call.hass.data[DATA_KILL_SWITCH].async_engage(call.data.get(ATTR_REASON))


async def _enable_all(call: ServiceCall) -> None:
    kill_switch = call.hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_require_admin(call.context)
    await kill_switch.async_release(call.data.get(ATTR_REASON))
