"""The account service: who may log in, and which tokens are good.

The order of a log-in, as public clients do it: `serviceLogin` gives a sign and a callback;
`serviceLoginAuth2` takes user name and MD5 of the password and gives `ssecurity`, the
long-lived `passToken` and a location; fetching that location (the STS step) gives the
`serviceToken` that the API wants. With a `passToken`, `serviceLogin` gives all that at once.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import hmac
import os
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None

SID: Final = "xiaomiio"
REAL_CALLBACK: Final = "https://sts.api.io.mi.com/sts"
"""The callback that clients with hard-coded addresses send."""
BAD_CREDENTIALS: Final = 70016
CAPTCHA_WANTED: Final = 87001
TOKEN_SECONDS: Final = 3 * 86400.0
TICKET_SECONDS: Final = 60.0
_MAX_SIGNS: Final = 64
_MAX_TICKETS: Final = 64
_MAX_TOKENS: Final = 64


class LoginDemand(StrEnum):
    """What else than the password a log-in may be asked for."""

    CAPTCHA = "captcha"
    VERIFICATION = "verification"


class LoginRefusedError(Exception):
    """A log-in request no browser or app would send; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account that may log in."""

    username: str
    password: str = field(repr=False)
    user_id: str = "2000000001"
    region: str = "de"
    """The one region its devices are in."""


@dataclass(frozen=True, slots=True)
class ServiceSession:
    """What one `serviceToken` stands for."""

    account: Account
    ssecurity: bytes = field(repr=False)
    service_token: str = field(repr=False)
    expires: float


@dataclass(frozen=True, slots=True)
class _PassToken:
    account: Account
    device_id: str


@dataclass(frozen=True, slots=True)
class _Ticket:
    account: Account
    ssecurity: bytes = field(repr=False)
    expires: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a log-in step answers: the JSON object, and cookies to set."""

    body: Mapping[str, JSON]
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)


