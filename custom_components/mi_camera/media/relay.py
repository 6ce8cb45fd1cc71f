"""The loopback relay: the only door by which moving pictures leave.

An HTTP server on 127.0.0.1 that gives a feed as endless MPEG-TS to whoever has its
token: Home Assistant's stream component and go2rtc. A token stands for exactly one feed
in one epoch and is never used again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import hashlib
import secrets
from typing import TYPE_CHECKING

from .relay_reader import PATH, RelayReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..gate import Permit
    from .access_unit import Source
    from .feed import Feed

__all__ = ["Relay", "RelayStats"]

HOST = "127.0.0.1"
MAX_READERS = 256
"""Far more than all readers of a house's cameras."""


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
    source: Source


def _digest(token: str) -> bytes:
    """Look-ups go by the digest, so their timing tells nothing about a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class Relay:
    """Serves feeds to readers on this machine."""

    def __init__(self, on_violation: Callable[[Source], None] | None = None) -> None:
        """Make a relay that is not listening yet.

        `on_violation` is called when something else than was granted was about to leave,
        with the source that was granted; whoever read it has been aborted.
        """
        self._on_violation = on_violation
        self.stats = RelayStats()
        self._grants: dict[bytes, _Grant] = {}
        self._readers: set[RelayReader] = set()
        self._server: asyncio.Server | None = None
        self._port: int | None = None

    async def start(self) -> None:
        """Listen on a free port of the loopback address.

        Raises:
            OSError: no port can be had.
        """
        self._server = await asyncio.get_running_loop().create_server(
            lambda: RelayReader(self), HOST, 0
        )
        self._port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening, then cut everything, now: who is cut finds nobody to knock at."""
        self._port = None
        if self._server is not None:
            self._server.close()
        self.cut()

    async def stop(self) -> None:
        """Close, and wait until no connection is left."""
        self.close()
        if (server := self._server) is not None:
            self._server = None
            await server.wait_closed()

    def grant(self, feed: Feed, permit: Permit, source: Source | None = None) -> str:
        """Return a new address at which `feed` can be read while `permit` is valid.

        Only what has come from `source` leaves there; the feed's own if it is not given.

        Raises:
            RuntimeError: the relay is not listening.
        """
        if self._port is None:
            raise RuntimeError("the relay is not listening")
        token = secrets.token_urlsafe(24)
        self._grants[_digest(token)] = _Grant(feed, permit, source or feed.source)
        return f"http://{HOST}:{self._port}{PATH}?auth={token}"

    def revoke(self, url: str) -> None:
        """Make an address dead for ever and abort who reads there."""
        self._end({_digest(url.rpartition("?auth=")[2])})

    def cut_camera(self, did: str) -> None:
        """Make all addresses of one camera dead for ever and abort their readers, now."""
        self._end({key for key, grant in self._grants.items() if grant.source.did == did})

    def _end(self, keys: set[bytes]) -> None:
        for key in keys:
            self._grants.pop(key, None)
        for reader in tuple(self._readers):
            if reader.key in keys:
                reader.abort()

    def cut(self) -> None:
        """Make all addresses dead for ever and abort all readers, now."""
        self._grants.clear()
        for reader in tuple(self._readers):
            reader.abort()

    # -- for its readers ---------------------------------------------------------------

    def enter(self, reader: RelayReader) -> bool:
        """Take in a connection; False when there are too many, or the relay has closed."""
        if len(self._readers) >= MAX_READERS or self._port is None:
            return False
        self._readers.add(reader)
        return True

    def leave(self, reader: RelayReader) -> None:
        """Forget a connection."""
        self._readers.discard(reader)

    def open(self, reader: RelayReader, token: str) -> bool:
        """Begin to serve what a token stands for; False when it stands for nothing."""
        key = _digest(token)
        grant = self._grants.get(key)
        if grant is None or not grant.permit.valid:
            self.stats.refused += 1
            return False
        reader.serve(key, grant.permit, grant.source, grant.feed.view(grant.permit))
        return True

    def violated(self, source: Source) -> None:
        """Report that something of elsewhere was about to leave where `source` was granted."""
        if self._on_violation is not None:
            self._on_violation(source)
