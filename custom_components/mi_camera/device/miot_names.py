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
POWER_ELSEWHERE: Final = ("video-doorbell:on",)
"""What the same is called in the specifications of other kinds of cameras."""


def aliases(name: str) -> tuple[str, str]:
    """Return a property's name, and that without its service.

    What only some vendors have is known by the second: its name is not one that another
    service could have too, and nobody has told how the service is called.
    """
    return name, name.partition(":")[2]
