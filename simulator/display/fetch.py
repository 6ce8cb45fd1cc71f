"""Fetching as the display's web receiver does it: bounded, patient, and bound by CORS."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
import time
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


MAX_FETCHES = 500
"""How many requests are remembered."""
LOAD = "LOAD"
"""What stands for the message that told a display to play, among its requests."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One request of a display and how it ended; times are unix milliseconds."""

    n: int
    """Which request this was since the display was made, from 1."""
    session: int
    """The media session (one per LOAD) it was made for."""
    name: str
    """The last part of the address, without any token; or LOAD, for the message itself."""
    asked_ms: float
    answered_ms: float
    """When the last byte was there, or when it had failed."""
    size: int | None
    """Bytes of the body, None when it has failed."""


class FetchLog:
    """The newest requests of one display."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ring: deque[Fetched] = deque(maxlen=MAX_FETCHES)
        self._total = 0

    def loaded(self, session: int) -> None:
        """Note that a LOAD has come."""
        now = time.time() * 1000
        self._note(session, LOAD, now, now, 0)

    def fetched(self, session: int, name: str, asked_ms: float, size: int | None) -> None:
        """Note that a request has ended just now."""
        self._note(session, name, asked_ms, time.time() * 1000, size)

    def _note(
        self, session: int, name: str, asked_ms: float, answered_ms: float, size: int | None
    ) -> None:
        self._total += 1
        self._ring.append(Fetched(self._total, session, name, asked_ms, answered_ms, size))

    def entries(self, since: int) -> list[dict[str, str | float | None]]:
        """Return the remembered requests after number `since`."""
        return [asdict(one) for one in self._ring if one.n > since]


class Fetcher:
    """One player's HTTP connections. An asynchronous context manager."""

    def __init__(self, log: FetchLog | None = None, session: int = 0) -> None:
        """Prepare; nothing is opened yet. Requests are noted as those of a media session."""
        self._http: aiohttp.ClientSession | None = None
        self._log, self._session = log or FetchLog(), session

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
        asked_ms = time.time() * 1000
        size: int | None = None
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
                size = len(body)
                return bytes(body), str(response.url)
        except (TimeoutError, aiohttp.ClientError, ValueError) as err:
            # Not the error's text: it holds the whole address, and that may hold a token.
            raise PlaybackError(code, f"{what}: {type(err).__name__}") from None
        finally:
            self._log.fetched(self._session, what, asked_ms, size)


def name_of(url: str) -> str:
    """Return the last part of an address, without tokens in its folders or query."""
    try:
        return URL(url).name or "/"
    except ValueError:
        return "an address that is none"
