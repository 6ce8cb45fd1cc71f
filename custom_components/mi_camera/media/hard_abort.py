"""Ending a connection so that nothing that waits is sent any more."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

__all__ = ["hard_abort"]

# On closing, forget what the kernel still has to send and tell the other side of the break.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


def hard_abort(transport: asyncio.Transport) -> None:
    """End at once: what waits in this process or the kernel is never sent."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
