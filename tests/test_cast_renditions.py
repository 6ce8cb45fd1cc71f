"""What a player is shown: the camera's own pictures, or a rendition that it can play.

The players stand in for Home Assistant's, with the models of real ones in the device registry;
the display is a simulated one, which refuses what the real one refuses.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockEntityPlatform

from custom_components.mi_camera import hub as hub_module, lens as lens_module
from custom_components.mi_camera.casts.models import ANY_MODEL, MODELS, CastModel, async_cast_model
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.media import EncoderChoice, PictureFormat
from custom_components.mi_camera.miss import Codec
from simulator.display import CastDisplay
from simulator.display.models import MODELS as DISPLAYS

from . import home as home_module
from .home import Home, spec
from .media.fake_ffmpeg import FakeFfmpeg
from .simulator.cast_sender import CastSender, running, tagged
from .test_casting import DEN, HALL, PORCH, Player, cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.lens import Lens

DISPLAY = "127.0.83.21"
TV = "media_player.tv"

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """A kitchen in H.265 and a porch in H.264, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.83")
    kitchen: dict[str, Any] = {"codec": "h265", "qualities": dict.fromkeys((1, 2), (640, 360))}
    home = await Home.start(spec(1, **kitchen), spec(2))
    yield home
    await home.stop()


@pytest.fixture
async def players(entry: MiCameraConfigEntry, hass: HomeAssistant) -> list[Player]:
    """Two Nest Hubs in the hall and the den, and a TV box that plays H.265."""
    assert await async_setup_component(hass, "media_player", {})
    players = [Player("Hall"), Player("Den"), Player("TV")]
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="cast")
    await platform.async_add_entities(players)
    config = MockConfigEntry(domain="cast")
    config.add_to_hass(hass)
    models = {HALL: "Google Nest Hub", DEN: "Google Nest Hub", TV: "Google TV Streamer"}
    for entity_id, model in models.items():
        set_model(hass, config, entity_id, model)
    await hass.async_block_till_done()
    return players


def set_model(hass: HomeAssistant, config: MockConfigEntry, entity_id: str, model: str) -> None:
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=config.entry_id,
        identifiers={("cast", entity_id)},
        manufacturer="Google Inc.",
        model=model,
    )
    er.async_get(hass).async_update_entity(entity_id, device_id=device.id)


def lens_of(entry: MiCameraConfigEntry, name: str) -> Lens:
    return next(
        one.lenses[0] for one in entry.runtime_data.cameras.values() if one.config.name == name
    )


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("model", DISPLAYS)
async def test_each_display_is_shown_what_it_can_play_and_the_switch_ends_it(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],
    hass_client_no_auth: ClientSessionGenerator,
    model: str,
) -> None:
    client = await hass_client_no_auth()
    lens = lens_of(entry, "Kitchen")
    display = CastDisplay("Hall display", DISPLAY, model)
    hall = er.async_get(hass).async_get(HALL)
    assert hall is not None
    # All that is known of a display is what it calls itself.
    called = DISPLAYS[model].name
    dr.async_get(hass).async_update_device(str(hall.device_id), model=called)
    async with running(display), CastSender(DISPLAY) as sender:
        await cast(hass)
        (session,) = entry.runtime_data.casts.sessions
        encoders = lens.rendition.upstream.encoders
        assert len(encoders) == (MODELS[called.lower()].h265 is None)
        await sender.launch()
        url = f"http://{client.host}:{client.port}{session.pictures.path}"
        answer = await sender.load(url, **session.pictures.extra["media_info"])  # type: ignore[arg-type]
        assert answer["type"] == "MEDIA_STATUS", display.state()["errors"]
        await until(lambda: display.screen.total > 30, 10)
        frames = tagged(display)
        assert {frame["did"] for frame in frames} == {home.cameras[0].spec.did}
        counters = [frame["counter"] for frame in frames]
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        assert all(frame["presented_ms"] - frame["captured_ms"] < 4000 for frame in frames)
        entry.runtime_data.gate.close()
        assert lens.rendition.upstream.encoders == []
        await until(lambda: all(map(is_gone, encoders)), 1)
        await until(lambda: display.state()["state"] == "IDLE", 10)
        assert display.state()["foreign"] == 0


