"""Fetching as the display's web receiver does it: bounded, patient, and bound by CORS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from simulator.display.errors import MediaError, PlaybackError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ORIGIN = "https://www.gstatic.com"
"""Where the default receiver's page comes from."""
USER_AGENT = (
    "Mozilla/5.0 (Fuchsia) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36 CrKey/1.56.500000"
)
MAX_PLAYLIST = 1 << 20
MAX_SEGMENT = 32 << 20
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
"""A live playlist may be held back until there is something to play: 5.6 s is usual at Home
Assistant, a camera that has to be woken takes longer."""


class Fetcher:
    """One player's HTTP connections. An asynchronous context manager."""

    def __init__(self) -> None:
        """Prepare; nothing is opened yet."""
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open."""
        self._http = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Origin": ORIGIN}, timeout=TIMEOUT
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def get(
        self, url: str, limit: int, code: MediaError, *, cors: bool = True
    ) -> tuple[bytes, str]:
        """Return a body and the address it came from in the end; PlaybackError otherwise.

        A Web Receiver fetches streams from a page, so an answer without
        Access-Control-Allow-Origin is withheld from it as if there was none.
        """
        assert self._http is not None
        what = name_of(url)
        try:
            async with self._http.get(url) as response:
                if response.status != 200:
                    raise PlaybackError(code, f"{what} answers {response.status}")
                allowed = response.headers.get("Access-Control-Allow-Origin")
                if cors and allowed not in {"*", ORIGIN}:
                    raise PlaybackError(code, f"{what} has no Access-Control-Allow-Origin for us")
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise PlaybackError(code, f"{what} is larger than {limit} bytes")
                return bytes(body), str(response.url)
        except (TimeoutError, aiohttp.ClientError, ValueError) as err:
            # Not the error's text: it holds the whole address, and that may hold a token.
            raise PlaybackError(code, f"{what}: {type(err).__name__}") from None


def name_of(url: str) -> str:
    """Return the last part of an address, without tokens in its folders or query."""
    try:
        return URL(url).name or "/"
    except ValueError:
        return "an address that is none"
