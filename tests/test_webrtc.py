"""WebRTC viewers: a provider of Home Assistant's serves them, and this integration ends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.camera import (
    Camera,
    CameraWebRTCProvider,
    WebRTCAnswer,
    WebRTCError,
    WebRTCSendMessage,
    async_register_webrtc_provider,
)
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .test_camera import KITCHEN, poll
from .test_hub import entity_of

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


class SlowProvider(Provider):
    """Takes its time over an offer, in a task `apart`, or never answers: it is `silent`."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    @override
    async def async_handle_async_webrtc_offer(
        self, camera: Camera, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        answer = super().async_handle_async_webrtc_offer

        async def take_time() -> None:
            self.began.set()
            await self.go_on.wait()
            if self.kind == "silent":
                self.sessions.add(session_id)
                await camera.stream_source()
            else:
                await answer(camera, offer_sdp, session_id, send_message)

        self.tasks.append(asyncio.create_task(take_time()))
        if self.kind != "apart":
            await asyncio.shield(self.tasks[-1])


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


# -- offers that are over ------------------------------------------------------------------------


async def _off_and_on(hass: HomeAssistant, home: Home) -> None:
    await _switch_off(hass, home)
    await hass.data[DATA_KILL_SWITCH].async_release()
    await poll(hass)


async def _asleep_and_awake(hass: HomeAssistant, home: Home) -> None:
    for power in (False, True):
        home.cameras[0].power = power
        await poll(hass)


@pytest.mark.parametrize("end", [_off_and_on, _asleep_and_awake])
@pytest.mark.parametrize("kind", ["slow", "apart", "silent"])
async def test_an_offer_of_before_gets_nothing_of_after(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_ws_client: WebSocketGenerator,
    end: Callable[..., Any],
    kind: str,
) -> None:
    provider = SlowProvider(kind)
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    client, camera = await hass_ws_client(hass), entity_of(hass)
    await client.send_json_auto_id(
        {"type": "camera/webrtc/offer", "entity_id": KITCHEN, "offer": "v=0"}
    )
    await provider.began.wait()
    assert len(camera.lens.webrtc) == 1
    addresses: list[str | None] = []
    source_of = camera.stream_source

    async def noted() -> str | None:
        addresses.append(await source_of())
        return addresses[-1]

    await end(hass, home)
    assert camera.lens.permit() is not None
    camera.stream_source = noted  # type: ignore[method-assign]
    provider.go_on.set()
    await asyncio.gather(*provider.tasks)
    await client.send_json_auto_id({"type": "ping"})
    told = [await client.receive_json() for _ in range(4)]
    assert [one["event"]["type"] for one in told if one["type"] == "event"] == ["session", "error"]
    assert told[-1]["type"] == "pong"
    assert addresses == [None]
    assert not provider.sessions
    assert not len(camera.lens.webrtc)
    # A new one is served.
    if kind == "slow":
        assert (await _offer(client))[1] == await source_of()


async def test_an_offer_that_had_its_address_before_gets_no_answer_after(
    hass: HomeAssistant, entry: MiCameraConfigEntry, provider: Provider, home: Home
) -> None:
    """Such as go2rtc gives, which reads by the camera's name from whatever address is newest."""
    camera = entity_of(hass)
    sends: list[WebRTCSendMessage] = []
    told: list[object] = []

    async def keep(
        _camera: Camera, _sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        provider.sessions.add(session_id)
        sends.append(send_message)

    provider.async_handle_async_webrtc_offer = keep  # type: ignore[method-assign]
    await camera.async_handle_async_webrtc_offer("v=0", "one", told.append)
    await _off_and_on(hass, home)
    assert [type(one) for one in told] == [WebRTCError]
    provider.sessions.add("one")
    sends[0](WebRTCAnswer("late"))
    assert [type(one) for one in told] == [WebRTCError]
    assert not provider.sessions


async def test_refused_offers_are_not_kept(
    hass: HomeAssistant, entry: MiCameraConfigEntry, provider: Provider, home: Home
) -> None:
    camera = entity_of(hass)
    told: list[object] = []
    # By the gate, and the provider is not even asked.
    await _switch_off(hass, home)
    with pytest.raises(HomeAssistantError) as caught:
        await camera.async_handle_async_webrtc_offer("v=0", "one", told.append)
    assert caught.value.translation_key == "pictures_off"
    assert not told
    assert not len(camera.lens.webrtc)
    await hass.data[DATA_KILL_SWITCH].async_release()
    await poll(hass)
    await hass.async_block_till_done()

    # By the provider, in either way.
    async def refuse(
        _camera: Camera, _sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        provider.sessions.add(session_id)
        if session_id == "two":
            raise HomeAssistantError("no")
        send_message(WebRTCError("no", "no"))

    provider.async_handle_async_webrtc_offer = refuse  # type: ignore[method-assign]
    with pytest.raises(HomeAssistantError):
        await camera.async_handle_async_webrtc_offer("v=0", "two", told.append)
    await camera.async_handle_async_webrtc_offer("v=0", "three", told.append)
    assert told == [WebRTCError("no", "no")]
    assert not len(camera.lens.webrtc)
    assert not provider.sessions
