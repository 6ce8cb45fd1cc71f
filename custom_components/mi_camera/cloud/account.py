"""A Xiaomi account: signing in, its devices, requests to them through the cloud."""

from __future__ import annotations

import asyncio
from dataclasses import replace
import logging
import time
from typing import TYPE_CHECKING, override

from .api_call import TokenRejectedError
from .back_off import BackOff
from .device_calls import DeviceCalls
from .errors import CloudError, CloudUnavailable, NotAllowed, SessionExpired
from .login import AccountLogin
from .rpc import CallLimit
from .session import AccountSession, new_device_id
from .transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from .endpoints import CloudEndpoints

_LOGGER = logging.getLogger(__name__)


class XiaomiAccount(DeviceCalls):
    """One account, in one region if nothing else is said.

    Its methods raise `CloudError` kinds; `at` gives it for another region. A service token that
    is refused is renewed once, with the pass token; `on_session` is told of every new session,
    to be stored. When that fails, it is tried again after a while that grows, which
    `on_back_off` is told of.

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
        self.call_limit = CallLimit()
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

    def at(self, region: str | None) -> DeviceCalls:
        """Return the same account in another region, with the one session that it has.

        Raises `ValueError` for no such region.
        """
        if region is None or region == self.region:
            return self
        if region not in self._endpoints.api:
            raise ValueError("unknown region")
        return _Elsewhere(self, self._endpoints, region)

    @property
    @override
    def _user_id(self) -> str:
        return self._session.user_id if self._session else ""

    @property
    @override
    def _requests(self) -> Transport:
        return self._transport

    @override
    async def _with_session[T](
        self, ask: Callable[[AccountSession], Awaitable[T]], transport: Transport
    ) -> T:
        session = self._session
        if session is None or session is self._expired:
            raise SessionExpired
        try:
            return await ask(session)
        except TokenRejectedError:
            session = await self._renewed(session, transport)
        try:
            return await ask(session)
        except TokenRejectedError:
            self._expired = session
            raise SessionExpired from None

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


class _Elsewhere(DeviceCalls):
    """An account in another region."""

    def __init__(self, account: XiaomiAccount, endpoints: CloudEndpoints, region: str) -> None:
        self.region = region
        self.call_limit = account.call_limit
        self._endpoints = endpoints
        self._account = account

    @property
    @override
    def _user_id(self) -> str:
        return self._account._user_id

    @property
    @override
    def _requests(self) -> Transport:
        return self._account._requests

    @override
    async def _with_session[T](
        self, ask: Callable[[AccountSession], Awaitable[T]], transport: Transport
    ) -> T:
        return await self._account._with_session(ask, transport)
