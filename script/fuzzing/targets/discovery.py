"""The search for a camera: datagrams from it and from strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.discovery import Discovery
from custom_components.mi_camera.miss.limits import Statistics, Timing

from ..target import Target, bounded, ensure
from .wire import CAMERA, DATAGRAMS, with_length

if TYPE_CHECKING:
    from ..target import Feed

_PORTS = (40000, 40001, 32108)


def _open() -> Feed:
    """Take inputs of: who sends it (0-2 the camera's ports, 3 a stranger), 50 ms, a datagram."""
    now = 100.0
    discovery = Discovery(
        CAMERA[0], 32108, ("udp", "tcp"), now=now, timing=Timing(), statistics=Statistics()
    )

    def feed(data: bytes) -> None:
        nonlocal now
        sender, passed = data[:2].ljust(2, b"\0")
        now += passed / 20
        host = "127.0.57.99" if sender & 3 == 3 else CAMERA[0]
        before = discovery.uid
        discovery.receive(data[2:], (host, _PORTS[sender % len(_PORTS)]), now)
        if before is not None:
            ensure(discovery.uid == before, "the name cannot change")
        if (offer := discovery.offer) is not None:
            ensure(offer.address[0] == CAMERA[0], "never another host")
            ensure(0 < offer.address[1] < 65536, "a port")
            if sender & 0x40:
                discovery.reject(offer.transport)
        sent = discovery.handle_timer(now)
        ensure(all(address[0] == CAMERA[0] for _, address in sent), "nobody else is written to")
        ensure(len(sent) <= 8 and len(discovery.stage) < 100, "a few datagrams")
        timer = discovery.next_timer
        ensure(timer is None or timer > now - 1e-9, "a timer that was handled is over")
        bounded(discovery, 4096)

    return feed


TARGETS = (
    Target(
        "discovery",
        lambda: [
            tuple(b"\0\1" + packet for packet in DATAGRAMS),
            (b"\0\0" + DATAGRAMS[0], b"\0\0" + DATAGRAMS[1], b"\0\x0a"),
            (b"\0\0" + DATAGRAMS[0], b"\0\0" + DATAGRAMS[3], b"\x40\x0a"),
            (b"\0\0" + DATAGRAMS[0], b"\3\0" + DATAGRAMS[1], b"\1\x40" + DATAGRAMS[0]),
        ],
        _open,
        repair=lambda data: data[:2] + with_length(data[2:]),
        weight=2,
    ),
)
