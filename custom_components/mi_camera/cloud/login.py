"""Signing in to a Xiaomi account (public protocol notes; sid `xiaomiio`).

`serviceLogin` gives a sign and a callback, `serviceLoginAuth2` takes the password's MD5 and
gives `ssecurity`, `passToken` and a location, and fetching that location gives the
`serviceToken`. With a `passToken`, `serviceLogin` gives all that at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urljoin

from .errors import (
    CaptchaRequired,
    CloudApiError,
    CloudUnavailable,
    InvalidCredentials,
    SessionExpired,
    TooManyAttempts,
    VerificationRequired,
)
from .session import AccountSession
from .transport import MAX_COOKIES, JsonValue, Response, Transport, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .endpoints import CloudEndpoints

SID: Final = "xiaomiio"
PREFIX: Final = b"&&&START&&&"
SDK_VERSION: Final = "3.9"
BAD_CREDENTIALS: Final = frozenset({70016, 20003, 70002})
VERIFICATION_NEEDED: Final = 81003
CAPTCHA_WRONG: Final = 87001
BLOCKED: Final = frozenset({70022, 70009, 10017})
"""Too many wrong passwords, or too many codes sent (70022 is seen in public clients)."""
MAX_REDIRECTS: Final = 8


@dataclass(frozen=True, slots=True)
class Welcome:
    """The account service knows the user; one step is left."""

    user_id: str
    c_user_id: str
    pass_token: str = field(repr=False)
    ssecurity: str = field(repr=False)
    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaptchaAnswer:
    """What the user read in a picture."""

    text: str = field(repr=False)
    ick: str = field(repr=False)
    """Cookie that came with the picture."""


class AccountLogin:
    """The steps of a log-in; keeps nothing between them."""

    def __init__(self, transport: Transport, endpoints: CloudEndpoints) -> None:
        """Talk to the account service of `endpoints`."""
        self._transport = transport
        self._endpoints = endpoints

    async def password(
        self,
        username: str,
        password: str,
        device_id: str,
        captcha: CaptchaAnswer | None = None,
    ) -> Welcome:
        """Identify by password; raises `CloudError` kinds."""
        cookies = client_cookies(device_id)
        first = await self.service_login(cookies)
        form = {
            "_json": "true",
            "sid": SID,
            "user": username,
            "hash": hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper(),
            **{name: text_of(first.get(name)) for name in ("qs", "_sign", "callback")},
        }
        if captcha is not None:
            form["captCode"] = captcha.text
            cookies["ick"] = captcha.ick
        url = f"{self._endpoints.account}/pass/serviceLoginAuth2"
        answer = read_answer(await self._transport.post(url, cookies, form))
        self._refuse(answer)
        return welcome_of(answer)

    async def silent(self, user_id: str, pass_token: str, device_id: str) -> Welcome:
        """Identify by a pass token; raises `SessionExpired` when it is not good any more."""
        answer = await self.service_login(
            {**client_cookies(device_id), "userId": user_id, "passToken": pass_token}
        )
        if answer.get("code") != 0 or not text_of(answer.get("location")):
            raise SessionExpired
        welcome = welcome_of(answer)
        if welcome.user_id not in {"", user_id}:
            raise SessionExpired
        return replace(welcome, user_id=user_id, pass_token=welcome.pass_token or pass_token)

    async def finish(
        self, welcome: Welcome, device_id: str, cookies: Mapping[str, str] | None = None
    ) -> AccountSession:
        """Follow the location to the service token; raises `CloudUnavailable`.

        `cookies` are those of the sign-in so far, and what the way there sets is added. Some
        ways, those of a verification, end with a pass token only: then that is used.
        """
        found = {
            "userId": welcome.user_id,
            "cUserId": welcome.c_user_id,
            "passToken": "",
            **(cookies or {}),
        }
        ssecurity = await self._follow(welcome, device_id, found)
        whole = ssecurity and found.get("serviceToken")
        if not whole and not welcome.pass_token and found["passToken"]:
            try:
                welcome = await self.silent(found["userId"], found["passToken"], device_id)
            except SessionExpired:
                raise CloudUnavailable("the new pass token is not good") from None
            ssecurity = await self._follow(welcome, device_id, found)
        user_id = welcome.user_id or found["userId"]
        pass_token = found["passToken"] or welcome.pass_token
        try:
            return AccountSession(
                user_id=user_id,
                pass_token=pass_token,
                ssecurity=ssecurity,
                service_token=found.get("serviceToken", ""),
                device_id=device_id,
                c_user_id=found.get("cUserId", ""),
            )
        except ValueError as err:
            raise CloudUnavailable(f"incomplete log-in: {err}") from None

    async def _follow(self, welcome: Welcome, device_id: str, found: dict[str, str]) -> str:
        """Follow a location, gathering cookies in `found`; return the `ssecurity`."""
        ssecurity, location = welcome.ssecurity, welcome.location
        for _ in range(MAX_REDIRECTS):
            url = self._endpoints.trusted(location)
            if url is None:
                raise CloudUnavailable("the log-in leads to a foreign server")
            response = await self._transport.get(url, {**client_cookies(device_id), **found})
            if len(found) + len(response.cookies) > MAX_COOKIES:
                raise CloudUnavailable("the log-in sets too many cookies")
            found |= response.cookies
            ssecurity = _pragma_ssecurity(response) or ssecurity
            if response.location is None or not 300 <= response.status < 400:
                # A page that asks to confirm the phone number may be left out.
                if found.get("serviceToken") or not (skip := url.query.get("skipUrl")):
                    break
                location = skip
            else:
                location = _joined(location, response.location)
        return ssecurity

    async def service_login(self, cookies: Mapping[str, str]) -> dict[str, JsonValue]:
        """Return the answer to the first step."""
        query = urlencode({"sid": SID, "_json": "true"})
        url = f"{self._endpoints.account}/pass/serviceLogin?{query}"
        return read_answer(await self._transport.get(url, cookies))

    def _refuse(self, answer: Mapping[str, JsonValue]) -> None:
        """Raise what keeps a password log-in from going on."""
        code = answer.get("code")
        captcha, notification = (
            self._absolute(answer.get(name)) for name in ("captchaUrl", "notificationUrl")
        )
        if not isinstance(code, int):
            raise CloudUnavailable("the log-in answer has no code")
        if captcha is not None or code == CAPTCHA_WRONG:
            raise CaptchaRequired(captcha)
        if code in BLOCKED:
            raise TooManyAttempts
        if code in BAD_CREDENTIALS:
            raise InvalidCredentials("user name or password is wrong")
        if notification is not None or code == VERIFICATION_NEEDED:
            raise VerificationRequired(notification)
        if code != 0:
            raise CloudApiError(code, text_of(answer.get("desc")))

    def _absolute(self, value: JsonValue) -> str | None:
        text = text_of(value)
        return _joined(f"{self._endpoints.account}/", text) if text else None


def _joined(base: str, text: str) -> str:
    """Return the address a text means; empty, which leads nowhere, if it is none."""
    try:
        return urljoin(base, text)
    except ValueError:
        return ""


def client_cookies(device_id: str) -> dict[str, str]:
    """Return what every request to the account service says of the client."""
    return {"deviceId": device_id, "sdkVersion": SDK_VERSION}


def read_answer(response: Response) -> dict[str, JsonValue]:
    """JSON of an account answer, which has a prefix against inclusion as a script."""
    if response.status != 200:
        raise CloudUnavailable(f"status {response.status}")
    return read_object(response.body.removeprefix(PREFIX))


def welcome_of(answer: Mapping[str, JsonValue]) -> Welcome:
    """Read who was recognized; what is missing is empty."""
    return Welcome(
        user_id=text_of(answer.get("userId")),
        c_user_id=text_of(answer.get("cUserId")),
        pass_token=text_of(answer.get("passToken")),
        ssecurity=text_of(answer.get("ssecurity")),
        location=text_of(answer.get("location")),
    )


def _pragma_ssecurity(response: Response) -> str:
    if response.pragma is None:
        return ""
    return text_of(read_object(response.pragma).get("ssecurity"))


def text_of(value: JsonValue) -> str:
    """Text or number as text; "" for anything else."""
    match value:
        case bool():
            return ""
        case str() | int():
            return str(value)
    return ""
