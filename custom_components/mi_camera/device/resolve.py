"""The address of a device that is given by name."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

from .errors import MiioTimeout

RESOLVE_TIMEOUT: Final = 3.0


async def resolve(host: str) -> str:
    """IPv4 address of a host; a name that leads nowhere counts as a device that is away."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM
            )
    except OSError, UnicodeError:  # TimeoutError is an OSError
        raise MiioTimeout(host, answered_hello=False) from None
    return str(found[0][4][0])
