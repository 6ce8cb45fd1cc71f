"""Options of the hub: what a user may choose about how strict it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"violation_limit": (0, 100), "still_max_age": (2, 60), "stall": (2, 30)}
)
"""Smallest and largest value of each number."""


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Kept flat in the entry's options, beside the copy of the gate's record."""

    sleep_lenses: bool = False
    """Put the cameras' lenses to sleep when all pictures are switched off."""
    violation_limit: int = 3
    """Violations of any camera after which all pictures are switched off; 0 means never."""
    still_max_age: int = 10
    """Seconds after its capture for which a still may be shown."""
    stall: int = 5
    """Seconds without a new picture after which a stream ends."""
    cloud_control: bool = False
    """Control cameras that are silent on the LAN by their account's cloud."""

    @classmethod
    def parse(cls, options: Mapping[str, object]) -> Self:
        """Return what `options` say; what is missing or wrong there is as by default."""
        fitting: dict[str, Any] = {
            one.name: options[one.name] for one in fields(cls) if _fits(one.name, options)
        }
        return cls(**fitting)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON-able data."""
        return asdict(self)


def _fits(name: str, options: Mapping[str, object]) -> bool:
    value = options.get(name)
    if name not in LIMITS:
        return isinstance(value, bool)
    low, high = LIMITS[name]
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
