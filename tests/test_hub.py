"""The hub's seams: races of streams with the gate, keys, start and stop."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import async_get_image
from homeassistant.components.stream import HLS_PROVIDER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.setup import async_setup_component
import pytest
from yarl import URL

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from custom_components.mi_camera.live_stream import async_detach, async_end
from custom_components.mi_camera.media import Relay
from simulator.cloud import Outage

from .conftest import image_soon, set_up, settle
from .test_camera import poll

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.camera import MiCamera
    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.media.stills import Still

    from .home import Home

KITCHEN = "camera.kitchen"


def entity_of(hass: HomeAssistant, entity_id: str = KITCHEN) -> MiCamera:
    entity = hass.data[DATA_INSTANCES]["camera"].get_entity(entity_id)
    assert entity is not None
    return entity  # type: ignore[return-value]


async def test_a_stream_begun_as_the_gate_closes_is_not_handed_out(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = entity_of(hass)
    source_of = camera.stream_source

    async def closing_meanwhile() -> str | None:
        source = await source_of()
        assert source is not None
        hass.data[DATA_KILL_SWITCH].gate.close()
        return source

    monkeypatch.setattr(camera, "stream_source", closing_meanwhile)
    assert await camera.async_create_stream() is None
    assert camera.stream is None
    monkeypatch.undo()
    assert await camera.async_create_stream() is None
    assert await camera.stream_source() is None
    assert await camera.async_camera_image() is None


async def test_a_stream_begun_as_the_entity_id_changes_is_not_handed_out(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its permit is valid, its address is not."""
    camera = entity_of(hass)
    source_of = camera.stream_source

    async def renamed_meanwhile() -> str | None:
        source = await source_of()
        camera.async_entity_id_changed(KITCHEN)
        return source

    with monkeypatch.context() as patch:
        patch.setattr(camera, "stream_source", renamed_meanwhile)
        assert await camera.async_create_stream() is None
    assert camera.stream is None
    stream = await camera.async_create_stream()
    assert stream is not None
    assert stream.source == await camera.stream_source()


