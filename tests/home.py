"""A small simulated home for the tests of the Home Assistant side."""

from __future__ import annotations

from dataclasses import dataclass, field
import os
from typing import Any

from simulator.camera import CameraSpec, SimCamera
from simulator.cloud import Account, CloudDevice, SimCloud
from simulator.keys import KeyBook

USERNAME, PASSWORD, REGION = "demo@example.com", "open-sesame", "de"
OTHER_USERNAME = "other@example.com"
"""Another account, without devices at first."""
# Each of several test processes has a network of its own.
ADDRESSES = f"127.{os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw')}.50"
SIZE = (320, 180)


def spec(number: int, **changes: Any) -> CameraSpec:
    """Describe camera 1 (legacy properties) or 2 (MIoT), small and quick."""
    values: dict[str, Any] = {
        "did": 5_000_000_000 + number,
        "model": "chuangmi.camera.021a04" if number == 1 else "isa.camera.hlc7",
        "name": {1: "Kitchen", 2: "Porch"}.get(number, f"Camera {number}"),
        "scene": "kitchen" if number == 1 else "porch",
        "address": f"{ADDRESSES}.{10 + number}",
        "mac": f"02:00:00:00:50:{number:02x}",
        "token": bytes([number]) * 16,
        "qualities": {2: SIZE},
        "gop_seconds": 0.6,
    }
    return CameraSpec(**values | changes)


@dataclass
class Home:
    """Cameras and their cloud, running."""

    cameras: list[SimCamera]
    devices: list[CloudDevice]
    cloud: SimCloud
    keys: KeyBook = field(repr=False)

    @classmethod
    async def start(cls, *specs: CameraSpec) -> Home:
        """Start cameras and a cloud that lists them."""
        keys = KeyBook()
        accounts = [
            Account(username=USERNAME, password=PASSWORD, region=REGION),
            Account(username=OTHER_USERNAME, password=PASSWORD, region=REGION, user_id="77"),
        ]
        cloud = SimCloud(f"{ADDRESSES}.1", 0, accounts, keys)
        cameras = [SimCamera(one, keys) for one in specs]
        devices = [CloudDevice.camera(one.spec, one.miio.methods) for one in cameras]
        for device in devices:
            cloud.add_device(USERNAME, device)
        await cloud.start()
        for camera in cameras:
            await camera.start()
        return cls(cameras, devices, cloud, keys)

    async def restarted_cameras(self) -> list[SimCamera]:
        """Start new cameras from the (changed) descriptions of the stopped ones."""
        cameras = [SimCamera(camera.spec, self.keys) for camera in self.cameras]
        for camera in cameras:
            await camera.start()
        return cameras

    async def stop(self) -> None:
        """Stop everything."""
        for camera in self.cameras:
            await camera.stop()
        await self.cloud.stop()

    @property
    def developer(self) -> dict[str, Any]:
        """What points the integration at this home's cloud, as in configuration.yaml."""
        return {
            "mi_camera": {
                "developer": {
                    "account_url": self.cloud.url,
                    "api_url": f"{self.cloud.url}/{{region}}/app",
                }
            }
        }
