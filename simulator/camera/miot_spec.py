"""What a simulated camera's MIoT instance offers: properties and actions by number.

The numbers are those public projects report for each family; value lists differ between
families on purpose, as they do on real cameras (isa counts night vision 0 off, 1 on,
2 auto; chuangmi keeps the order of its older commands), so that a client has to go by the
specification of the model and not by habit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.camera.spec import CameraSpec

type Value = bool | int | str
type Iid = tuple[int, int]
"""(siid, piid) or (siid, aiid)."""


class Format(StrEnum):
    """Value formats of the MIoT specification that cameras use."""

    BOOL = "bool"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class MiotProperty:
    """One property."""

    name: str
    """Its name in the specification, e.g. ``night-shot``."""
    format: Format
    legacy: str | None = None
    """The property of the older commands that is the same thing."""
    values: Mapping[int, Value] = field(default_factory=dict)
    """Value list: number here to value of `legacy`; empty for no list."""
    limits: tuple[int, int] | None = None
    """Smallest and largest number."""
    readable: bool = True
    writable: bool = True
    default: Value = 0
    """Value from the factory, where `legacy` does not say it."""

    def accepts(self, value: object) -> bool:
        """Whether a value may be written, its access aside."""
        match self.format:
            case Format.BOOL:
                return isinstance(value, bool)
            case Format.STRING:
                return isinstance(value, str) and len(value) <= 64
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        if self.values:
            return value in self.values
        low, high = self.limits or (0, _LARGEST[self.format])
        return low <= value <= high


@dataclass(frozen=True, slots=True)
class MiotAction:
    """One action."""

    name: str
    arguments: int = 0
    """How many values `in` must have."""


@dataclass(frozen=True, slots=True)
class MiotSpec:
    """The instance of a model."""

    properties: Mapping[Iid, MiotProperty]
    actions: Mapping[Iid, MiotAction]


_LARGEST: Final = {Format.UINT8: 0xFF, Format.UINT16: 0xFFFF, Format.UINT32: 0xFFFFFFFF}
_FLIP: Final = {0: False, 180: True}
_RECORD: Final = {0: "off", 1: "on", 2: "stop"}

_COMMON: Final[dict[Iid, MiotProperty]] = {
    (2, 1): MiotProperty("on", Format.BOOL, legacy="power"),
    (2, 2): MiotProperty("image-rollover", Format.UINT16, legacy="flip", values=_FLIP),
    (2, 4): MiotProperty("time-watermark", Format.BOOL, legacy="watermark"),
    (2, 7): MiotProperty("recording-mode", Format.UINT8, legacy="motion_record", values=_RECORD),
    (3, 1): MiotProperty("on", Format.BOOL, legacy="light"),
    (4, 1): MiotProperty("status", Format.UINT8, legacy="sdcard_status", writable=False),
    (4, 2): MiotProperty("storage-total-space", Format.UINT32, writable=False, default=31_000_000),
    (4, 3): MiotProperty("storage-free-space", Format.UINT32, writable=False, default=9_000_000),
    (4, 4): MiotProperty("storage-used-space", Format.UINT32, writable=False, default=22_000_000),
    (5, 1): MiotProperty("motion-detection", Format.BOOL, default=True),
    (5, 2): MiotProperty("alarm-interval", Format.UINT8, limits=(1, 30), default=5),
    (5, 3): MiotProperty("detection-sensitivity", Format.UINT8, limits=(1, 3), default=2),
    (5, 4): MiotProperty("motion-detection-start-time", Format.STRING, default="00:00:00"),
    (5, 5): MiotProperty("motion-detection-end-time", Format.STRING, default="23:59:59"),
}
_CHUANGMI: Final[dict[Iid, MiotProperty]] = {
    **_COMMON,
    (2, 3): MiotProperty(
        "night-shot", Format.UINT8, legacy="night_mode", values={0: 0, 1: 1, 2: 2}
    ),
    (2, 5): MiotProperty("wdr-mode", Format.BOOL, legacy="wdr"),
    (2, 6): MiotProperty("glimmer-full-color", Format.BOOL, legacy="full_color"),
}
_ISA: Final[dict[Iid, MiotProperty]] = {
    **_COMMON,
    (2, 3): MiotProperty(
        "night-shot", Format.UINT8, legacy="night_mode", values={0: 1, 1: 2, 2: 0}
    ),
}
_STORAGE: Final[dict[Iid, MiotAction]] = {
    (4, 1): MiotAction("format"),
    (4, 2): MiotAction("pop-up"),
}
CHUANGMI: Final = MiotSpec(_CHUANGMI, _STORAGE)
ISA: Final = MiotSpec(
    _ISA,
    {
        **_STORAGE,
        (7, 1): MiotAction("start-p2p-stream"),
        (7, 2): MiotAction("stop-stream"),
    },
)


WAKING_PROPERTY: Final = (12, 1)
"""Writing it wakes some battery cameras, even to the value it has (public issue threads)."""
_BATTERY_PROPERTIES: Final[dict[Iid, MiotProperty]] = {
    WAKING_PROPERTY: MiotProperty("night-shot", Format.UINT8, limits=(0, 2)),
}
_BATTERY_ACTIONS: Final[dict[Iid, MiotAction]] = {
    (7, 1): MiotAction("start-p2p-stream"),
    (9, 1): MiotAction("start-p2p-stream"),
}
"""Which of the two siids it is differs between doorbells, so ours have both."""


def spec_for(camera: CameraSpec) -> MiotSpec:
    """Return the instance of a model; unknown ones look like chuangmi's."""
    spec = ISA if camera.model.startswith("isa.") else CHUANGMI
    if not camera.asleep:
        return spec
    return MiotSpec(
        {**spec.properties, **_BATTERY_PROPERTIES}, {**spec.actions, **_BATTERY_ACTIONS}
    )
