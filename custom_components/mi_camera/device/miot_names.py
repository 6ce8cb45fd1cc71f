"""How properties of cameras are called.

Names are those of the MIoT specification, "service:property". A model that nobody described
gets `POWER` where every public transcription of a camera's specification has its switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class PropertyId(NamedTuple):
    """Where a property lives."""

    siid: int
    piid: int


type Names = Mapping[str, PropertyId]

POWER: Final = "camera-control:on"
