"""Right camera or nothing: entity ids that move, and devices that take a camera's place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
import io
import time
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import make_mocked_request
import av
from homeassistant.components.camera import (
    async_get_image,
    async_get_stream_source,
    async_request_stream,
)
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.media_source import async_resolve_media
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.http import current_request
from homeassistant.setup import async_setup_component
import jwt
import pytest

from custom_components.mi_camera import hub as hub_module, identity, relocation
from custom_components.mi_camera.const import DOMAIN, SUBENTRY_CAMERA
from custom_components.mi_camera.device import MiioNotAllowed, MiioWrongDevice
from custom_components.mi_camera.device.packet import Hello
from custom_components.mi_camera.gate import Permit
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.gate_events import GateEventType
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.media import Source, UpstreamError
from custom_components.mi_camera.miss.motor import MotorOperation
from custom_components.mi_camera.signed_path import EntityAddress, SignatureClock
from custom_components.mi_camera.webrtc_viewers import WebRtcViewer
from simulator.camera import SimCamera
from simulator.tag import read_frame, read_image

from . import home as home_module
from .conftest import image_soon, settle
from .home import Home, spec
from .test_camera import KITCHEN, PORCH, ended, poll, read_tags
from .test_casting import Player, cast, players, until  # noqa: F401
from .test_hub import entity_of
from .test_webrtc import Provider, _offer, provider  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        WebSocketGenerator,
    )

    from custom_components.mi_camera.coordinator import CameraCoordinator
    from custom_components.mi_camera.gate_events import GateEvent
    from custom_components.mi_camera.hub import MiCameraConfigEntry

SPARE = "camera.spare"
NEW_ADDRESS = "127.0.77.99"


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """The usual two cameras, at addresses of this file's own, on a network of their own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.77")

    async def no_broadcast(_hass: HomeAssistant) -> set[str]:
        return set()

    monkeypatch.setattr(hub_module, "async_get_ipv4_broadcast_addresses", no_broadcast)
    home = await Home.start(spec(1), spec(2))
    yield home
    for camera in home.cameras:
        await camera.stop()
    await home.stop()


@pytest.fixture
def events(hass: HomeAssistant, entry: MiCameraConfigEntry) -> list[GateEvent]:
    """What the kill switch has told since the cameras were there."""
    heard: list[GateEvent] = []
    hass.data[DATA_KILL_SWITCH].async_on_event(heard.append)
    return heard


def coordinator_of(entry: MiCameraConfigEntry, name: str = "Kitchen") -> CameraCoordinator:
    return next(one for one in entry.runtime_data.cameras.values() if one.config.name == name)


async def swap(hass: HomeAssistant) -> None:
    """Let each camera entity get the other's id, as a user may in three steps."""
    registry = er.async_get(hass)
    for old, new in ((KITCHEN, SPARE), (PORCH, KITCHEN), (SPARE, PORCH)):
        registry.async_update_entity(old, new_entity_id=new)
        await hass.async_block_till_done()


def sign(hass: HomeAssistant, path: str) -> str:
    return async_sign_path(hass, path, timedelta(hours=24))


async def next_second() -> None:
    """Signatures bear whole seconds."""
    await asyncio.sleep(1.05)


async def still_did(client: TestClient, url: str) -> int | None:
    """Return whose picture an address gives, None for none."""
    response = await client.get(url)
    if response.status != 200:
        return None
    tag = read_image(await response.read())
    assert tag is not None
    return tag.did


# -- entity ids ---------------------------------------------------------------------------------


