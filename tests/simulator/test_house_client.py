"""The client of Home Assistant, and the walk through its config flows, against a stand-in."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import web
import pytest

from simulator.house.client import HassClient
from simulator.house.errors import ApiError, SetupFailed
from simulator.house.home_process import HomePlan
from simulator.house.onboarding import PASSWORD, USERNAME
from simulator.house.setup_home import options, set_up, sign_in_again
from simulator.house.soak_home import write

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from simulator.house.client import Json

ADDRESS = "127.0.41.3"


class StandIn:
    """As much of Home Assistant's API as the client uses."""

    def __init__(self) -> None:
        self.created = False
        self.flows: dict[str, list[Json]] = {}
        """By handler, the steps that its flow goes through."""
        self.answers: list[tuple[str, Json]] = []
        self.results: dict[str, Any] = {
            "get_config": {"state": "RUNNING"},
            "config_entries/get": [],
            "call_service": {},
        }
        self.commands: list[Json] = []
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []
        self.refreshed = 0

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncGenerator[StandIn]:
        app = web.Application()
        app.router.add_get("/api/onboarding", self._onboarding)
        app.router.add_post("/api/onboarding/users", self._owner)
        app.router.add_post("/auth/login_flow", self._login)
        app.router.add_post("/auth/login_flow/{flow}", self._password)
        app.router.add_post("/auth/token", self._token)
        app.router.add_get("/api/websocket", self._websocket)
        app.router.add_post("/api/config/config_entries/flow", self._flow)
        app.router.add_post("/api/config/config_entries/flow/{flow}", self._step)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, ADDRESS, 0).start()
        self.url = f"http://{ADDRESS}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            for socket in self.sockets:
                await socket.close()
            await runner.cleanup()

    async def _onboarding(self, _: web.Request) -> web.Response:
        if self.created:
            return web.Response(status=404)
        return web.json_response([{"step": "user", "done": False}])

    async def _owner(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert (body["username"], body["password"]) == (USERNAME, PASSWORD)
        self.created = True
        return web.json_response({"auth_code": "code"})

    async def _login(self, _: web.Request) -> web.Response:
        return web.json_response({"flow_id": "f"})

    async def _password(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["password"] != PASSWORD:
            return web.json_response({"type": "form", "errors": {"base": "invalid_auth"}})
        return web.json_response({"type": "create_entry", "result": "code"})

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.post()
        if body["grant_type"] == "refresh_token":
            self.refreshed += 1
            return web.json_response({"access_token": "second", "expires_in": 1800})
        assert body["code"] == "code"
        return web.json_response(
            {"access_token": "first", "refresh_token": "r", "expires_in": 1800}
        )

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.sockets.append(ws)
        await ws.send_json({"type": "auth_required"})
        assert (await ws.receive_json())["access_token"] == "first"
        await ws.send_json({"type": "auth_ok"})
        async for message in ws:
            await self._command(ws, message.json())
        return ws

    async def _command(self, ws: web.WebSocketResponse, command: Json) -> None:
        self.commands.append(command)
        answer: Json = {"id": command["id"], "type": "result", "success": True}
        result = self.results.get(command["type"])
        if command["type"] == "hang":
            return
        if isinstance(result, Exception):
            answer |= {"success": False, "error": {"code": "no", "message": str(result)}}
        else:
            answer["result"] = result
        await ws.send_json(answer)
        if command["type"] == "subscribe_events":
            await ws.send_json({"id": command["id"], "type": "event", "event": {"n": 1}})

    async def _flow(self, request: web.Request) -> web.Response:
        handler = (await request.json())["handler"]
        return web.json_response(self.flows[handler].pop(0) | {"flow_id": handler})

    async def _step(self, request: web.Request) -> web.Response:
        handler = request.match_info["flow"]
        self.answers.append((handler, await request.json()))
        if not self.flows[handler]:
            return web.json_response({"message": "User input malformed"}, status=400)
        return web.json_response(self.flows[handler].pop(0) | {"flow_id": handler})


@pytest.fixture
async def stand_in() -> AsyncGenerator[StandIn]:
    async with StandIn().run() as running:
        yield running


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncGenerator[HassClient]:
    async with HassClient(stand_in.url) as connected:
        yield connected


@pytest.fixture
def plan(tmp_path: Path) -> HomePlan:
    return HomePlan.read(write(2, tmp_path / "home.json"))


async def test_the_owner_is_created_once_and_logged_in_after(stand_in: StandIn) -> None:
    async with HassClient(stand_in.url) as client:
        assert client.tokens.fresh
    assert stand_in.created
    async with HassClient(stand_in.url) as client:
        assert client.tokens.access_token == "first"
        assert "first" not in repr(client.tokens)


async def test_an_old_access_token_is_renewed(client: HassClient, stand_in: StandIn) -> None:
    assert await client.authorization() == {"Authorization": "Bearer first"}
    client.tokens.expires_at = 0
    assert await client.authorization() == {"Authorization": "Bearer second"}
    assert stand_in.refreshed == 1


async def test_commands_and_their_errors(client: HassClient, stand_in: StandIn) -> None:
    stand_in.results["get_states"] = [{"entity_id": "camera.a", "state": "idle"}]
    assert (await client.states())["camera.a"]["state"] == "idle"
    stand_in.results["call_service"] = ValueError("no such camera")
    with pytest.raises(ApiError, match=r"mi_camera\.cast: no: no such camera"):
        await client.call("mi_camera.cast", {"x": 1}, target={"entity_id": "camera.a"})
    sent = stand_in.commands[-1]
    assert sent["service_data"] == {"x": 1}
    assert sent["target"] == {"entity_id": "camera.a"}
    assert "return_response" not in sent


async def test_events(client: HassClient) -> None:
    events: list[Json] = []
    number = await client.subscribe(events.append, "subscribe_events")
    async with asyncio.timeout(3):
        while not events:
            await asyncio.sleep(0.01)
    assert events == [{"n": 1}]
    await client.unsubscribe(number)


async def test_a_lost_connection_ends_what_waits(client: HassClient, stand_in: StandIn) -> None:
    waiting = asyncio.create_task(client.command("hang"))
    async with asyncio.timeout(3):
        while not stand_in.commands:
            await asyncio.sleep(0.01)
    await stand_in.sockets[-1].close()
    with pytest.raises(ApiError, match="closed"):
        await waiting
    with pytest.raises(ApiError, match="closed"):
        await client.command("get_states")


@pytest.mark.parametrize(
    "field",
    [
        {"selector": {"select": {"options": [{"value": "1", "label": "a"}, {"value": "2"}]}}},
        {"selector": {"select": {"options": ["1", "2"]}}},
        {"type": "multi_select", "options": {"1": "a", "2": "b"}},
        {"type": "select", "options": [["1", "a"], ["2", "b"]]},
    ],
)
def test_choices_of_a_form(field: Json) -> None:
    step = {"data_schema": [{"name": "other"}, {"name": "cameras", **field}]}
    assert options(step, "cameras") == ["1", "2"]
    assert options(step, "nothing") == []


def camera_flow(offered: list[str]) -> list[Json]:
    fields = [{"name": name} for name in ("username", "password", "region")]
    select = {"select": {"options": [{"value": did, "label": did} for did in offered]}}
    return [
        {"type": "menu", "step_id": "user", "menu_options": ["account", "camera"]},
        {"type": "form", "step_id": "account", "data_schema": fields, "errors": {}},
        {
            "type": "form",
            "step_id": "cameras",
            "data_schema": [{"name": "cameras", "selector": select}],
            "errors": {},
        },
        {"type": "create_entry"},
    ]


def registered(stand_in: StandIn, plan: HomePlan) -> None:
    """Have everything there that the flows make."""
    entities = [
        {"entity_id": f"camera.c{did}", "platform": "mi_camera", "unique_id": f"{did}-0"}
        for did in plan.cameras
    ]
    entities.append(
        {
            "entity_id": "switch.all",
            "platform": "mi_camera",
            "unique_id": "x-streaming",
            "translation_key": "streaming",
        }
    )
    states = [
        {"entity_id": e["entity_id"], "state": "on" if "switch" in e["entity_id"] else "idle"}
        for e in entities
    ]
    for index, name in enumerate(plan.displays):
        entity_id = f"media_player.d{index}"
        entities.append({"entity_id": entity_id, "platform": "cast", "unique_id": f"u{index}"})
        states.append(
            {"entity_id": entity_id, "state": "off", "attributes": {"friendly_name": name}}
        )
    stand_in.results["config/entity_registry/list"] = entities
    stand_in.results["get_states"] = states


async def test_set_up_as_an_owner_would(
    client: HassClient, stand_in: StandIn, plan: HomePlan
) -> None:
    dids = [str(did) for did in plan.cameras]
    stand_in.flows["mi_camera"] = camera_flow([*dids, "99"])
    stand_in.flows["cast"] = [
        {"type": "form", "step_id": "config", "data_schema": [{"name": "known_hosts"}]},
        {"type": "create_entry"},
    ]
    registered(stand_in, plan)
    entries: list[list[Json]] = [[], [], [{"entry_id": "e"}]]
    stand_in.results["config_entries/get"] = []

    async def entries_of(domain: str) -> list[Json]:
        return entries.pop(0) if len(entries) > 1 else entries[0]

    client.entries = entries_of  # type: ignore[method-assign]
    entities = await set_up(client, plan)

    assert entities.entry_id == "e"
    assert entities.switch == "switch.all"
    assert entities.cameras == {did: f"camera.c{did}" for did in plan.cameras}
    assert entities.displays == {
        "Hall display": "media_player.d0",
        "Desk display": "media_player.d1",
    }
    assert stand_in.answers == [
        ("mi_camera", {"next_step_id": "account"}),
        (
            "mi_camera",
            {"username": plan.username, "password": plan.password, "region": plan.region},
        ),
        ("mi_camera", {"cameras": dids}),
        ("cast", {"known_hosts": list(plan.displays.values())}),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"errors": {"base": "invalid_auth"}}, "step account: {'base': 'invalid_auth'}"),
        ({"step_id": "captcha"}, "unexpected step captcha"),
        ({"type": "abort", "reason": "already_configured"}, "abort already_configured"),
    ],
)
async def test_a_flow_that_goes_elsewhere(
    change: Json, says: str, client: HassClient, stand_in: StandIn, plan: HomePlan
) -> None:
    steps = camera_flow([str(did) for did in plan.cameras])
    steps[1] |= change
    stand_in.flows["mi_camera"] = steps
    with pytest.raises(SetupFailed) as error:
        await set_up(client, plan)
    assert says in str(error.value)


async def test_a_camera_that_is_not_offered(
    client: HassClient, stand_in: StandIn, plan: HomePlan
) -> None:
    stand_in.flows["mi_camera"] = camera_flow([])
    with pytest.raises(SetupFailed, match="does not offer"):
        await set_up(client, plan)


async def test_the_password_is_given_again_when_asked_for(
    client: HassClient, stand_in: StandIn, plan: HomePlan
) -> None:
    stand_in.results["config_entries/flow/progress"] = []
    assert not await sign_in_again(client, plan)
    stand_in.results["config_entries/flow/progress"] = [
        {"flow_id": "other", "handler": "cast", "context": {"source": "zeroconf"}},
        {
            "flow_id": "mi_camera",
            "handler": "mi_camera",
            "context": {"source": "reauth"},
            "step_id": "reauth_confirm",
        },
    ]
    stand_in.flows["mi_camera"] = [
        {"type": "form", "step_id": "account"},
        {"type": "abort", "reason": "reauth_successful"},
    ]
    assert await sign_in_again(client, plan)
    assert stand_in.answers == [
        ("mi_camera", {"next_step_id": "account"}),
        ("mi_camera", {"username": plan.username, "password": plan.password}),
    ]
