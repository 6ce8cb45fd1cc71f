"""What is publicly known of camera models: transports, qualities, lenses, motor, speaker, waking.

Every row says in `source` where its facts are from; none was checked by us on a device. A
field that nobody has said anything about keeps its default, and a model that is not here gets
`UNKNOWN`: transports and qualities are then found out by trying.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from .frames import Codec
from .motor import MotorDialect

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CameraModel", "Wake", "WakeAction", "WakeCall", "WakeRewrite", "camera_model"]


@dataclass(frozen=True, slots=True)
class WakeAction:
    """A MIoT action without arguments."""

    siid: int
    aiid: int


@dataclass(frozen=True, slots=True)
class WakeCall:
    """A miio call, for devices from before MIoT."""

    method: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WakeRewrite:
    """A MIoT property that is read and written back as it is: it starts the picture part."""

    siid: int
    piid: int


@dataclass(frozen=True, slots=True)
class Wake:
    """How to wake a camera that runs on a battery, and how long that takes.

    While it sleeps neither video nor the keys for it can be had: the cloud asks the camera
    for its part of the keys ("device rpc response error", public issue threads).
    """

    how: WakeAction | WakeCall | WakeRewrite
    seconds: float = 8.0
    """Until it answers a search after it was called; 3 to 8 were seen."""
    awake: float = 45.0
    """It goes back to sleep this many seconds after its last use."""


@dataclass(frozen=True, slots=True)
class CameraModel:
    """What a client has to know of a model before it connects."""

    transports: tuple[Literal["udp", "tcp"], ...] = ("udp", "tcp")
    """CS2 transports, the preferred one first."""
    qualities: tuple[int, ...] = (2, 3, 1, 0)
    """Values of `videoquality` for the best picture, best guess first: 0 automatic, 1 low,
    2 high, 3 and above as the model has it. A wrong one is answered by silence."""
    low_qualities: tuple[int, ...] = (1,)
    """Values for a small picture, best guess first."""
    probe: bool = False
    """Nobody has said which value gives the best picture: when the first one that gives any
    gives a small one, the others are tried too, and the largest is taken."""
    lenses: int = 1
    interleaves: bool = False
    """Whether one session can carry the pictures of both lenses."""
    motor: MotorDialect | None = None
    """How its pan-tilt motor is spoken to; None: no motor, or one nobody has described."""
    motor_known: bool = False
    """Whether it is known if it has a motor; False together with a None motor: nobody said."""
    speaker: Codec | None = Codec.PCMA
    """Codec its speaker takes; None: it has no speaker."""
    speaker_rate: int = 8000
    """Samples per second for the speaker."""
    wake: Wake | None = None
    """Set for cameras and doorbells that sleep to save their battery."""
    source: str = ""
    """Where these facts are from, all of them public."""


_THREADS: Final = "public issue threads"
_CLIENT: Final = "observed in an independent client"
_OPUS: Final = 48000

# Sold with a pan-tilt head. The {"operation": n} form is the one every public client that
# moves a current camera uses; on these models it is an inference, not an observation.
_PAN_TILT: Final = CameraModel(
    probe=True,
    motor=MotorDialect.OPERATION,
    motor_known=True,
    source="vendor's product names (pan-tilt); motor form as on its sister models",
)
# Owners watch these with an independent client, which asks for 2.
_WATCHED: Final = replace(
    _PAN_TILT, probe=False, source=f"{_CLIENT} (its owners' reports); product name (pan-tilt)"
)
# The motor answered on these: public notes of an independent client and of a plug-in.
_MOVES: Final = replace(_PAN_TILT, probe=False, source=f"{_CLIENT} (motor, qualities)")
_FIXED: Final = CameraModel(
    probe=True, motor_known=True, source="vendor's product names (fixed mount)"
)
# Who rings does not wait for a better picture, and the battery does not pay for it.
_DOORBELL: Final = replace(
    _FIXED,
    probe=False,
    wake=Wake(WakeCall("wakeup", {"video": "1"})),
    source=f"{_CLIENT} (wake call of doorbells); doorbells have no motor",
)
_BATTERY: Final = replace(
    _FIXED,
    probe=False,
    wake=Wake(WakeRewrite(12, 1), seconds=15.0, awake=47.0),
    source=f"{_THREADS} (writing the night-shot property back wakes it in about 5 s)",
)
_TWO_LENSES: Final = CameraModel(
    probe=True, lenses=2, source="vendor's list of models with two channels"
)
# One session carries both lenses, told apart by a header flag: seen on the CW500 only.
_CW500: Final = replace(
    _MOVES,
    qualities=(3, 2, 1, 0),
    low_qualities=(2, 1),
    lenses=2,
    interleaves=True,
    source=f"{_CLIENT} (qualities, both lenses in one session, motor)",
)

_EXACT: Final[Mapping[str, CameraModel]] = {
    # Two lenses.
    "isa.camera.500dh": _CW500,
    "isa.camera.hlmax": _CW500,
    "isa.camera.cw501d": _TWO_LENSES,
    "chuangmi.camera.068ac1": _TWO_LENSES,
    "chuangmi.camera.111ac1": _TWO_LENSES,
    "chuangmi.camera.075ae1": replace(_TWO_LENSES, source=f"{_THREADS} (two lenses)"),
    "chuangmi.camera.72ac1": replace(
        _TWO_LENSES,
        probe=False,
        qualities=(3, 2, 1, 0),
        motor=MotorDialect.OPERATION,
        motor_known=True,
        speaker=Codec.OPUS,
        speaker_rate=_OPUS,
        source=f"vendor's list (two channels); {_CLIENT} (quality, speaker codec)",
    ),
    "xiaomi.camera.082ac1": replace(
        _TWO_LENSES,
        motor=MotorDialect.OPERATION,
        motor_known=True,
        source="vendor's list (two channels), product name (pan-tilt)",
    ),
    # At 3 it sends a picture that is zoomed or broken.
    "mxiang.camera.c500ch": replace(
        _TWO_LENSES,
        probe=False,
        qualities=(2, 1, 0),
        source=f"vendor's list (two channels); {_THREADS} (3 is a broken picture)",
    ),
    # High resolution only at 3; 2 is taken and then answered by silence or a small picture.
    "isa.camera.hlc8": replace(_MOVES, qualities=(3, 5, 2, 1, 0)),
    "isa.camera.hlc8a": replace(_MOVES, qualities=(3, 2, 1, 0)),
    "chuangmi.camera.046c04": replace(
        _PAN_TILT,
        probe=False,
        qualities=(3, 2, 1, 0),
        source=f"{_THREADS} (quality 3); product name (pan-tilt)",
    ),
    "chuangmi.camera.81ac1": replace(
        _PAN_TILT,
        probe=False,
        qualities=(3, 2, 1, 0),
        source=f"{_THREADS} (3 is 4K H.265); product name (pan-tilt)",
    ),
    "chuangmi.camera.079ae2": CameraModel(
        transports=("tcp", "udp"),
        qualities=(3, 2, 1, 0),
        low_qualities=(2, 1),
        motor=MotorDialect.OPERATION,
        motor_known=True,
        source=f"{_THREADS} (TCP; 0 to 2 are 480p, 3 is 2160p); product name (pan-tilt)",
    ),
    "mxiang.camera.mod11": CameraModel(qualities=(3, 2, 1, 0), source=f"{_THREADS} (quality 3)"),
    "mxiang.camera.mod13": CameraModel(
        probe=True, qualities=(2, 1, 3, 0), source=f"{_THREADS} (1 is known to work)"
    ),
    # Transports and codecs.
    "chuangmi.camera.039c01": replace(
        _PAN_TILT, transports=("tcp", "udp"), source=f"{_CLIENT} (TCP); product name (pan-tilt)"
    ),
    "chuangmi.camera.069a01": replace(
        _WATCHED,
        transports=("tcp", "udp"),
        speaker=Codec.OPUS,
        speaker_rate=_OPUS,
        source=f"{_THREADS} (TCP, Opus both ways); product name (pan-tilt)",
    ),
    "xiaomi.camera.083ac1": CameraModel(
        transports=("tcp", "udp"),
        speaker=Codec.OPUS,
        speaker_rate=_OPUS,
        source=f"{_THREADS} (TCP, Opus both ways)",
    ),
    "isa.camera.hlc7": replace(_FIXED, probe=False, source=f"{_CLIENT} (UDP, A-law); fixed mount"),
    # Takes plain samples, and has no motor that its MISS side could move.
    "isa.camera.hlc6": replace(
        _FIXED, speaker=Codec.PCM, source=f"{_CLIENT} (speaker codec); fixed mount"
    ),
    "isa.camera.isc5c1": replace(
        _FIXED, speaker=Codec.PCM, source=f"{_CLIENT} (speaker codec); fixed mount"
    ),
    # Its motor understands only a form of its own, which is not spoken here.
    "isa.camera.df3": replace(
        _FIXED, speaker=Codec.PCM, source=f"{_CLIENT} (speaker codec, own motor form)"
    ),
    # Motor seen to move.
    "xiaomi.camera.c01a01": _MOVES,
    # Pan-tilt by name.
    "chuangmi.camera.021a04": _WATCHED,
    "chuangmi.camera.026c02": _PAN_TILT,
    "chuangmi.camera.029a02": _WATCHED,
    "chuangmi.camera.036a02": _PAN_TILT,
    "chuangmi.camera.039a04": _PAN_TILT,
    "chuangmi.camera.ip026c": _PAN_TILT,
    "chuangmi.camera.ip029a": _PAN_TILT,
    "chuangmi.camera.ipc009": _PAN_TILT,
    "chuangmi.camera.ipc016": _PAN_TILT,
    "chuangmi.camera.ipc019": _PAN_TILT,
    "chuangmi.camera.ipc021": _PAN_TILT,
    "isa.camera.700sa": _PAN_TILT,
    "mxiang.camera.moc001": _FIXED,
    "mxiang.camera.moc006": _FIXED,
    "mijia.camera.v1": _FIXED,
    "mijia.camera.v3": _FIXED,
    # Woken by the action of the service that the vendor's app calls first.
    "loock.cateye.v06": replace(
        _DOORBELL,
        wake=Wake(WakeAction(7, 1)),
        source=f"{_THREADS} (start-p2p-stream wakes it, the older call does not)",
    ),
}

_FAMILIES: Final[tuple[tuple[str, CameraModel], ...]] = (
    ("midr.camera.bw*", _BATTERY),
    (
        "midr.cateye.*",
        replace(
            _DOORBELL,
            wake=Wake(WakeCall("wakeup_host")),
            source=f"{_THREADS} (the older call times out)",
        ),
    ),
    ("*.cateye.*", _DOORBELL),
)
"""Patterns for what is not in `_EXACT`, the first that matches counts."""

UNKNOWN: Final = CameraModel(probe=True)


def camera_model(model: str) -> CameraModel:
    """Return what is known of a model name ("vendor.camera.name"); never fails."""
    if (known := _EXACT.get(model)) is not None:
        return known
    for pattern, family in _FAMILIES:
        if fnmatchcase(model, pattern):
            return family
    return UNKNOWN
