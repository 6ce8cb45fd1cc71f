"""Battery cameras, and cameras that hear only what is sent to everybody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from simulator.camera.miio_packet import PORT, read_header
from simulator.camera.rpc import RpcError

from .cameras import until

if TYPE_CHECKING:
    from simulator.camera import SimCamera
    from simulator.camera.rpc import JSON

    from .cameras import MakeCamera, MakePeer

EVERYBODY = "127.255.255.255"
HELLO = bytes.fromhex("21310020") + b"\xff" * 28


async def greeted(camera: SimCamera, to: str | None = None) -> bool:
    """Whether the camera answers a hello, from its own address."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        await loop.sock_sendto(sock, HELLO, (to or camera.spec.address, PORT))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    data, (host, _) = await loop.sock_recvfrom(sock, 2048)
                    if host == camera.spec.address:
                        assert read_header(data).device_id == camera.spec.did
                        return True
        return False


@pytest.mark.parametrize("search", ["any", "broadcast"])
async def test_searches(search: str, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(search=search)
    peer = await peer_of(camera)
    if search == "broadcast":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.search(), 0.5)
        assert not peer.datagrams
    await peer.open(to=EVERYBODY)
    assert peer.camera is not None
    assert peer.camera[0] == camera.spec.address
    assert (await peer.authenticate())["result"] == "success"


async def test_a_broadcast_reaches_all_of_them(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    cameras = [await camera_at(did=number, search="broadcast") for number in (1, 2)]
    for camera in cameras:
        peer = await peer_of(camera)
        await peer.search(EVERYBODY)
        assert await greeted(camera, EVERYBODY)
        assert await greeted(camera)


async def test_asleep_it_is_not_there(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(asleep=True)
    camera.battery.sleep_after = 0.5
    peer = await peer_of(camera)
    for to in (None, EVERYBODY):
        assert not await greeted(camera, to)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.search(to), 0.3)
    camera.wake()
    assert await greeted(camera)
    await peer.start(1)
    await peer.until(lambda: len(peer.pictures) > 8)
    await asyncio.sleep(0.7)
    assert not camera.state.sleeping, "somebody is watching"
    peer.raw(bytes.fromhex("f1f00000"))
    await until(lambda: camera.state.sleeping, 2)
    assert not await greeted(camera)
    assert camera.media_connections == 0


@pytest.mark.parametrize("how", ["wakeup", "7", "9", "rewrite"])
async def test_woken_through_the_cloud(how: str, camera_at: MakeCamera) -> None:
    camera = await camera_at(asleep=True, model="loock.cateye.v02")
    camera.battery.wake_delay = 0.2
    methods = camera.miio.methods
    with pytest.raises(RpcError, match="device rpc response error"):
        methods.reply("miIO.info", [])
    if how == "wakeup":
        with pytest.raises(RpcError):
            methods.reply("wakeup", {})
        methods.reply("wakeup", {"video": "1"})
    elif how == "rewrite":
        item: dict[str, JSON] = {"did": "x", "siid": 12, "piid": 1}
        assert methods.miot_reply("get_properties", [item])["result"] == [
            item | {"code": 0, "value": 0}
        ]
        methods.miot_reply("set_properties", [item | {"value": 0}])
    else:
        action: dict[str, JSON] = {"did": "x", "siid": int(how), "aiid": 1, "in": []}
        assert methods.miot_reply("action", action)["result"]
    assert camera.state.sleeping
    await until(lambda: not camera.state.sleeping, 1)
    assert await greeted(camera)
    assert camera.battery.wakes == 1


async def test_it_sleeps_again_when_nobody_comes(camera_at: MakeCamera) -> None:
    camera = await camera_at(asleep=True)
    camera.battery.sleep_after = 0.3
    camera.wake()
    await until(lambda: camera.state.sleeping, 1)
    camera.wake()
    await camera.reboot()
    await camera.stop()
    camera.wake()
    await camera.start()
    assert camera.state.sleeping


async def test_the_others_never_sleep(camera_at: MakeCamera) -> None:
    camera = await camera_at()
    camera.battery.sleep_after = 0.0
    camera.wake()
    camera.battery.ask()
    await asyncio.sleep(0.3)
    assert not camera.state.sleeping
    with pytest.raises(RpcError):
        camera.miio.methods.reply("wakeup", {"video": "1"})
