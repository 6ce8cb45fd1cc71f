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

from simulator.cloud.challenges import EMAIL, PHONE, Challenges
from simulator.cloud.memory import load, save
from simulator.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None

SID: Final = "xiaomiio"
REAL_CALLBACK: Final = "https://sts.api.io.mi.com/sts"
"""The callback that clients with hard-coded addresses send."""
BAD_CREDENTIALS: Final = 70016
CAPTCHA_WANTED: Final = 87001
BLOCKED: Final = 70022
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
        memory: Path | None = None,
    ) -> None:
        """Know these accounts, by user name; `memory` is a file that outlives this object."""
        self._accounts = accounts
        self._clock = clock
        self._signs: OrderedDict[str, None] = OrderedDict()
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        self._pass_tokens: OrderedDict[str, _PassToken] = OrderedDict()
        self._sessions: OrderedDict[str, ServiceSession] = OrderedDict()
        self._failures: dict[str, int] = {}
        self._memory = memory
        self.ledger = Ledger()
        """Every secret it has handed out."""
        self.challenges = Challenges(clock, self.ledger)
        """Captchas, codes and QR codes."""
        self.demand: LoginDemand | None = None
        """Asked of the next password log-in, once."""
        self.captcha = False
        """Whether every password log-in has to solve a captcha."""
        self.verification = False
        """Whether every password log-in has to be verified by a code."""
        self.captcha_before_code = False
        """Whether a captcha has to be solved before a code is sent."""
        self.ways: tuple[int, ...] = (EMAIL, PHONE)
        """How codes are sent."""
        self.block_after = 20
        """Wrong passwords in a row until an account is blocked."""
        self.rotate_pass_tokens = False
        """Whether a silent log-in gives a new `passToken` and ends the old one."""
        self.token_seconds = TOKEN_SECONDS
        """How long the next service tokens will be good."""
        self.password_logins = 0
        self.silent_logins = 0
        self.failed_logins = 0
        self.demands = 0
        self.qr_logins = 0
        self._restore()

    @property
    def logins(self) -> int:
        """Log-ins that succeeded, of either kind."""
        return self.password_logins + self.silent_logins + self.qr_logins

    def unblock(self) -> None:
        """Forget wrong passwords."""
        self._failures.clear()

    def scan(self, ticket: str = "", username: str | None = None) -> bool:
        """Scan a QR code, the newest if none is named, as the owner of an account, the first."""
        account = next(iter(self._accounts.values()), None)
        if username is not None:
            account = self._accounts.get(username)
        if account is None or not self.challenges.scan(ticket or self.challenges.ticket, account):
            return False
        self.qr_logins += 1
        return True

    def expire_service_tokens(self) -> None:
        """Make every service token given so far worthless, as time does."""
        self._sessions.clear()
        self._save()

    def revoke_pass_tokens(self) -> None:
        """Forget every `passToken`: only the password helps now."""
        self._pass_tokens.clear()
        self._save()

    def service_login(self, sid: str, cookies: Mapping[str, str], base: str) -> Reply:
        """Answer the first step; `base` is this server's own URL."""
        if sid != SID:
            raise LoginRefusedError("sid")
        token = self._pass_tokens.get(cookies.get("passToken", ""))
        # Public clients send it without the device id they got it with, or with none.
        if token is not None and token.account.user_id == cookies.get("userId"):
            self.silent_logins += 1
            pass_token = cookies["passToken"]
            if self.rotate_pass_tokens:
                del self._pass_tokens[pass_token]
                pass_token = self._new_pass_token(token.account, token.device_id)
            return self._welcome(token.account, pass_token, f"{base}/sts")
        sign = base64.b64encode(os.urandom(20)).decode()
        _remember(self._signs, sign, None, _MAX_SIGNS)
        query = urlencode({"_json": "true", "sid": SID, "callback": f"{base}/sts", "_sign": sign})
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
                "location": f"{base}/fe/service/login?{query}",
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
        callback = self.checked_callback(form.get("callback", ""), base)
        solved = "captCode" in form and self.challenges.captcha_solved(
            cookies.get("ick", ""), form["captCode"]
        )
        wanted = self.captcha or self.demand is LoginDemand.CAPTCHA or "captCode" in form
        if wanted and not solved:
            return self._demanded(
                {
                    "code": CAPTCHA_WANTED,
                    "result": "error",
                    "captchaUrl": "/pass/getCode?icodeType=login",
                }
            )
        account = self._accounts.get(form.get("user", ""))
        failures = self._failures.get(account.username, 0) if account is not None else 0
        if failures >= self.block_after:
            return Reply({"code": BLOCKED, "result": "error", "desc": "登录失败次数过多"})
        password = account.password if account is not None else ""
        expected = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()
        right = hmac.compare_digest(expected.encode(), form.get("hash", "").encode())
        if account is None or not right:
            self.failed_logins += 1
            if account is not None:
                self._failures[account.username] = failures + 1
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
        self._failures.pop(account.username, None)
        if self.verification or self.demand is LoginDemand.VERIFICATION:
            # Code 0, "ok", and yet nobody is logged in: as the real one answers.
            context = self.challenges.new_verification(
                account, cookies.get("deviceId", ""), callback
            )
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

    def checked_callback(self, callback: str, base: str) -> str:
        """Return a callback if it is one of this service's; raises `LoginRefusedError`."""
        if callback not in {REAL_CALLBACK, f"{base}/sts"}:
            raise LoginRefusedError("callback")
        return callback

    def welcome(self, account: Account, device_id: str, callback: str) -> Reply:
        """Answer that somebody is known who has proved it otherwise than by a password."""
        return self._welcome(account, self._new_pass_token(account, device_id), callback)

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
        self.ledger.note("service token", session.service_token)
        self._save()
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
        self.ledger.note("pass token", token)
        self._save()
        return token

    def _save(self) -> None:
        if self._memory is None:
            return
        now = self._clock()
        save(
            self._memory,
            {
                "pass_tokens": [
                    [token, one.account.username, one.device_id]
                    for token, one in self._pass_tokens.items()
                ],
                "sessions": [
                    [token, one.account.username, one.ssecurity.hex(), one.expires - now]
                    for token, one in self._sessions.items()
                ],
            },
        )

    def _restore(self) -> None:
        if self._memory is None:
            return
        stored, age = load(self._memory)
        for token, name, device_id in stored.get("pass_tokens", []):
            if (account := self._accounts.get(name)) is not None:
                self._pass_tokens[token] = _PassToken(account, device_id)
        for token, name, ssecurity, left in stored.get("sessions", []):
            if (account := self._accounts.get(name)) is not None:
                self._sessions[token] = ServiceSession(
                    account, bytes.fromhex(ssecurity), token, self._clock() + left - age
                )

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
        psecurity = os.urandom(16)
        handed_out: dict[str, str | bytes] = {
            "ssecurity": ssecurity,
            "psecurity": psecurity,
            "STS ticket": ticket,
            "encrypted user id": encrypted_id,
        }
        for kind, secret in handed_out.items():
            self.ledger.note(kind, secret)
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
                "psecurity": base64.b64encode(psecurity).decode(),
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