async def test_one_encoder_for_two_hubs_and_none_for_who_plays_it_as_it_is(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    lens = lens_of(entry, "Kitchen")
    await cast(hass, media_player=[TV])
    assert lens.shape is not None
    assert (lens.shape.codec, lens.shape.width) == (Codec.H265, 640)
    assert lens.rendition.feed.viewers == 0
    assert lens.rendition.upstream.encoders == []
    await cast(hass, media_player=[HALL, DEN])
    assert lens.rendition.feed.viewers == 2
    assert len(lens.rendition.upstream.encoders) == 1
    assert home.cameras[0].media_connections == 1
    (pid,) = lens.rendition.upstream.encoders
    await hass.services.async_call(DOMAIN, "stop_cast", {"media_player": HALL}, blocking=True)
    assert lens.rendition.upstream.encoders == [pid]
    await hass.services.async_call(DOMAIN, "stop_cast", {"media_player": DEN}, blocking=True)
    await until(lambda: is_gone(pid), 4)
    assert len(entry.runtime_data.casts.sessions) == 1
    # What is H.264 and small is shown as it is.
    await cast(hass, entity_id=PORCH)
    assert lens_of(entry, "Porch").rendition.upstream.encoders == []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFfmpeg:
    """A machine with an encoder of its own, as far as its ffmpeg goes; for what is set up after."""
    fake = FakeFfmpeg(tmp_path)

    async def binary(_hass: HomeAssistant) -> str:
        return str(fake.path)

    monkeypatch.setattr(lens_module, "async_ffmpeg", binary)
    monkeypatch.setattr(
        hub_module, "EncoderChoice", partial(EncoderChoice, devices=fake.devices, after=0.5)
    )
    return fake


async def test_the_encoder_of_the_machine_is_used_once_it_is_known_to_do(
    machine: FakeFfmpeg,
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
) -> None:
    async def encoders() -> tuple[Any, Any]:
        told = await async_get_config_entry_diagnostics(hass, entry)
        return told["encoders"], told["cameras"][0]["lenses"][0]["converted"]["encoders"]

    hub = entry.runtime_data
    at_most = hub.encoder_slots.limit
    nothing: dict[str, Any] = {"running": 0, "at_most": at_most, "chosen": None, "failed": {}}
    assert await encoders() == (nothing, [])
    await cast(hass)
    assert await encoders() == (nothing | {"running": 1}, ["libx264"])
    await until(lambda: hub.encoder_choice.name, 10)
    # What runs is not disturbed.
    chosen = nothing | {"chosen": "h264_v4l2m2m"}
    assert await encoders() == (chosen | {"running": 1}, ["libx264"])
    await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
    await until(lambda: hub.encoder_slots.taken == 0, 4)
    await cast(hass)
    await until(lambda: lens_of(entry, "Kitchen").rendition.upstream.encoders, 15)
    assert await encoders() == (chosen | {"running": 1}, ["h264_v4l2m2m"])
    (pid,) = lens_of(entry, "Kitchen").rendition.upstream.encoders
    hub.gate.close()
    assert await encoders() == (chosen, [])
    await until(lambda: is_gone(pid), 1)


async def test_unloading_ends_a_trial(
    machine: FakeFfmpeg, hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    await cast(hass)
    await until(lambda: machine.runs, 10)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert all(map(is_gone, machine.pids))
    assert entry.state is ConfigEntryState.NOT_LOADED


async def test_unloading_ends_the_encoder(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    await cast(hass)
    (pid,) = lens_of(entry, "Kitchen").rendition.upstream.encoders
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert is_gone(pid)


async def test_hiding_the_other_camera_leaves_it_alone(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    await cast(hass)
    kitchen, porch = (home.cameras[number].spec.did for number in (0, 1))
    (pid,) = lens_of(entry, "Kitchen").rendition.upstream.encoders
    await entry.runtime_data.kill_switch.async_hide(str(porch))
    await asyncio.sleep(0.2)
    assert lens_of(entry, "Kitchen").rendition.upstream.encoders == [pid]
    await entry.runtime_data.kill_switch.async_hide(str(kitchen))
    assert lens_of(entry, "Kitchen").rendition.upstream.encoders == []
    await until(lambda: is_gone(pid), 1)


async def test_what_was_seen_before_need_not_be_waited_for(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    """And is looked at again, so that a guess is not wrong twice."""
    lens = lens_of(entry, "Porch")
    lens.shape = PictureFormat(Codec.H264, 320, 180, 66, 12)
    home.cameras[1].miss.silent = True
    await cast(hass, entity_id=PORCH)
    (session,) = entry.runtime_data.casts.sessions
    assert session.lens is lens
    await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
    lens.shape = PictureFormat(Codec.H264, 64, 64, 66, 12)
    home.cameras[1].miss.silent = False
    await cast(hass, entity_id=PORCH)
    await until(lambda: lens.shape is not None and lens.shape.width == 320, 15)


@pytest.mark.parametrize("how", ["absent", "dies"])
async def test_without_a_working_ffmpeg_it_is_said(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "ffmpeg"
    if how == "dies":
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)

    async def binary(_hass: HomeAssistant) -> str:
        return str(path)

    monkeypatch.setattr(lens_module, "async_ffmpeg", binary)
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass)
    assert caught.value.translation_key == "not_converted"
    assert caught.value.translation_placeholders == {
        "camera": "Kitchen",
        "player": "Mock Title Hall",
    }
    assert not entry.runtime_data.casts.sessions
    assert players[0].played == []
    # The others, and other players, are not concerned.
    await cast(hass, entity_id=PORCH)
    await cast(hass, media_player=[TV])


async def test_switching_off_while_a_rendition_is_begun(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    lens = lens_of(entry, "Kitchen")
    casting = asyncio.ensure_future(cast(hass))
    await until(lambda: lens.rendition.feed.viewers, 10)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    with pytest.raises(HomeAssistantError) as caught:
        await casting
    assert caught.value.translation_key == "pictures_off"
    assert players[0].played == []
    assert lens.rendition.upstream.encoders == []


async def test_a_camera_without_pictures_is_said(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    home.cameras[0].miss.silent = True
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass)
    assert caught.value.translation_key == "camera_no_answer"
    assert players[0].played == []


async def test_models(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    assert async_cast_model(hass, HALL) == MODELS["google nest hub"]
    assert async_cast_model(hass, TV) == MODELS["google tv streamer"]
    assert async_cast_model(hass, "media_player.nowhere") is None
    other = Player("Radio")
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="test")
    await platform.async_add_entities([other])
    assert async_cast_model(hass, other.entity_id) is None
    config = hass.config_entries.async_entries("cast")[0]
    assert isinstance(config, MockConfigEntry)
    device = er.async_get(hass).async_get(HALL).device_id  # type: ignore[union-attr]
    dr.async_get(hass).async_update_device(str(device), model="Fridge 9000")
    assert async_cast_model(hass, HALL) is ANY_MODEL
    er.async_get(hass).async_update_entity(HALL, device_id=None)
    assert async_cast_model(hass, HALL) is ANY_MODEL


def test_what_models_show() -> None:
    def shape(codec: Codec, width: int, height: int, level: int = 31, profile: int = 77) -> Any:
        if codec is Codec.H265:
            level = profile = 0
        return PictureFormat(codec, width, height, profile, level)

    hub, first = MODELS["google nest hub"], MODELS["chromecast"]
    assert hub.shows(shape(Codec.H264, 1280, 720))
    assert hub.shows(shape(Codec.H264, 720, 1280))
    assert not hub.shows(shape(Codec.H264, 1920, 1080))
    assert not hub.shows(shape(Codec.H264, 1280, 720, level=42))
    assert not hub.shows(shape(Codec.H264, 1280, 720, profile=110))
    assert not hub.shows(shape(Codec.H265, 320, 180))
    assert first.shows(shape(Codec.H264, 1920, 1080, level=40))
    assert not first.shows(shape(Codec.H264, 2304, 1296, level=40))
    assert MODELS["chromecast ultra"].shows(shape(Codec.H265, 2560, 1440))
    assert not MODELS["chromecast hd"].shows(shape(Codec.H265, 2560, 1440))


def test_the_simulated_displays_play_all_that_the_table_says() -> None:
    """The two were made from the same page by different people."""
    for display in DISPLAYS.values():
        model: CastModel = MODELS[display.name.lower()]
        assert display.refuses("h264", *model.h264, model.level) is None
        if model.h265 is not None:
            assert display.refuses("hevc", *model.h265, 0) is None
