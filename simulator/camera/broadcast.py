"""A second socket for what is sent to a broadcast address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def broadcast_address(address: str) -> str:
    """Return the broadcast address that a camera at `address` hears.

    On loopback that of the whole network 127.0.0.0/8; elsewhere, where the mask is not known,
    the limited one.
    """
    loopback = ipaddress.IPv4Address(address).is_loopback
    return "127.255.255.255" if loopback else "255.255.255.255"


async def open_broadcast(
    protocol: Callable[[], asyncio.DatagramProtocol], address: str, port: int
) -> asyncio.DatagramTransport:
    """Listen where all cameras of a network hear the same datagrams.

    Raises:
        OSError: the port is taken by something that does not share it.

    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((broadcast_address(address), port))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            protocol, sock=sock
        )
    except BaseException:
        sock.close()
        raise
    return transport
