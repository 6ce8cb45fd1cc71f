"""HTTP as the cloud client needs it: bounded, no redirects, cookies in plain sight."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from typing import TYPE_CHECKING, Final

import aiohttp

from .errors import CloudUnavailable, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

type JsonValue = bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None

TIMEOUT: Final = aiohttp.ClientTimeout(total=15, connect=10)
SMALL: Final = 256 * 1024
"""Bytes a normal reply may have."""
LARGE: Final = 8 * 1024 * 1024
"""Bytes a device list may have."""
MAX_COOKIES: Final = 32


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    body: bytes = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    """Set by this response."""
    location: str | None = field(repr=False)
    pragma: str | None = field(repr=False)
    """The header Extension-Pragma, JSON with `ssecurity` after some log-ins."""


class Transport:
    """Requests over the connections of a session somebody else owns.

    That session's own cookie jar is neither read nor written: every request goes through a
    session of its own on the same connector, with exactly the cookies it is given.
    """

    def __init__(
        self, http: aiohttp.ClientSession, allowed: Callable[[], bool] | None = None
    ) -> None:
        """Use the connector of `http`, and ask `allowed`, if given, before each request."""
        self._http = http
        self._allowed = allowed

    def while_allowed(self, allowed: Callable[[], bool]) -> Transport:
        """Return the same transport for the requests of one call, each only if `allowed`."""
        return Transport(self._http, allowed)

    async def get(
        self,
        url: URL | str,
        cookies: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = SMALL,
        seconds: float | None = None,
    ) -> Response:
        """Get a page; raises `CloudUnavailable` or `NotAllowed`.

        `seconds`, when given, is how long the answer may take.
        """
        return await self._request(
            "GET", url, cookies, headers=headers, limit=limit, seconds=seconds
        )

    async def post(
        self,
        url: URL | str,
        cookies: Mapping[str, str],
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = SMALL,
    ) -> Response:
        """Post a form; raises `CloudUnavailable` or `NotAllowed`."""
        return await self._request("POST", url, cookies, form=form, headers=headers, limit=limit)

    async def _request(
        self,
        method: str,
        url: URL | str,
        cookies: Mapping[str, str],
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int,
        seconds: float | None = None,
    ) -> Response:
        if self._allowed is not None and not self._allowed():
            raise NotAllowed
        if self._http.closed:
            raise CloudUnavailable("the HTTP session is closed")
        sent = {
            "Accept-Encoding": "identity",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items() if value),
            **(headers or {}),
        }
        timeout = TIMEOUT if seconds is None else aiohttp.ClientTimeout(seconds, connect=10)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._http.connector,
                    connector_owner=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.request(
                    method, url, data=form, headers=sent, allow_redirects=False, timeout=timeout
                ) as response,
            ):
                return await _read(response, limit)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as err:
            # The cause is left out: its text may hold the URL, and that a token.
            raise CloudUnavailable(f"no answer ({type(err).__name__})") from None


async def _read(response: aiohttp.ClientResponse, limit: int) -> Response:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise CloudUnavailable("the answer is too large")
    if response.status >= 500:
        raise CloudUnavailable(f"status {response.status}")
    cookies = list(response.cookies.values())[:MAX_COOKIES]
    return Response(
        response.status,
        bytes(body),
        {cookie.key: cookie.value for cookie in cookies},
        response.headers.get("Location"),
        response.headers.get("Extension-Pragma"),
    )


def read_object(text: bytes | str) -> dict[str, JsonValue]:
    """JSON object of a reply; raises `CloudUnavailable` for anything else."""
    try:
        value = json.loads(text)
    except ValueError, RecursionError:
        raise CloudUnavailable("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise CloudUnavailable("the answer is not a JSON object")
    return value
