"""The loopback relay: the only door by which moving pictures leave.

An HTTP server on 127.0.0.1 that gives a feed as endless MPEG-TS to whoever has its
token: Home Assistant's stream component and go2rtc. A token stands for exactly one feed
in one epoch and is never used again.
"""

from __future__ import annotations

from dataclasses import dataclass
import hashlib
import logging
import secrets
import time
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from ..gate import Permit
    from .feed import Feed
    from .viewer import Viewer

__all__ = ["Relay", "RelayStats"]

_LOGGER = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATH = "/live.ts"


@dataclass(slots=True)
class RelayStats:
    """What left by the relay. `last_byte_at` is Unix time in seconds."""

    bytes_sent: int = 0
    last_byte_at: float | None = None
    connections: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Grant:
    feed: Feed
    permit: Permit


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """A connection that is being served."""

    key: bytes
    request: web.Request
    viewer: Viewer


def _digest(token: str) -> bytes:
    """Look-ups go by the digest, so their timing tells nothing about a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class Relay:
    """Serves feeds to readers on this machine."""

    def __init__(self) -> None:
        """Make a relay that is not listening yet."""
        self.stats = RelayStats()
        self._grants: dict[bytes, _Grant] = {}
        self._readers: set[_Reader] = set()
        self._runner: web.AppRunner | None = None
        self._port: int | None = None

    async def start(self) -> None:
        """Listen on a free port of the loopback address.

        Raises:
            OSError: no port can be had.
        """
        app = web.Application()
        app.router.add_get(PATH, self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Cut everything and stop listening."""
        self.cut()
        if (runner := self._runner) is not None:
            self._runner = None
            self._port = None
            await runner.cleanup()

    def grant(self, feed: Feed, permit: Permit) -> str:
        """Return a new address at which `feed` can be read while `permit` is valid.

        Raises:
            RuntimeError: the relay is not listening.
        """
        if self._port is None:
            raise RuntimeError("the relay is not listening")
        token = secrets.token_urlsafe(24)
        self._grants[_digest(token)] = _Grant(feed, permit)
        return f"http://{HOST}:{self._port}{PATH}?auth={token}"

    def revoke(self, url: str) -> None:
        """Make an address dead for ever and abort who reads there."""
        key = _digest(url.rpartition("?auth=")[2])
        self._grants.pop(key, None)
        for reader in [reader for reader in self._readers if reader.key == key]:
            self._abort(reader)

    def cut(self) -> None:
        """Make all addresses dead for ever and abort all readers, now."""
        self._grants.clear()
        for reader in tuple(self._readers):
            self._abort(reader)

    def _abort(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        reader.viewer.end()
        if reader.request.transport is not None:
            reader.request.transport.abort()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        key = _digest(request.query.get("auth", ""))
        grant = self._grants.get(key)
        if grant is None or not grant.permit.valid:
            self.stats.refused += 1
            return web.Response(status=404)
        response = web.StreamResponse(
            headers={"Content-Type": "video/mp2t", "Cache-Control": "no-store"}
        )
        viewer = grant.feed.view(grant.permit)
        reader = _Reader(key, request, viewer)
        self._readers.add(reader)
        self.stats.connections += 1
        try:
            await response.prepare(request)
            async for chunk in viewer:
                if not grant.permit.valid or reader not in self._readers:
                    break
                self.stats.bytes_sent += len(chunk)
                self.stats.last_byte_at = time.time()
                await response.write(chunk)
        except ConnectionError:
            _LOGGER.debug("A reader of the relay has gone")
        finally:
            self.stats.connections -= 1
            self._readers.discard(reader)
            viewer.close()
        return response
