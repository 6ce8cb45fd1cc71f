"""Actions."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.const import ATTR_ENTITY_ID
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

from .casts.announcement import MAX_TEXT
from .casts.request import CastQuality, CastRequest
from .casts.session import CastTarget
from .const import DOMAIN
from .exceptions import MiCameraError, MiCameraInputError
from .kill_switch import DATA_KILL_SWITCH, MAX_REASON
from .miss.motor import MAX_POSITION, MIN_POSITION, MotorOperation
from .ptz import MAX_STEPS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from homeassistant.util.json import JsonValueType

    from .coordinator import CameraCoordinator
    from .hub import Hub
    from .lens import Lens
    from .miss.motor import MotorPosition
    from .ptz import Motor
    from .settings import CameraSettings

SERVICE_CAST = "cast"
SERVICE_STOP_CAST = "stop_cast"
SERVICE_PTZ = "ptz"
SERVICE_PTZ_POSITION = "ptz_position"
SERVICE_GET_PROPERTY = "get_property"
SERVICE_SET_PROPERTY = "set_property"
SERVICE_CALL_ACTION = "call_action"
SERVICE_DISABLE_ALL = "disable_all"
SERVICE_ENABLE_ALL = "enable_all"

ATTR_MEDIA_PLAYER = "media_player"
ATTR_DURATION = "duration"
ATTR_ANNOUNCE = "announce"
ATTR_QUALITY = "quality"
ATTR_REASON = "reason"
ATTR_DIRECTION = "direction"
ATTR_STEPS = "steps"
ATTR_ANGLE = "angle"
ATTR_ELEVATION = "elevation"
ATTR_PROPERTY = "property"
ATTR_VALUE = "value"
ATTR_ACTION = "action"
ATTR_INPUTS = "inputs"

MAX_DURATION = timedelta(days=7)

PLAYERS = vol.All(cv.ensure_list, [cv.entity_domain("media_player")], vol.Length(min=1, max=16))

CAST_SCHEMA = cv.make_entity_service_schema(
    {
        vol.Required(ATTR_MEDIA_PLAYER): PLAYERS,
        vol.Optional(ATTR_DURATION): vol.All(cv.positive_time_period, vol.Range(max=MAX_DURATION)),
        vol.Optional(ATTR_QUALITY, default=CastQuality.AUTO): vol.Coerce(CastQuality),
        vol.Optional(ATTR_ANNOUNCE): vol.All(cv.string, vol.Strip, vol.Length(min=1, max=MAX_TEXT)),
    }
)
STOP_CAST_SCHEMA = vol.Schema(
    {**cv.TARGET_SERVICE_FIELDS, vol.Optional(ATTR_MEDIA_PLAYER): PLAYERS}
)
DIRECTIONS = (
    MotorOperation.LEFT,
    MotorOperation.RIGHT,
    MotorOperation.UP,
    MotorOperation.DOWN,
    MotorOperation.LEFT_UP,
    MotorOperation.RIGHT_UP,
    MotorOperation.LEFT_DOWN,
    MotorOperation.RIGHT_DOWN,
    MotorOperation.STOP,
)
PTZ_SCHEMA = cv.make_entity_service_schema(
    {
        vol.Required(ATTR_DIRECTION): vol.In([direction.value for direction in DIRECTIONS]),
        vol.Optional(ATTR_STEPS, default=1): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=MAX_STEPS)
        ),
    }
)
POSITION = vol.All(vol.Coerce(int), vol.Range(min=MIN_POSITION, max=MAX_POSITION))
PTZ_POSITION_SCHEMA = cv.make_entity_service_schema(
    {
        vol.Inclusive(ATTR_ANGLE, "position"): POSITION,
        vol.Inclusive(ATTR_ELEVATION, "position"): POSITION,
    }
)
MIOT_NAME = cv.matches_regex(r"[a-z0-9-]{1,80}:[a-z0-9-]{1,80}\Z")
SCALAR = vol.Any(bool, int, float, vol.All(str, vol.Length(max=256)))
GET_PROPERTY_SCHEMA = cv.make_entity_service_schema({vol.Required(ATTR_PROPERTY): MIOT_NAME})
SET_PROPERTY_SCHEMA = cv.make_entity_service_schema(
    {vol.Required(ATTR_PROPERTY): MIOT_NAME, vol.Required(ATTR_VALUE): SCALAR}
)
CALL_ACTION_SCHEMA = cv.make_entity_service_schema(
    {
        vol.Required(ATTR_ACTION): MIOT_NAME,
        vol.Optional(ATTR_INPUTS, default=[]): vol.All([SCALAR], vol.Length(max=32)),
    }
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
    register(DOMAIN, SERVICE_PTZ, _ptz, PTZ_SCHEMA, supports_response=SupportsResponse.OPTIONAL)
    register(
        DOMAIN,
        SERVICE_PTZ_POSITION,
        _ptz_position,
        PTZ_POSITION_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    register(
        DOMAIN,
        SERVICE_GET_PROPERTY,
        _get_property,
        GET_PROPERTY_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    register(DOMAIN, SERVICE_SET_PROPERTY, _set_property, SET_PROPERTY_SCHEMA)
    register(
        DOMAIN,
        SERVICE_CALL_ACTION,
        _call_action,
        CALL_ACTION_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    register(DOMAIN, SERVICE_DISABLE_ALL, _disable_all, REASON_SCHEMA)
    register(DOMAIN, SERVICE_ENABLE_ALL, _enable_all, REASON_SCHEMA)


def _hub(hass: HomeAssistant) -> Hub:
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        return cast("Hub", entry.runtime_data)
    raise MiCameraError("hub_not_loaded")


def _lenses(call: ServiceCall, hub: Hub) -> dict[str, Lens]:
    """Return the lenses a call is aimed at, by entity id, in the order they are named."""
    selected = async_extract_referenced_entity_ids(call.hass, TargetSelection(call.data))
    registry = er.async_get(call.hass)
    lenses = {
        f"{coordinator.config.did}-{lens.key}": lens
        for coordinator in hub.cameras.values()
        for lens in coordinator.lenses
    }
    found: dict[str, Lens] = {}
    # Home Assistant's selection is a set, in which the order is lost.
    named = [one for one in call.data.get(ATTR_ENTITY_ID) or () if one in selected.referenced]
    others = sorted((selected.referenced | selected.indirectly_referenced) - set(named))
    for entity_id in dict.fromkeys([*named, *others]):
        entry = registry.async_get(entity_id)
        if entry is not None and entry.platform == DOMAIN and entry.domain == CAMERA_DOMAIN:
            lens = lenses.get(entry.unique_id)
            if lens is not None:
                found[entity_id] = lens
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
    lenses = _lenses(call, hub)
    players = list(dict.fromkeys(call.data[ATTR_MEDIA_PLAYER]))
    await _require_control(call, [*lenses, *players])
    targets = _targets(lenses, players)
    sessions = await hub.casts.async_cast(targets, _cast_request(call), call.context)
    return {"sessions": [session.as_dict() for session in sessions]}


def _cast_request(call: ServiceCall) -> CastRequest:
    duration = call.data.get(ATTR_DURATION)
    if duration == timedelta():
        # Perhaps it is meant as "without an end"; a camera is shown that long only if it is said.
        raise MiCameraInputError("cast_no_time")
    return CastRequest(
        duration=duration,
        quality=call.data[ATTR_QUALITY],
        announcement=call.data.get(ATTR_ANNOUNCE),
    )


def _targets(lenses: Mapping[str, Lens], players: list[str]) -> list[CastTarget]:
    """Return what to show where: one camera everywhere, or the first on the first and so on."""
    if not lenses:
        raise MiCameraInputError("no_camera")
    cameras = list(lenses.items())
    if len(cameras) == 1:
        cameras *= len(players)
    if len(cameras) != len(players):
        raise MiCameraInputError("cast_pairs", cameras=str(len(cameras)), players=str(len(players)))
    return [
        CastTarget(lens, entity_id, player)
        for (entity_id, lens), player in zip(cameras, players, strict=True)
    ]


async def _stop_cast(call: ServiceCall) -> ServiceResponse:
    hub = _hub(call.hass)
    targeted = any(call.data.get(str(key)) for key in cv.TARGET_SERVICE_FIELDS)
    lenses = _lenses(call, hub) if targeted else None
    await _require_control(call, lenses)
    ended = await hub.casts.async_end_all(
        lenses.values() if lenses is not None else None,
        call.data.get(ATTR_MEDIA_PLAYER),
        call.context,
    )
    return {"sessions": [session.as_dict() for session in ended]}


async def _ptz(call: ServiceCall) -> ServiceResponse:
    direction, steps = MotorOperation(call.data[ATTR_DIRECTION]), call.data[ATTR_STEPS]

    async def turn(motor: Motor) -> MotorPosition | None:
        if direction is MotorOperation.STOP:
            return await motor.async_stop()
        return await motor.async_step(direction, steps)

    return await _turn(call, turn)


async def _ptz_position(call: ServiceCall) -> ServiceResponse:
    angle, elevation = call.data.get(ATTR_ANGLE), call.data.get(ATTR_ELEVATION)
    return await _turn(call, lambda motor: motor.async_position(angle, elevation))


async def _turn(
    call: ServiceCall, turn: Callable[[Motor], Awaitable[MotorPosition | None]]
) -> ServiceResponse:
    """Turn each camera once, whichever of its lenses are named; answer by entity id."""
    hub = _hub(call.hass)
    lenses = _lenses(call, hub)
    await _require_control(call, lenses)
    if not lenses:
        raise MiCameraInputError("no_camera")
    motors = list({lens.coordinator.motor: None for lens in lenses.values()})
    positions = dict(
        zip(motors, await asyncio.gather(*(turn(motor) for motor in motors)), strict=True)
    )
    return {
        entity_id: _position(positions[lens.coordinator.motor])
        for entity_id, lens in lenses.items()
    }


def _position(position: MotorPosition | None) -> dict[str, JsonValueType]:
    return {
        "angle": position.angle if position else None,
        "elevation": position.elevation if position else None,
        "at_end": position.at_end if position else False,
    }


async def _settings(call: ServiceCall) -> dict[str, CameraSettings]:
    """Return the settings of the cameras that a call is aimed at, by entity id."""
    lenses = _lenses(call, _hub(call.hass))
    await _require_control(call, lenses)
    if not lenses:
        raise MiCameraInputError("no_camera")
    # Both lenses of a camera have the same settings.
    cameras: dict[CameraCoordinator, str] = {}
    for entity_id, lens in lenses.items():
        cameras.setdefault(lens.coordinator, entity_id)
    return {entity_id: camera.settings for camera, entity_id in cameras.items()}


async def _get_property(call: ServiceCall) -> ServiceResponse:
    name = call.data[ATTR_PROPERTY]
    settings = await _settings(call)
    told = await asyncio.gather(*(one.async_get([name]) for one in settings.values()))
    return {
        entity_id: {ATTR_VALUE: values.get(name)}
        for entity_id, values in zip(settings, told, strict=True)
    }


async def _set_property(call: ServiceCall) -> None:
    settings = await _settings(call)
    await asyncio.gather(
        *(
            one.async_set(call.data[ATTR_PROPERTY], call.data[ATTR_VALUE])
            for one in settings.values()
        )
    )


async def _call_action(call: ServiceCall) -> ServiceResponse:
    settings = await _settings(call)
    given = await asyncio.gather(
        *(
            one.async_act(call.data[ATTR_ACTION], call.data[ATTR_INPUTS])
            for one in settings.values()
        )
    )
    return {
        entity_id: {"outputs": list(outputs)}
        for entity_id, outputs in zip(settings, given, strict=True)
    }


async def _disable_all(call: ServiceCall) -> None:
    await _require_control(call, None)
    kill_switch = call.hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage(call.data.get(ATTR_REASON), call.context)


async def _enable_all(call: ServiceCall) -> None:
    kill_switch = call.hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_require_admin(call.context)
    await kill_switch.async_release(call.data.get(ATTR_REASON), call.context)
