"""A small client of Home Assistant's REST and WebSocket API."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from simulator.house import onboarding
from simulator.house.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type Json = dict[str, Any]
type Handler = Callable[[Json], None]

CALL_TIMEOUT = 60.0
"""Seconds for one command; a cast may wait for its player this long."""
MAX_MESSAGE = 32 * 1024 * 1024
CONNECTIONS = 100


class HassClient:
    """One signed-in user: REST with a bearer token, and one WebSocket connection."""

    def __init__(self, url: str) -> None:
        """Prepare a client of the instance at ``url``."""
        self.url = url
        self._http: aiohttp.ClientSession | None = None
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._handlers: dict[int, Handler] = {}
        self._last_id = 0
        self._tokens: onboarding.Tokens | None = None

    async def __aenter__(self) -> Self:
        """Connect and sign in."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP session, without authentication: for what a token in the URL opens."""
        if self._http is None:
            raise ApiError("client", "closed", "not connected")
        return self._http

    @property
    def tokens(self) -> onboarding.Tokens:
        """The tokens of the signed-in user."""
        if self._tokens is None:
            raise ApiError("client", "closed", "not signed in")
        return self._tokens

    async def connect(self) -> None:
        """Sign in (creating the owner the first time) and open the WebSocket."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT),
        )
        try:
            self._tokens = await onboarding.sign_in(self._http, self.url)
            await self._open_socket()
        except BaseException:
            await self.close()
            raise

    async def _open_socket(self) -> None:
        ws = await self.http.ws_connect(f"{self.url}/api/websocket", max_msg_size=MAX_MESSAGE)
        self._ws = ws
        await ws.receive_json(timeout=CALL_TIMEOUT)
        await ws.send_json({"type": "auth", "access_token": self.tokens.access_token})
        answer = await ws.receive_json(timeout=CALL_TIMEOUT)
        if answer["type"] != "auth_ok":
            raise ApiError("websocket", answer["type"], str(answer.get("message")))
        self._reader = asyncio.create_task(self._read(ws), name="hass websocket")

    async def close(self) -> None:
        """Close both; whatever still waits gets an :class:`ApiError`."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
            self._reader = None
        if self._ws is not None:
            await self._ws.close()
            self._ws = None
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for message in ws:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._take(message.json())
        finally:
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(ApiError("websocket", "closed", "connection lost"))
            self._pending.clear()

    def _take(self, message: Json) -> None:
        if message["type"] == "event":
            if handler := self._handlers.get(message["id"]):
                handler(message["event"])
            return
        future = self._pending.pop(message["id"], None)
        if future is not None and not future.done():
            future.set_result(message)

    # --- WebSocket --------------------------------------------------------------------------
    async def command(self, kind: str, **fields: Any) -> Any:
        """Send one command and return its result; raises :class:`ApiError`."""
        _, result = await self._send(kind, fields)
        return result

    async def subscribe(self, handler: Handler, kind: str, **fields: Any) -> int:
        """Send a subscribing command; its events go to ``handler``. Returns the id."""
        number, _ = await self._send(kind, fields, handler)
        return number

    async def unsubscribe(self, number: int) -> None:
        """End a subscription."""
        self._handlers.pop(number, None)
        await self.command("unsubscribe_events", subscription=number)

    async def _send(
        self, kind: str, fields: Mapping[str, Any], handler: Handler | None = None
    ) -> tuple[int, Any]:
        if self._ws is None or self._ws.closed:
            raise ApiError(kind, "closed", "no connection to Home Assistant")
        self._last_id += 1
        number = self._last_id
        future = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        if handler is not None:
            self._handlers[number] = handler
        try:
            await self._ws.send_json({"id": number, "type": kind, **fields})
            async with asyncio.timeout(CALL_TIMEOUT):
                answer = await future
        except TimeoutError:
            raise ApiError(kind, "timeout", f"no answer within {CALL_TIMEOUT:.0f} s") from None
        except ConnectionError as error:
            raise ApiError(kind, "closed", str(error)) from None
        finally:
            self._pending.pop(number, None)
        if answer["type"] == "result" and not answer["success"]:
            problem = answer["error"]
            raise ApiError(kind, str(problem["code"]), str(problem["message"]))
        return number, answer.get("result")

    async def call(
        self,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        target: Mapping[str, Any] | None = None,
        response: bool = False,
    ) -> Json:
        """Perform an action (``domain.name``); return its response data, if asked for."""
        domain, _, service = action.partition(".")
        fields: Json = {"domain": domain, "service": service, "service_data": dict(data or {})}
        if target is not None:
            fields["target"] = dict(target)
        if response:
            fields["return_response"] = True
        try:
            result: Json = await self.command("call_service", **fields)
        except ApiError as error:
            raise ApiError(action, error.code, error.message) from None
        answer: Json = result.get("response") or {}
        return answer

    async def states(self) -> dict[str, Json]:
        """Return every state by entity id."""
        return {state["entity_id"]: state for state in await self.command("get_states")}

    async def wait_state(self, entity_id: str, state: str, seconds: float) -> bool:
        """Wait until an entity has a state; False when it has not by then."""
        for _ in range(max(1, round(seconds * 10))):
            if (await self.states())[entity_id]["state"] == state:
                return True
            await asyncio.sleep(0.1)
        return False

    async def hls_url(self, entity_id: str) -> str:
        """Ask for a live stream as the frontend does; return the absolute playlist URL."""
        answer = await self.command("camera/stream", entity_id=entity_id, format="hls")
        return f"{self.url}{answer['url']}"

    # --- REST -------------------------------------------------------------------------------
    async def authorization(self) -> dict[str, str]:
        """Return the header of a signed-in request, with a fresh token."""
        if not self.tokens.fresh:
            await onboarding.refresh(self.http, self.url, self.tokens)
        return {"Authorization": f"Bearer {self.tokens.access_token}"}

    async def rest(self, method: str, path: str, body: Json | None = None) -> Any:
        """Do one REST call and return the decoded answer; raises :class:`ApiError`."""
        headers = await self.authorization()
        try:
            async with self.http.request(
                method, f"{self.url}{path}", json=body, headers=headers
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ApiError(
                        f"{method} {path}", str(response.status), (await response.text())[:500]
                    )
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(f"{method} {path}", type(error).__name__, str(error)) from None

    async def diagnostics(self, entry_id: str) -> Json:
        """Download the diagnostics of a config entry and return its ``data``."""
        answer = await self.rest("GET", f"/api/diagnostics/config_entry/{entry_id}")
        data: Json = answer["data"]
        return data

    async def entries(self, domain: str) -> list[Json]:
        """Return the config entries of a domain."""
        answer: list[Json] = await self.command("config_entries/get", domain=domain)
        return answer

    async def registry(self) -> list[Json]:
        """Return the entity registry."""
        answer: list[Json] = await self.command("config/entity_registry/list")
        return answer

    async def flow(self, body: Json, flow_id: str | None = None) -> Json:
        """Begin a config flow (``{"handler": …}``) or answer its present step."""
        path = "/api/config/config_entries/flow"
        answer: Json = await self.rest(
            "POST", path if flow_id is None else f"{path}/{flow_id}", body
        )
        return answer
