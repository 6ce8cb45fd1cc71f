"""Proving by a code, sent by e-mail or text message, that it is the account's owner.

A password log-in may answer with a page for browsers, `/fe/service/identity/authStart`. Under
`/identity/list` the same query says in JSON by which ways a code can be sent, and sets the
cookie the other steps need (public protocol notes; 70014 and 70022 are seen in public clients).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
import re
from typing import TYPE_CHECKING, Final

from yarl import URL

from .errors import CloudApiError, CloudUnavailable, TooManyAttempts, WrongCode
from .login import BLOCKED, read_answer, text_of
from .transport import MAX_COOKIES

if TYPE_CHECKING:
    from .endpoints import CloudEndpoints
    from .transport import JsonValue, Response, Transport

START: Final = "/fe/service/identity/authStart"
LIST: Final = "/identity/list"
WRONG_CODE: Final = 70014
MAX_MASKED: Final = 64
CODE: Final = re.compile(r"[0-9A-Za-z]{4,12}", re.ASCII)


class Method(IntEnum):
    """How a code is sent; the numbers are those of the wire."""

    PHONE = 4
    EMAIL = 8


@dataclass(slots=True)
class Verification:
    """One verification that was begun."""

    methods: tuple[Method, ...]
    cookies: dict[str, str] = field(repr=False)


class VerificationSteps:
    """The requests of a verification; keeps nothing between them."""

    def __init__(self, transport: Transport, endpoints: CloudEndpoints) -> None:
        """Talk to the account service of `endpoints`."""
        self._transport = transport
        self._endpoints = endpoints

    async def begin(self, notification: str, cookies: dict[str, str]) -> Verification:
        """Ask by which ways a code can be sent; raises `CloudUnavailable`."""
        page = self._endpoints.own(notification)
        if page is None or page.path != START:
            raise CloudUnavailable("the verification leads elsewhere")
        response = await self._transport.get(page.with_path(LIST, keep_query=True), cookies)
        answer = read_answer(response)
        options = answer.get("options")
        named = options if isinstance(options, list) else []
        methods = tuple(one for one in (Method.EMAIL, Method.PHONE) if one in named)
        if not methods:
            methods = tuple(one for one in Method if one == answer.get("flag"))
        if not methods:
            raise CloudUnavailable("there is no way to send a code that is known here")
        made = Verification(methods, dict(cookies))
        _take(made, response)
        return made

    async def masked(self, verification: Verification, method: Method) -> str:
        """Return where a code would be sent, most of it hidden; may be empty."""
        url = self._page(method).with_query({"_flag": str(method.value), "_json": "true"})
        response = await self._transport.get(url, verification.cookies)
        answer = read_answer(response)
        _take(verification, response)
        text = text_of(answer.get("maskedEmail" if method is Method.EMAIL else "maskedPhone"))
        return "".join(c for c in text[:MAX_MASKED] if c.isalnum() or c in "*@.+-_ ")

    async def send(
        self, verification: Verification, method: Method, captcha: str = ""
    ) -> str | None:
        """Have a code sent; return the address of a picture to be read first, if one is wanted.

        Raises `TooManyAttempts`, `CloudApiError` or `CloudUnavailable`.
        """
        url = f"{self._endpoints.account}/identity/auth/send{_name(method)}Ticket"
        form = {"_json": "true", "retry": "0", "icode": captcha}
        response = await self._transport.post(url, verification.cookies, form)
        answer = read_answer(response)
        _take(verification, response)
        if picture := text_of(answer.get("captchaUrl")):
            return picture
        _require_success(answer)
        return None

    async def check(self, verification: Verification, method: Method, code: str) -> str:
        """Return the location that ends the log-in; raises `WrongCode` and others as `send`."""
        # A mistyped one would count as an attempt.
        if not CODE.fullmatch(code):
            raise WrongCode
        flag = {"_flag": str(method.value), "_json": "true"}
        form = {**flag, "ticket": code, "trust": "true"}
        url = self._page(method).with_query(flag)
        response = await self._transport.post(url, verification.cookies, form)
        answer = read_answer(response)
        _take(verification, response)
        _require_success(answer)
        return text_of(answer.get("location"))

    def _page(self, method: Method) -> URL:
        return URL(f"{self._endpoints.account}/identity/auth/verify{_name(method)}")


def _name(method: Method) -> str:
    return method.name.capitalize()


def _require_success(answer: dict[str, JsonValue]) -> None:
    code = answer.get("code")
    if not isinstance(code, int):
        raise CloudUnavailable("the verification answer has no code")
    if code == WRONG_CODE:
        raise WrongCode
    if code in BLOCKED:
        raise TooManyAttempts
    if code != 0:
        raise CloudApiError(code, text_of(answer.get("desc")))


def _take(verification: Verification, response: Response) -> None:
    if len(verification.cookies) + len(response.cookies) > MAX_COOKIES:
        raise CloudUnavailable("the verification sets too many cookies")
    verification.cookies |= response.cookies
