"""What happens to casts, as it is told to whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import callback

from ..const import DOMAIN
from ..gate_events import utc_now
from ..gate_followers import run_logged
from ..gate_news import (
    ATTR_AT,
    ATTR_BY,
    ATTR_CAMERA,
    ATTR_REASON,
    ATTR_TYPE,
    EVENT_MI_CAMERA,
    async_camera_name,
    async_device_id,
    async_user_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import Context, HomeAssistant

    from .session import EndReason

ATTR_CAMERA_ENTITY: Final = "camera_entity"
ATTR_PLAYER: Final = "media_player"


class CastEventType(StrEnum):
    """Kinds of events."""

    STARTED = "cast_started"
    """A player shows a camera; it has reported so."""
    ENDED = "cast_ended"
    """It does not any more, or never has (`EndReason.LOAD_FAILED`)."""
    REFUSED = "cast_refused"
    """A cast that was not begun by the action was ended, as the camera may not be shown there."""


@dataclass(frozen=True, slots=True)
class CastEvent:
    """One event: what, when (ISO 8601, UTC), which camera (its did and entity), where, why."""

    type: CastEventType
    did: str
    camera: str | None
    player: str
    reason: EndReason | None = None
    context: Context | None = field(default=None, repr=False)
    at: str = field(default_factory=utc_now)


class CastNews:
    """Tells whoever follows the casts; one that fails keeps nobody else from being told."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without followers."""
        self._hass = hass
        self._on_change: list[Callable[[], None]] = []
        self._on_event: list[Callable[[CastEvent], None]] = []

    @callback
    def async_on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever other casts run than before; returns the undoing."""
        self._on_change.append(listener)
        return lambda: self._on_change.remove(listener)

    @callback
    def async_on_event(self, listener: Callable[[CastEvent], None]) -> Callable[[], None]:
        """Call `listener` with each event; returns the undoing."""
        self._on_event.append(listener)
        return lambda: self._on_event.remove(listener)

    @callback
    def changed(self) -> None:
        """Tell that other casts run than before."""
        run_logged(tuple(self._on_change))

    @callback
    def tell(self, event: CastEvent) -> None:
        """Tell of an event, also on the bus."""
        run_logged([partial(one, event) for one in self._on_event])
        self._hass.async_create_task(self._async_fire(event), f"{DOMAIN} news {event.type}")

    async def _async_fire(self, event: CastEvent) -> None:
        self._hass.bus.async_fire(
            EVENT_MI_CAMERA,
            {
                ATTR_TYPE: event.type.value,
                ATTR_DEVICE_ID: async_device_id(self._hass, event.did),
                **await async_describe_cast(self._hass, event),
            },
            context=event.context,
        )


async def async_describe_cast(hass: HomeAssistant, event: CastEvent) -> dict[str, Any]:
    """Return what there is to say about an event: the attributes of the event entity."""
    return {
        ATTR_AT: event.at,
        ATTR_BY: await async_user_name(hass, event.context.user_id if event.context else None),
        ATTR_REASON: event.reason.value if event.reason else None,
        ATTR_CAMERA: async_camera_name(hass, event.did),
        ATTR_CAMERA_ENTITY: event.camera,
        ATTR_PLAYER: event.player,
    }
