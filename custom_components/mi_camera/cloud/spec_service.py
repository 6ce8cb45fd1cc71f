"""The public service that knows every model's MIoT specification.

``/miot-spec-v2/instances`` lists the models and ``/miot-spec-v2/instance?type=URN`` gives a
specification (public protocol notes). It wants no account, and is told nothing but the model.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from yarl import URL

from .errors import CloudUnavailable
from .transport import JsonValue, read_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from .transport import Transport

__all__ = ["MAX_SPEC", "SpecService"]

MAX_LIST: Final = 24 * 1024 * 1024
"""Bytes the list of all models may have: it has tens of thousands of entries."""
MAX_SPEC: Final = 512 * 1024
"""Bytes a specification may have."""


class SpecService:
    """Asks for specifications, and hands on what it gets as it is."""

    def __init__(self, transport: Transport, base: str) -> None:
        """Ask at `base`, a URL without a path."""
        self._transport = transport
        self._base = URL(base)

    async def instances(self) -> dict[str, JsonValue]:
        """Return the list of all models; raises `CloudUnavailable` or `NotAllowed`."""
        query = {"status": "released"}
        return await self._get(self._base / "miot-spec-v2/instances" % query, MAX_LIST)

    async def instance(self, urn: str) -> dict[str, JsonValue]:
        """Return a specification; raises `CloudUnavailable` or `NotAllowed`."""
        return await self._get(self._base / "miot-spec-v2/instance" % {"type": urn}, MAX_SPEC)

    def while_allowed(self, allowed: Callable[[], bool]) -> SpecService:
        """Return the same service for the requests of one call, each only if `allowed`."""
        return SpecService(self._transport.while_allowed(allowed), str(self._base))

    async def _get(self, url: URL, limit: int) -> dict[str, JsonValue]:
        answer = await self._transport.get(url, {}, limit=limit)
        if answer.status != 200:
            raise CloudUnavailable(f"status {answer.status}")
        # The list takes long enough to parse to be noticed.
        return await asyncio.get_running_loop().run_in_executor(None, read_object, answer.body)