async def test_no_address_of_before_a_swap_gives_a_picture(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client_no_auth: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
    provider: Provider,  # noqa: F811
) -> None:
    """The signed address of the one used to show the other."""
    await async_setup_component(hass, "media_source", {})
    kitchen, porch = (camera.spec.did for camera in home.cameras)
    socket = await hass_ws_client(hass)
    client = await hass_client_no_auth()
    await next_second()
    signed = sign(hass, f"/api/camera_proxy/{KITCHEN}")
    signed_stream = sign(hass, f"/api/camera_proxy_stream/{KITCHEN}")
    tokens = tuple(entity_of(hass).access_tokens)
    hls = await async_request_stream(hass, KITCHEN, "hls")
    media = await async_resolve_media(hass, f"media-source://camera/{KITCHEN}", None)
    source = await async_get_stream_source(hass, KITCHEN)
    assert source is not None
    assert await hass.async_add_executor_job(read_tags, source, 2)
    _, answer = await _offer(socket)
    assert answer == source
    assert await still_did(client, signed) == kitchen
    for mjpeg in (await client.get(signed_stream),):
        assert mjpeg.status == 200
        await mjpeg.content.readany()

    await swap(hass)
    assert hass.states.get(KITCHEN).name == "Porch"
    await ended(mjpeg)
    told = await socket.receive_json()
    assert told["event"]["type"] == "error"
    for entity_id in (KITCHEN, PORCH):
        for token in tokens:
            for view in ("camera_proxy", "camera_proxy_stream"):
                url = f"/api/{view}/{entity_id}?token={token}"
                assert (await client.get(url)).status == 403
    assert await still_did(client, signed) is None
    assert await read_mjpeg(client, signed_stream) is None
    assert (await client.get(hls)).status == 404
    assert (await client.get(media.url)).status == 404
    with pytest.raises((OSError, av.error.FFmpegError)):
        await hass.async_add_executor_job(read_tags, source, 1)

    # What is given out from now on shows the camera that has the id now.
    await next_second()
    for entity_id, did in ((KITCHEN, porch), (PORCH, kitchen)):
        assert await still_did(client, sign(hass, f"/api/camera_proxy/{entity_id}")) == did
        mjpeg_url = sign(hass, f"/api/camera_proxy_stream/{entity_id}")
        assert await read_mjpeg(client, mjpeg_url) == did
        token = hass.states.get(entity_id).attributes["access_token"]
        assert await still_did(client, f"/api/camera_proxy/{entity_id}?token={token}") == did
        new_source = await async_get_stream_source(hass, entity_id)
        tags = await hass.async_add_executor_job(read_tags, new_source, 3)
        assert {one for one, _ in tags} == {did}
        assert await hls_dids(client, await async_request_stream(hass, entity_id, "hls")) == {did}
        media = await async_resolve_media(hass, f"media-source://camera/{entity_id}", None)
        assert await hls_dids(client, media.url) == {did}
    assert await still_did(client, signed) is None


async def read_mjpeg(client: TestClient, url: str) -> int | None:
    """Return whose picture comes first, None when none does."""
    response = await client.get(url)
    data = b""
    async with asyncio.timeout(15):
        while not response.content.at_eof():
            data += await response.content.readany()
            start, end = data.find(b"\xff\xd8"), data.find(b"\xff\xd9\r\n")
            if 0 <= start < end:
                response.close()
                tag = read_image(data[start : end + 2])
                assert tag is not None
                return tag.did
    return None


async def hls_dids(client: TestClient, path: str) -> set[int]:
    base = path.rpartition("/")[0]
    assert (await client.get(path)).status == 200
    init = await (await client.get(f"{base}/init.mp4")).read()
    segment = await (await client.get(f"{base}/segment/0.m4s")).read()
    with av.open(io.BytesIO(init + segment)) as container:
        tags = [read_frame(frame) for frame in container.decode(video=0)]
    return {tag.did for tag in tags if tag is not None}


