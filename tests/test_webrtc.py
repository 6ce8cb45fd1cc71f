"""WebRTC viewers: a provider of Home Assistant's serves them, and this integration ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.camera import (
    Camera,
    CameraWebRTCProvider,
    WebRTCAnswer,
    WebRTCSendMessage,
    async_register_webrtc_provider,
)
from homeassistant.core import callback
import pytest

from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .test_camera import KITCHEN, poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import WebSocketGenerator
    from webrtc_models import RTCIceCandidateInit

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


class Provider(CameraWebRTCProvider):
    """Answers every offer with the address it would read from, as go2rtc would dial it."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()

    @property
    def domain(self) -> str:
        return "provider"

    @callback
    def async_is_supported(self, stream_source: str) -> bool:
        return stream_source.startswith("http")

    @override
    async def async_handle_async_webrtc_offer(
        self, camera: Camera, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        self.sessions.add(session_id)
        send_message(WebRTCAnswer(await camera.stream_source() or "nothing"))

    @override
    async def async_on_webrtc_candidate(
        self, session_id: str, candidate: RTCIceCandidateInit
    ) -> None:
        """Have no use for candidates."""

    @callback
    @override
    def async_close_session(self, session_id: str) -> None:
        self.sessions.discard(session_id)


@pytest.fixture
async def provider(hass: HomeAssistant, entry: MiCameraConfigEntry) -> Provider:
    provider = Provider()
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    return provider


async def _offer(client: Any) -> tuple[int, str]:
    """Offer a session for the kitchen; returns the subscription and the answer."""
    await client.send_json_auto_id(
        {"type": "camera/webrtc/offer", "entity_id": KITCHEN, "offer": "v=0"}
    )
    result = await client.receive_json()
    assert result["success"], result
    assert (await client.receive_json())["event"]["type"] == "session"
    answer = (await client.receive_json())["event"]
    assert answer["type"] == "answer", answer
    return result["id"], answer["answer"]


async def test_provider_serves_beside_hls(
    hass: HomeAssistant, provider: Provider, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "camera/capabilities", "entity_id": KITCHEN})
    result = (await client.receive_json())["result"]
    assert set(result["frontend_stream_types"]) == {"hls", "web_rtc"}


async def _switch_off(hass: HomeAssistant, _home: Home) -> None:
    await hass.services.async_call("mi_camera", "disable_all", {}, blocking=True)


async def _fall_asleep(hass: HomeAssistant, home: Home) -> None:
    home.cameras[0].power = False
    await poll(hass)


@pytest.mark.parametrize("end", [_switch_off, _fall_asleep])
async def test_viewers_are_told_of_the_end(
    hass: HomeAssistant,
    provider: Provider,
    home: Home,
    hass_ws_client: WebSocketGenerator,
    end: Callable[..., Any],
) -> None:
    client = await hass_ws_client(hass)
    _, address = await _offer(client)
    _, same = await _offer(client)
    assert same == address
    await end(hass, home)
    for _ in range(2):
        event = (await client.receive_json())["event"]
        assert (event["type"], event["code"]) == ("error", "stream_ended")
    assert not provider.sessions

    if end is _switch_off:
        await hass.data[DATA_KILL_SWITCH].async_release()
        await poll(hass)
        _, after = await _offer(client)
        assert after != address


async def test_viewer_that_left_is_told_nothing(
    hass: HomeAssistant, provider: Provider, home: Home, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)
    subscription, _ = await _offer(client)
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": subscription})
    assert (await client.receive_json())["success"]
    assert not provider.sessions
    await _switch_off(hass, home)
    await client.send_json_auto_id({"type": "ping"})
    assert (await client.receive_json())["type"] == "pong"