async def test_a_detached_stream_has_no_address_before_its_worker_has_ended(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    camera = entity_of(hass)
    stream = await camera.async_create_stream()
    assert stream is not None
    output = stream.add_provider(HLS_PROVIDER)
    await stream.start()
    async with asyncio.timeout(10):
        while output.last_segment is None:
            await asyncio.sleep(0.02)
    async_detach(stream)
    assert stream.access_token is None
    assert output.last_segment is None
    await async_end(stream)


async def test_a_still_that_comes_as_the_gate_closes_is_not_given(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it: the entity asks again itself."""
    camera = entity_of(hass)
    still_of = camera.lens.stills.still

    async def closing_meanwhile(*args: Any) -> Still | None:
        still = await still_of(*args)
        assert still is not None
        hass.data[DATA_KILL_SWITCH].gate.close()
        return still

    monkeypatch.setattr(camera.lens.stills, "still", closing_meanwhile)
    assert await camera.async_camera_image() is None


async def test_an_address_of_another_epoch_is_not_given_again(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if nobody has dropped it."""
    camera = entity_of(hass)
    source = await camera.stream_source()
    assert source is not None
    monkeypatch.setattr(camera, "_drop_stream", lambda: None)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert await camera.stream_source() is None
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    again = await camera.stream_source()
    assert again is not None
    assert again != source


async def test_every_epoch_has_a_stream_and_tokens_of_its_own(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    camera = entity_of(hass)
    first = await camera.async_create_stream()
    assert first is not None
    assert await camera.async_create_stream() is first
    source, tokens = first.source, set(camera.access_tokens)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert first.access_token is None
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    second = await camera.async_create_stream()
    assert second is not None
    assert second is not first
    assert second.source != source
    assert not tokens & set(camera.access_tokens)


async def test_a_lost_answer_does_not_interrupt_a_picture_that_comes(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    coordinator = next(
        one for one in entry.runtime_data.cameras.values() if one.config.name == "Kitchen"
    )
    permit = coordinator.permit()
    assert permit is not None
    viewer = coordinator.feed.view(permit)
    async with asyncio.timeout(10):
        await anext(viewer)
    home.cameras[0].miio.knobs.silent = True
    await poll(hass)
    assert coordinator.last_update_success is False
    assert hass.states.get(KITCHEN).state == "streaming"
    viewer.close()
    await coordinator.feed.close()
    await settle(hass)
    assert hass.states.get(KITCHEN).state == "unavailable"


async def test_a_command_that_fails_says_why(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    async def turn_off() -> str | None:
        with pytest.raises(HomeAssistantError) as caught:
            await hass.services.async_call(
                "camera", "turn_off", {"entity_id": KITCHEN}, blocking=True
            )
        return caught.value.translation_key

    home.cameras[0].miio.knobs.silent = True
    assert await turn_off() == "camera_no_answer"
    home.cameras[0].miio.knobs.silent = False
    camera = entity_of(hass)
    hass.data[DATA_KILL_SWITCH].gate.close()
    with pytest.raises(HomeAssistantError) as caught:
        await camera.async_turn_on()
    assert caught.value.translation_key == "pictures_off"


async def test_without_keys_there_is_no_picture_and_it_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    await home.cloud.set_outage(Outage.UNAVAILABLE)
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, KITCHEN, timeout=1.5)
    assert hass.states.get(KITCHEN).attributes["trouble"] == "no_keys"
    await home.cloud.set_outage(None)
    assert await image_soon(hass, KITCHEN)
    assert "trouble" not in hass.states.get(KITCHEN).attributes


async def test_a_transport_that_is_not_supported_is_named_in_the_log(
    ready: HomeAssistant, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    for device in home.devices:
        device.vendor = 1
    entry = await set_up(ready)
    with pytest.raises(HomeAssistantError):
        await async_get_image(ready, KITCHEN, timeout=1.5)
    assert "not supported yet (vendor 1)" in caplog.text
    await ready.config_entries.async_remove(entry.entry_id)


async def test_stopping_home_assistant_frees_the_cameras(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    assert await async_get_image(hass, KITCHEN, timeout=12)
    assert home.cameras[0].media_connections == 1
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    async with asyncio.timeout(2):
        while home.cameras[0].media_connections:
            await asyncio.sleep(0.01)
    assert entry.runtime_data.relay.stats.connections == 0


@pytest.mark.parametrize("what", ["relay", "miio"])
async def test_no_socket_no_set_up_but_a_retry(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    from custom_components.mi_camera.device import MiioEndpoint

    async def fail(*_: object) -> None:
        raise OSError("no more sockets")

    await hass.config_entries.async_unload(entry.entry_id)
    with monkeypatch.context() as patch:
        if what == "relay":
            patch.setattr(Relay, "start", fail)
        else:
            patch.setattr(MiioEndpoint, "open", fail)
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
    assert not hass.data[DATA_KILL_SWITCH].gate.is_open
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert hass.states.get(KITCHEN).state == "idle"


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/"])
async def test_a_developer_option_that_makes_no_sense_is_refused(
    hass: HomeAssistant, url: str
) -> None:
    developer = {"account_url": url, "api_url": "http://127.0.0.1:1"}
    assert not await async_setup_component(hass, DOMAIN, {DOMAIN: {"developer": developer}})


async def test_nobody_can_knock_at_the_relay_while_the_rest_is_being_stopped(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To end casts takes seconds, and go2rtc comes again at once when it has been cut."""
    hub = entry.runtime_data
    source = URL(await entity_of(hass).stream_source() or "")
    found: list[bool] = []
    stop = hub.casts.async_stop

    async def stopping() -> None:
        with socket.socket() as knocking:
            found.append(knocking.connect_ex((source.host, source.port)) == 0)
        await stop()

    monkeypatch.setattr(hub.casts, "async_stop", stopping)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert found == [False]
