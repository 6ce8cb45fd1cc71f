"""miio control of a camera on the LAN (UDP 54321).

python-miio's packet codec and camera class, over an asyncio endpoint of our own: its blocking
sockets cost several times the CPU per call and hold a thread for 20 s on a wrong token.
python-miio itself is imported when an endpoint opens, not here.
"""

from .caller import MiioCaller
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
from .miot_names import POWER, aliases
from .miot_spec import MiotSpec, SpecAction, SpecError, SpecProperty, find_urn
from .packet import Hello
from .push import SUBSCRIBE, UNSUBSCRIBE, EventOccurred, PropertiesChanged, Push, subscription
from .push_hello import PushOffer, push_hello
from .push_port import PushPort
from .search import find_device

__all__ = [
    "POWER",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "CameraDevice",
    "CameraStatus",
    "DeviceInfo",
    "EndpointCounters",
    "EventOccurred",
    "Hello",
    "MiioBadReply",
    "MiioCaller",
    "MiioClosed",
    "MiioDeviceError",
    "MiioEndpoint",
    "MiioError",
    "MiioNotAllowed",
    "MiioTimeout",
    "MiioUnsupported",
    "MiioWrongDevice",
    "MiotSpec",
    "PropertiesChanged",
    "Push",
    "PushOffer",
    "PushPort",
    "SpecAction",
    "SpecError",
    "SpecProperty",
    "aliases",
    "bundled_spec",
    "find_device",
    "find_urn",
    "load_library",
    "push_hello",
    "subscription",
    "ungated",
]
