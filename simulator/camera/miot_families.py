"""The MIoT instances of families of cameras.

The numbers are those public projects report for each family; value lists differ between
families on purpose, as they do on real cameras (isa counts night vision 0 off, 1 on, 2 auto;
chuangmi keeps the order of its older commands; recording mode 0 is continuous on hlmax and
off on 700sa), so that a client has to go by the specification of the model and not by habit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.camera.miot_spec import Format, Iid, MiotAction, MiotProperty, MiotSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.camera.spec import CameraSpec

_ROLLOVER: Final = MiotProperty(
    "image-rollover",
    Format.UINT16,
    legacy="flip",
    values={0: False, 180: True},
    limits=(0, 360),
    step=180,
    unit="arcdegrees",
)
_WATERMARK: Final = MiotProperty("time-watermark", Format.BOOL, legacy="watermark")
_LIGHT: Final = MiotProperty("on", Format.BOOL, legacy="light")
_POWER: Final = MiotProperty("on", Format.BOOL, legacy="power")
_TRACKING: Final = MiotProperty("motion-tracking", Format.BOOL, legacy="track")
_DETECTION: Final = MiotProperty("motion-detection", Format.BOOL, default=True)
_INTERVAL: Final = MiotProperty(
    "alarm-interval", Format.UINT8, limits=(1, 30), unit="minutes", default=5
)
_FROM: Final = MiotProperty("motion-detection-start-time", Format.STRING, default="00:00:00")
_UNTIL: Final = MiotProperty("motion-detection-end-time", Format.STRING, default="23:59:59")


def _night(labels: Mapping[int, str], values: Mapping[int, int]) -> MiotProperty:
    return MiotProperty(
        "night-shot", Format.UINT8, legacy="night_mode", values=values, labels=labels
    )


def _recording(labels: Mapping[int, str]) -> MiotProperty:
    meanings = {"Continue Record": "off", "Dynamic Record": "on", "Stop Record": "stop"}
    return MiotProperty(
        "recording-mode",
        Format.UINT8,
        legacy="motion_record",
        values={number: meanings[label] for number, label in labels.items()},
        labels=labels,
    )


def _sensitivity(labels: Mapping[int, str]) -> MiotProperty:
    return MiotProperty("detection-sensitivity", Format.UINT8, labels=labels, default=min(labels))


def _card(siid: int) -> dict[Iid, MiotProperty]:
    def space(kind: str, default: int) -> MiotProperty:
        return MiotProperty(f"storage-{kind}-space", Format.UINT32, writable=False, default=default)

    return {
        (siid, 1): MiotProperty(
            "status",
            Format.UINT8,
            legacy="sdcard_status",
            labels={
                0: "SD-Nomal",
                1: "SD-No-Inset",
                2: "SD-No-Space",
                3: "SD-No-Work",
                4: "SD-Format",
                5: "SD-Out",
            },
            writable=False,
        ),
        (siid, 2): space("total", 31_000_000),
        (siid, 3): space("free", 9_000_000),
        (siid, 4): space("used", 22_000_000),
    }


def _card_actions(siid: int) -> dict[Iid, MiotAction]:
    return {(siid, 1): MiotAction("format"), (siid, 2): MiotAction("pop-up")}


_COMMON: Final[dict[Iid, MiotProperty]] = {
    (2, 1): _POWER,
    (2, 2): _ROLLOVER,
    (2, 4): _WATERMARK,
    (3, 1): _LIGHT,
    **_card(4),
    (5, 1): _DETECTION,
    (5, 2): _INTERVAL,
    (5, 4): _FROM,
    (5, 5): _UNTIL,
}
_SERVICES: Final = {
    2: "camera-control",
    3: "indicator-light",
    4: "memory-card-management",
    5: "motion-detection",
}
_ISA_NIGHT: Final = _night({0: "Off", 1: "On", 2: "Auto"}, {0: 1, 1: 2, 2: 0})
_LOW_TO_HIGH: Final = _sensitivity({1: "Low", 2: "Middle", 3: "Hight"})

CHUANGMI: Final = MiotSpec(
    {
        **_COMMON,
        (2, 3): _night({0: "Auto", 1: "Off", 2: "On"}, {0: 0, 1: 1, 2: 2}),
        (2, 5): MiotProperty("wdr-mode", Format.BOOL, legacy="wdr"),
        (2, 6): MiotProperty("glimmer-full-color", Format.BOOL, legacy="full_color"),
        (2, 7): _recording({0: "Dynamic Record", 1: "Continue Record", 2: "Stop Record"}),
        (5, 3): _LOW_TO_HIGH,
    },
    _card_actions(4),
    _SERVICES,
    {(5, 2): "object-motion", (5, 4): "doorbell-ring"},
)
_TRACKED: Final = MiotSpec({**CHUANGMI.properties, (2, 8): _TRACKING}, CHUANGMI.actions, _SERVICES)
ISA: Final = MiotSpec(
    {
        **_COMMON,
        (2, 3): _ISA_NIGHT,
        (2, 7): _recording({0: "Continue Record", 1: "Dynamic Record", 2: "Stop Record"}),
        (5, 3): _LOW_TO_HIGH,
    },
    {
        **_card_actions(4),
        (7, 1): MiotAction("start-p2p-stream"),
        (7, 2): MiotAction("stop-stream"),
    },
    {**_SERVICES, 7: "p2p-stream"},
    # Numbers and names are the simulator's own.
    {(5, 1): "motion-detected", (5, 2): "people-detected", (5, 7): "baby-crying", (7, 1): "ready"},
)
_DUAL: Final = MiotSpec(
    {
        **_COMMON,
        (2, 3): _ISA_NIGHT,
        (2, 7): _recording({0: "Continue Record", 1: "Dynamic Record", 2: "Stop Record"}),
        (2, 8): _TRACKING,
        (2, 9): MiotProperty("hdr", Format.BOOL, default=False),
        (5, 3): _sensitivity({1: "Low", 2: "High", 3: "Highest"}),
    },
    {**_card_actions(4), (2, 2): MiotAction("restart-device")},
    _SERVICES,
)
# What service 6 of this one is called has not been told; its properties' names have.
_HLMAX: Final = MiotSpec(
    {
        **_DUAL.properties,
        (2, 9): MiotProperty("hdr-mode", Format.BOOL, default=False),
        (2, 10): MiotProperty("human-tracking", Format.BOOL, default=False),
        (2, 12): MiotProperty("image-distortion-correction", Format.BOOL, default=True),
        (6, 10): MiotProperty("hl-audible-alarm", Format.BOOL, default=False),
        (6, 11): MiotProperty(
            "hl-filllight-lum", Format.UINT8, limits=(0, 100), step=5, default=50
        ),
        (6, 16): MiotProperty("hl-filllight-switch", Format.BOOL, default=False),
        (9, 1): MiotProperty("fav-area", Format.STRING, writable=False, default=""),
        (9, 2): MiotProperty("active-fav-area", Format.UINT8, limits=(0, 64)),
    },
    _DUAL.actions,
    {**_SERVICES, 6: "whatever", 9: "camera-fav-area"},
)
_700SA: Final = MiotSpec(
    {
        **_HLMAX.properties,
        (2, 3): MiotProperty(
            "night-shot",
            Format.UINT8,
            labels={
                0: "Off",
                1: "On",
                2: "Auto",
                3: "Full Color",
                4: "Smart",
                5: "Infrared",
            },
            default=2,
        ),
        (2, 7): _recording({0: "Stop Record", 1: "Dynamic Record", 2: "Continue Record"}),
    },
    _HLMAX.actions,
    _HLMAX.services,
)
# As the public list of specifications has it for 082ac1, the memory card and more left out: its
# switch is where no other family has it.
_CAMERA_4: Final = MiotSpec(
    {
        (2, 3): MiotProperty(
            "night-shot", Format.UINT8, labels={0: "On", 1: "Off", 2: "Auto"}, default=2
        ),
        (2, 4): MiotProperty(
            "image-rollover", Format.UINT16, limits=(0, 180), step=180, unit="arcdegrees"
        ),
        (2, 5): _WATERMARK,
        (2, 7): MiotProperty("glimmer-full-color", Format.BOOL, legacy="full_color"),
        (2, 9): MiotProperty("human-tracking", Format.BOOL, default=False),
        (2, 11): _recording({0: "Stop Record", 1: "Dynamic Record", 2: "Continue Record"}),
        (2, 12): MiotProperty(
            "power-frequency", Format.UINT8, labels={1: "50", 2: "60"}, default=1
        ),
        (2, 14): MiotProperty("image-distortion-correction", Format.BOOL, default=True),
        (2, 22): _POWER,
    },
    {(2, 2): MiotAction("restart-device")},
    {2: "camera-control"},
)
_MOC: Final = MiotSpec(
    {
        (2, 1): _POWER,
        (2, 4): _ROLLOVER,
        (2, 5): _WATERMARK,
        (2, 11): _recording({0: "Stop Record", 1: "Continue Record", 2: "Dynamic Record"}),
        **_card(3),
        (5, 1): _DETECTION,
        (5, 3): _sensitivity({0: "Low", 1: "Medium", 2: "High"}),
    },
    _card_actions(3),
    {2: "camera-control", 3: "memory-card-management", 5: "motion-detection"},
)
_FAMILIES: Final[tuple[tuple[str, MiotSpec], ...]] = (
    ("isa.camera.700", _700SA),
    ("isa.camera.hlmax", _HLMAX),
    ("isa.camera.500", _HLMAX),
    ("isa.", ISA),
    ("mxiang.camera.moc", _MOC),
    ("mxiang.", _DUAL),
    ("xiaomi.camera.08", _CAMERA_4),
    ("chuangmi.camera.069", _TRACKED),
    ("chuangmi.camera.039c01", _TRACKED),
    ("", CHUANGMI),
)
"""Beginnings of models; the first that fits."""

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


def family(model: str) -> MiotSpec:
    """Return the instance of a model; unknown ones look like chuangmi's."""
    return next(spec for beginning, spec in _FAMILIES if model.startswith(beginning))


def spec_for(camera: CameraSpec) -> MiotSpec:
    """Return the instance of a camera."""
    spec = family(camera.model)
    if not camera.asleep:
        return spec
    return MiotSpec(
        {**spec.properties, **_BATTERY_PROPERTIES},
        {**spec.actions, **_BATTERY_ACTIONS},
        {**spec.services, 7: "p2p-stream", 9: "p2p-stream", 12: "night-vision"},
        spec.events,
    )
