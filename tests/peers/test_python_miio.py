"""python-miio's own camera classes control simulated cameras.

They block, so they run in a thread. Their known faults under a strict warning filter (naive
UTC helpers, a click class, one socket never closed per call) are let pass here, by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from simulator.camera.miio import MiioServer
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utc:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'MultiCommand' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:unclosed <\S*[sS]ocket:ResourceWarning"),
]

ADDRESS = "127.0.41.10"
TOKEN = "00112233445566778899aabbccddeeff"
DID = 1001001001


@contextlib.asynccontextmanager
async def camera(model: str, **more: Any) -> AsyncGenerator[tuple[MiioServer, CameraState]]:
    spec = CameraSpec(
        did=DID,
        model=model,
        name="Kitchen",
        scene="kitchen",
        address=ADDRESS,
        mac="50:ec:50:00:00:01",
        token=bytes.fromhex(TOKEN),
        **more,
    )
    state = CameraState(spec)
    server = MiioServer(spec, state)
    await server.start()
    try:
        yield server, state
    finally:
        await server.stop()


def chuangmi(**more: Any) -> Any:
    from miio import ChuangmiCamera

    return ChuangmiCamera(ADDRESS, TOKEN, **more)


@pytest.mark.parametrize(
    "model", ["chuangmi.camera.ipc009", "chuangmi.camera.ipc019", "chuangmi.camera.038a2"]
)
async def test_status_and_info(model: str) -> None:
    async with camera(model) as (_, state):
        state.properties["wdr"] = True

        def look() -> None:
            device = chuangmi()
            assert device.model == model
            info = device.info()
            assert info.mac_address == "50:EC:50:00:00:01"
            assert info.ip_address == ADDRESS
            assert device.device_id == DID
            status = device.status()
            assert status.power
            assert status.wdr
            assert status.light
            assert status.motion_record
            assert not status.flip
            assert not status.full_color
            assert status.watermark
            assert status.sdcard_status == "0"
            assert status.night_mode == "0"
            assert status.max_client == "2"
            assert status.mini_level == "1"

        await asyncio.to_thread(look)


async def test_every_command() -> None:
    async with camera("chuangmi.camera.ipc019") as (server, state):
        from miio.chuangmi_camera import (
            Direction,
            HomeMonitoringMode,
            MotionDetectionSensitivity,
            NASState,
            NASSyncInterval,
            NASVideoRetentionTime,
        )

        device = chuangmi()

        async def do(method: str, *args: Any) -> Any:
            return await asyncio.to_thread(getattr(device, method), *args)

        for name in ("light", "full_color", "flip", "improve_program", "watermark", "wdr"):
            assert await do(f"{name}_on") == ["ok"]
            assert state.properties[name] is True
            assert await do(f"{name}_off") == ["ok"]
            assert state.properties[name] is False
        assert await do("off") == ["ok"]
        assert not state.power
        assert not (await do("status")).power
        assert await do("on") == ["ok"]
        assert state.power
        for name in ("on", "off", "stop"):
            assert await do(f"motion_record_{name}") == ["ok"]
            assert state.properties["motion_record"] == name
        for number, name in enumerate(("auto", "off", "on")):
            assert await do(f"night_mode_{name}") == ["ok"]
            assert state.properties["night_mode"] == number

        before = state.angle, state.elevation
        assert await do("rotate", Direction.Left) == ["OK"]
        assert await do("rotate", Direction.Up) == ["OK"]
        assert state.angle < before[0]
        assert state.elevation > before[1]
        assert await do("rotate", Direction.Right) == ["OK"]
        assert await do("rotate", Direction.Down) == ["OK"]
        assert (state.angle, state.elevation) == before

        assert await do("alarm") == ["ok"]
        assert server.methods.legacy.alarms == 1
        assert await do("set_motion_sensitivity", MotionDetectionSensitivity.Low) == ["ok"]
        assert server.methods.legacy.motion_region == [1] * 32
        assert await do("set_home_monitoring_config", HomeMonitoringMode.Custom) == ["ok"]
        assert server.methods.legacy.alarm_config == [2, 10, 0, 17, 0, 1, 5]
        assert (
            await do(
                "set_nas_config",
                NASState.On,
                {},
                NASSyncInterval.Hour,
                NASVideoRetentionTime.Quarter,
            )
        ) == ["ok"]
        assert await do("get_nas_config") == {
            "state": 3,
            "sync_interval": 3600,
            "video_retention_time": 7776000,
            "share": {},
        }
        assert await do("clear_nas_dir") == ["ok"]


async def test_miot_device() -> None:
    async with camera("isa.camera.hlc7") as (_, state):
        from miio import DeviceError, MiotDevice

        mapping = {
            "power": {"siid": 2, "piid": 1},
            "rollover": {"siid": 2, "piid": 2},
            "nothing": {"siid": 77, "piid": 1},
            "eject": {"siid": 4, "aiid": 2},
        }

        def use() -> None:
            device = MiotDevice(ADDRESS, TOKEN, mapping=mapping)
            assert device.model == "isa.camera.hlc7"
            assert device.get_properties_for_mapping() == [
                {"did": "power", "siid": 2, "piid": 1, "code": 0, "value": True},
                {"did": "rollover", "siid": 2, "piid": 2, "code": 0, "value": 0},
                {"did": "nothing", "siid": 77, "piid": 1, "code": -4003},
            ]
            (result,) = device.set_property("power", False)
            assert result["code"] == 0
            (result,) = device.set_property_by(2, 2, 180)
            assert result["code"] == 0
            assert device.get_property_by(2, 2)[0]["value"] == 180
            assert device.call_action("eject")["code"] == 0
            with pytest.raises(DeviceError, match="-32601"):
                device.send("get_prop", ["power"])

        await asyncio.to_thread(use)
        assert not state.power
        assert state.properties["flip"] is True
        assert state.properties["sdcard_status"] == 5


async def test_model_that_answers_both() -> None:
    async with camera("chuangmi.camera.021a04") as (_, state):
        from miio import MiotDevice

        def use() -> None:
            assert chuangmi(start_id=100).off() == ["ok"]
            device = MiotDevice(ADDRESS, TOKEN, start_id=200, mapping={})
            assert device.get_property_by(2, 1)[0]["value"] is False
            assert device.set_property_by(2, 1, True)[0]["code"] == 0
            assert chuangmi(start_id=300).status().power

        await asyncio.to_thread(use)
        assert state.power


async def test_wrong_token_gets_no_answer() -> None:
    async with camera("chuangmi.camera.ipc019") as (server, state):
        from miio import ChuangmiCamera, DeviceException

        def use() -> None:
            device = ChuangmiCamera(ADDRESS, "f" * 32, timeout=0.1)
            with pytest.raises(DeviceException, match="No response"):
                device.off()

        await asyncio.to_thread(use)
        assert state.power
        assert state.rpc_count == 0
        assert server.ignored_count == 4  # it tries four times


async def test_finds_back_after_a_reboot() -> None:
    async with camera("chuangmi.camera.ipc019") as (server, state):
        server._booted -= 1000
        device = chuangmi(timeout=0.2)
        assert (await asyncio.to_thread(device.status)).power
        server.reboot()
        assert await asyncio.to_thread(device.off) == ["ok"]
        assert server.ignored_count == 1  # the old stamp
        assert not state.power


@pytest.mark.parametrize("nuls", [0, 1, 4])
async def test_padding_and_passing_trouble(nuls: int) -> None:
    async with camera("chuangmi.camera.ipc019") as (server, state):
        server.knobs.nul_padding = nuls
        server.knobs.latency = 0.02
        server.knobs.errors += [(-9999, "user ack timeout"), (-30001, "busy")]
        assert await asyncio.to_thread(chuangmi().off) == ["ok"]
        assert not state.power


async def test_discovery() -> None:
    async with camera("chuangmi.camera.ipc019"):
        from miio.miioprotocol import MiIOProtocol

        found = await asyncio.to_thread(MiIOProtocol.discover, ADDRESS)
        assert int.from_bytes(found.header.value.device_id) == DID
        assert found.checksum == b"\xff" * 16


class LoopbackSocket(socket.socket):
    """A socket to which everybody is everybody on loopback."""

    def sendto(self, data: bytes, address: Any) -> int:  # type: ignore[override]
        host, port = address
        return super().sendto(data, ("127.255.255.255" if host == "<broadcast>" else host, port))


async def test_found_by_broadcast(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Other cameras of this machine may answer as well."""
    from miio.miioprotocol import MiIOProtocol

    monkeypatch.setattr("miio.miioprotocol.socket.socket", LoopbackSocket)
    async with camera("chuangmi.camera.ipc019"):
        await asyncio.to_thread(MiIOProtocol.discover, timeout=1)
    assert f"IP {ADDRESS} (ID: {DID:08x})" in caplog.text


async def test_a_camera_without_a_motor() -> None:
    async with camera("chuangmi.camera.ipc019", motor=None) as (_, state):
        from miio import DeviceError
        from miio.chuangmi_camera import Direction

        with pytest.raises(DeviceError):
            await asyncio.to_thread(chuangmi().rotate, Direction.Left)
        assert state.angle == 51
