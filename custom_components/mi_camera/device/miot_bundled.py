"""Specifications for when the public service cannot be reached.

Transcribed in public home-automation projects and issue threads. What a property's numbers
mean differs between models, so a property whose list is not known of its very model is left
out: it appears once the model's own specification has been fetched.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from .miot_names import POWER, PropertyId
from .miot_spec import Access, MiotSpec, SpecAction, SpecProperty, Steps, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUNDLED", "bundled_spec"]

_ALL: Final = frozenset(Access)
_READ: Final = frozenset({Access.READ, Access.NOTIFY})
_ROLLOVER: Final = Steps(0, 360, 180)


def _bool(siid: int, piid: int) -> SpecProperty:
    return SpecProperty(PropertyId(siid, piid), "bool", _ALL)


def _list(siid: int, piid: int, *values: str, first: int = 0) -> SpecProperty:
    return SpecProperty(
        PropertyId(siid, piid),
        "uint8",
        _ALL,
        values=tuple(Value(number, text) for number, text in enumerate(values, first)),
    )


def _space(piid: int) -> SpecProperty:
    return SpecProperty(PropertyId(4, piid), "int32", _READ)


_ANY: Final[Mapping[str, SpecProperty]] = {POWER: _bool(2, 1)}
_INTERVAL: Final = SpecProperty(
    PropertyId(5, 2), "uint8", _ALL, unit="minutes", steps=Steps(1, 30, 1)
)
_CARD: Final = {
    "memory-card-management:format": SpecAction(4, 1),
    "memory-card-management:pop-up": SpecAction(4, 2),
}

_HLC7: Final = MiotSpec(
    "urn:miot-spec-v2:device:camera:0000A01C:isa-hlc7:2",
    {
        **_ANY,
        "camera-control:image-rollover": SpecProperty(
            PropertyId(2, 2), "uint16", _ALL, unit="arcdegrees", steps=_ROLLOVER
        ),
        "camera-control:night-shot": _list(2, 3, "Off", "On", "Auto"),
        "camera-control:time-watermark": _bool(2, 4),
        "camera-control:recording-mode": _list(
            2, 7, "Continue Record", "Dynamic Record", "Stop Record"
        ),
        "indicator-light:on": _bool(3, 1),
        "memory-card-management:status": SpecProperty(
            PropertyId(4, 1),
            "uint8",
            _READ,
            values=tuple(
                Value(number, text)
                for number, text in enumerate(
                    (
                        "SD-Nomal",
                        "SD-No-Inset",
                        "SD-No-Space",
                        "SD-No-Work",
                        "SD-Format",
                        "SD-Out",
                    )
                )
            ),
        ),
        "memory-card-management:storage-total-space": _space(2),
        "memory-card-management:storage-free-space": _space(3),
        "memory-card-management:storage-used-space": _space(4),
        "motion-detection:motion-detection": _bool(5, 1),
        "motion-detection:alarm-interval": _INTERVAL,
        "motion-detection:detection-sensitivity": _list(5, 3, "Low", "Middle", "High", first=1),
        "motion-detection:motion-detection-start-time": SpecProperty(
            PropertyId(5, 4), "string", _ALL
        ),
        "motion-detection:motion-detection-end-time": SpecProperty(
            PropertyId(5, 5), "string", _ALL
        ),
    },
    {
        **_CARD,
        "p2p-stream:start-p2p-stream": SpecAction(7, 1),
        "p2p-stream:stop-stream": SpecAction(7, 2),
    },
)

# chuangmi cameras from about 2020 on: numbers reported by users of 046c04 and of the 2K models
# (021a04, 026c02, 029a02, 039a01) in public issue threads, the same as a public translation of
# ipc019's older properties. Some models lack some of them; those items answer -4003.
_CHUANGMI: Final = MiotSpec(
    "urn:miot-spec-v2:device:camera:0000A01C:chuangmi-any:1",
    {
        **_ANY,
        "camera-control:image-rollover": SpecProperty(
            PropertyId(2, 2), "uint16", _ALL, unit="arcdegrees", steps=_ROLLOVER
        ),
        "camera-control:time-watermark": _bool(2, 4),
        "camera-control:wdr-mode": _bool(2, 5),
        "camera-control:glimmer-full-color": _bool(2, 6),
        "camera-control:motion-tracking": _bool(2, 8),
        "indicator-light:on": _bool(3, 1),
        "motion-detection:motion-detection": _bool(5, 1),
        "motion-detection:alarm-interval": _INTERVAL,
    },
    _CARD,
)

BUNDLED: Final[Mapping[str, MiotSpec]] = MappingProxyType(
    {
        "chuangmi.camera.021a04": _CHUANGMI,
        "chuangmi.camera.026c02": _CHUANGMI,
        "chuangmi.camera.029a02": _CHUANGMI,
        "chuangmi.camera.039a01": _CHUANGMI,
        "chuangmi.camera.046c04": _CHUANGMI,
        "isa.camera.hlc7": _HLC7,
    }
)
_DEFAULT: Final = MiotSpec("urn:mi-camera:device:camera:00000000:unknown", _ANY)


def bundled_spec(model: str) -> MiotSpec:
    """Return what is known of a model; of one that nobody described, where its switch is."""
    return BUNDLED.get(model, _DEFAULT)
