"""What is broken, one at a time: a list kept in the order of the promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .addresses import ADDRESSES
from .cast_hls import CAST_HLS
from .cast_policy import CAST_POLICY
from .displays import DISPLAYS
from .event_pictures import EVENT_PICTURES
from .events import EVENTS
from .exits import EXITS
from .freshness import FRESHNESS
from .identity import IDENTITY
from .permits import PERMITS
from .renditions import RENDITIONS
from .settings import SETTINGS
from .switch import SWITCH

if TYPE_CHECKING:
    from .mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *PERMITS,
    *EXITS,
    *CAST_HLS,
    *RENDITIONS,
    *CAST_POLICY,
    *ADDRESSES,
    *FRESHNESS,
    *SWITCH,
    *IDENTITY,
    *SETTINGS,
    *EVENT_PICTURES,
    *EVENTS,
    *DISPLAYS,
)
