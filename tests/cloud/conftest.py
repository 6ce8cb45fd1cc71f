"""The simulated cloud on an address of its own, and a server that says what a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
import pytest
import pytest_socket

from custom_components.mi_camera.cloud import AccountSession, CloudEndpoints, XiaomiAccount
from simulator.camera.miio_methods import MiioMethods
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.cloud import Account, CloudDevice, SimCloud
from simulator.keys import KeyBook

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

USER = "demo@example.com"
PASSWORD = "open-sesame"
DID = 1001001002
TOKEN = bytes(range(16))


def always() -> bool:
    """What calls of a camera ask while pictures are on."""
    return True


@pytest.fixture(autouse=True)
def _sockets() -> None:
    """Before any other fixture here opens one."""
    pytest_socket.enable_socket()


@dataclass
class Cloud:
    """The simulated cloud with one camera and one lamp."""

    server: SimCloud
    keys: KeyBook
    state: CameraState
    online: bool = True

    @property
    def endpoints(self) -> CloudEndpoints:
        return CloudEndpoints.from_mapping({"account": self.server.url, "api": self.server.url})


@pytest.fixture
async def cloud() -> AsyncGenerator[Cloud]:
    keys = KeyBook()
    spec = CameraSpec(
        did=DID,
        model="chuangmi.camera.046c04",
        name="Nursery",
        scene="nursery",
        address="127.0.44.201",
        mac="02:00:00:00:44:c9",
        token=TOKEN,
    )
    state = CameraState(spec)
    server = SimCloud("127.0.44.200", 0, [Account(username=USER, password=PASSWORD)], keys)
    made = Cloud(server, keys, state)
    server.add_device(USER, CloudDevice.camera(spec, MiioMethods(spec, state), lambda: made.online))
    server.add_device(
        USER, CloudDevice(did="77", model="yeelink.light.lamp1", name="Lamp", mac="020000004477")
    )
    await server.start()
    yield made
    await server.stop()


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    """A session with a real cookie jar, which has to stay empty."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session
        assert not list(session.cookie_jar)


@dataclass
class Kept:
    """Sessions an account wanted stored."""

    sessions: list[AccountSession] = field(default_factory=list)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def account(cloud: Cloud, http: aiohttp.ClientSession, kept: Kept) -> XiaomiAccount:
    return XiaomiAccount(http, cloud.endpoints, "de", None, kept.sessions.append)


type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Scripted:
    """A server whose every answer the test writes."""

    url: str
    answer: Answer | None = None
    requests: list[web.Request] = field(default_factory=list)

    @property
    def endpoints(self) -> CloudEndpoints:
        return CloudEndpoints.from_mapping({"account": self.url, "api": self.url})


@pytest.fixture
async def scripted() -> AsyncGenerator[Scripted]:
    async def handle(request: web.Request) -> web.StreamResponse:
        made.requests.append(request)
        assert made.answer is not None
        return await made.answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.44.202", 0).start()
    made = Scripted(f"http://127.0.44.202:{runner.addresses[0][1]}")
    yield made
    await runner.cleanup()
