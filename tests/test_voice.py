"""Voice and browser: Home Assistant's own ways to hand a camera to a display.

What a running Home Assistant gives by these, before and after a kill, a release and a restart,
is a row each of the egress matrix (tests/e2e). Here: what Google's cloud and a media browser are
told of a camera, and that they get the picture of that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from homeassistant.components import media_source
from homeassistant.components.media_player import MediaType, async_process_play_media_url
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockEntityPlatform

from custom_components.mi_camera.const import DOMAIN

from .conftest import settle
from .test_camera import KITCHEN, PORCH, poll
from .test_casting import Player
from .test_right_camera import hls_dids

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        WebSocketGenerator,
    )

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

GOOGLE = {"project_id": "test", "expose_by_default": True, "exposed_domains": ["camera"]}
REFUSED = {"errorCode": "unknownError"}
BROWSED = "media_player.browsed"


class Google:
    """What Google's cloud sends, by Home Assistant's own endpoint."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    async def ask(self, intent: str, **payload: Any) -> dict[str, Any]:
        response = await self._client.post(
            "/api/google_assistant",
            json={
                "requestId": "1",
                "inputs": [{"intent": f"action.devices.{intent}", "payload": payload}],
            },
        )
        assert response.status == 200
        answer: dict[str, Any] = (await response.json())["payload"]
        return answer

    async def query(self, entity_id: str) -> dict[str, Any]:
        answer = await self.ask("QUERY", devices=[{"id": entity_id}])
        state: dict[str, Any] = answer["devices"][entity_id]
        return state

    async def stream(self, entity_id: str) -> Any:
        """Ask for the camera's address; returns the one command's result."""
        command = {
            "devices": [{"id": entity_id}],
            "execution": [
                {
                    "command": "action.devices.commands.GetCameraStream",
                    "params": {"StreamToChromecast": True, "SupportedStreamProtocols": ["hls"]},
                }
            ],
        }
        answer = await self.ask("EXECUTE", commands=[command])
        # When the camera refuses Home Assistant answers with one error in place of results.
        (result,) = answer.get("commands", [answer])
        return result

    async def path(self, entity_id: str) -> str:
        """Return the path of the address that a display would open."""
        result = await self.stream(entity_id)
        assert (result["ids"], result["status"]) == ([entity_id], "SUCCESS")
        url = urlsplit(result["states"]["cameraStreamAccessUrl"])
        assert url.netloc == "127.0.0.1:8123"
        return url.path


@pytest.fixture
async def ready(hass: HomeAssistant, home: Home) -> HomeAssistant:
    """The usual, but for segments of two seconds in place of six."""
    hass.config.internal_url = "http://127.0.0.1:8123"
    for component, config in (
        ("http", {"http": {"server_host": ["127.0.0.1"]}}),
        ("stream", {"stream": {"ll_hls": True, "segment_duration": 2, "part_duration": 0.5}}),
        (DOMAIN, home.developer),
    ):
        assert await async_setup_component(hass, component, config)
    await hass.async_block_till_done()
    return hass


@pytest.fixture
async def google(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_client: ClientSessionGenerator
) -> Google:
    assert await async_setup_component(hass, "google_assistant", {"google_assistant": GOOGLE})
    await hass.async_block_till_done()
    return Google(await hass_client())