async def test_an_id_that_is_changed_in_place_leaves_nothing_behind(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """From 2026.11 on the entity is not taken out, but told."""
    client = await hass_client_no_auth()
    await next_second()
    camera = entity_of(hass)
    stream = await camera.async_create_stream()
    assert stream is not None
    tokens = set(camera.access_tokens)
    source = await camera.stream_source()
    signed = sign(hass, f"/api/camera_proxy/{KITCHEN}")
    mjpeg = await client.get(sign(hass, f"/api/camera_proxy_stream/{KITCHEN}"))
    await mjpeg.content.readany()
    camera.async_entity_id_changed("camera.before")
    await ended(mjpeg)
    assert stream.access_token is None
    assert camera.stream is None
    assert not tokens & set(camera.access_tokens)
    assert await camera.stream_source() != source
    assert await still_did(client, signed) is None
    await next_second()
    again = sign(hass, f"/api/camera_proxy/{KITCHEN}")
    assert await still_did(client, again) == home.cameras[0].spec.did


async def test_a_still_that_is_being_made_while_the_id_changes_is_not_given(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    await next_second()
    camera = entity_of(hass)
    asking = asyncio.ensure_future(client.get(sign(hass, f"/api/camera_proxy/{KITCHEN}")))
    feed = coordinator_of(entry).feed
    await until(lambda: feed.viewers > 0, 5)
    camera.async_entity_id_changed(KITCHEN)
    assert (await asking).status == 500


def test_a_clock_that_was_ahead_makes_no_old_signature_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed two hours ahead; the clock is set right, the ids are swapped, two hours go by."""
    address, now = EntityAddress(SignatureClock()), time.time

    def admits_what_was_signed_at(signed_at: float) -> bool:
        claims = {"iat": int(signed_at), "exp": int(signed_at) + 86_400}
        request = make_mocked_request(
            "GET",
            f"/api/camera_proxy/{KITCHEN}?authSig={jwt.encode(claims, 'x' * 32)}",
            match_info={"entity_id": KITCHEN},
        )
        token = current_request.set(request)
        try:
            return address.admits(KITCHEN)
        finally:
            current_request.reset(token)

    def set_clock(ahead: float) -> float:
        monkeypatch.setattr(time, "time", lambda: now() + ahead)
        return time.time()

    signed_at = set_clock(7200)
    assert admits_what_was_signed_at(signed_at)
    set_clock(0)
    assert not admits_what_was_signed_at(signed_at)
    address.moved()
    later = set_clock(7260)
    assert not admits_what_was_signed_at(signed_at)
    assert admits_what_was_signed_at(later)


def test_the_latest_time_seen_does_not_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    clock = SignatureClock()
    monkeypatch.setattr(time, "time", lambda: now() + 100)
    ahead = clock.latest()
    monkeypatch.setattr(time, "time", now)
    assert clock.latest() == ahead


async def test_a_made_up_signature_is_no_way_past_a_token(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    client = await hass_client_no_auth()
    token = hass.states.get(KITCHEN).attributes["access_token"]
    url = f"/api/camera_proxy/{KITCHEN}?token={token}"
    for signature in ("x", "a.b.c", "x" * 10_000):
        assert await still_did(client, f"{url}&authSig={signature}") is None
    assert await still_did(client, url) is not None


async def test_a_cast_does_not_go_on_under_another_name(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    await cast(hass)
    assert len(entry.runtime_data.casts.sessions) == 1
    er.async_get(hass).async_update_entity(KITCHEN, new_entity_id=SPARE)
    await hass.async_block_till_done()
    assert not entry.runtime_data.casts.sessions
    await until(lambda: players[0].stops == 1, 5)


# -- devices ------------------------------------------------------------------------------------


async def watch(coordinator: CameraCoordinator) -> Callable[[], set[int]]:
    """Read a camera by the relay as go2rtc would, for ever; returns whose pictures came."""
    hub, permit = coordinator.hub, coordinator.permit()
    assert permit is not None
    url = hub.relay.grant(coordinator.feed, permit, coordinator.lenses[0].source)
    seen: set[int] = set()

    def read() -> None:
        try:
            with av.open(url, timeout=5) as container:
                for frame in container.decode(video=0):
                    tag = read_frame(frame)
                    assert tag is not None
                    seen.add(tag.did)
        except OSError, av.error.FFmpegError:
            return

    reading = coordinator.hass.async_add_executor_job(read)
    await until(lambda: bool(seen), 15)

    def ended() -> set[int]:
        assert reading.done()
        return seen

    return ended


async def swap_addresses(home: Home) -> None:
    """DHCP gives each camera the other's address; both begin anew."""
    for camera in home.cameras:
        await camera.stop()
    first, second = (camera.spec for camera in home.cameras)
    first.address, second.address = second.address, first.address
    home.cameras = await home.restarted_cameras()


async def test_swapped_addresses_hold_both_cameras_until_each_has_proved_itself(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    events: list[GateEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen, porch = coordinator_of(entry), coordinator_of(entry, "Porch")
    both = (kitchen, porch)
    seen = [await watch(one) for one in both]
    permits = [one.permit() for one in both]
    sources = [await async_get_stream_source(hass, one) for one in (KITCHEN, PORCH)]
    await swap_addresses(home)
    await poll(hass)
    for one, entity_id in zip(both, (KITCHEN, PORCH), strict=True):
        assert one.gate.holds == {Hold.IDENTITY}
        assert one.permit() is None
        assert one.control_permit() is None
        assert hass.states.get(entity_id).state == STATE_UNAVAILABLE
        assert ir.async_get(hass).async_get_issue(DOMAIN, f"identity_{one.config.did}")
        assert one.link.clients == ()
    assert {event.type for event in events} == {GateEventType.IDENTITY_DOUBTED}
    assert len(events) == 2
    # Asked again and again, it stays so, and is told once.
    await poll(hass)
    assert len(events) == 2
    await until(lambda: all(_done(one) for one in seen), 10)
    for one, whose in zip(both, seen, strict=True):
        assert whose() == {int(one.config.did)}

    # Found again, where they are now.
    async def found(did: int, _broadcasts: object, **_: object) -> tuple[str, ...]:
        return tuple(one.spec.address for one in home.cameras if one.spec.did == did)

    monkeypatch.setattr(relocation, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(relocation, "find_device", found)
    async with asyncio.timeout(20):
        while not all(one.gate.is_open for one in both):
            await poll(hass)
            await asyncio.sleep(0.2)
    await settle(hass)
    assert [event.type for event in events[2:]] == [GateEventType.IDENTITY_PROVED] * 2
    for one, permit, source, entity_id in zip(
        both, permits, sources, (KITCHEN, PORCH), strict=True
    ):
        assert permit is not None
        assert not permit.valid
        assert one.permit() is not None
        assert not ir.async_get(hass).async_get_issue(DOMAIN, f"identity_{one.config.did}")
        # Nothing of before goes on.
        with pytest.raises((OSError, av.error.FFmpegError)):
            await hass.async_add_executor_job(read_tags, source, 1)
        new = await async_get_stream_source(hass, entity_id)
        tags = await hass.async_add_executor_job(read_tags, new, 3)
        assert {did for did, _ in tags} == {int(one.config.did)}


def _done(ended: Callable[[], set[int]]) -> bool:
    try:
        ended()
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    "changes",
    [
        {"did": 4242, "token": b"t" * 16},
        {"did": 4242},
        {"model": "chuangmi.camera.046c04"},
        {"mac": "02:00:00:00:99:99"},
    ],
    ids=["another device", "one with the same token", "another model", "another MAC"],
)
async def test_a_camera_replaced_by_another_device_at_its_address(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    events: list[GateEvent],
    changes: dict[str, Any],
) -> None:
    kitchen, porch = coordinator_of(entry), coordinator_of(entry, "Porch")
    seen, other = await watch(kitchen), await watch(porch)
    right = home.cameras[0]
    await right.stop()
    # Of the same key book, so that only who it is stands in its way.
    wrong = SimCamera(replace(right.spec, **changes), home.keys)
    await wrong.start()
    try:
        kitchen.identity.forget()
        await poll(hass)
        assert kitchen.gate.holds == {Hold.IDENTITY}
        assert porch.gate.is_open
        assert porch.feed.state == "live"
        assert not _done(other)
        with pytest.raises(HomeAssistantError) as caught:
            await hass.services.async_call(
                "camera", "turn_off", {"entity_id": KITCHEN}, blocking=True
            )
            await kitchen.async_set_power(on=False)
        assert caught.value.translation_key == "camera_other_device"
        assert wrong.power
        assert wrong.media_connections == 0
        assert [event.type for event in events] == [GateEventType.IDENTITY_DOUBTED]
    finally:
        await wrong.stop()
    # Silence proves nothing.
    await poll(hass)
    assert kitchen.identity.doubted
    await right.start()
    await poll(hass)
    assert kitchen.gate.is_open
    assert events[-1].type is GateEventType.IDENTITY_PROVED
    await until(lambda: _done(seen), 10)
    assert seen() == {right.spec.did}
    tag = read_image(await image_soon(hass, KITCHEN))
    assert tag is not None
    assert tag.did == right.spec.did


async def test_of_two_that_claim_one_did_only_the_one_with_the_token_is_believed(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    events: list[GateEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen = coordinator_of(entry)
    right = home.cameras[0]
    await right.stop()
    liar = SimCamera(replace(right.spec, token=b"x" * 16), home.keys)
    await liar.start()
    moved = SimCamera(replace(right.spec, address=NEW_ADDRESS), home.keys)
    await moved.start()
    home.cameras.append(moved)

    async def found(*_: object, **__: object) -> tuple[str, ...]:
        return (liar.spec.address, NEW_ADDRESS)

    monkeypatch.setattr(relocation, "find_device", found)
    try:
        for _ in range(relocation.MISSES):
            await poll(hass)
        await until(lambda: kitchen.config.host == NEW_ADDRESS, 15)
        await settle(hass)
        await until(lambda: kitchen.permit() is not None, 10)
        tag = read_image(await image_soon(hass, KITCHEN))
        assert tag is not None
        assert tag.did == right.spec.did
        assert liar.media_connections_total == 0
        assert liar.rpc_count == 0
    finally:
        await liar.stop()


async def test_the_proof_is_renewed_while_somebody_watches(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And it is the did that is compared, not the token alone: here the token is right."""
    kitchen = coordinator_of(entry)
    await watch(kitchen)
    now = identity.now
    assert not kitchen.identity.due
    proved_at = kitchen.identity._proved_at
    await kitchen.async_refresh()
    assert kitchen.identity._proved_at == proved_at
    monkeypatch.setattr(identity, "now", lambda: now() + 51)
    assert kitchen.identity.due
    home.cameras[0].miio._device_id = 4242
    await kitchen.async_refresh()
    assert kitchen.gate.holds == {Hold.IDENTITY}
    monkeypatch.undo()
    home.cameras[0].miio._device_id = home.cameras[0].spec.did & 0xFFFFFFFF
    await kitchen.async_refresh()
    assert kitchen.gate.is_open


async def test_a_hello_of_another_did_is_enough(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the rest of the proof says; nothing sealed is sent to who gave it."""
    kitchen = coordinator_of(entry)
    asked = home.cameras[0].rpc_count

    async def hello(*_: object, **__: object) -> Hello:
        return Hello(4242, 1)

    kitchen.identity.forget()
    with monkeypatch.context() as patch:
        patch.setattr(entry.runtime_data.miio, "hello", hello)
        await kitchen.async_refresh()
    assert kitchen.gate.holds == {Hold.IDENTITY}
    assert home.cameras[0].rpc_count == asked
    await kitchen.async_refresh()
    assert kitchen.gate.is_open


async def test_nothing_is_asked_once_switched_off_after_the_hello(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen, miio = coordinator_of(entry), entry.runtime_data.miio
    asked, hello_of = home.cameras[0].rpc_count, miio.hello

    async def hello_then_off(*args: Any, **options: Any) -> Hello:
        hello = await hello_of(*args, **options)
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        return hello

    kitchen.identity.forget()
    monkeypatch.setattr(miio, "hello", hello_then_off)
    await kitchen.async_refresh()
    assert home.cameras[0].rpc_count == asked
    assert kitchen.identity.due


async def test_a_silent_control_port_does_not_end_pictures_that_come(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = coordinator_of(entry)
    seen = await watch(kitchen)
    home.cameras[0].miio.knobs.silent = True
    kitchen.identity.forget()
    await poll(hass)
    assert kitchen.gate.is_open
    assert kitchen.lenses[0].live
    assert not _done(seen)


async def test_a_proof_of_before_a_doubt_ends_no_doubt(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen = coordinator_of(entry)
    info = kitchen.device.info

    async def doubted_meanwhile(**options: Any) -> Any:
        answer = await info(**options)
        kitchen.identity.async_doubt(MiioWrongDevice("x", 1, 2))
        return answer

    kitchen.identity.forget()
    with monkeypatch.context() as patch:
        patch.setattr(kitchen.device, "info", doubted_meanwhile)
        await kitchen.async_refresh()
    assert kitchen.identity.doubted
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    await kitchen.async_refresh()
    assert not kitchen.identity.doubted
    assert hass.states.get(KITCHEN).state == "idle"


async def test_a_hidden_camera_is_not_asked_who_it_is(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen, kill_switch = coordinator_of(entry), hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_hide(kitchen.config.did)
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert hass.states.get(PORCH).state == "idle"
    asked = home.cameras[0].rpc_count
    kitchen.identity.forget()
    kitchen.relocation.async_look()
    await poll(hass)
    assert home.cameras[0].rpc_count == asked
    assert kitchen.refusal().translation_key == "camera_hidden"
    await kill_switch.async_show(kitchen.config.did)
    await settle(hass)
    assert home.cameras[0].rpc_count > asked
    assert hass.states.get(KITCHEN).state == "idle"


async def test_nothing_is_asked_of_a_hidden_camera_by_any_way(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen, hub = coordinator_of(entry), entry.runtime_data
    await hass.data[DATA_KILL_SWITCH].async_hide(kitchen.config.did)
    asked, requests = home.cameras[0].rpc_count, home.cloud.requests
    # Home Assistant leaves out an entity that is unavailable, without a word.
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    for call in (
        kitchen.async_set_power(on=False),
        kitchen.motor.async_step(MotorOperation.LEFT),
        cast(hass, media_player=["media_player.any"]),
    ):
        with pytest.raises(HomeAssistantError) as caught:
            await call
        assert caught.value.translation_key == "camera_hidden"
    for asking in (
        hub.async_miss_keys(kitchen.config, fresh=True),
        kitchen._call("get_prop", [], lambda: kitchen.gate.is_open),
        kitchen._is_awake(lambda: kitchen.gate.is_open),
    ):
        with pytest.raises((UpstreamError, MiioNotAllowed)):
            await asking
    with pytest.raises(UpstreamError):
        async with kitchen.link.control(kitchen.gate.permit() or _dead(kitchen)):
            raise AssertionError("a session with a hidden camera")
    await kitchen.async_refresh()
    assert home.cameras[0].power
    assert home.cameras[0].rpc_count == asked
    assert home.cameras[0].media_connections_total == 0
    assert home.cloud.requests == requests
    # The other one goes on as ever.
    assert await image_soon(hass, PORCH)


def _dead(coordinator: CameraCoordinator) -> Permit:
    return Permit(coordinator.gate, coordinator.gate.epoch)


async def test_doubt_outlives_a_reload_and_ends_by_proof(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    right = home.cameras[0]
    await right.stop()
    wrong = SimCamera(replace(right.spec, did=4242), home.keys)
    await wrong.start()
    await poll(hass)
    assert coordinator_of(entry).identity.doubted
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert coordinator_of(entry).identity.doubted
    await wrong.stop()
    await right.start()
    await poll(hass)
    assert hass.states.get(KITCHEN).state == "idle"
    tag = read_image(await image_soon(hass, KITCHEN))
    assert tag is not None
    assert tag.did == right.spec.did


async def test_a_camera_removed_and_added_again_begins_anew(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kitchen = coordinator_of(entry)
    subentry = entry.subentries[kitchen.subentry_id]
    old_source = await async_get_stream_source(hass, KITCHEN)
    old_permit = kitchen.permit()
    hass.config_entries.async_remove_subentry(entry, kitchen.subentry_id)
    await settle(hass)
    assert old_permit is not None
    assert not old_permit.valid
    assert kitchen.gate.is_retired
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=subentry.data,
            subentry_type=SUBENTRY_CAMERA,
            title=subentry.title,
            unique_id=subentry.unique_id,
        ),
    )
    await settle(hass)
    again = coordinator_of(entry)
    assert again.gate is not kitchen.gate
    assert not old_permit.valid
    with pytest.raises((OSError, av.error.FFmpegError)):
        await hass.async_add_executor_job(read_tags, old_source, 1)
    source = await async_get_stream_source(hass, KITCHEN)
    tags = await hass.async_add_executor_job(read_tags, source, 3)
    assert {did for did, _ in tags} == {home.cameras[0].spec.did}


async def test_of_two_stored_cameras_with_one_did_the_second_is_refused(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kitchen = coordinator_of(entry)
    stored = entry.subentries[kitchen.subentry_id]
    for unique_id, host in (("7", stored.data["host"]), (stored.unique_id, NEW_ADDRESS)):
        double = ConfigSubentry(
            data=stored.data | {"host": host},
            subentry_type=SUBENTRY_CAMERA,
            title="Double",
            unique_id=unique_id,
        )
        # As damaged storage would hold it.
        object.__setattr__(
            entry,
            "subentries",
            type(entry.subentries)({**entry.subentries, double.subentry_id: double}),
        )
    for _ in range(2):
        await entry.runtime_data.async_sync()
    assert len(entry.runtime_data.cameras) == 2
    assert coordinator_of(entry) is kitchen
    assert kitchen.permit() is not None
    assert caplog.text.count("is stored twice") == 1
    assert caplog.text.count("is mistaken for another") == 1


# -- violations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["feed", "relay", "still"])
async def test_a_violation_puts_that_camera_in_quarantine_and_no_other(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    events: list[GateEvent],
    where: str,
) -> None:
    kitchen, porch = coordinator_of(entry), coordinator_of(entry, "Porch")
    other = await watch(porch)
    lens = kitchen.lenses[0]
    if where == "feed":
        lens.feed.source = Source("2002")
        with pytest.raises(HomeAssistantError):
            await async_get_image(hass, KITCHEN, timeout=10)
    elif where == "relay":
        url = entry.runtime_data.relay.grant(porch.feed, porch.gate.require(), lens.source)
        with pytest.raises((OSError, av.error.FFmpegError)):
            await hass.async_add_executor_job(read_tags, url, 1)
    else:
        lens.stills._feed = porch.feed
        assert await lens.stills.still(porch.gate.require()) is None
    await until(lambda: kitchen.gate.holds == {Hold.QUARANTINE}, 10)
    await settle(hass)
    assert [event.did for event in events] == [kitchen.config.did]
    assert events[0].type is GateEventType.QUARANTINED
    assert events[0].reason == f"{where} of lens 0"
    assert hass.states.get(KITCHEN).state == STATE_UNAVAILABLE
    assert kitchen.refusal().translation_key == "camera_quarantined"
    assert porch.gate.is_open
    assert porch.lenses[0].live
    assert not _done(other)
    assert hass.data[DATA_KILL_SWITCH].gate.is_open


async def test_what_is_cut_is_counted(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    kitchen = coordinator_of(entry)
    await watch(kitchen)
    await watch(kitchen)
    permit = kitchen.permit()
    assert permit is not None
    kitchen.lenses[0].webrtc.add("one", WebRtcViewer(permit, lambda _: None, lambda: None))
    await cast(hass, entity_id=PORCH)
    await until(lambda: coordinator_of(entry, "Porch").lenses[0].live, 15)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    record = hass.data[DATA_KILL_SWITCH].record
    assert record is not None
    assert dict(record.cut) == {"viewers": 2, "casts": 1, "webrtc": 1, "cameras": 2}
