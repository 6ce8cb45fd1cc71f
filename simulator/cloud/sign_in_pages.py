"""Pages of the account service beyond the password: captcha, verification and QR code.

/pass/getCode                         a picture to be read
/identity/list, /identity/auth/…      a code by e-mail or phone
/identity/result/check, /pass/serviceLoginAuth2/end    back from there to the log-in
/longPolling/loginUrl, /longPolling/login, /lp/s       the QR code, its page, whether scanned
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from simulator.cloud.account import LoginRefusedError, Reply
from simulator.cloud.challenges import EMAIL, PHONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.cloud.account import JSON, AccountService
    from simulator.cloud.challenges import Verification

WRONG_CODE: Final = 70014
TOO_MANY: Final = 70022
_FLAGS: Final = {"Email": EMAIL, "Phone": PHONE}


class SignInPages:
    """Serves them for one account service."""

    def __init__(
        self,
        accounts: AccountService,
        base: Callable[[], str],
        respond: Callable[[Reply], web.Response],
    ) -> None:
        """Answer for `accounts`; `base` is the server's URL, `respond` makes the answers."""
        self._accounts = accounts
        self._challenges = accounts.challenges
        self._base = base
        self._respond = respond

    def add_routes(self, app: web.Application) -> None:
        """Add all pages."""
        app.router.add_get("/pass/getCode", self._captcha)
        app.router.add_get("/identity/list", self._list)
        app.router.add_route("*", "/identity/auth/verify{way:Email|Phone}", self._verify)
        app.router.add_post("/identity/auth/send{way:Email|Phone}Ticket", self._send)
        app.router.add_get("/identity/result/check", self._check)
        app.router.add_get("/pass/serviceLoginAuth2/end", self._end)
        app.router.add_get("/longPolling/loginUrl", self._login_url)
        app.router.add_get("/longPolling/login", self._login_page)
        app.router.add_post("/longPolling/login", self._confirm)
        app.router.add_get("/lp/s", self._poll)

    async def _captcha(self, _request: web.Request) -> web.Response:
        ick, picture = self._challenges.new_captcha()
        response = web.Response(body=picture, content_type="image/png")
        response.headers.add("Set-Cookie", f"ick={ick}; Path=/; HttpOnly")
        return response

    # --- codes ---

    async def _list(self, request: web.Request) -> web.Response:
        found = self._challenges.by_context(request.query.get("context", ""))
        if found is None:
            raise web.HTTPBadRequest(text="invalid context")
        ways = self._accounts.ways
        body: dict[str, JSON] = {"code": 2, "flag": ways[0], "option": ways[0]}
        body["options"] = list(ways)
        return self._respond(Reply(body, {"identity_session": found.session}))

    def _verification(self, request: web.Request) -> tuple[str, Verification, int]:
        found = self._challenges.by_session(request.cookies.get("identity_session", ""))
        flag = _FLAGS[request.match_info["way"]]
        if found is None or flag not in self._accounts.ways:
            raise web.HTTPBadRequest(text="invalid identity_session")
        return *found, flag

    async def _send(self, request: web.Request) -> web.Response:
        _context, verification, flag = self._verification(request)
        if self._accounts.captcha_before_code:
            form = await request.post()
            ick, code = request.cookies.get("ick", ""), str(form.get("icode", ""))
            if not self._challenges.captcha_solved(ick, code):
                picture = "/pass/getCode?icodeType=antispam"
                return self._respond(Reply({"code": 87001, "captchaUrl": picture}))
        if not self._challenges.send(verification, flag):
            return self._respond(Reply({"code": TOO_MANY, "desc": "发送次数过多"}))
        return self._respond(Reply({"code": 0, "result": "ok"}))

    async def _verify(self, request: web.Request) -> web.Response:
        context, verification, flag = self._verification(request)
        form = await request.post() if request.method == "POST" else request.query
        code = str(form.get("ticket", request.query.get("ticket", "")))
        if not code:
            masked = "maskedEmail" if flag == EMAIL else "maskedPhone"
            text = "de***@example.com" if flag == EMAIL else "+49 ******123"
            return self._respond(Reply({"code": 0, masked: text}))
        match self._challenges.right_code(verification, flag, code):
            case None:
                return self._respond(Reply({"code": TOO_MANY, "desc": "错误次数过多"}))
            case False:
                return self._respond(Reply({"code": WRONG_CODE, "desc": "验证码错误"}))
        query = urlencode({"sid": "xiaomiio", "context": context, "_locale": "en_US"})
        location = f"{self._base()}/identity/result/check?{query}"
        return self._respond(Reply({"code": 0, "result": "ok", "location": location}))

    async def _check(self, request: web.Request) -> web.Response:
        query = urlencode({"sid": "xiaomiio", "context": request.query.get("context", "")})
        raise web.HTTPFound(f"/pass/serviceLoginAuth2/end?{query}")

    async def _end(self, request: web.Request) -> web.Response:
        context = request.query.get("context", "")
        found = self._challenges.by_context(context)
        if found is None or not found.passed:
            raise web.HTTPForbidden(text="not verified")
        self._challenges.end_verification(context)
        reply = self._accounts.welcome(found.account, found.device_id, found.callback)
        response = self._respond(Reply({}, reply.cookies))
        response.set_status(302)
        response.headers["Location"] = str(reply.body["location"])
        response.headers["Extension-Pragma"] = json.dumps(
            {name: reply.body[name] for name in ("ssecurity", "nonce", "psecurity")}
        )
        return response

    # --- QR code ---

    async def _login_url(self, request: web.Request) -> web.Response:
        base = self._base()
        try:
            callback = self._accounts.checked_callback(request.query.get("callback", ""), base)
        except LoginRefusedError as err:
            raise web.HTTPBadRequest(text=f"invalid {err}") from err
        ticket = self._challenges.new_ticket(request.cookies.get("deviceId", ""), callback)
        body: dict[str, JSON] = {
            "code": 0,
            "result": "ok",
            "loginUrl": f"{base}/longPolling/login?ticket={ticket}",
            "qr": f"{base}/longPolling/qr?ticket={ticket}",
            "lp": f"{base}/lp/s?k={ticket}",
            "timeout": max(1, round(self._challenges.qr_seconds)),
            "qrTips": "",
        }
        return self._respond(Reply(body))

    async def _login_page(self, request: web.Request) -> web.Response:
        """Show what the app would: a question whether to sign in."""
        ticket = html.escape(request.query.get("ticket", ""), quote=True)
        return web.Response(
            text="<!doctype html><meta name=viewport content='width=device-width'>"
            "<title>Mi Home</title><h1>Sign in to Home Assistant?</h1>"
            f"<form method=post action='/longPolling/login?ticket={ticket}'>"
            "<button>Allow</button></form>",
            content_type="text/html",
        )

    async def _confirm(self, request: web.Request) -> web.Response:
        if not self._accounts.scan(request.query.get("ticket", "")):
            raise web.HTTPGone(text="this code is no longer good")
        return web.Response(text="Signed in. You can close this page.")

    async def _poll(self, request: web.Request) -> web.Response:
        found = await self._challenges.scanned(request.query.get("k", ""))
        if found is None or found.account is None:
            return self._respond(Reply({"code": 70016, "result": "error", "desc": "timeout"}))
        return self._respond(self._accounts.welcome(found.account, found.device_id, found.callback))
