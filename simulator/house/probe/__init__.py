"""A test instrument inside Home Assistant: counts what only the process itself can count.

The house puts it into its own configuration, and nowhere else. It knows nothing of any
integration: the names of what is to be counted come with the question.
"""

from __future__ import annotations

import asyncio
from collections import Counter
import gc
from http import HTTPStatus
import threading
from typing import TYPE_CHECKING, Final

from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.helpers import config_validation as cv

if TYPE_CHECKING:
    from aiohttp import web
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.typing import ConfigType

DOMAIN: Final = "house_probe"
CONFIG_SCHEMA = cv.empty_config_schema(DOMAIN)
POOL: Final = "SyncWorker"
"""How the threads of Home Assistant's pool are called: they come with the load and stay."""


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the view."""
    del config
    hass.http.register_view(ProbeView())
    return True


class ProbeView(HomeAssistantView):
    """``GET /api/house_probe?types=A,B&lengths=key,key.key``, for administrators.

    Answers {"tasks": {name: count}, "objects": {type: count}, "lengths": {key: length},
    "listeners": {event: count}, "timers": count, "pool": threads of Home Assistant's pool}.
    `types` are names of classes, `lengths` keys of ``hass.data``, of a mapping in it after a dot.
    """

    url = "/api/house_probe"
    name = "api:house_probe"

    async def get(self, request: web.Request) -> web.Response:
        """Collect garbage and count."""
        if not request[KEY_HASS_USER].is_admin:
            return self.json_message("administrators only", HTTPStatus.FORBIDDEN)
        hass = request.app[KEY_HASS]
        types = [name for name in request.query.get("types", "").split(",") if name]
        lengths = [key for key in request.query.get("lengths", "").split(",") if key]
        gc.collect()
        tasks = Counter(_kind(task) for task in asyncio.all_tasks())
        return self.json(
            {
                "tasks": tasks,
                "objects": _objects(types),
                "lengths": {key: _length(hass, key) for key in lengths},
                "listeners": hass.bus.async_listeners(),
                "timers": len(getattr(hass.loop, "_scheduled", ())),
                "pool": sum(one.name.startswith(POOL) for one in threading.enumerate()),
            }
        )


def _kind(task: asyncio.Task[object]) -> str:
    """Return a task's name, or what it runs if nobody has given it a name."""
    name = task.get_name()
    if name.startswith("Task-"):
        return getattr(task.get_coro(), "__qualname__", name)
    return name


def _objects(types: list[str]) -> dict[str, int]:
    counts = dict.fromkeys(types, 0)
    for one in gc.get_objects():
        if (name := type(one).__name__) in counts:
            counts[name] += 1
    return counts


def _length(hass: HomeAssistant, key: str) -> int:
    name, _, inner = key.partition(".")
    found: object = hass.data.get(name)
    if inner:
        found = found.get(inner) if isinstance(found, dict) else None
    return len(found) if hasattr(found, "__len__") else 0
