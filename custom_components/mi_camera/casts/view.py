"""The HTTP side of casts: playlists and segments, for who has the token."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from homeassistant.core import callback
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from .source import CAST_PATH, CastAddresses

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .source import SessionHls

DATA_CAST_ADDRESSES: HassKey[CastAddresses] = HassKey(f"{DOMAIN}_cast_addresses")

_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_INIT: Final = "video/mp4"
_SEGMENT: Final = "video/iso.segment"


@callback
def async_setup_casts(hass: HomeAssistant) -> None:
    """Register the view, which finds nothing as long as nothing is cast."""
    addresses = hass.data[DATA_CAST_ADDRESSES] = CastAddresses()
    hass.http.register_view(CastView(addresses))


class CastView(HomeAssistantView):
    """Serves the files of a session: master and media playlist, initialisation, segments."""

    url = (
        CAST_PATH
        + r"/{token:[0-9a-f]{32}}/{file:master\.m3u8|playlist\.m3u8|init\.mp4|[0-9]{1,9}\.m4s}"
    )
    name = "api:mi_camera:cast"
    # A display has no account here. What it has is the token, good for this one session.
    requires_auth = False
    # The page of a Cast receiver is from elsewhere.
    cors_allowed = True

    def __init__(self, addresses: CastAddresses) -> None:
        """Serve what these addresses stand for."""
        self._addresses = addresses

    async def get(self, request: web.Request, token: str, file: str) -> web.StreamResponse:
        """Answer with a file; 404 when it is not there, or not any more."""
        source = self._addresses.get(token)
        if source is None:
            raise web.HTTPNotFound
        kind = _SEGMENT
        body: bytes | None
        if file.endswith(".m3u8"):
            kind = _PLAYLIST
            if not await source.async_ready():
                raise web.HTTPNotFound
            text = source.master() if file.startswith("master") else source.playlist()
            body = None if text is None else text.encode()
        elif file.endswith(".mp4"):
            kind, body = _INIT, source.init()
        else:
            body = source.segment(int(file.partition(".")[0]))
        if body is None:
            raise web.HTTPNotFound
        return await _send(request, source, body, kind)


async def _send(
    request: web.Request, source: SessionHls, body: bytes, kind: str
) -> web.StreamResponse:
    """Send a file as far as it may leave: a cut breaks the connection off."""
    response = web.StreamResponse(
        status=HTTPStatus.OK,
        headers={hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: "no-store"},
    )
    response.content_length = len(body)
    if (transport := request.transport) is not None:
        source.sends_by(transport)
    await response.prepare(request)
    if not source.permitted:
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write(body)
    await response.write_eof()
    return response
