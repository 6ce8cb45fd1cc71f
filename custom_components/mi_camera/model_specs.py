"""What each model can do: fetched once from the public service, kept, and used offline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.storage import Store

from .cloud import CloudError, SpecService
from .cloud.transport import Transport
from .const import DOMAIN, LOGGER
from .device import MiotSpec, SpecError, find_urn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from homeassistant.core import HomeAssistant

STORE_KEY: Final = f"{DOMAIN}.specs"
STORE_VERSION: Final = 1
SAVE_DELAY: Final = 5.0
MAX_MODELS: Final = 64
FRESH: Final = 90 * 24 * 3600.0
"""Seconds after which a specification is fetched again; models get new versions now and then."""
AGAIN: Final = 3600.0
"""Seconds for which nothing is asked after it was in vain."""


class _SpecStore(Store[dict[str, Any]]):
    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: dict[str, Any]
    ) -> dict[str, Any]:
        return {}


class ModelSpecs:
    """Specifications by model. They are no secret, and nothing but models is told to get them."""

    def __init__(self, hass: HomeAssistant, base: str) -> None:
        """Know none yet; `base` is the service's URL."""
        self._hass = hass
        self._service = SpecService(Transport(async_get_clientsession(hass)), base)
        self._store = _SpecStore(hass, STORE_VERSION, STORE_KEY, atomic_writes=True)
        self._raw: dict[str, dict[str, Any]] = {}
        self._specs: dict[str, MiotSpec] = {}
        self._asking = asyncio.Lock()
        self._not_before: dict[str, float] = {}

    async def async_load(self) -> None:
        """Read what is kept; what is damaged is fetched again."""
        stored = await self._store.async_load()
        models = stored.get("models") if isinstance(stored, dict) else None
        for model, kept in models.items() if isinstance(models, dict) else ():
            try:
                self._specs[model] = MiotSpec.parse(kept["spec"])
                self._raw[model] = {"fetched": float(kept["fetched"]), "spec": kept["spec"]}
            except (SpecError, KeyError, TypeError, ValueError) as err:
                LOGGER.debug("The stored specification of %s is not used: %s", model, err)
                self._specs.pop(model, None)

    async def async_save(self) -> None:
        """Write what is not written yet, as the hub goes away."""
        if self._raw:
            await self._store.async_save(self._data())

    async def async_remove(self) -> None:
        """Forget everything, and delete the file."""
        self._raw.clear()
        self._specs.clear()
        await self._store.async_remove()

    @callback
    def get(self, model: str) -> MiotSpec | None:
        """Return what is kept of a model."""
        return self._specs.get(model)

    @callback
    def is_wanted(self, model: str) -> bool:
        """Whether a model's specification should be fetched now."""
        if time.monotonic() < self._not_before.get(model, 0.0):
            return False
        kept = self._raw.get(model)
        return kept is None or not -FRESH < time.time() - kept["fetched"] < FRESH

    async def async_fetch(self, model: str, allowed: Callable[[], bool]) -> MiotSpec | None:
        """Fetch a model's specification, each request only if `allowed`; None if in vain."""
        async with self._asking:
            if not self.is_wanted(model):
                return self._specs.get(model)
            try:
                raw, spec = await self._async_ask(self._service.while_allowed(allowed), model)
            except (CloudError, SpecError) as err:
                self._not_before[model] = time.monotonic() + AGAIN
                LOGGER.debug("No specification of %s: %s", model, err)
                return None
            if len(self._raw) >= MAX_MODELS:
                oldest = min(self._raw, key=lambda one: self._raw[one]["fetched"])
                del self._raw[oldest], self._specs[oldest]
            self._specs[model] = spec
            self._raw[model] = {"fetched": time.time(), "spec": raw}
            self._store.async_delay_save(self._data, SAVE_DELAY)
            return spec

    async def _async_ask(self, service: SpecService, model: str) -> tuple[Any, MiotSpec]:
        instances = await service.instances()
        urn = await self._hass.async_add_executor_job(find_urn, instances, model)
        if urn is None:
            raise SpecError("the model is not listed")
        raw = await service.instance(urn)
        spec = MiotSpec.parse(raw)
        if spec.urn != urn:
            raise SpecError("the specification of another model")
        return raw, spec

    @callback
    def keep_only(self, models: Collection[str]) -> None:
        """Forget models that no camera is of any more."""
        for model in [one for one in self._raw if one not in models]:
            del self._raw[model], self._specs[model]
            self._store.async_delay_save(self._data, SAVE_DELAY)

    def _data(self) -> dict[str, Any]:
        return {"models": self._raw}
