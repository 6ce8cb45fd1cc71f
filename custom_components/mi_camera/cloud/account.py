"""A Xiaomi account: signing in, its devices, requests to them through the cloud."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Final, Literal

from yarl import URL

from .back_off import BackOff
from .camera_events import PATH as EVENTS_PATH, EventPage, event_query, parse_page
from .devices import DID, CloudDevice, MissVendor, parse_devices, parse_vendor
from .errors import CloudApiError, CloudError, CloudUnavailable, NotAllowed, SessionExpired
from .login import AccountLogin
from .session import AccountSession, new_device_id
from .signing import new_nonce, sign_request
from .transport import LARGE, SMALL, JsonValue, Transport, read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aiohttp

    from .endpoints import CloudEndpoints

_LOGGER = logging.getLogger(__name__)

type Method = Literal["GET", "POST"]

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
    with the pass token; `on_session` is told of every new session, to be stored. When that
    fails, it is tried again after a while that grows, which `on_back_off` is told of.

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
        *,
        back_off: BackOff | None = None,
        on_back_off: Callable[[BackOff], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Use `http`'s connections, never its cookies; raises `ValueError` for no such region."""
        if region not in endpoints.api:
            raise ValueError("unknown region")
        self.region = region
        self._endpoints = endpoints
        self._transport = Transport(http)
        self._session = session
        self._on_session = on_session
        self._back_off = back_off or BackOff()
        self._on_back_off = on_back_off
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._expired: AccountSession | None = None

    @property
    def session(self) -> AccountSession | None:
        """The session in use, None before the first log-in."""
        return self._session

    @property
    def back_off(self) -> BackOff:
        """How renewals have failed of late."""
        return self._back_off

    async def login(self, username: str, password: str) -> AccountSession:
        """Sign in; the password is not kept.

        Raises `InvalidCredentials`, `CaptchaRequired`, `VerificationRequired` or
        `CloudUnavailable`.
        """
        device_id = self._session.device_id if self._session else new_device_id()
        login = AccountLogin(self._transport, self._endpoints)
        welcome = await login.password(username, password, device_id)
        session = await login.finish(welcome, device_id)
        self._wait(BackOff())
        self._keep(session)
        return session

    async def devices(self, region: str | None = None) -> list[CloudDevice]:
        """Every device of the account in this region, or in another one."""
        return parse_devices(
            await self._call(
                "/v2/home/device_list_page", {}, self._transport, limit=LARGE, region=region
            )
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

    async def camera_events(
        self,
        did: str,
        model: str,
        begin_ms: int,
        end_ms: int,
        *,
        doorbell: bool,
        allowed: Callable[[], bool],
    ) -> EventPage:
        """Return what a camera noticed from `begin_ms` to `end_ms`, newest first; one request."""
        if (base := self._endpoints.events.get(self.region)) is None:
            raise CloudUnavailable("this cloud lists no events")
        query = event_query(did, model, self.region, begin_ms, end_ms, doorbell=doorbell)
        transport = self._transport.while_allowed(allowed)
        data = await self._call(EVENTS_PATH, query, transport, list_at=base)
        return parse_page(data, did, begin_ms, end_ms)

    async def _call(
        self,
        path: str,
        data: Mapping[str, JsonValue],
        transport: Transport,
        *,
        limit: int = SMALL,
        region: str | None = None,
        list_at: str | None = None,
    ) -> JsonValue:
        """Ask the device API, or by GET the service at `list_at`; renew the session once."""
        url = (list_at or self._endpoints.api[region or self.region]) + path
        method: Method = "GET" if list_at else "POST"
        session = self._session
        if session is None or session is self._expired:
            raise SessionExpired
        try:
            return await self._signed(session, method, url, path, data, transport, limit)
        except _RejectedError:
            session = await self._renewed(session, transport)
        try:
            return await self._signed(session, method, url, path, data, transport, limit)
        except _RejectedError:
            self._expired = session
            raise SessionExpired from None

    async def _signed(
        self,
        session: AccountSession,
        method: Method,
        url: str,
        path: str,
        data: Mapping[str, JsonValue],
        transport: Transport,
        limit: int,
    ) -> JsonValue:
        text = json.dumps(data, separators=(",", ":"))
        request = sign_request(path, text, session.secret, new_nonce(), method)
        cookies = {
            "userId": session.user_id,
            "cUserId": session.c_user_id,
            "serviceToken": session.service_token,
            "yetAnotherServiceToken": session.service_token,
        }
        if method == "GET":
            query = URL(url).with_query(request.form)
            response = await transport.get(query, cookies, headers=HEADERS, limit=limit)
        else:
            response = await transport.post(
                url, cookies, request.form, headers=HEADERS, limit=limit
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
        return _result(reply, "data" if method == "GET" else "result", in_clear=in_clear)

    async def _renewed(self, stale: AccountSession, transport: Transport) -> AccountSession:
        """Return a session newer than `stale`, from whoever gets it first."""
        async with self._renewing:
            session = self._session
            if session is None or session is self._expired:
                raise SessionExpired
            if session is not stale:
                return session
            if self._back_off.seconds(self._clock()):
                if self._back_off.expired:
                    raise SessionExpired
                raise CloudUnavailable("waiting after log-ins that failed")
            try:
                return await self._renew(session, transport)
            except NotAllowed:
                raise
            except CloudError as err:
                expired = isinstance(err, SessionExpired)
                if expired:
                    self._expired = self._session
                self._wait(self._back_off.failed(self._clock(), expired=expired))
                raise

    async def _renew(self, session: AccountSession, transport: Transport) -> AccountSession:
        login = AccountLogin(transport, self._endpoints)
        welcome = await login.silent(session.user_id, session.pass_token, session.device_id)
        if not welcome.c_user_id:
            welcome = replace(welcome, c_user_id=session.c_user_id)
        if welcome.pass_token != session.pass_token:
            # The old one is void already: keep the new one whatever comes next.
            try:
                session = replace(session, pass_token=welcome.pass_token)
            except ValueError as err:
                raise CloudUnavailable(f"incomplete log-in: {err}") from None
            self._keep(session)
        session = await login.finish(welcome, session.device_id)
        _LOGGER.debug("Renewed the session of an account")
        self._wait(BackOff())
        self._keep(session)
        return session

    def _wait(self, back_off: BackOff) -> None:
        if back_off != self._back_off:
            self._back_off = back_off
            if self._on_back_off is not None:
                self._on_back_off(back_off)

    def _keep(self, session: AccountSession) -> None:
        self._session = session
        self._expired = None
        if self._on_session is not None:
            self._on_session(session)


def _result(reply: dict[str, JsonValue], name: str, *, in_clear: bool) -> JsonValue:
    code, message = reply.get("code"), reply.get("message")
    text = message if isinstance(message, str) else ""
    if not isinstance(code, int):
        raise CloudUnavailable("the answer has no code")
    if code == 0 and not in_clear:
        return reply.get(name)
    if (in_clear and code in AUTH_CODES) or any(part in text.lower() for part in AUTH_TEXTS):
        raise _RejectedError
    if code == 0:
        raise CloudUnavailable("the answer is not encrypted")
    raise CloudApiError(code, text)


def _items(result: JsonValue) -> list[dict[str, JsonValue]]:
    if not isinstance(result, list):
        raise CloudUnavailable("the properties are not a list")
    return [item for item in result if isinstance(item, dict)]