class AccountService:
    """Logs accounts in. Everything it remembers is bounded; the oldest goes first."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know these accounts, by user name."""
        self._accounts = accounts
        self._clock = clock
        self._signs: OrderedDict[str, None] = OrderedDict()
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        self._pass_tokens: OrderedDict[str, _PassToken] = OrderedDict()
        self._sessions: OrderedDict[str, ServiceSession] = OrderedDict()
        self.demand: LoginDemand | None = None
        """Asked of the next password log-in, once."""
        self.rotate_pass_tokens = False
        """Whether a silent log-in gives a new `passToken` and ends the old one."""
        self.token_seconds = TOKEN_SECONDS
        """How long the next service tokens will be good."""
        self.password_logins = 0
        self.silent_logins = 0
        self.failed_logins = 0
        self.demands = 0

    @property
    def logins(self) -> int:
        """Log-ins that succeeded, of either kind."""
        return self.password_logins + self.silent_logins

    def expire_service_tokens(self) -> None:
        """Make every service token given so far worthless, as time does."""
        self._sessions.clear()

    def revoke_pass_tokens(self) -> None:
        """Forget every `passToken`: only the password helps now."""
        self._pass_tokens.clear()

    def service_login(self, sid: str, cookies: Mapping[str, str], base: str) -> Reply:
        """Answer the first step; `base` is this server's own URL."""
        if sid != SID:
            raise LoginRefusedError("sid")
        token = self._pass_tokens.get(cookies.get("passToken", ""))
        if (
            token is not None
            and token.account.user_id == cookies.get("userId")
            and token.device_id == cookies.get("deviceId", "")
        ):
            self.silent_logins += 1
            pass_token = cookies["passToken"]
            if self.rotate_pass_tokens:
                del self._pass_tokens[pass_token]
                pass_token = self._new_pass_token(token.account, token.device_id)
            return self._welcome(token.account, pass_token, f"{base}/sts")
        sign = base64.b64encode(os.urandom(20)).decode()
        _remember(self._signs, sign, None, _MAX_SIGNS)
        return Reply(
            {
                "serviceParam": '{"checkSafePhone":false}',
                "qs": "%3Fsid%3Dxiaomiio%26_json%3Dtrue",
                "code": BAD_CREDENTIALS,
                "description": "登录验证失败",
                "securityStatus": 0,
                "_sign": sign,
                "sid": SID,
                "result": "error",
                "captchaUrl": None,
                "callback": f"{base}/sts",
                "location": f"{base}/fe/service/login?_json=true&sid={SID}",
                "pwd": 0,
                "child": 0,
                "desc": "登录验证失败",
            }
        )

    def password_login(
        self, form: Mapping[str, str], cookies: Mapping[str, str], base: str
    ) -> Reply:
        """Answer the second step."""
        if form.get("sid") != SID:
            raise LoginRefusedError("sid")
        if form.get("_sign", "") not in self._signs:
            raise LoginRefusedError("_sign")
        if (callback := form.get("callback", "")) not in {REAL_CALLBACK, f"{base}/sts"}:
            raise LoginRefusedError("callback")
        if self.demand is LoginDemand.CAPTCHA:
            return self._demanded(
                {
                    "code": CAPTCHA_WANTED,
                    "result": "error",
                    "captchaUrl": "/pass/getCode?icodeType=login",
                }
            )
        account = self._accounts.get(form.get("user", ""))
        password = account.password if account is not None else ""
        expected = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()
        right = hmac.compare_digest(expected.encode(), form.get("hash", "").encode())
        if account is None or not right:
            self.failed_logins += 1
            return Reply(
                {
                    "qs": form.get("qs", ""),
                    "code": BAD_CREDENTIALS,
                    "description": "登录验证失败",
                    "securityStatus": 0,
                    "_sign": form["_sign"],
                    "sid": SID,
                    "result": "error",
                    "captchaUrl": None,
                    "callback": callback,
                    "location": "",
                }
            )
        if self.demand is LoginDemand.VERIFICATION:
            # Code 0, "ok", and yet nobody is logged in: as the real one answers.
            context = base64.urlsafe_b64encode(os.urandom(24)).decode()
            url = f"{base}/fe/service/identity/authStart?sid={SID}&context={context}"
            return self._demanded(
                {
                    "code": 0,
                    "result": "ok",
                    "securityStatus": 16,
                    "notificationUrl": url,
                    "captchaUrl": None,
                    "location": "",
                }
            )
        del self._signs[form["_sign"]]
        self.password_logins += 1
        pass_token = self._new_pass_token(account, cookies.get("deviceId", ""))
        return self._welcome(account, pass_token, callback)

    def redeem(self, ticket: str) -> ServiceSession | None:
        """Answer the STS step: a ticket is good once, for a minute."""
        found = self._tickets.pop(ticket, None)
        if found is None or found.expires < self._clock():
            return None
        session = ServiceSession(
            found.account,
            found.ssecurity,
            # Real ones are base64 too: with +, / and =, which cookie libraries like to quote.
            base64.b64encode(os.urandom(96) + b"\xff\xfb\xf0\x01").decode(),
            self._clock() + self.token_seconds,
        )
        _remember(self._sessions, session.service_token, session, _MAX_TOKENS)
        return session

    def session(self, user_id: str, service_token: str) -> ServiceSession | None:
        """Return who sends an API request, or None when the token is not good (any more)."""
        session = self._sessions.get(service_token)
        if session is None or session.account.user_id != user_id:
            return None
        if session.expires < self._clock():
            del self._sessions[service_token]
            return None
        return session

    def _new_pass_token(self, account: Account, device_id: str) -> str:
        token = "V1:" + base64.b64encode(os.urandom(120)).decode()
        _remember(self._pass_tokens, token, _PassToken(account, device_id), _MAX_TOKENS)
        return token

    def _demanded(self, body: dict[str, JSON]) -> Reply:
        self.demand = None
        self.demands += 1
        return Reply(body)

    def _welcome(self, account: Account, pass_token: str, callback: str) -> Reply:
        ssecurity = os.urandom(16)
        ticket = os.urandom(24).hex()
        expires = self._clock() + TICKET_SECONDS
        _remember(self._tickets, ticket, _Ticket(account, ssecurity, expires), _MAX_TICKETS)
        nonce = int.from_bytes(os.urandom(7))
        query = urlencode(
            {"d": "wb_sim", "ticket": "0", "pwd": "1", "auth": ticket, "nonce": nonce}
        )
        encrypted_id = hashlib.sha256(account.user_id.encode()).hexdigest()[:22]
        return Reply(
            {
                "qs": "%3Fsid%3Dxiaomiio%26_json%3Dtrue",
                "ssecurity": base64.b64encode(ssecurity).decode(),
                "code": 0,
                "passToken": pass_token,
                "description": "成功",
                "securityStatus": 0,
                "nonce": nonce,
                "userId": int(account.user_id),
                "cUserId": encrypted_id,
                "result": "ok",
                "psecurity": base64.b64encode(os.urandom(16)).decode(),
                "captchaUrl": None,
                "location": f"{callback}?{query}",
                "pwd": 1,
                "child": 0,
                "desc": "成功",
            },
            {"userId": account.user_id, "cUserId": encrypted_id, "passToken": pass_token},
        )


def _remember[V](store: OrderedDict[str, V], key: str, value: V, limit: int) -> None:
    store[key] = value
    while len(store) > limit:
        store.popitem(last=False)
