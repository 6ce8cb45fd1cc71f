"""What a discovery tells of a camera, and nothing it tells is believed.

Packets of mDNS and DHCP are anybody's. What they say is read by strict patterns, and all it
does is to offer a camera to a user, or to let a camera that is set up be looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
import re
from typing import TYPE_CHECKING, Any, Final, Self

from homeassistant.const import CONF_HOST, CONF_MODEL, CONF_NAME
from homeassistant.helpers.device_registry import format_mac
from homeassistant.util.network import is_local

from .camera_config import CONF_ACCOUNT, CONF_DID, CONF_MAC
from .did import is_did, is_same_did

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
    from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

    from .camera_config import CameraConfig

MAX_TEXT: Final = 255
MAX_ADDRESSES: Final = 16
SERVICE: Final = "._miio._udp.local."
_MODEL: Final = r"(?P<maker>[a-z0-9]{1,16})[-_](?P<kind>camera|cateye)[-_](?P<type>[a-z0-9]{1,24})"
_DID: Final = r"_miio(?P<did>[1-9][0-9]{0,19})"
# Public protocol notes: the model with hyphens for dots, `_miio`, and the did in decimals.
_INSTANCE: Final = re.compile(_MODEL + _DID, re.ASCII)
# What routers list: the same, or the model alone with underscores.
_HOSTNAME: Final = re.compile(f"{_MODEL}(?:{_DID})?", re.ASCII)
_MAC: Final = re.compile(r"(?!0{12})[0-9a-f][02468ace][0-9a-f]{10}", re.ASCII)
# Older firmwares: one entry `poch`, in which it is one of several values.
_POCH: Final = re.compile(r"(?:^|[:;,])mac=([0-9A-Fa-f]{12})(?:$|[:;,])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """A camera as somebody on the network, or an account, describes it.

    `did` may be unknown, `mac` (lower-case, with colons) too, but not both; `model` is None
    where a hostname says nothing. `host` is an IPv4 address of a local network.
    """

    did: str | None
    mac: str | None
    model: str | None
    host: str
    name: str

    @classmethod
    def of_zeroconf(cls, info: ZeroconfServiceInfo) -> Self | None:
        """Read what is said by mDNS; None unless it has the name and address of a camera."""
        name = info.name[: MAX_TEXT + 1].lower()
        match = _INSTANCE.fullmatch(name.removesuffix(SERVICE))
        host = next(
            (host for one in info.ip_addresses[:MAX_ADDRESSES] if (host := local_address(one))),
            None,
        )
        if match is None or not name.endswith(SERVICE) or host is None:
            return None
        mac = _mac(info.properties.get("mac"))
        if mac is None and isinstance(poch := info.properties.get("poch"), str):
            inside = _POCH.search(poch[:MAX_TEXT])
            mac = _mac(inside[1]) if inside else None
        model = _model(match)
        return cls(match["did"], mac, model, host, model)

    @classmethod
    def of_dhcp(cls, info: DhcpServiceInfo) -> Self | None:
        """Read what is said by DHCP; None unless MAC and address can be such."""
        mac, host = _mac(info.macaddress), local_address(info.ip)
        if mac is None or host is None:
            return None
        match = _HOSTNAME.fullmatch(info.hostname[: MAX_TEXT + 1].lower())
        if match is None:
            return cls(None, mac, None, host, mac)
        model = _model(match)
        return cls(match["did"], mac, model, host, model)

    @classmethod
    def of_account(cls, camera: CameraConfig) -> Self:
        """Describe a camera that an account lists."""
        mac = format_mac(camera.mac) if camera.mac else None
        return cls(camera.did, mac, camera.model, camera.host, camera.name)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_dict` has made."""
        return cls(*(data[key] for key in (CONF_DID, CONF_MAC, CONF_MODEL, CONF_HOST, CONF_NAME)))

    def as_dict(self) -> dict[str, Any]:
        """Return what a discovery flow is begun with; there is no token in it."""
        return {
            CONF_DID: self.did,
            CONF_MAC: self.mac,
            CONF_MODEL: self.model,
            CONF_HOST: self.host,
            CONF_NAME: self.name,
        }

    def is_device(self, did: str | None, mac: str | None) -> bool:
        """Whether that is a device with this did or this MAC."""
        if did is not None and did == self.did:
            return True
        return mac is not None and self.mac is not None and format_mac(mac) == self.mac

    def is_camera(self, subentry: ConfigSubentry) -> bool:
        """Whether that is a camera that is set up."""
        mac, did = subentry.data.get(CONF_MAC), str(subentry.unique_id)
        if not isinstance(mac, str):
            mac = None
        if self.is_device(did, mac):
            return True
        # One that was added by its address has no more of its did than a hello tells.
        short = subentry.data.get(CONF_ACCOUNT) is None and self.did is not None
        if not short or not is_did(did) or not is_did(str(self.did)) or (mac and self.mac):
            return False
        return is_same_did(str(self.did), int(did))


def local_address(address: object) -> str | None:
    """Return an IPv4 address if it is of a local network."""
    try:
        found = IPv4Address(str(address)[:MAX_TEXT])
    except AddressValueError:
        return None
    return str(found) if is_local(found) else None


def _model(match: re.Match[str]) -> str:
    return f"{match['maker']}.{match['kind']}.{match['type']}"


def _mac(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    digits = text[:MAX_TEXT].lower()
    return format_mac(digits) if _MAC.fullmatch(digits) else None
