"""miio control of a camera on the LAN (UDP 54321).

python-miio's packet codec and camera class, over an asyncio endpoint of our own: its blocking
sockets cost several times the CPU per call and hold a thread for 20 s on a wrong token.
python-miio itself is imported when an endpoint opens, not here.
"""

from .camera import CameraDevice, CameraStatus, DeviceInfo
from .endpoint import EndpointCounters, MiioEndpoint, ungated
from .errors import (
    MiioBadReply,
    MiioClosed,
    MiioDeviceError,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
)
from .library import load_library
from .miot_bundled import bundled_spec
from .miot_names import POWER
from .miot_spec import MiotSpec, SpecAction, SpecError, SpecProperty, find_urn
from .packet import Hello
from .search import find_device

__all__ = [
    "POWER",
    "CameraDevice",
    "CameraStatus",
    "DeviceInfo",
    "EndpointCounters",
    "Hello",
    "MiioBadReply",
    "MiioClosed",
    "MiioDeviceError",
    "MiioEndpoint",
    "MiioError",
    "MiioNotAllowed",
    "MiioTimeout",
    "MiioUnsupported",
    "MiioWrongDevice",
    "MiotSpec",
    "SpecAction",
    "SpecError",
    "SpecProperty",
    "bundled_spec",
    "find_device",
    "find_urn",
    "load_library",
    "ungated",
]
