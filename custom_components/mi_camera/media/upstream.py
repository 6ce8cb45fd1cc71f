"""Where a feed gets its pictures and its sound from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..gate import Permit
    from ..miss import MissKeys
    from .access_unit import AccessUnit, SoundUnit, Source
    from .link import CameraLink

__all__ = [
    "Connect",
    "KeySource",
    "MissUpstream",
    "Quality",
    "Trouble",
    "Upstream",
    "UpstreamError",
]

type Quality = Literal["best", "low", "small"]
"""Which picture is wanted: the best the camera has, a small one or else any, or only a small one."""


class Trouble(StrEnum):
    """Why there is no picture."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BUSY = "busy"
    ASLEEP = "asleep"
    NO_KEYS = "no_keys"
    BROKEN = "broken"
    ENCODER = "encoder"
    """There is no ffmpeg that makes a rendition."""
    ENCODERS_TAKEN = "encoders_taken"
    """As many renditions are made already as this machine can."""


class UpstreamError(Exception):
    """There is no picture to be had now."""

    def __init__(self, trouble: Trouble) -> None:
        """Say which trouble it is."""
        super().__init__(trouble.value)
        self.trouble = trouble


class Upstream(Protocol):
    """A running session with a camera."""

    session: int

    def abort(self) -> None:
        """Cut at once; no unit comes after this returns."""

    async def close(self) -> None:
        """End politely, within a bound; never raises."""


class KeySource(Protocol):
    """Gives the keys for a session with one camera."""

    def __call__(self, *, fresh: bool) -> Awaitable[MissKeys]:
        """Return keys, new ones from the cloud when `fresh`.

        Raises:
            UpstreamError: no keys can be had.
        """


type Connect = Callable[
    [Permit, Callable[[AccessUnit | SoundUnit], None], Callable[[], None]], Awaitable[Upstream]
]
"""Open an upstream under a permit, given where units go and what to call when it ends."""


class MissUpstream:
    """The pictures of one lens, and its camera's sound, over the camera's link."""

    def __init__(
        self,
        source: Source,
        link: CameraLink,
        *,
        quality: Callable[[], Quality] = lambda: "best",
        sound: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make an upstream; nothing is opened.

        `quality` and `sound` are asked at each connecting.
        """
        self.source = source
        self._link = link
        self._quality = quality
        self._sound = sound

    async def connect(
        self,
        permit: Permit,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> Upstream:
        """Open the lens and return once its first picture is on its way.

        Raises:
            UpstreamError: with the trouble that was met.
        """
        return await self._link.open_lens(
            self.source,
            permit,
            quality=self._quality(),
            sound=self._sound(),
            on_unit=on_unit,
            on_closed=on_closed,
        )
