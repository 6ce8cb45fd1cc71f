"""The simulated home that is measured against, and the keys of its cameras."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
import secrets
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import aiohttp

from custom_components.mi_camera.cloud import CloudEndpoints, CloudError, XiaomiAccount
from custom_components.mi_camera.miss import MissKeys, new_client_key
from simulator.house.home_process import HomePlan, HomeProcess
from simulator.house.process import free_port

from .processes import BenchFailed

if TYPE_CHECKING:
    from pathlib import Path

FPS = 15
GOP_SECONDS = 2.0
STREAMS = (1, 8, 32)
"""How many streams at once, by turns."""
TRANSPORTS = ("udp", "tcp")
DEVICES = 20
MODEL = "chuangmi.camera.021a04"
"""Answers both the older miio commands and MIoT, and sends quality 2 to all clients."""
_SCENES = ("kitchen", "nursery", "porch", "garden")
_CLOUD = "127.0.60.2"
_USERNAME, _REGION = "bench@example.com", "de"


@dataclass(frozen=True, slots=True)
class Camera:
    """A simulated camera."""

    did: int
    host: str
    transport: str
    replays: bool
    """Whether it sends a loop of pictures that it encoded once."""
    token: bytes = field(repr=False)


class Home:
    """A simulated home in a process of its own: cameras and their cloud.

    go2rtc leaves without a word, and a camera takes ten seconds to notice. Until then it is of
    no use for another measurement.
    """

    def __init__(self, folder: Path) -> None:
        """Describe it; the description goes into `folder`."""
        self.cameras: list[Camera] = []
        self.cold, self.warm = self._add("udp", replays=False), self._add("udp", replays=False)
        self.live = [self._add(transport, replays=False) for transport in TRANSPORTS]
        """One of each transport, with pictures whose tags tell when they were taken."""
        self.replaying = {
            transport: [self._add(transport, replays=True) for _ in range(max(STREAMS))]
            for transport in TRANSPORTS
        }
        path = folder / "home.json"
        path.write_text(json.dumps(self._description()))
        self._plan = HomePlan.read(path)
        self._process = HomeProcess(self._plan, folder / "home.log")
        self._http: aiohttp.ClientSession | None = None
        self._account: XiaomiAccount | None = None

    def _add(self, transport: str, *, replays: bool) -> Camera:
        n = len(self.cameras)
        token = secrets.token_bytes(16)
        camera = Camera(3001001001 + n, f"127.0.60.{11 + n}", transport, replays, token)
        self.cameras.append(camera)
        return camera

    def _description(self) -> dict[str, Any]:
        return {
            "cameras": [
                {
                    "did": camera.did,
                    "model": MODEL,
                    "name": f"Camera {number}",
                    "scene": _SCENES[number % len(_SCENES)],
                    "address": camera.host,
                    "token": camera.token.hex(),
                    "transport": camera.transport,
                    "replay": camera.replays,
                    "fps": FPS,
                    "gop_seconds": GOP_SECONDS,
                    "viewers": 32,
                }
                for number, camera in enumerate(self.cameras)
            ],
            "cloud": {
                "address": _CLOUD,
                "port": free_port(_CLOUD),
                "username": _USERNAME,
                "password": secrets.token_urlsafe(12),
                "region": _REGION,
            },
            "control": {"port": free_port()},
        }

    async def __aenter__(self) -> Self:
        """Start it and sign in to its cloud."""
        await self._process.start()
        try:
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            url = self._plan.cloud_url
            endpoints = CloudEndpoints.from_mapping({"account": url, "api": url})
            self._account = XiaomiAccount(self._http, endpoints, _REGION)
            await self._account.login(_USERNAME, self._plan.password)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        if self._http is not None:
            await self._http.close()
        await self._process.stop()

    async def keys(self, camera: Camera) -> MissKeys:
        """Return keys for a session with a camera, as its cloud gives them."""
        assert self._account is not None
        private, public = new_client_key()
        try:
            vendor = await self._account.miss_vendor(str(camera.did), public, allowed=lambda: True)
        except CloudError as err:
            raise BenchFailed(f"the simulated cloud gives no keys: {err}") from err
        return MissKeys(private, public, vendor.device_public, vendor.sign)

    async def stream(self, camera: Camera) -> dict[str, Any]:
        """Return what our process needs for a stream of this camera."""
        keys = await self.keys(camera)
        return {
            "did": camera.did,
            "host": camera.host,
            "client_private": keys.client_private.hex(),
            "client_public": keys.client_public.hex(),
            "device_public": keys.device_public.hex(),
            "sign": keys.sign,
        }

    async def go2rtc_url(self, camera: Camera) -> str:
        """Return the address by which go2rtc dials this camera directly, pictures only."""
        query = await self.stream(camera)
        host = query.pop("host")
        return f"xiaomi://{host}?" + urlencode(
            {"vendor": "cs2", "model": MODEL, "audio": "0", **query}
        )
