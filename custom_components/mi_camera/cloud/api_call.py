"""One signed request to the device API or to one of the services beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from typing import TYPE_CHECKING, Final, Literal

from yarl import URL

from .errors import CloudApiError, CloudUnavailable
from .signing import SignedRequest, new_nonce, sign_request
from .transport import JsonValue, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .session import AccountSession
    from .transport import Transport

HEADERS: Final = {
    "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4",
    "X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2",
}
AUTH_CODES: Final = frozenset({2, 3})
AUTH_TEXTS: Final = ("auth err", "servicetoken_expired")


class TokenRejectedError(Exception):
    """The service token is not good any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: JSON that is encrypted as the request was, unless it is something else."""

    body: bytes = field(repr=False)
    request: SignedRequest = field(repr=False)

    def read(self, name: str) -> JsonValue:
        """Return what the JSON has under `name`; raises `CloudError` or `TokenRejectedError`."""
        # Only errors come in the clear, and of those the ones about the token matter here.
        in_clear = self.body.lstrip().startswith(b"{")
        if in_clear:
            reply = read_object(self.body)
        else:
            try:
                reply = read_object(self.request.open(self.body.strip()))
            except ValueError:
                raise CloudUnavailable("the answer is not base64") from None
        return _result(reply, name, in_clear=in_clear)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """What is asked, whoever asks."""

    method: Literal["GET", "POST"]
    """By GET the signed form goes into the query."""
    base: str
    path: str
    """What follows `base`; the signature has it alone."""
    data: Mapping[str, JsonValue]
    extra: Mapping[str, str] | None = field(default=None, repr=False)
    """Goes into the query too, unsigned."""

    async def send(self, transport: Transport, session: AccountSession, limit: int) -> Answer:
        """Sign and send it; `limit` is how many bytes the answer may have.

        Raises `CloudUnavailable`, `NotAllowed` or `TokenRejectedError`.
        """
        text = json.dumps(self.data, separators=(",", ":"))
        request = sign_request(self.path, text, session.secret, new_nonce(), self.method)
        cookies = {
            "userId": session.user_id,
            "cUserId": session.c_user_id,
            "serviceToken": session.service_token,
            "yetAnotherServiceToken": session.service_token,
        }
        url = self.base + self.path
        if self.method == "GET":
            query = URL(url).with_query({**request.form, **(self.extra or {})})
            response = await transport.get(query, cookies, headers=HEADERS, limit=limit)
        else:
            response = await transport.post(
                url, cookies, request.form, headers=HEADERS, limit=limit
            )
        if response.status == 401:
            raise TokenRejectedError
        if response.status != 200:
            raise CloudUnavailable(f"status {response.status}")
        return Answer(response.body, request)


def _result(reply: dict[str, JsonValue], name: str, *, in_clear: bool) -> JsonValue:
    code, message = reply.get("code"), reply.get("message")
    text = message if isinstance(message, str) else ""
    if not isinstance(code, int):
        raise CloudUnavailable("the answer has no code")
    if code == 0 and not in_clear:
        return reply.get(name)
    if (in_clear and code in AUTH_CODES) or any(part in text.lower() for part in AUTH_TEXTS):
        raise TokenRejectedError
    if code == 0:
        raise CloudUnavailable("the answer is not encrypted")
    raise CloudApiError(code, text)
