"""Where a cast's pictures come from: HLS of its own, at an address of its own."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING, Final, Protocol
import weakref

from homeassistant.core import callback

from ..media import CastSound, HlsSession, clock
from ..media.hard_abort import hard_abort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..gate import Permit
    from ..media import Feed, HlsSegment, Origin, Source

__all__ = ["CAST_PATH", "CastAddresses", "CastSource", "SessionHls"]

CAST_PATH: Final = "/api/mi_camera/cast"
PATIENCE: Final = 25.0
"""How long a player may wait for the first segment, seconds; waking a camera is in it."""


class CastSource(Protocol):
    """What a cast session shows. `token` and `path` are its secrets."""

    token: str

    @property
    def path(self) -> str:
        """What to append to Home Assistant's address; the token is a folder in it."""

    @property
    def available(self) -> bool:
        """Whether pictures come, or may still."""

    @property
    def asked(self) -> bool:
        """Whether anybody has asked for something of it."""

    @property
    def extra(self) -> dict[str, object]:
        """What to tell a Cast player beside the address."""

    def say(self, speech: Sequence[bytes]) -> bool:
        """Say something in the sound from now on; returns whether it will be heard.

        `speech` are frames of AAC as `AacEncoder` makes them.
        """

    def detach(self) -> None:
        """Make every address dead, synchronously; waiting requests find nothing."""

    def end_in_background(self) -> None:
        """End what takes time to end, after `detach`."""


class SessionHls:
    """A viewer of one feed in one epoch, whose pictures leave as HLS segments."""

    def __init__(
        self,
        addresses: CastAddresses,
        feed: Feed,
        permit: Permit,
        source: Source,
        on_change: Callable[[], None],
        on_violation: Callable[[], None],
    ) -> None:
        """Join the feed, which starts the camera unless it runs.

        `on_change` is called when `available` has changed, `on_violation` when something was
        met that is not of `source`; everything is dead by then.
        """
        self.token = secrets.token_hex(16)
        self._addresses = addresses
        self._permit = permit
        self._source = source
        self._on_change = on_change
        self._on_violation = on_violation
        self._hls = HlsSession()
        self._sound = CastSound()
        self._changed = asyncio.Event()
        self._asked = False
        self._detached = False
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._viewer = feed.view(permit)
        self._viewer.listen(self._pump)
        self._pump()

    def __repr__(self) -> str:
        """Tell no secret."""
        return f"<SessionHls {self._source.did}/{self._source.lens}>"

    @property
    def path(self) -> str:
        """The master playlist's path."""
        # Home Assistant adds a signature, which is of no use here, to a path without a query.
        return f"{CAST_PATH}/{self.token}/master.m3u8?live=1"

    @property
    def available(self) -> bool:
        """Whether pictures come, or may still."""
        return not self._detached and not self._viewer.ended

    @property
    def asked(self) -> bool:
        """Whether anybody has asked for a playlist."""
        return self._asked

    @property
    def extra(self) -> dict[str, object]:
        """Live, in fragmented MP4 (as the Cast media receiver names it)."""
        return {
            "stream_type": "LIVE",
            "media_info": {"hlsSegmentFormat": "fmp4", "hlsVideoSegmentFormat": "fmp4"},
        }

    @property
    def permitted(self) -> bool:
        """Whether anything of it may leave now."""
        return not self._detached and self._permit.valid

    @property
    def kept(self) -> int:
        """Bytes of media that are kept."""
        return self._hls.kept

    @callback
    def say(self, speech: Sequence[bytes]) -> bool:
        """Say something in the sound from now on; returns whether it will be heard."""
        if not self.permitted or self._viewer.ended:
            return False
        self._sound.say(speech)
        return True

    @callback
    def detach(self) -> None:
        """Make every address dead, synchronously.

        Its segments are forgotten, requests that wait are woken to find nothing, and what a
        connection has not sent yet of an earlier one never is.
        """
        if self._detached:
            return
        self._detached = True
        self._addresses.forget(self)
        self._viewer.close()
        self._hls.end()
        self._sound.end()
        self._changed.set()
        for transport in tuple(self._transports):
            if transport.get_write_buffer_size():
                hard_abort(transport)

    @callback
    def end_in_background(self) -> None:
        """Nothing takes time."""

    @callback
    def _pump(self) -> None:
        """Take what has come."""
        while not self._detached and (taken := self._viewer.take_parts()) is not None:
            parts, origin = taken
            if not self._permit.valid:
                self.detach()
                return
            if not self._is_granted(origin):
                self._violated()
                return
            assert origin is not None
            if self._hls.add(self._sound.follow(parts), origin) and self._hls.ready:
                self._changed.set()
        if self._viewer.ended and not self._detached:
            # A frozen face is worse than none: nothing of before is given any more.
            self._hls.end()
            self._sound.end()
            self._changed.set()
            self._on_change()

    def _is_granted(self, origin: Origin | None) -> bool:
        return (
            origin is not None
            and origin.source == self._source
            and origin.epoch == self._permit.epoch
        )

    @callback
    def _violated(self) -> None:
        self.detach()
        self._on_violation()

    @property
    def _ready(self) -> bool:
        return self._hls.ready and self.permitted

    # -- for the view ----------------------------------------------------------------------

    async def async_ready(self) -> bool:
        """Wait for the first segment; returns whether there is one that may leave."""
        self._asked = True
        self._hls.forget_old(clock.now())
        if self._detached or self._viewer.ended or self._hls.ready:
            return self._ready
        self._changed.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._changed.wait()
        except TimeoutError:
            return False
        return self._ready

    @callback
    def master(self) -> str | None:
        """Return the master playlist."""
        return self._hls.master()

    @callback
    def playlist(self) -> str | None:
        """Return the media playlist."""
        return self._hls.playlist()

    @callback
    def init(self) -> bytes | None:
        """Return the initialisation section."""
        return self._hls.init()

    @callback
    def segment(self, number: int) -> bytes | None:
        """Return a segment, of what was granted and nothing else."""
        self._hls.forget_old(clock.now())
        segment: HlsSegment | None = self._hls.segment(number)
        if segment is None:
            return None
        if not self._is_granted(segment.origin):
            self._violated()
            return None
        return segment.data

    @callback
    def sends_by(self, transport: asyncio.Transport) -> None:
        """Note a connection that has to end if it is still sending at the cut."""
        self._transports.add(transport)


class CastAddresses:
    """Which token stands for which source; there is one for all hubs and views."""

    def __init__(self) -> None:
        """Know none."""
        self._sources: dict[bytes, SessionHls] = {}

    def __len__(self) -> int:
        """Return how many addresses are alive."""
        return len(self._sources)

    @callback
    def open(
        self,
        feed: Feed,
        permit: Permit,
        source: Source,
        on_change: Callable[[], None],
        on_violation: Callable[[], None],
    ) -> SessionHls:
        """Return a new source at a new address, as `SessionHls` is made."""
        opened = SessionHls(self, feed, permit, source, on_change, on_violation)
        if opened.permitted:
            self._sources[_digest(opened.token)] = opened
        return opened

    @callback
    def get(self, token: str) -> SessionHls | None:
        """Return what a token stands for as long as its pictures may leave."""
        source = self._sources.get(_digest(token))
        return source if source is not None and source.permitted else None

    @callback
    def forget(self, source: SessionHls) -> None:
        """Make an address dead for ever."""
        self._sources.pop(_digest(source.token), None)


def _digest(token: str) -> bytes:
    """Look-ups go by the digest, so their timing tells nothing about a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
