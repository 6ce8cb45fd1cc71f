"""What carries a camera's calls: the LAN's endpoint, or something in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .library import MiioLibrary
    from .packet import Hello, JsonValue


class MiioCaller(Protocol):
    """The part of `MiioEndpoint` that a `CameraDevice` needs; same meanings."""

    @property
    def library(self) -> MiioLibrary:
        """python-miio; raises `MiioClosed` before it is loaded."""

    async def hello(self, host: str, timeout: float = 3.0, *, allowed: Callable[[], bool]) -> Hello:
        """Ask who is at `host`."""

    async def request(
        self,
        host: str,
        token: bytes,
        method: str,
        params: JsonValue,
        *,
        allowed: Callable[[], bool],
        timeout: float = 3.0,
        attempts: int = 2,
        did: int | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Call a method and return its result."""
