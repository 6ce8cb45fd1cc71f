"""One connection to the relay.

A protocol of its own and no web framework: a chunk goes from the feed to the socket in one
call, with no task to wake and no framing to add, as the body simply lasts until the
connection ends.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from .hard_abort import hard_abort

if TYPE_CHECKING:
    from ..gate import Permit
    from .access_unit import Origin, Source
    from .relay import Relay
    from .viewer import Viewer

__all__ = ["PATH", "RelayReader"]

_LOGGER = logging.getLogger(__name__)

PATH: Final = "/live.ts"
_MAX_HEAD: Final = 16 * 1024
_PATIENCE: Final = 5.0
"""How long a request may take to come, in seconds."""
_OK: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nCache-Control: no-store\r\n"
    b"Connection: close\r\n\r\n"
)
_ERROR: Final = b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_SEND_BUFFER: Final = 96 * 1024
"""How much the kernel may keep for a reader, in bytes; Linux takes twice as much, overhead
included. At 1.5 Mbit/s that is a second of pictures, whose age nobody can judge any more."""


class RelayReader(asyncio.Protocol):
    """Reads one HTTP request, then writes a viewer's chunks until either ends."""

    def __init__(self, relay: Relay) -> None:
        """Wait for the connection.

        `key` is the digest of the token that is being served.
        """
        self.key: bytes | None = None
        self._relay = relay
        self._stats = relay.stats
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self._permit: Permit | None = None
        self._source: Source | None = None
        self._origin: Origin | None = None
        self._viewer: Viewer | None = None
        self._paused = False

    # -- the connection ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request, but not for ever."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # What the socket does not take waits in the viewer's queue, where it can get too old.
        transport.set_write_buffer_limits(high=0)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if not self._relay.enter(self):
            transport.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(_PATIENCE, self.abort)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the request; what comes after it is ignored."""
        if self._deadline is None:
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._heard()
            self._answer(bytes(self._head))
        elif len(self._head) > _MAX_HEAD:
            self._heard()
            self._refuse(b"431 Request Header Fields Too Large")

    def pause_writing(self) -> None:
        """Let chunks wait in the viewer's queue: the socket has enough."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the feed."""
        if exc is not None:
            _LOGGER.debug("A reader of the relay has gone: %s", type(exc).__name__)
        self._heard()
        self._transport = None
        self._relay.leave(self)
        self._unview()

    def abort(self) -> None:
        """End at once: nothing is written any more, nor what waits in the kernel sent."""
        transport, self._transport = self._transport, None
        self._unview()
        if transport is not None:
            hard_abort(transport)

    def _heard(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- the request ---------------------------------------------------------------------

    def _answer(self, head: bytes) -> None:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        try:
            target = urlsplit(rest.rpartition(" ")[0])
        except ValueError:
            self._refuse(b"400 Bad Request")
            return
        token = parse_qs(target.query).get("auth", [""])[0]
        if method != "GET":
            self._refuse(b"405 Method Not Allowed")
        elif target.path != PATH or not self._relay.open(self, token):
            self._refuse(b"404 Not Found")

    def _refuse(self, status: bytes) -> None:
        if self._transport is not None:
            self._transport.write(_ERROR % status)
            self._transport.close()

    # -- pictures --------------------------------------------------------------------------

    def serve(self, key: bytes, permit: Permit, source: Source, viewer: Viewer) -> None:
        """Write a viewer's chunks from now on, of this source and the permit's epoch only."""
        self.key = key
        self._permit = permit
        self._source = source
        self._viewer = viewer
        self._stats.connections += 1
        if self._transport is not None:
            self._transport.write(_OK)
        viewer.listen(self._pump)
        self._pump()

    def _pump(self) -> None:
        """Write what there is, as far as the gate is open and the socket takes it."""
        viewer, permit = self._viewer, self._permit
        if viewer is None or permit is None:
            return
        while not self._paused and (taken := viewer.take()) is not None:
            chunk, origin = taken
            if self._transport is None or not permit.valid:
                self.abort()
                return
            # The same object chunk after chunk, so as a rule this is all it takes.
            known = origin is not None and origin is self._origin
            if not known and not self._was_granted(origin, permit):
                return
            self._transport.write(chunk)
            self._stats.bytes_sent += len(chunk)
            self._stats.last_byte_at = time.time()
        if viewer.ended:
            self._end()

    def _was_granted(self, origin: Origin | None, permit: Permit) -> bool:
        """Compare what is about to leave with what the token stands for."""
        if origin is not None and origin.source == self._source and origin.epoch == permit.epoch:
            self._origin = origin
            return True
        self.abort()
        if self._source is not None:
            self._relay.violated(self._source)
        return False

    def _end(self) -> None:
        """End as the viewer has: what the reader has not taken by now is old."""
        if self._transport is None or self._transport.get_write_buffer_size():
            self.abort()
        else:
            self._transport.close()

    def _unview(self) -> None:
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            self._stats.connections -= 1
            viewer.close()
