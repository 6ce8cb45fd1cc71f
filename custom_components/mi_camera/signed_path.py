"""Addresses that Home Assistant has signed for an entity id, which may be another's by now.

Home Assistant signs paths such as `/api/camera_proxy/camera.kitchen` for a day at a time.
What is signed is the entity id, so an address that was signed before two ids were swapped
would show the other camera. Its signing secret does not survive a restart, so neither need
what is kept here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from aiohttp.web import RequestKey
from homeassistant.auth.jwt_wrapper import unverified_hs256_token_decode
from homeassistant.components.http.auth import SIGN_QUERY_PARAM
from homeassistant.helpers.http import current_request
from jwt import InvalidTokenError

if TYPE_CHECKING:
    from aiohttp.web import Request

__all__ = ["EntityAddress", "SignatureClock"]

_PATHS: Final = ("/api/camera_proxy", "/api/image_proxy")
"""What the paths of stills and of series of them begin with."""


class SignatureClock:
    """The latest Unix time that signatures may bear, in whole seconds.

    The system's clock may have been ahead when a path was signed, and have been set right
    since: so it is the latest time that has been seen, not the present one.
    """

    def __init__(self) -> None:
        """Have seen the present time."""
        self._latest = int(time.time())

    def latest(self) -> int:
        """Look at the clock, and return the latest time seen."""
        self._latest = max(self._latest, int(time.time()))
        return self._latest


class EntityAddress:
    """Which requests for an entity's pictures were meant for it and not for its id alone."""

    def __init__(self, clock: SignatureClock) -> None:
        """Admit all."""
        self._clock = clock
        self._key = RequestKey("mi_camera_ends", int)
        self._since = 0
        self._ends = 0

    def end(self) -> None:
        """Admit no request any more that was begun before now."""
        self._ends += 1

    def moved(self, *, first: bool = False) -> None:
        """Admit nothing that was begun or signed before now, as the entity has got its id now.

        Unless it is the `first` time since Home Assistant was started, before it has signed
        anything for anybody.
        """
        self.end()
        self._since = 0 if first else self._clock.latest()

    def admits(self, entity_id: str) -> bool:
        """Whether the request that is being answered, if any, may have a picture.

        A request that lasts, as that for an MJPEG stream does, asks for each picture.
        """
        self._clock.latest()
        request = current_request.get()
        if request is None or not request.path.startswith(_PATHS):
            return True
        if request.setdefault(self._key, self._ends) != self._ends:
            return False
        if request.match_info.get("entity_id") != entity_id:
            # It is for another entity, which makes something of its own of this picture.
            return True
        return SIGN_QUERY_PARAM not in request.query or self._is_new(request)

    def _is_new(self, request: Request) -> bool:
        """Whether the path was signed after the entity got its id.

        Home Assistant has verified the signature, or admitted who asks in another way.
        """
        try:
            claims = unverified_hs256_token_decode(request.query[SIGN_QUERY_PARAM])
        except InvalidTokenError:
            return False
        signed_at = claims.get("iat")
        return isinstance(signed_at, int) and self._since < signed_at <= time.time()
