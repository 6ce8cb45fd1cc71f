"""The logbook's words for what happens to the gate.

Home Assistant has no translations for the logbook. The names of the event entity's types
and attributes are translated, so these are used, in the language Home Assistant is set to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import callback
from homeassistant.helpers.translation import async_get_cached_translations

from .casts.news import ATTR_PLAYER, CastEventType
from .const import DOMAIN
from .gate_news import ATTR_BY, ATTR_CAMERA, ATTR_REASON, ATTR_TYPE, CUT_KINDS, EVENT_MI_CAMERA

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.logbook.models import LazyEventPartialState
    from homeassistant.core import HomeAssistant

HUB_NAME = "Mi Camera"
COLONS = {"fr": "\N{NO-BREAK SPACE}: ", "zh-Hans": "："}
"""Where it is not written as in English."""


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[LazyEventPartialState], dict[str, Any]]], None
    ],
) -> None:
    """Describe the integration's one event."""

    def describe(event: LazyEventPartialState) -> dict[str, Any]:
        data = event.data
        words = async_get_cached_translations(hass, hass.config.language, "entity", DOMAIN)

        what = str(data.get(ATTR_TYPE))
        entity = "casts" if what in CastEventType else "gate"

        def word(path: str, otherwise: str) -> str:
            key = f"component.{DOMAIN}.entity.event.{entity}.state_attributes.{path}"
            return words.get(key, otherwise.replace("_", " "))

        colon = COLONS.get(hass.config.language, ": ")
        parts = [word(f"event_type.state.{what}", what)]
        parts += [
            f"{word(f'{key}.name', key)}{colon}{word(f'{key}.state.{value}', str(value))}"
            if (entity, key) == ("casts", ATTR_REASON)
            else f"{word(f'{key}.name', key)}{colon}{value}"
            for key in (ATTR_PLAYER, ATTR_BY, ATTR_REASON, *(f"cut_{kind}" for kind in CUT_KINDS))
            if (value := data.get(key))
        ]
        return {
            LOGBOOK_ENTRY_NAME: data.get(ATTR_CAMERA) or HUB_NAME,
            LOGBOOK_ENTRY_MESSAGE: " · ".join(parts),
        }

    async_describe_event(DOMAIN, EVENT_MI_CAMERA, describe)
