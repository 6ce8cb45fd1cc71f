"""Simulated miio devices on addresses of their own, and an endpoint that talks to them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

import pytest
import pytest_socket

from custom_components.mi_camera.device import MiioEndpoint
from custom_components.mi_camera.device.library import MiioLibrary, import_library
from simulator.camera.miio import MiioServer
from simulator.camera.miio_packet import PORT, TokenCipher, hello_reply, is_hello
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

TOKEN = bytes(range(16))
DID = 0x1_0000_0000 + 1001
LOW_DID = 1001


class Device:
    """One simulated camera's miio side."""

    def __init__(self, last: int, model: str, did: int, token: bytes) -> None:
        self.spec = CameraSpec(
            did=did,
            model=model,
            name=f"camera {last}",
            scene="porch",
            address=f"127.0.44.{last}",
            mac=f"02:00:00:00:44:{last:02x}",
            token=token,
        )
        self.state = CameraState(self.spec)
        self.uptime = 0.0
        """Added to the clock: a device that was up before the test began."""
        self.server = MiioServer(
            self.spec, self.state, clock=lambda: time.monotonic() + self.uptime
        )

    @property
    def host(self) -> str:
        return self.spec.address


class Scripted(asyncio.DatagramProtocol):
    """A device that answers what the test tells it, datagram by datagram."""

    def __init__(self, host: str, *, did: int = LOW_DID, token: bytes = TOKEN) -> None:
        self.host = host
        self.did = did
        self.cipher = TokenCipher(token)
        self.requests: list[bytes] = []
        self.hellos = 0
        self.answer: Callable[[bytes], list[bytes]] = lambda text: []
        self.transport: asyncio.DatagramTransport | None = None

    async def start(self) -> Self:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, PORT)
        )
        return self

    def seal(self, text: bytes) -> bytes:
        return self.cipher.seal(self.did, 7, text)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        if is_hello(data):
            self.hellos += 1
            self.transport.sendto(hello_reply(self.did, 7), addr)
            return
        text = self.cipher.open(data)
        self.requests.append(text)
        for reply in self.answer(text):
            self.transport.sendto(reply, addr)


type MakeDevice = Callable[..., Awaitable[Device]]
type MakeScripted = Callable[..., Awaitable[Scripted]]


@pytest.fixture(autouse=True)
def _sockets() -> None:
    """Before any other fixture here opens one."""
    pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def library() -> MiioLibrary:
    return import_library()


@pytest.fixture
async def endpoint(library: MiioLibrary) -> AsyncGenerator[MiioEndpoint]:
    made = MiioEndpoint()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def make_device() -> AsyncGenerator[MakeDevice]:
    devices: list[Device] = []

    async def make(
        last: int,
        model: str = "chuangmi.camera.ipc019",
        *,
        did: int = DID,
        token: bytes = TOKEN,
    ) -> Device:
        device = Device(last, model, did, token)
        await device.server.start()
        devices.append(device)
        return device

    yield make
    for device in devices:
        await device.server.stop()


@pytest.fixture
async def make_scripted() -> AsyncGenerator[MakeScripted]:
    devices: list[Scripted] = []

    async def make(last: int, **options: int) -> Scripted:
        device = await Scripted(f"127.0.44.{last}", **options).start()  # type: ignore[arg-type]
        devices.append(device)
        return device

    yield make
    for device in devices:
        if device.transport is not None:
            device.transport.abort()
    await asyncio.sleep(0)
