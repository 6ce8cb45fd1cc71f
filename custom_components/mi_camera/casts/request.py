"""What a cast is asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CastRequest:
    """What the action was told beside cameras and players; `duration` None: no end."""

    duration: timedelta | None = None
