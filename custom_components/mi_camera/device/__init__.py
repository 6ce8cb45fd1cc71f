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
from .packet import Hello
from .search import find_device

__all__ = [
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
    "find_device",
    "load_library",
    "ungated",
]
