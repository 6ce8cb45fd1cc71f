"""The cloud's HTTP server: both hosts of the real one at a single loopback address.

    /pass/…, /sts            the account service; more of it in `sign_in_pages`
    /miot-spec-v2/…          the public service that describes models
    /app/…                   the device API of the account's region
    /{region}/app/…          the device API of another region
    /common/…, /{region}/…   the service that lists what cameras have noticed; see `events`
    /miot/…, /{region}/…     the service that keeps the pictures of that; see `pictures`

A client that keeps the real host names in its requests (``de.api.io.mi.com``) is served by
those, so that programs with hard-coded addresses can be led here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
import contextlib
from enum import StrEnum
import json
import os
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from aiohttp import web

from simulator.cloud.account import Account, AccountService, LoginRefusedError
from simulator.cloud.api import ApiError, DeviceApi
from simulator.cloud.events import PATH as EVENTS_PATH, EventLists
from simulator.cloud.pictures import PATH as PICTURE_PATH, Trouble
from simulator.cloud.sign_in_pages import SignInPages
from simulator.cloud.signing import SignatureError, open_request
from simulator.cloud.specs import SpecPages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from aiohttp.typedefs import Handler

    from simulator.camera.rpc import JSON
    from simulator.cloud.account import Reply
    from simulator.cloud.devices import CloudDevice
    from simulator.cloud.homes import Homes
    from simulator.keys import KeyBook

START: Final = "&&&START&&&"
MAX_BODY: Final = 64 * 1024
REGIONS: Final = ("cn", "de", "i2", "ru", "sg", "us")
_API_HOST: Final = re.compile(r"(?:(de|i2|ru|sg|us)\.)?api\.io\.mi\.com")


class Outage(StrEnum):
    """How the cloud fails to be there."""

    REFUSED = "refused"
    """Nobody listens; connections that are open already break at their next request."""
    UNAVAILABLE = "unavailable"
    """Every request gets status 503."""


class SimCloud:
    """The cloud. Knobs may be changed while it runs."""

    def __init__(
        self,
        address: str,
        port: int,
        accounts: Iterable[Account],
        keys: KeyBook,
        *,
        clock: Callable[[], float] = time.monotonic,
        memory: Path | None = None,
    ) -> None:
        """Prepare for these accounts; port 0 takes any free one.

        Sign-ins are forgotten at the end, unless `memory` is a file to keep them in.
        """
        by_name = {account.username: account for account in accounts}
        self.address = address
        self.port = port
        self.accounts = AccountService(by_name, clock=clock, memory=memory)
        """Log-ins, tokens and the knobs that belong to them."""
        self.requests = 0
        """Requests to the device API, refused ones included."""
        self.requests_by_path: Counter[str] = Counter()
        self.slow = 0.0
        """Seconds before any answer."""
        self.garbage = False
        """Answer every request with status 200 and rubbish."""
        self.events = EventLists()
        """What cameras have noticed."""
        self._api = DeviceApi(keys, self.events, by_name)
        self.specs = SpecPages(lambda: self._api.models)
        """The service that describes models, which has nothing to do with accounts."""
        self._outage: Outage | None = None
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """Base of the account service; the API is at ``/app`` below it."""
        return f"http://{self.address}:{self.port}"

    @property
    def logins(self) -> int:
        """Log-ins that succeeded, by password or silently."""
        return self.accounts.logins

    @property
    def outage(self) -> Outage | None:
        """How the cloud is down, or None."""
        return self._outage

    def add_device(self, username: str, device: CloudDevice) -> None:
        """Give a device to an account."""
        self.homes.add(username, device)

    @property
    def homes(self) -> Homes:
        """Whose devices are whose, and whom they are shared with."""
        return self._api.homes

    async def start(self) -> None:
        """Listen; raises `OSError` when the address is taken."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._misbehave])
        app.router.add_get("/pass/serviceLogin", self._service_login)
        app.router.add_post("/pass/serviceLoginAuth2", self._password_login)
        app.router.add_get("/sts", self._sts)
        self.specs.add_routes(app)
        SignInPages(self.accounts, lambda: self.url, _login_response).add_routes(app)
        app.router.add_post("/app/{path:.*}", self._device_api)
        app.router.add_post("/{region:[a-z0-9]+}/app/{path:.*}", self._device_api)
        for prefix in ("", "/{region:[a-z0-9]+}"):
            app.router.add_get(prefix + EVENTS_PATH, self._event_list)
            app.router.add_get(prefix + PICTURE_PATH, self._event_picture)
        self._stopping.clear()
        # A client that gives up ends its handler too.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True
        )
        await self._runner.setup()
        try:
            await self._listen()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every connection; slow answers are not waited for."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = self._site = None

    async def set_outage(self, outage: Outage | None) -> None:
        """Take the cloud down, or bring it back with all it remembers."""
        self._outage = outage
        if self._runner is None:
            return
        if outage is Outage.REFUSED and self._site is not None:
            site, self._site = self._site, None
            await site.stop()
        elif outage is not Outage.REFUSED and self._site is None:
            await self._listen()

    async def _listen(self) -> None:
        assert self._runner is not None
        site = web.TCPSite(self._runner, self.address, self.port)
        await site.start()
        self._site = site
        self.port = self._runner.addresses[0][1]

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._outage is Outage.REFUSED:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        if self.slow > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self.slow)
        if self._outage is Outage.UNAVAILABLE:
            raise web.HTTPServiceUnavailable
        if self.garbage:
            return web.Response(body=os.urandom(64), content_type="application/json")
        return await handler(request)

    # --- account service ---

    async def _service_login(self, request: web.Request) -> web.Response:
        try:
            reply = self.accounts.service_login(
                request.query.get("sid", ""), request.cookies, self.url
            )
        except LoginRefusedError as err:
            raise web.HTTPBadRequest(text=f"invalid {err}") from err
        return _login_response(reply)

    async def _password_login(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            reply = self.accounts.password_login(form, request.cookies, self.url)
        except LoginRefusedError as err:
            raise web.HTTPBadRequest(text=f"invalid {err}") from err
        return _login_response(reply)

    async def _sts(self, request: web.Request) -> web.Response:
        session = self.accounts.redeem(request.query.get("auth", ""))
        if session is None:
            raise web.HTTPUnauthorized(text="invalid ticket")
        response = web.Response(text="ok")
        _set_cookies(
            response,
            {"serviceToken": session.service_token, "userId": session.account.user_id},
        )
        return response

    # --- device API ---

    async def _device_api(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        return self._signed(request, path, await _form(request), "result")

    async def _event_list(self, request: web.Request) -> web.Response:
        if "yetAnotherServiceToken" not in request.cookies:
            return _auth_error(3, "auth err")
        return self._signed(request, EVENTS_PATH, dict(request.query), "data")

    async def _event_picture(self, request: web.Request) -> web.Response:
        # Clients that read them by ffmpeg send no cookies, so the token is in the query.
        query = dict(request.query)
        if not query.pop("yetAnotherServiceToken", ""):
            return _auth_error(3, "auth err")
        response = self._signed(request, PICTURE_PATH, query, None)
        if self.events.pictures.hold is not None:
            await self.events.pictures.hold.wait()
        return response

    def _signed(
        self, request: web.Request, path: str, form: Mapping[str, str], answer: str | None
    ) -> web.Response:
        """Answer a signed request; what is asked for goes under the name `answer`.

        Without a name it is a picture, encrypted in a way of its own.
        """
        self.requests += 1
        self.requests_by_path[self._api.name_of(path) or "other"] += 1
        cookies = request.cookies
        session = self.accounts.session(cookies.get("userId", ""), cookies.get("serviceToken", ""))
        if session is None:
            return _auth_error(3, "auth err")
        try:
            opened = open_request(form, path, session.ssecurity, request.method)
        except SignatureError:
            return _auth_error(2, "invalid signature")
        body: dict[str, JSON]
        try:
            data = _data(opened.parameters.get("data", "{}"))
            region = _region(request, session.account)
            if answer is None:
                sealed = self._api.picture(session.account, region, data, session.ssecurity)
                if self.events.pictures.trouble is Trouble.REDIRECT:
                    raise web.HTTPFound(self.events.pictures.elsewhere)
                return web.Response(body=sealed, content_type="image/jpeg")
            result = self._api.answer(session.account, region, path, data)
            body = {"code": 0, "message": "ok", answer: result}
        except ApiError as err:
            body = {"code": err.code, "message": err.message, answer or "data": None}
        sealed = opened.seal(json.dumps(body, ensure_ascii=False).encode())
        return web.Response(body=sealed, content_type="application/json")


def _region(request: web.Request, account: Account) -> str:
    if (region := request.match_info.get("region")) is not None:
        if region not in REGIONS:
            raise web.HTTPNotFound
        return region
    if (match := _API_HOST.fullmatch(request.host)) is not None:
        return match[1] or "cn"
    return account.region


def _data(text: str) -> dict[str, JSON]:
    try:
        data = json.loads(text)
    except ValueError, RecursionError:
        data = None
    if not isinstance(data, dict):
        raise ApiError(-8, "data type error")
    return data


async def _form(request: web.Request) -> dict[str, str]:
    """Fields of a posted form; a field twice counts once."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        text = (await request.read()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=64))
    except ValueError:
        raise web.HTTPBadRequest(text="invalid form") from None


def _login_response(reply: Reply) -> web.Response:
    text = START + json.dumps(reply.body, ensure_ascii=False)
    response = web.Response(text=text, content_type="application/json")
    _set_cookies(response, reply.cookies)
    return response


def _set_cookies(response: web.Response, cookies: Mapping[str, str]) -> None:
    # By hand: the real server does not quote the / and = of its tokens.
    for name, value in cookies.items():
        response.headers.add("Set-Cookie", f"{name}={value}; Path=/; HttpOnly")


def _auth_error(code: int, message: str) -> web.Response:
    """Return status 401 with a body that is never encrypted."""
    return web.json_response({"code": code, "message": message, "result": None}, status=401)
