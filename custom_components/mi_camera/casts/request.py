"""What a cast is asked to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class CastQuality(StrEnum):
    """Which pictures are asked for."""

    AUTO = "auto"
    """The best that the player can show without a second session with the camera."""
    HIGH = "high"
    """The camera's best, or a rendition of them."""
    LOW = "low"
    """The camera's small ones, if it has some that the player can show."""


@dataclass(frozen=True, slots=True)
class CastRequest:
    """What the action was told beside cameras and players; `duration` None: no end."""

    duration: timedelta | None = None
    quality: CastQuality = CastQuality.AUTO
    announcement: str | None = field(default=None, repr=False)
    """What to say in the sound of the cast."""
