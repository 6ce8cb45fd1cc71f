"""Signing in to a Xiaomi account (public protocol notes; sid `xiaomiio`).

`serviceLogin` gives a sign and a callback, `serviceLoginAuth2` takes the password's MD5 and
gives `ssecurity`, `passToken` and a location, and fetching that location gives the
`serviceToken`. With a `passToken`, `serviceLogin` gives all that at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urljoin

from .errors import (
    CaptchaRequired,
    CloudApiError,
    CloudUnavailable,
    InvalidCredentials,
    SessionExpired,
    VerificationRequired,
)
from .session import AccountSession
from .transport import JsonValue, Response, Transport, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .endpoints import CloudEndpoints

SID: Final = "xiaomiio"
PREFIX: Final = b"&&&START&&&"
SDK_VERSION: Final = "3.9"
BAD_CREDENTIALS: Final = frozenset({70016, 20003, 70002})
VERIFICATION_NEEDED: Final = 81003
CAPTCHA_WRONG: Final = 87001
MAX_REDIRECTS: Final = 5


@dataclass(frozen=True, slots=True)
class Welcome:
    """The account service knows the user; one step is left."""

    user_id: str
    c_user_id: str
    pass_token: str = field(repr=False)
    ssecurity: str = field(repr=False)
    location: str = field(repr=False)


class AccountLogin:
    """The steps of a log-in; keeps nothing between them."""

    def __init__(self, transport: Transport, endpoints: CloudEndpoints) -> None:
        """Talk to the account service of `endpoints`."""
        self._transport = transport
        self._endpoints = endpoints

    async def password(self, username: str, password: str, device_id: str) -> Welcome:
        """Identify by password; raises `CloudError` kinds."""
        cookies = _client(device_id)
        first = await self._service_login(cookies)
        form = {
            "_json": "true",
            "sid": SID,
            "user": username,
            "hash": hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper(),
            **{name: _text(first.get(name)) for name in ("qs", "_sign", "callback")},
        }
        url = f"{self._endpoints.account}/pass/serviceLoginAuth2"
        answer = _answer(await self._transport.post(url, cookies, form))
        self._refuse(answer)
        return _welcome(answer, None)

    async def silent(self, session: AccountSession) -> Welcome:
        """Identify by the pass token; raises `SessionExpired` when it is not good any more."""
        answer = await self._service_login(
            {
                **_client(session.device_id),
                "userId": session.user_id,
                "passToken": session.pass_token,
            }
        )
        if answer.get("code") != 0 or not _text(answer.get("location")):
            raise SessionExpired
        return _welcome(answer, session)

    async def finish(self, welcome: Welcome, device_id: str) -> AccountSession:
        """Fetch the service token; raises `CloudUnavailable`."""
        found = {"userId": welcome.user_id, "cUserId": welcome.c_user_id}
        ssecurity = welcome.ssecurity
        location = welcome.location
        for _ in range(MAX_REDIRECTS):
            url = self._endpoints.trusted(location)
            if url is None:
                raise CloudUnavailable("the log-in leads to a foreign server")
            response = await self._transport.get(url, {**_client(device_id), **found})
            found |= response.cookies
            ssecurity = _pragma_ssecurity(response) or ssecurity
            if response.location is None or not 300 <= response.status < 400:
                break
            location = urljoin(location, response.location)
        try:
            return AccountSession(
                user_id=welcome.user_id,
                pass_token=found.get("passToken", "") or welcome.pass_token,
                ssecurity=ssecurity,
                service_token=found.get("serviceToken", ""),
                device_id=device_id,
                c_user_id=found.get("cUserId", ""),
            )
        except ValueError as err:
            raise CloudUnavailable(f"incomplete log-in: {err}") from None

    async def _service_login(self, cookies: Mapping[str, str]) -> dict[str, JsonValue]:
        query = urlencode({"sid": SID, "_json": "true"})
        url = f"{self._endpoints.account}/pass/serviceLogin?{query}"
        return _answer(await self._transport.get(url, cookies))

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
        if code in BAD_CREDENTIALS:
            raise InvalidCredentials("user name or password is wrong")
        if notification is not None or code == VERIFICATION_NEEDED:
            raise VerificationRequired(notification)
        if code != 0:
            raise CloudApiError(code, _text(answer.get("desc")))

    def _absolute(self, value: JsonValue) -> str | None:
        text = _text(value)
        return urljoin(f"{self._endpoints.account}/", text) if text else None


def _client(device_id: str) -> dict[str, str]:
    return {"deviceId": device_id, "sdkVersion": SDK_VERSION}


def _answer(response: Response) -> dict[str, JsonValue]:
    """JSON of an account answer, which has a prefix against inclusion as a script."""
    if response.status != 200:
        raise CloudUnavailable(f"status {response.status}")
    return read_object(response.body.removeprefix(PREFIX))


def _welcome(answer: Mapping[str, JsonValue], known: AccountSession | None) -> Welcome:
    user_id = _text(answer.get("userId")) or (known.user_id if known else "")
    if known is not None and user_id != known.user_id:
        raise SessionExpired
    return Welcome(
        user_id=user_id,
        c_user_id=_text(answer.get("cUserId")) or (known.c_user_id if known else ""),
        pass_token=_text(answer.get("passToken")) or (known.pass_token if known else ""),
        ssecurity=_text(answer.get("ssecurity")),
        location=_text(answer.get("location")),
    )


def _pragma_ssecurity(response: Response) -> str:
    if response.pragma is None:
        return ""
    return _text(read_object(response.pragma).get("ssecurity"))


def _text(value: JsonValue) -> str:
    """Text or number as text; "" for anything else."""
    match value:
        case bool():
            return ""
        case str() | int():
            return str(value)
    return ""
