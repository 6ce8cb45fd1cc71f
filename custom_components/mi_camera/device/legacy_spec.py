"""The older cameras' settings under the names newer ones have, and how they are set.

The older commands are those of python-miio's `ChuangmiCamera`; the values are what
`LegacyCamera.status` makes of its answers. Who shows settings need not know which kind of
camera it is: these have a `MiotSpec` too, with no numbers in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .miot_names import POWER, PropertyId
from .miot_spec import Access, MiotSpec, SpecAction, SpecProperty, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .miot import Scalar

__all__ = ["LEGACY", "LEGACY_ACTIONS", "LEGACY_SPEC", "LegacyProperty"]

_NOWHERE: Final = PropertyId(0, 0)
_READ_WRITE: Final = frozenset({Access.READ, Access.WRITE})


@dataclass(frozen=True, slots=True)
class LegacyProperty:
    """One setting.

    `name` is the older command set's; `values` what its values are called here, empty where
    they are the same; `write` calls python-miio's class, None where nothing sets it.
    """

    name: str
    spec: SpecProperty
    values: Mapping[Scalar, Scalar] = MappingProxyType({})
    write: Callable[[Any, Scalar], object] | None = None

    def read(self, value: Scalar) -> Scalar | None:
        """Return what a value of the older commands is called here, None if it is none."""
        return self.values.get(value) if self.values else value


def _switch(name: str, on: str, off: str) -> LegacyProperty:
    return LegacyProperty(
        name,
        SpecProperty(_NOWHERE, "bool", _READ_WRITE),
        write=lambda camera, value: getattr(camera, on if value else off)(),
    )


def _choice(name: str, *choices: tuple[Scalar, int, str, str]) -> LegacyProperty:
    """Describe a choice: of each value the older name, the number here, the text, the method."""
    methods = {number: method for _, number, _, method in choices}
    return LegacyProperty(
        name,
        SpecProperty(
            _NOWHERE,
            "uint16",
            _READ_WRITE,
            values=tuple(Value(number, text) for _, number, text, _ in choices),
        ),
        {older: number for older, number, _, _ in choices},
        lambda camera, value: getattr(camera, methods[int(value)])(),
    )


LEGACY: Final[Mapping[str, LegacyProperty]] = MappingProxyType(
    {
        POWER: _switch("power", "on", "off"),
        "camera-control:image-rollover": _choice(
            "flip", (False, 0, "0", "flip_off"), (True, 180, "180", "flip_on")
        ),
        "camera-control:night-shot": _choice(
            "night_mode",
            (0, 0, "Auto", "night_mode_auto"),
            (1, 1, "Off", "night_mode_off"),
            (2, 2, "On", "night_mode_on"),
        ),
        "camera-control:time-watermark": _switch("watermark", "watermark_on", "watermark_off"),
        "camera-control:wdr-mode": _switch("wdr", "wdr_on", "wdr_off"),
        "camera-control:glimmer-full-color": _switch(
            "full_color", "full_color_on", "full_color_off"
        ),
        "camera-control:recording-mode": _choice(
            "motion_record",
            (False, 0, "Continue Record", "motion_record_off"),
            (True, 1, "Dynamic Record", "motion_record_on"),
            ("stop", 2, "Stop Record", "motion_record_stop"),
        ),
        "indicator-light:on": _switch("light", "light_on", "light_off"),
        "memory-card-management:status": LegacyProperty(
            "sdcard_status", SpecProperty(_NOWHERE, "uint8", frozenset({Access.READ}))
        ),
    }
)
"""By MIoT name. What the numbers of the card's state mean is told nowhere."""

LEGACY_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "memory-card-management:format": "sd_format",
        "memory-card-management:pop-up": "sd_umount",
        "camera-control:restart-device": "restart_device",
    }
)
"""Methods without parameters (public protocol notes)."""

LEGACY_SPEC: Final = MiotSpec(
    "urn:mi-camera:device:camera:00000000:legacy",
    {name: one.spec for name, one in LEGACY.items()},
    {name: SpecAction(0, 0) for name in LEGACY_ACTIONS},
)
