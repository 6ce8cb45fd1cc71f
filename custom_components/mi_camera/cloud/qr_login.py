"""Signing in with the Mi Home app: a QR code to scan, and waiting until somebody has.

`serviceLogin` names a location whose query is handed to `/longPolling/loginUrl`. That gives
the text of the QR code and an address which answers when the code has been scanned and the
sign-in confirmed, with all that a password log-in would have given (public protocol notes).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import re
import time
from typing import TYPE_CHECKING, Final

from .errors import CloudUnavailable, QrCodeExpired
from .login import AccountLogin, client_cookies, read_answer, text_of, welcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarl import URL

    from .endpoints import CloudEndpoints
    from .login import Welcome
    from .transport import Transport

TEXT: Final = re.compile(r"[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,1024}", re.ASCII)
"""What a QR code's text may be: not too fine for a phone's camera, and no markup in a form."""
POLL_SECONDS: Final = 60.0
LIFETIME: Final = 120.0
MAX_LIFETIME: Final = 300.0
PAUSE: Final = 1.0
"""Seconds between two questions at least, however quickly they are answered."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code to show."""

    text: str = field(repr=False)
    """What it encodes: an https address, which also works on the phone that shows it."""
    poll: URL = field(repr=False)
    lifetime: float
    """Seconds it can be scanned for."""


class QrLogin:
    """The requests of signing in with the app; keeps nothing between them."""

    def __init__(self, transport: Transport, endpoints: CloudEndpoints) -> None:
        """Talk to the account service of `endpoints`."""
        self._transport = transport
        self._endpoints = endpoints
        self._login = AccountLogin(transport, endpoints)

    async def code(self, device_id: str) -> QrCode:
        """Fetch a new code; raises `CloudUnavailable`."""
        cookies = client_cookies(device_id)
        first = await self._login.service_login(cookies)
        asked = self._endpoints.own("/longPolling/loginUrl")
        handed = self._endpoints.own(text_of(first.get("location")))
        if asked is None or handed is None:
            raise CloudUnavailable("the log-in page is a foreign one")
        query = {**handed.query, "_qrsize": "240", "_dc": str(time.time_ns() // 1_000_000)}
        answer = read_answer(await self._transport.get(asked.with_query(query), cookies))
        text = text_of(answer.get("loginUrl"))
        shown = self._endpoints.trusted(text)
        poll = self._endpoints.trusted(text_of(answer.get("lp")))
        if shown is None or poll is None or not TEXT.fullmatch(text):
            raise CloudUnavailable("the QR code leads to a foreign server")
        seconds = answer.get("timeout")
        lifetime = LIFETIME
        if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0:
            # Whoever answers may name a number of hundreds of digits.
            lifetime = float(min(seconds, MAX_LIFETIME))
        return QrCode(text, poll, lifetime)

    async def scanned(
        self, code: QrCode, device_id: str, clock: Callable[[], float] = time.monotonic
    ) -> Welcome:
        """Wait until the code has been scanned; raises `QrCodeExpired`.

        An answer that says nothing, or none at all, is asked for again, until the code's time
        is over.
        """
        ends = clock() + code.lifetime
        while (left := ends - clock()) > 0:
            began = clock()
            try:
                response = await self._transport.get(
                    code.poll, client_cookies(device_id), seconds=min(left, POLL_SECONDS)
                )
                welcome = welcome_of(read_answer(response))
            except CloudUnavailable:
                welcome = None
            if welcome is not None and welcome.location and welcome.pass_token:
                return welcome
            await asyncio.sleep(max(0.0, PAUSE - (clock() - began)))
        raise QrCodeExpired
