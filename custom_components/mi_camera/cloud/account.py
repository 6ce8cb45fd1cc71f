"""A Xiaomi account: signing in, its devices, requests to them through the cloud."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import json
import logging
import secrets
from typing import TYPE_CHECKING, Final

from .devices import DID, CloudDevice, MissVendor, parse_devices, parse_vendor
from .errors import CloudApiError, CloudUnavailable, SessionExpired
from .login import AccountLogin
from .session import AccountSession, new_device_id
from .signing import new_nonce, sign_request
from .transport import LARGE, SMALL, JsonValue, Transport, read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aiohttp

    from .endpoints import CloudEndpoints

_LOGGER = logging.getLogger(__name__)

HEADERS: Final = {
    "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4",
    "X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2",
}
AUTH_CODES: Final = frozenset({2, 3})
AUTH_TEXTS: Final = ("auth err", "servicetoken_expired")
SUPPORTED_VENDORS: Final = "TUTK_CS2_MTP"


class _RejectedError(Exception):
    """The service token is not good any more."""


class XiaomiAccount:
    """One account in one region.

    Its methods raise `CloudError` kinds. A service token that is refused is renewed once,
    with the pass token; `on_session` is told of every new session, to be stored.

    One call may so take several requests. Those that concern a camera ask `allowed` before
    each of them, and end with `NotAllowed` when it says no; what users do themselves, signing
    in and listing devices, is not asked about.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoints: CloudEndpoints,
        region: str,
        session: AccountSession | None = None,
        on_session: Callable[[AccountSession], None] | None = None,
    ) -> None:
        """Use `http`'s connections, never its cookies; raises `ValueError` for no such region."""
        if region not in endpoints.api:
            raise ValueError("unknown region")
        self.region = region
        self._api = endpoints.api[region]
        self._endpoints = endpoints
        self._transport = Transport(http)
        self._session = session
        self._on_session = on_session
        self._renewing = asyncio.Lock()
        self._expired: AccountSession | None = None

    @property
    def session(self) -> AccountSession | None:
        """The session in use, None before the first log-in."""
        return self._session

    async def login(self, username: str, password: str) -> AccountSession:
        """Sign in; the password is not kept.

        Raises `InvalidCredentials`, `CaptchaRequired`, `VerificationRequired` or
        `CloudUnavailable`.
        """
        device_id = self._session.device_id if self._session else new_device_id()
        login = AccountLogin(self._transport, self._endpoints)
        welcome = await login.password(username, password, device_id)
        session = await login.finish(welcome, device_id)
        self._keep(session)
        return session

    async def devices(self) -> list[CloudDevice]:
        """Every device of the account in this region."""
        return parse_devices(
            await self._call("/v2/home/device_list_page", {}, self._transport, limit=LARGE)
        )

    async def miss_vendor(
        self, did: str, client_public: bytes, *, allowed: Callable[[], bool]
    ) -> MissVendor:
        """Fetch what a MISS session with a camera needs, for our X25519 public key (32 bytes)."""
        return parse_vendor(
            await self._call(
                "/v2/device/miss_get_vendor",
                {
                    "app_pubkey": client_public.hex(),
                    "did": did,
                    "support_vendors": SUPPORTED_VENDORS,
                },
                self._transport.while_allowed(allowed),
            )
        )

    async def rpc(
        self, did: str, method: str, params: JsonValue, *, allowed: Callable[[], bool]
    ) -> JsonValue:
        """Carry out a miio call through the cloud."""
        if not DID.fullmatch(did):
            raise ValueError("not a did")
        call: dict[str, JsonValue] = {
            "id": secrets.randbelow(1 << 31) + 1,
            "method": method,
            "params": params,
        }
        return await self._call(f"/home/rpc/{did}", call, self._transport.while_allowed(allowed))

    async def miot_get(
        self, did: str, ids: Sequence[tuple[int, int]], *, allowed: Callable[[], bool]
    ) -> list[dict[str, JsonValue]]:
        """Read properties by (siid, piid): items with `siid`, `piid`, `code` and `value`."""
        params: list[JsonValue] = [{"did": did, "siid": siid, "piid": piid} for siid, piid in ids]
        transport = self._transport.while_allowed(allowed)
        return _items(await self._call("/miotspec/prop/get", {"params": params}, transport))

    async def miot_set(
        self,
        did: str,
        values: Mapping[tuple[int, int], JsonValue],
        *,
        allowed: Callable[[], bool],
    ) -> list[dict[str, JsonValue]]:
        """Write properties by (siid, piid): items with `siid`, `piid` and `code`."""
        params: list[JsonValue] = [
            {"did": did, "siid": siid, "piid": piid, "value": value}
            for (siid, piid), value in values.items()
        ]
        transport = self._transport.while_allowed(allowed)
        return _items(await self._call("/miotspec/prop/set", {"params": params}, transport))

    async def miot_action(
        self,
        did: str,
        siid: int,
        aiid: int,
        arguments: Sequence[JsonValue] = (),
        *,
        allowed: Callable[[], bool],
    ) -> list[JsonValue]:
        """Carry out an action; gives its output values, raises `CloudApiError` for its code."""
        params: dict[str, JsonValue] = {
            "did": did,
            "siid": siid,
            "aiid": aiid,
            "in": list(arguments),
        }
        transport = self._transport.while_allowed(allowed)
        result = await self._call("/miotspec/action", {"params": params}, transport)
        code = result.get("code") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(code, int):
            raise CloudUnavailable("the action's result has no code")
        if code not in {0, 1}:
            raise CloudApiError(code)
        out = result.get("out")
        return out if isinstance(out, list) else []

    async def _call(
        self,
        path: str,
        data: Mapping[str, JsonValue],
        transport: Transport,
        *,
        limit: int = SMALL,
    ) -> JsonValue:
        session = self._session
        if session is None or session is self._expired:
            raise SessionExpired
        try:
            return await self._signed(session, path, data, transport, limit)
        except _RejectedError:
            session = await self._renewed(session, transport)
        try:
            return await self._signed(session, path, data, transport, limit)
        except _RejectedError:
            self._expired = session
            raise SessionExpired from None

    async def _signed(
        self,
        session: AccountSession,
        path: str,
        data: Mapping[str, JsonValue],
        transport: Transport,
        limit: int,
    ) -> JsonValue:
        text = json.dumps(data, separators=(",", ":"))
        request = sign_request(path, text, session.secret, new_nonce())
        cookies = {
            "userId": session.user_id,
            "cUserId": session.c_user_id,
            "serviceToken": session.service_token,
            "yetAnotherServiceToken": session.service_token,
        }
        response = await transport.post(
            self._api + path, cookies, request.form, headers=HEADERS, limit=limit
        )
        if response.status == 401:
            raise _RejectedError
        if response.status != 200:
            raise CloudUnavailable(f"status {response.status}")
        # Only errors come in the clear, and of those the ones about the token matter here.
        in_clear = response.body.lstrip().startswith(b"{")
        if in_clear:
            reply = read_object(response.body)
        else:
            try:
                reply = read_object(request.open(response.body.strip()))
            except ValueError:
                raise CloudUnavailable("the answer is not base64") from None
        return _result(reply, in_clear=in_clear)

    async def _renewed(self, stale: AccountSession, transport: Transport) -> AccountSession:
        """Return a session newer than `stale`, from whoever gets it first."""
        async with self._renewing:
            session = self._session
            if session is None or session is self._expired:
                raise SessionExpired
            if session is not stale:
                return session
            login = AccountLogin(transport, self._endpoints)
            try:
                welcome = await login.silent(session)
            except SessionExpired:
                self._expired = session
                raise
            if welcome.pass_token != session.pass_token:
                # The old one is void already: keep the new one whatever comes next.
                try:
                    session = replace(session, pass_token=welcome.pass_token)
                except ValueError as err:
                    raise CloudUnavailable(f"incomplete log-in: {err}") from None
                self._keep(session)
            session = await login.finish(welcome, session.device_id)
            _LOGGER.debug("Renewed the session of an account")
            self._keep(session)
            return session

    def _keep(self, session: AccountSession) -> None:
        self._session = session
        self._expired = None
        if self._on_session is not None:
            self._on_session(session)


def _result(reply: dict[str, JsonValue], *, in_clear: bool) -> JsonValue:
    code, message = reply.get("code"), reply.get("message")
    text = message if isinstance(message, str) else ""
    if not isinstance(code, int):
        raise CloudUnavailable("the answer has no code")
    if code == 0 and not in_clear:
        return reply.get("result")
    if (in_clear and code in AUTH_CODES) or any(part in text.lower() for part in AUTH_TEXTS):
        raise _RejectedError
    if code == 0:
        raise CloudUnavailable("the answer is not encrypted")
    raise CloudApiError(code, text)


def _items(result: JsonValue) -> list[dict[str, JsonValue]]:
    if not isinstance(result, list):
        raise CloudUnavailable("the properties are not a list")
    return [item for item in result if isinstance(item, dict)]
