"""One sign-in of a user, from the first question to a session.

What is asked for next depends on the account service: nothing, a picture to read, a code that
it has sent. All that has to be remembered in between is in one `SignIn`, and gone with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .errors import CaptchaRequired, CloudUnavailable, SessionExpired, VerificationRequired
from .login import AccountLogin, CaptchaAnswer, Welcome, client_cookies
from .qr_login import QrCode, QrLogin
from .session import AccountSession, new_device_id
from .transport import Transport
from .verification import Method, Verification, VerificationSteps

if TYPE_CHECKING:
    import aiohttp

    from .endpoints import CloudEndpoints

MAX_PICTURE: Final = 64 * 1024
MAX_TYPED: Final = 256
KINDS: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Captcha:
    """A picture with letters or digits to be typed."""

    picture: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class VerificationWanted:
    """A code has to be sent, by one of these ways."""

    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way."""

    method: Method
    masked: str
    """Where to, most of it hidden; may be empty."""


type Step = AccountSession | Captcha | VerificationWanted | CodeSent
"""What an answer has led to: the session, or what is asked for next."""


class SignIn:
    """One sign-in. Methods raise `CloudError` kinds and may be called again after that.

    `InvalidCredentials`, `WrongCode`, `TooManyAttempts`, `QrCodeExpired`, `SessionExpired` (a
    pass token that is not good) and `CloudUnavailable` are told apart.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoints: CloudEndpoints,
        device_id: str | None = None,
    ) -> None:
        """Use `http`'s connections; `device_id` is that of an earlier session, if any."""
        self._device_id = device_id or new_device_id()
        self._endpoints = endpoints
        self._transport = Transport(http)
        self._login = AccountLogin(self._transport, endpoints)
        self._qr = QrLogin(self._transport, endpoints)
        self._steps = VerificationSteps(self._transport, endpoints)
        self._typed: tuple[str, str] | None = None
        self._ick = ""
        self._verification: Verification | None = None
        self._method: Method | None = None

    async def password(self, username: str, password: str) -> Step:
        """Begin with user name and password, which is kept until a captcha is answered."""
        self._typed = (username[:MAX_TYPED], password[:MAX_TYPED])
        self._verification = None
        return await self._password(None)

    async def answer_captcha(self, text: str) -> Step:
        """Go on with what the user read in the picture; another `Captcha` means it was wrong."""
        typed = text.strip()[:MAX_TYPED]
        if self._verification is not None and self._method is not None:
            return await self._send(self._verification, self._method, typed)
        return await self._password(CaptchaAnswer(typed, self._ick))

    async def send_code(self, method: Method) -> Step:
        """Have a code sent."""
        verification = self._verification
        if verification is None or method not in verification.methods:
            raise SessionExpired
        return await self._send(verification, method, "")

    async def check_code(self, code: str) -> AccountSession:
        """Finish with the code the user got; raises `WrongCode`."""
        verification, method = self._verification, self._method
        if verification is None or method is None:
            raise SessionExpired
        location = await self._steps.check(verification, method, code.strip())
        session = await self._login.finish(
            Welcome("", "", "", "", location), self._device_id, verification.cookies
        )
        self._verification = None
        return session

    async def qr_code(self) -> QrCode:
        """Begin with a QR code for the Mi Home app."""
        return await self._qr.code(self._device_id)

    async def scanned(self, code: QrCode) -> AccountSession:
        """Wait until the code has been scanned; raises `QrCodeExpired`."""
        return await self._login.finish(
            await self._qr.scanned(code, self._device_id), self._device_id
        )

    async def pass_token(self, user_id: str, pass_token: str) -> AccountSession:
        """Sign in with a pass token of another client; raises `SessionExpired`."""
        try:
            # As a session's: nothing else may be in a cookie.
            AccountSession(user_id, pass_token, "AAAAAAAAAAA=", "-", self._device_id)
        except ValueError:
            raise SessionExpired from None
        welcome = await self._login.silent(user_id, pass_token, self._device_id)
        return await self._login.finish(welcome, self._device_id)

    async def _password(self, captcha: CaptchaAnswer | None) -> Step:
        if self._typed is None:
            raise SessionExpired
        try:
            welcome = await self._login.password(*self._typed, self._device_id, captcha)
        except CaptchaRequired as err:
            return await self._picture(err.url, {})
        except VerificationRequired as err:
            self._typed = None
            cookies = client_cookies(self._device_id)
            self._method = None
            self._verification = await self._steps.begin(err.url or "", cookies)
            return VerificationWanted(self._verification.methods)
        self._typed = None
        return await self._login.finish(welcome, self._device_id)

    async def _send(self, verification: Verification, method: Method, captcha: str) -> Step:
        self._method = method
        masked = await self._steps.masked(verification, method)
        picture = await self._steps.send(verification, method, captcha)
        if picture is not None:
            return await self._picture(picture, verification.cookies)
        return CodeSent(method, masked)

    async def _picture(self, address: str | None, cookies: dict[str, str]) -> Captcha:
        """Fetch a picture to be read; its cookie goes back with the answer."""
        url = self._endpoints.own(address) if address else None
        if url is None:
            raise CloudUnavailable("the captcha is on a foreign server")
        sent = {**client_cookies(self._device_id), **cookies}
        response = await self._transport.get(url, sent, limit=MAX_PICTURE)
        kind = next((kind for head, kind in KINDS.items() if response.body.startswith(head)), None)
        if response.status != 200 or kind is None:
            raise CloudUnavailable("the captcha is no picture")
        self._ick = response.cookies.get("ick", "")
        if self._verification is not None:
            self._verification.cookies["ick"] = self._ick
        return Captcha(response.body, kind)
