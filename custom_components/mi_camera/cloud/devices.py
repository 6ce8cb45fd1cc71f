"""What the cloud tells of devices, checked: a hostile answer yields fewer devices, never odd ones."""

from __future__ import annotations

from dataclasses import dataclass, field
import ipaddress
import re
from typing import TYPE_CHECKING, Final

from .errors import CloudUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .transport import JsonValue

MAX_DEVICES: Final = 2000
MAX_NAME: Final = 128
MAX_SIGN: Final = 1024
MAX_PARAMETERS: Final = 32
CAMERA_KINDS: Final = (".camera.", ".cateye.", ".feeder.")
DID: Final = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_MODEL: Final = re.compile(r"[0-9a-z_-]{1,32}(\.[0-9a-z_-]{1,32}){1,3}", re.ASCII)
_MAC: Final = re.compile(r"([0-9A-Fa-f]{2})[:-]?" * 5 + r"([0-9A-Fa-f]{2})", re.ASCII)
_TOKEN: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_PEER_ID: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
_PUBLIC_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CloudDevice:
    """A device of an account."""

    did: str
    model: str
    name: str
    mac: str | None
    """Upper-case, with colons."""
    local_ip: str | None
    """Last IPv4 address the cloud knows; may be old."""
    token: bytes | None = field(repr=False)
    """miio token, 16 bytes."""
    online: bool
    region: str | None = None
    """Where it is listed; None until that is known."""

    @property
    def is_camera(self) -> bool:
        """Whether it has pictures: cameras, door viewers, feeders."""
        return any(kind in self.model for kind in CAMERA_KINDS)


@dataclass(frozen=True, slots=True)
class MissVendor:
    """What the cloud gives for one MISS session key."""

    vendor: int
    """Transport: 1 TUTK, 3 Agora, 4 CS2, 6 MTP."""
    device_public: bytes
    """The camera's X25519 public key, 32 bytes."""
    sign: str = field(repr=False)
    """Proves to the camera that the account may see it."""
    parameters: Mapping[str, str | int] = field(default_factory=dict, repr=False)

    @property
    def peer_id(self) -> str:
        """The camera's name on its transport; empty where it has none, as over CS2."""
        text = self.parameters.get("p2p_id")
        return text if isinstance(text, str) and _PEER_ID.fullmatch(text) else ""


def parse_devices(result: JsonValue, name: str = "list") -> list[CloudDevice]:
    """Devices of a result which has them under `name`; raises `CloudUnavailable` without a list."""
    entries = result.get(name) if isinstance(result, dict) else None
    if not isinstance(entries, list):
        raise CloudUnavailable("the device list is not a list")
    devices = {device.did: device for device in _devices(entries[:MAX_DEVICES])}
    return list(devices.values())


def _devices(entries: list[JsonValue]) -> Iterator[CloudDevice]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        did, model = entry.get("did"), entry.get("model")
        if isinstance(did, int) and not isinstance(did, bool) and 0 < did < 1 << 64:
            did = str(did)
        if not isinstance(did, str) or not DID.fullmatch(did):
            continue
        if not isinstance(model, str) or not _MODEL.fullmatch(model):
            continue
        yield CloudDevice(
            did=did,
            model=model,
            name=_name(entry.get("name")) or model,
            mac=_mac(entry.get("mac")),
            local_ip=_address(entry.get("localip")),
            token=_token(entry),
            online=entry.get("isOnline") is True,
        )


def parse_vendor(result: JsonValue) -> MissVendor:
    """Session material of a `miss_get_vendor` result; raises `CloudUnavailable`."""
    answer = result if isinstance(result, dict) else {}
    details, public, sign = (answer.get(name) for name in ("vendor", "public_key", "sign"))
    if not isinstance(details, dict):
        details = {}
    vendor = details.get("vendor")
    if isinstance(vendor, bool) or not isinstance(vendor, int):
        raise CloudUnavailable("the answer names no vendor")
    if not isinstance(public, str) or not _PUBLIC_KEY.fullmatch(public):
        raise CloudUnavailable("the camera's key is not one")
    if not isinstance(sign, str) or not 0 < len(sign) <= MAX_SIGN or not sign.isprintable():
        raise CloudUnavailable("the signature is not one")
    return MissVendor(
        vendor, bytes.fromhex(public), sign, _parameters(details.get("vendor_params"))
    )


def _parameters(value: JsonValue) -> dict[str, str | int]:
    if not isinstance(value, dict):
        return {}
    return {
        name[:MAX_NAME]: item
        for name, item in list(value.items())[:MAX_PARAMETERS]
        if isinstance(item, int) or (isinstance(item, str) and len(item) <= MAX_SIGN)
    }


def _name(value: JsonValue) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value[:MAX_NAME] if c.isprintable()).strip()


def _mac(value: JsonValue) -> str | None:
    match = _MAC.fullmatch(value) if isinstance(value, str) else None
    return ":".join(match.groups()).upper() if match else None


def _address(value: JsonValue) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        return None
    usable = not (address.is_multicast or address.is_reserved or address.is_unspecified)
    return str(address) if usable else None


def _token(entry: Mapping[str, JsonValue]) -> bytes | None:
    """Token of a list entry; Yi-type cameras have the real one under `extra`."""
    extra = entry.get("extra")
    for text in (entry.get("token"), extra.get("token") if isinstance(extra, dict) else None):
        if isinstance(text, str) and _TOKEN.fullmatch(text):
            return bytes.fromhex(text)
    return None