@pytest.fixture
async def sources(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    """The media browser; its addresses are added before the first client comes."""
    for component in ("media_source", "websocket_api"):
        assert await async_setup_component(hass, component, {})


@pytest.fixture
async def display(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient:
    """What opens an address and has no login."""
    return await hass_client_no_auth()


async def test_google_is_told_of_every_camera_and_that_it_streams(
    hass: HomeAssistant, google: Google
) -> None:
    devices = {one["id"]: one for one in (await google.ask("SYNC"))["devices"]}
    assert set(devices) == {KITCHEN, PORCH}
    for device in devices.values():
        assert "action.devices.traits.CameraStream" in device["traits"]
        assert device["attributes"]["cameraStreamSupportedProtocols"] == ["hls"]
    assert await google.query(KITCHEN) == {"online": True}


async def test_a_voice_gets_the_camera_it_asked_for(
    hass: HomeAssistant, google: Google, home: Home, display: TestClient
) -> None:
    paths = [await google.path(entity_id) for entity_id in (KITCHEN, PORCH)]
    assert paths[0] != paths[1]
    for path, camera in zip(paths, home.cameras, strict=True):
        assert await hls_dids(display, path) == {camera.spec.did}


async def test_a_voice_gets_nothing_after_a_kill_and_never_again_by_the_old_address(
    hass: HomeAssistant, google: Google, home: Home, display: TestClient
) -> None:
    old = await google.path(KITCHEN)
    files = (old, f"{old.rpartition('/')[0]}/init.mp4")
    assert [(await display.get(file)).status for file in files] == [200, 200]
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert [(await display.get(file)).status for file in files] == [404, 404]
    for entity_id in (KITCHEN, PORCH):
        assert await google.query(entity_id) == {"online": False}
        assert await google.stream(entity_id) == REFUSED
    assert all(camera.media_connections == 0 for camera in home.cameras)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    await poll(hass)
    new = await google.path(KITCHEN)
    assert new != old
    assert (await display.get(new)).status == 200
    assert [(await display.get(file)).status for file in files] == [404, 404]


async def test_a_voice_does_not_reach_a_hidden_or_sleeping_camera(
    hass: HomeAssistant, google: Google, display: TestClient
) -> None:
    old = await google.path(KITCHEN)
    assert (await display.get(old)).status == 200
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.kitchen_privacy"}, blocking=True
    )
    assert await google.stream(KITCHEN) == REFUSED
    assert (await display.get(old)).status == 404
    # The other one goes on.
    path = await google.path(PORCH)
    assert (await display.get(path)).status == 200
    await hass.services.async_call("camera", "turn_off", {"entity_id": PORCH}, blocking=True)
    assert (await display.get(path)).status == 404
    assert await google.stream(PORCH) == REFUSED


async def browse(client: Any, number: int) -> dict[str, str]:
    """Return what the media browser lists under *Camera*: media by title."""
    await client.send_json(
        {
            "id": number,
            "type": "media_source/browse_media",
            "media_content_id": "media-source://camera",
        }
    )
    answer = await client.receive_json()
    assert answer["success"], answer
    return {one["title"]: one["media_content_id"] for one in answer["result"]["children"]}


async def test_the_media_browser_lists_the_cameras_and_gives_each_its_own(
    hass: HomeAssistant,
    sources: None,
    home: Home,
    display: TestClient,
    hass_ws_client: WebSocketGenerator,
) -> None:
    client = await hass_ws_client()
    listed = await browse(client, 1)
    assert set(listed) == {"Kitchen", "Porch"}
    media = [
        await media_source.async_resolve_media(hass, listed[name], None)
        for name in ("Kitchen", "Porch")
    ]
    for one, camera in zip(media, home.cameras, strict=True):
        assert one.mime_type == "application/vnd.apple.mpegurl"
        assert await hls_dids(display, one.url) == {camera.spec.did}
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    for one in media:
        assert (await display.get(one.url)).status == 404
    for content in listed.values():
        with pytest.raises(media_source.Unresolvable):
            await media_source.async_resolve_media(hass, content, None)


class BrowsedPlayer(Player):
    """A player that takes what the media browser lists, as Home Assistant's own do."""

    async def async_play_media(self, media_type: MediaType | str, media_id: str, **kw: Any) -> None:
        if media_source.is_media_source_id(media_id):
            media = await media_source.async_resolve_media(self.hass, media_id, self.entity_id)
            media_type = media.mime_type
            media_id = async_process_play_media_url(self.hass, media.url)
        await super().async_play_media(media_type, media_id, **kw)


async def test_a_kill_stops_a_display_that_plays_from_the_media_browser(
    hass: HomeAssistant, sources: None, display: TestClient
) -> None:
    assert await async_setup_component(hass, "media_player", {})
    player = BrowsedPlayer("Browsed")
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="test")
    await platform.async_add_entities([player])
    play = {
        "entity_id": BROWSED,
        "media_content_id": f"media-source://camera/{PORCH}",
        "media_content_type": "application/vnd.apple.mpegurl",
    }
    await hass.services.async_call("media_player", "play_media", play, blocking=True)
    (url,) = player.played
    path = urlsplit(url).path
    assert (await display.get(path)).status == 200
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert player.stops == 1
    assert player.state == "idle"
    assert (await display.get(path)).status == 404
    with pytest.raises(media_source.Unresolvable):
        await hass.services.async_call("media_player", "play_media", play, blocking=True)
    assert len(player.played) == 1
