"""MJPEG views of a lens, which can be ended with what still waits to be sent.

A view that is slow has seconds of stills waiting for it, in Home Assistant and in the kernel.
Ending the series would still send those.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aiohttp.web import HTTPServiceUnavailable
from homeassistant.core import callback

from .media.hard_abort import hard_abort

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Generator

    from aiohttp.web import Request

__all__ = ["MjpegViews"]

_MAX_VIEWS: Final = 64


class MjpegViews:
    """The connections on which a series of stills is being sent, at most 64."""

    def __init__(self) -> None:
        """Have none."""
        self._transports: set[Transport] = set()

    def __len__(self) -> int:
        """How many there are now."""
        return len(self._transports)

    @contextmanager
    def of(self, request: Request) -> Generator[None]:
        """Know of the connection while its request is answered.

        Raises:
            HTTPServiceUnavailable: there are too many.
        """
        transport = request.transport
        if transport is None or len(self._transports) >= _MAX_VIEWS:
            raise HTTPServiceUnavailable
        self._transports.add(transport)
        try:
            yield
        finally:
            self._transports.discard(transport)
            # What it has not taken by now is old.
            if transport.get_write_buffer_size():
                hard_abort(transport)

    @callback
    def abort(self) -> None:
        """End all at once: nothing that waits in Home Assistant or the kernel is sent."""
        while self._transports:
            hard_abort(self._transports.pop())
