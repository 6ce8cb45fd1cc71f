"""The calls of Home Assistant and its voice assistants that hand out a stream's address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlsplit
import uuid

from simulator.house.errors import ApiError
from simulator.house.matrix.hls import Hls
from simulator.house.matrix.path import HLS_MS, Kill, Look, Path, Refused, Scene, dark, together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.house.matrix.table import Cell


class Offered(Path):
    """A call that hands out the address of a stream."""

    group = "Calls that hand out an address"

    def __init__(
        self, scene: Scene, did: int, title: str, ask: Callable[[Scene, str], Awaitable[str]]
    ) -> None:
        """``ask`` returns the absolute address; raises ApiError or :class:`Refused`."""
        super().__init__(scene, did, title)
        self._ask = ask
        self.hls = Hls(scene)
        self.old: list[str] = []

    async def call(self) -> str:
        """Ask; raises :class:`Refused`."""
        try:
            return await self._ask(self.scene, self.entity_id)
        except ApiError as error:
            raise Refused(f"refused ({error.message or error.code})") from None

    async def look_anew(self) -> Look:
        """Ask, and play what is handed out."""
        try:
            return await self.hls.play(await self.call())
        except Refused as refused:
            return Look(str(refused))

    async def look_all(self) -> list[Look]:
        """Play everything handed out so far."""
        return list(await asyncio.gather(*map(self.hls.play, self.old)))

    @override
    async def before(self) -> Cell:
        self.old.append(await self.call())
        look = await self.hls.play(self.old[0])
        return self.right(look.pictures, HLS_MS, look.answer)

    @override
    async def killed(self, kill: Kill) -> Cell:
        return together(
            ("", dark(await self.look_anew())), ("address", dark(*await self.look_all()))
        )

    @override
    async def released(self) -> Cell:
        old = dark(*await self.look_all())
        url = await self.call()
        look = await self.hls.play(url)
        self.old.append(url)
        return together(("old", old), ("new", self.right(look.pictures, HLS_MS, look.answer)))

    @override
    async def restarted(self) -> Cell:
        return together(
            ("", dark(await self.look_anew())), ("address", dark(*await self.look_all()))
        )

    @override
    async def again(self) -> Cell:
        return dark(*await self.look_all())


async def camera_stream(scene: Scene, entity_id: str) -> str:
    """As the frontend asks for a stream."""
    return await scene.client.hls_url(entity_id)


async def resolve_media(scene: Scene, entity_id: str) -> str:
    """As a media browser resolves a camera."""
    answer = await scene.client.command(
        "media_source/resolve_media", media_content_id=f"media-source://camera/{entity_id}"
    )
    return f"{scene.client.url}{answer['url']}"


async def google(scene: Scene, entity_id: str) -> str:
    """As Google's cloud asks for a camera on a display."""
    command = {
        "devices": [{"id": entity_id}],
        "execution": [
            {
                "command": "action.devices.commands.GetCameraStream",
                "params": {"StreamToChromecast": True, "SupportedStreamProtocols": ["hls"]},
            }
        ],
    }
    answer = await scene.client.rest(
        "POST",
        "/api/google_assistant",
        {
            "requestId": "1",
            "inputs": [{"intent": "action.devices.EXECUTE", "payload": {"commands": [command]}}],
        },
    )
    done = answer["payload"].get("commands", [answer["payload"]])[0]
    if "cameraStreamAccessUrl" not in done.get("states", {}):
        raise Refused(f"refused ({done.get('errorCode', done.get('status'))})")
    return str(done["states"]["cameraStreamAccessUrl"])


async def alexa(scene: Scene, entity_id: str) -> str:
    """As Amazon's cloud asks for a camera on a display."""
    header = {
        "namespace": "Alexa.CameraStreamController",
        "name": "InitializeCameraStreams",
        "payloadVersion": "3",
        "messageId": str(uuid.uuid4()),
        "correlationToken": "1",
    }
    endpoint = {
        "scope": {"type": "BearerToken", "token": "1"},
        "endpointId": entity_id.replace(".", "#"),
    }
    answer: dict[str, Any] = await scene.client.rest(
        "POST",
        "/api/alexa/smart_home",
        {
            "directive": {
                "header": header,
                "endpoint": endpoint,
                "payload": {"cameraStreams": [{"protocol": "HLS"}]},
            }
        },
    )
    payload = answer["event"]["payload"]
    if "cameraStreams" not in payload:
        raise Refused(f"refused ({payload.get('type', 'an error')})")
    # It names the address by which Amazon reaches the house; the path is the same inside.
    parts = urlsplit(payload["cameraStreams"][0]["uri"])
    return f"{scene.client.url}{parts.path}"


class MobileApp:
    """The companion app's webhook, registered once: whoever has its id may ask."""

    def __init__(self) -> None:
        """Not registered yet."""
        self._webhook = ""

    async def __call__(self, scene: Scene, entity_id: str) -> str:
        """Ask for a stream as the app does."""
        if not self._webhook:
            answer = await scene.client.rest(
                "POST",
                "/api/mobile_app/registrations",
                {
                    "app_id": "matrix",
                    "app_name": "Matrix",
                    "app_version": "1",
                    "device_id": "matrix",
                    "device_name": "Matrix",
                    "manufacturer": "Matrix",
                    "model": "Matrix",
                    "os_name": "Linux",
                    "os_version": "1",
                    "supports_encryption": False,
                },
            )
            self._webhook = answer["webhook_id"]
        client = scene.client
        async with client.http.post(
            f"{client.url}/api/webhook/{self._webhook}",
            json={"type": "stream_camera", "data": {"camera_entity_id": entity_id}},
        ) as response:
            if response.status != 200:
                raise ApiError("webhook", str(response.status), str(response.status))
            answer = await response.json(content_type=None) or {}
        if not answer.get("hls_path"):
            raise Refused("refused (no `hls_path`)")
        return f"{client.url}{answer['hls_path']}"


def paths(scene: Scene, did: int) -> list[Offered]:
    """Return a row for each call."""
    return [
        Offered(scene, did, "WebSocket `camera/stream`", camera_stream),
        Offered(scene, did, "WebSocket `media_source/resolve_media`", resolve_media),
        Offered(scene, did, "`google_assistant`: GetCameraStream", google),
        Offered(scene, did, "`alexa`: InitializeCameraStreams", alexa),
        Offered(scene, did, "`mobile_app`: webhook `stream_camera`", MobileApp()),
    ]
