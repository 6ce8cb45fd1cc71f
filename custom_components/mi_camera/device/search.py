"""Where a device has gone: a hello to everybody, on a socket of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

from .errors import MiioNotAllowed
from .packet import HELLO, MIIO_PORT, PacketError, read_hello

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOGGER = logging.getLogger(__name__)

REPEATS: Final = 3
"""Hellos sent within one search, since datagrams get lost."""
MAX_FOUND: Final = 8
"""Addresses kept of one search: anybody may answer it."""


async def find_device(
    did: int,
    broadcasts: Sequence[str],
    *,
    allowed: Callable[[], bool],
    timeout: float = 2.0,
    port: int = MIIO_PORT,
) -> tuple[str, ...]:
    """Ask all devices at `broadcasts` (IPv4 broadcast addresses) for the one with `did`.

    Gives the addresses that answered, the quickest first, none after `timeout` seconds. It
    proves nothing: a hello is not signed and carries but the low 32 bits of a did. `allowed`
    is asked before each datagram.

    Raises:
        OSError: no socket can be had.
        MiioNotAllowed: the search lost leave to ask.
    """
    search = _Search(did, port)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: search, local_addr=("0.0.0.0", 0), family=socket.AF_INET, allow_broadcast=True
    )
    try:
        for _ in range(REPEATS):
            for address in broadcasts:
                if not allowed():
                    raise MiioNotAllowed
                transport.sendto(HELLO, (address, port))
            # All of that while's answers: the first need not be the right one.
            await asyncio.sleep(timeout / REPEATS)
            if search.found:
                break
    finally:
        transport.abort()
        await search.closed.wait()
    return tuple(search.found)


class _Search(asyncio.DatagramProtocol):
    def __init__(self, did: int, port: int) -> None:
        self.found: list[str] = []
        self.closed = asyncio.Event()
        self._did = did & 0xFFFFFFFF
        self._port = port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            hello = read_hello(data)
        except PacketError:
            return
        address, port = addr
        new = address not in self.found and len(self.found) < MAX_FOUND
        if new and port == self._port and hello.did == self._did:
            self.found.append(address)

    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("Search for a device: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
