"""What cameras say by themselves: names and properties by mDNS and DHCP, and pushes."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
import json
import re
from typing import TYPE_CHECKING

from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from custom_components.mi_camera.device.legacy import _value
from custom_components.mi_camera.device.legacy_spec import LEGACY
from custom_components.mi_camera.device.push import MAX_TOLD, PropertiesChanged, PushInbox
from custom_components.mi_camera.device.push_hello import read_offer
from custom_components.mi_camera.did import is_did
from custom_components.mi_camera.discovery import Found

from ..target import Target, bounded, ensure

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_NAME = "chuangmi-camera-021a04_miio1001._miio._udp.local."
_MAC = "50ec50010203"
_PROPERTIES: tuple[dict[str, str], ...] = (
    {"mac": "50ec50010203"},
    {"poch": "0:mac=50ec50010203:"},
    {"epoch": "1"},
    {},
)


def _checked(found: Found | None) -> None:
    if found is None:
        return
    ensure(found.did is not None or found.mac is not None, "somebody who can be known again")
    ensure(found.did is None or is_did(found.did), "a did")
    ensure(IPv4Address(found.host).is_private, "an address of a local network")
    ensure(all(len(one) < 80 for one in (found.name, found.mac or "")), "short texts")
    ensure(Found.parse(found.as_dict()) == found, "what is kept is what was found")


def _mdns() -> Feed:
    """Take inputs of {"name", "addresses", "properties"}, in JSON."""

    def feed(data: bytes) -> None:
        said = _object(data)
        addresses = said.get("addresses")
        found = []
        for one in addresses if isinstance(addresses, list) else ():
            try:
                found.append(ip_address(one))
            except ValueError:
                continue
        properties = said.get("properties")
        _checked(
            Found.of_zeroconf(
                ZeroconfServiceInfo(
                    ip_address=found[0] if found else IPv4Address(1),
                    ip_addresses=found,
                    port=54321,
                    hostname="x.local.",
                    type="_miio._udp.local.",
                    name=str(said.get("name")),
                    properties=properties if isinstance(properties, dict) else {},
                )
            )
        )

    return feed


def _dhcp() -> Feed:
    def feed(data: bytes) -> None:
        said = _object(data)
        ip, hostname, mac = (str(said.get(name)) for name in ("ip", "hostname", "mac"))
        # Home Assistant has seen to the form of this one.
        mac = mac if re.fullmatch("[0-9a-f]{12}", mac) else _MAC
        _checked(Found.of_dhcp(DhcpServiceInfo(ip=ip, hostname=hostname, macaddress=mac)))

    return feed


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except ValueError, RecursionError:
        return {}
    return value if isinstance(value, dict) else {}


def _push() -> Feed:
    """Take inputs of: the seconds its stamp is late, those that passed, a request in JSON."""
    inbox, now = PushInbox(), 100.0
    told: set[object] = set()

    def feed(data: bytes) -> None:
        nonlocal now
        late, passed = data[:2].ljust(2, b"\0")
        now += passed / 1000
        payload = _object(data[2:])
        answer, push = inbox.take(payload, stamp=1000 - late, clock=1000.0, now=now)  # type: ignore[arg-type]
        if answer is not None:
            ensure(answer["id"] == payload.get("id"), "an answer to this one")
        if push is not None:
            ensure(answer is not None, "what is told is answered")
            ensure(payload["id"] not in told, "each is told once")
            told.add(payload["id"])
            if isinstance(push, PropertiesChanged):
                ensure(len(push.values) <= MAX_TOLD, "a bounded list")
        bounded(inbox, 256 * 1024)

    return feed


def _offer() -> Feed:
    def feed(data: bytes) -> None:
        offer = read_offer(data[:32].ljust(32, b"\0"))
        if offer is not None:
            ensure(0 <= offer.subscribed_at < 1 << 32, "a time")
            ensure(isinstance(offer.asks, bool), "it asks or not")

    return feed


def _legacy() -> Feed:
    """Take inputs of the values that the older commands give, in JSON."""

    def feed(data: bytes) -> None:
        for raw in _object(data).values():
            if (value := _value(raw)) is None:
                continue
            for prop in LEGACY.values():
                read = prop.read(value)
                ensure(not prop.values or read in {None, *prop.values.values()}, "a value of it")

    return feed


def _said() -> list[Case]:
    return [
        (json.dumps({"name": _NAME, "addresses": ["192.168.1.7"], "properties": one}).encode(),)
        for one in _PROPERTIES
    ]


def _leases() -> list[Case]:
    names = ("chuangmi_camera_021a04", "chuangmi-camera-021a04_miio1001", "phone")
    return [
        (json.dumps({"ip": "192.168.1.7", "hostname": name, "mac": "50ec50010203"}).encode(),)
        for name in names
    ]


def _pushes() -> list[Case]:
    changed = {"did": "1", "siid": 2, "piid": 1, "value": True}
    requests = (
        {"id": 1, "method": "properties_changed", "params": [changed]},
        {"id": 2, "method": "event_occured", "params": {"siid": 5, "eiid": 1, "arguments": []}},
        {"id": 3, "method": "event_occured", "params": [{"siid": 5, "eiid": 1}]},
    )
    sent = tuple(b"\0\x10" + json.dumps(one).encode() for one in requests)
    return [sent, (*sent, sent[0]), (b"\x30\x10" + sent[0][2:],)]


TARGETS = (
    Target("mdns", _said, _mdns, json=True),
    Target("dhcp", _leases, _dhcp, json=True),
    Target("push", _pushes, _push, weight=2),
    Target("push-offer", lambda: [(bytes(16) + b"MSUB" + bytes(4) + b"PUB\0\1\0\0\0",)], _offer),
    Target(
        "legacy-values",
        lambda: [(json.dumps({"power": "on", "flip": "off", "night_mode": "0"}).encode(),)],
        _legacy,
        json=True,
    ),
)
