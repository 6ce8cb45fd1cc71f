"""Which pictures a cast shows: the camera's own, its small ones, or a rendition.

The kitchen codes its best pictures in H.265, which no Nest Hub plays, and its small ones in
H.264. The players stand in for Home Assistant's, as in `test_cast_renditions`; one test casts
through Home Assistant's own `cast` integration to a simulated display.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import async_get_image
from homeassistant.components.group.media_player import PLATFORM_SCHEMA as GROUP_SCHEMA
from homeassistant.components.media_player import MediaPlayerState
from homeassistant.components.media_player.const import DATA_COMPONENT as MEDIA_PLAYERS
from homeassistant.components.universal.media_player import PLATFORM_SCHEMA as UNIVERSAL_SCHEMA
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockEntityPlatform

from custom_components.mi_camera.casts import choice
from custom_components.mi_camera.casts.models import (
    ANY_MODEL,
    MAX_MEMBERS,
    MODELS,
    CastModel,
    async_cast_model,
)
from custom_components.mi_camera.casts.session import shows
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.media import FeedState, Source, Trouble, link
from custom_components.mi_camera.miss import Codec
from custom_components.mi_camera.miss.models import camera_model

from . import home as home_module
from .conftest import settle
from .home import Home, spec
from .test_cast_renditions import lens_of, set_model
from .test_casting import DEN, HALL, KITCHEN, Player, cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.lens import Lens
    from custom_components.mi_camera.media.viewer import Viewer
    from simulator.camera import SimCamera

TV, RADIO = "media_player.tv", "media_player.radio"
SMALL, LARGE = (640, 360), (960, 540)

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


@pytest.fixture
def kitchen_is() -> dict[str, Any]:
    """What the kitchen's camera is like; tests may override it."""
    return {"codec": "h265", "qualities": {1: SMALL, 2: LARGE}, "codecs": {1: "h264"}}


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch, kitchen_is: dict[str, Any]) -> AsyncGenerator[Home]:
    """The kitchen, at an address of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.84")
    # However slow the machine is, the small ones are seen before it is decided.
    monkeypatch.setattr(choice, "SMALL_PICTURE", 30.0)
    home = await Home.start(spec(1, **kitchen_is))
    yield home
    await home.stop()


@pytest.fixture
def camera(home: Home) -> SimCamera:
    return home.cameras[0]


@pytest.fixture
def lens(entry: MiCameraConfigEntry) -> Lens:
    return lens_of(entry, "Kitchen")


@pytest.fixture
async def players(entry: MiCameraConfigEntry, hass: HomeAssistant) -> list[Player]:
    """Two Nest Hubs, a TV box that plays H.265, and one of which nothing is known."""
    assert await async_setup_component(hass, "media_player", {})
    players = [Player("Hall"), Player("Den"), Player("TV")]
    radio = Player("Radio")
    await MockEntityPlatform(hass, domain="media_player", platform_name="cast").async_add_entities(
        players
    )
    await MockEntityPlatform(hass, domain="media_player", platform_name="test").async_add_entities(
        [radio]
    )
    config = MockConfigEntry(domain="cast")
    config.add_to_hass(hass)
    models = {HALL: "Google Nest Hub", DEN: "Google Nest Hub", TV: "Google TV Streamer"}
    for entity_id, model in models.items():
        set_model(hass, config, entity_id, model)
    await hass.async_block_till_done()
    return [*players, radio]


@pytest.fixture
def most(camera: SimCamera, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sessions with the camera there were at a time, at each one's beginning."""
    seen: list[int] = []
    linked = camera.miss._linked

    def count(*args: Any) -> None:
        linked(*args)
        seen.append(camera.media_connections)

    monkeypatch.setattr(camera.miss, "_linked", count)
    return seen


async def watch(lens: Lens) -> Viewer:
    """Look at the camera as a dashboard does, until there are pictures."""
    permit = lens.permit()
    assert permit is not None
    viewer = lens.feed.view(permit)
    await until(lambda: viewer.fed, 15)
    return viewer


async def shown(hass: HomeAssistant, player: str = HALL, **data: Any) -> str:
    """Cast, and return which pictures are shown."""
    (session,) = await cast(hass, media_player=[player], **data)
    return str(session["pictures"])


def until_dark(hass: HomeAssistant, player: Player) -> asyncio.Future[None]:
    """Wait until a player does not show any more what it was told last before now."""
    token = player.played[-1].split("/")[6]
    return asyncio.ensure_future(
        until(lambda: not shows(hass.states.get(player.entity_id), {token}))
    )


async def stop(hass: HomeAssistant, **data: Any) -> None:
    await hass.services.async_call(DOMAIN, "stop_cast", data, blocking=True)


# -- automatic -----------------------------------------------------------------------------------


async def test_small_pictures_that_fit_are_shown_rather_than_converted_ones(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    assert await shown(hass) == "low"
    assert lens.shape is not None
    assert lens.low_shape is not None
    assert (lens.shape.codec, lens.shape.width) == (Codec.H265, LARGE[0])
    assert (lens.low_shape.codec, lens.low_shape.width) == (Codec.H264, SMALL[0])
    assert lens.rendition.upstream.encoders == []
    # Another that cannot show the best, and one that could, share them.
    assert await shown(hass, DEN) == "low"
    assert await shown(hass, TV) == "low"
    assert lens.low.viewers == 3
    assert lens.feed.viewers == 0
    # Once for both, then for these.
    assert most == [1, 2]
    await until(lambda: camera.media_connections == 1, 15)
    await stop(hass)
    await until(lambda: camera.media_connections == 0, 5)
    # What was learned is not looked for again: one session, at once.
    most.clear()
    assert await shown(hass) == "low"
    await until(lambda: lens.low.viewers == 1, 5)
    assert most == [1]
    assert lens.rendition.upstream.encoders == []


async def test_who_can_show_the_best_is_shown_it(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    for player in (TV, RADIO):
        assert await shown(hass, player) == "own"
    assert lens.feed.viewers == 2
    assert lens.low.viewers == 0
    # A hub that comes later is shown a conversion of what runs.
    assert await shown(hass) == "converted"
    assert len(lens.rendition.upstream.encoders) == 1
    assert set(most) == {1}


async def test_while_somebody_looks_at_the_best_it_is_converted(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    viewer = await watch(lens)
    assert await shown(hass) == "converted"
    assert len(lens.rendition.upstream.encoders) == 1
    viewer.close()
    # The rendition keeps the best running.
    assert await shown(hass, DEN) == "converted"
    assert len(lens.rendition.upstream.encoders) == 1
    assert most == [1]
    await stop(hass)
    await until(lambda: camera.media_connections == 0, 8)
    most.clear()
    assert await shown(hass) == "low"
    assert most == [1, 2]


async def test_players_of_one_action_keep_to_one_session(
    hass: HomeAssistant, lens: Lens, players: list[Player], most: list[int]
) -> None:
    sessions = await cast(hass, media_player=[TV, HALL, DEN])
    assert [one["pictures"] for one in sessions] == ["own", "converted", "converted"]
    assert set(most) == {1}


@pytest.mark.parametrize("kitchen_is", [{"codec": "h265", "qualities": {1: SMALL, 2: LARGE}}])
async def test_small_ones_that_do_not_fit_either_are_no_help(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    assert await shown(hass) == "converted"
    assert len(lens.rendition.upstream.encoders) == 1
    assert lens.low_shape is not None
    assert lens.low_shape.codec is Codec.H265
    assert lens.low.viewers == 0
    await stop(hass)
    await until(lambda: camera.media_connections == 0, 8)
    most.clear()
    # Now it is known, so they are not even begun.
    assert await shown(hass) == "converted"
    await until(lambda: len(lens.rendition.upstream.encoders) == 1, 15)
    assert most == [1]
    # Who asks for them and can show them gets them.
    assert await shown(hass, TV, quality="low") == "low"
    assert await shown(hass, DEN, quality="low") == "converted"


@pytest.mark.parametrize("kitchen_is", [{"codec": "h265", "qualities": {2: SMALL}}])
async def test_a_camera_without_small_ones_is_asked_for_them_once(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    assert await shown(hass, quality="low") == "converted"
    assert lens.lacks_low
    assert lens.low_shape is None
    await stop(hass)
    await until(lambda: camera.media_connections == 0, 8)
    most.clear()
    assert await shown(hass) == "converted"
    await until(lambda: len(lens.rendition.upstream.encoders) == 1, 15)
    assert most == [1]
    # The trouble that was met is nobody's who looks.
    assert lens.trouble is None


async def test_a_lens_that_sleeps_is_not_taken_for_one_without_small_ones(
    hass: HomeAssistant,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody has put it to sleep elsewhere, and nobody here knows yet."""
    monkeypatch.setattr(link, "FIRST_FRAME_TIMEOUT", 0.8)
    camera.power = False
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, quality="low")
    assert caught.value.translation_key == "camera_asleep"
    await lens.feed.rest()
    camera.power = True
    assert await shown(hass, quality="low") == "low"


async def test_a_slow_camera_is_not_taken_for_a_slow_encoder(
    hass: HomeAssistant,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How its pictures are coded is known, but it takes its time to send any."""
    assert await shown(hass, quality="high") == "converted"
    await stop(hass)
    await until(lambda: camera.media_connections == 0, 8)
    monkeypatch.setattr(choice, "CONVERTED_PICTURE", 2.5)
    camera.miss.silent = True
    casting = asyncio.ensure_future(shown(hass, quality="high"))
    await asyncio.sleep(3)
    camera.miss.silent = False
    assert await casting == "converted"


@pytest.mark.parametrize("kitchen_is", [{"qualities": {1: (320, 180), 2: SMALL}}])
async def test_best_pictures_that_fit_are_shown(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player]
) -> None:
    assert await shown(hass) == "own"
    assert await shown(hass, DEN, quality="low") == "low"
    assert camera.media_connections == 2


# -- high and low --------------------------------------------------------------------------------


async def test_high_is_the_best_or_a_conversion_of_it(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player]
) -> None:
    assert await shown(hass) == "low"
    await until(lambda: camera.media_connections == 1, 15)
    assert await shown(hass, DEN, quality="high") == "converted"
    assert await shown(hass, TV, quality="high") == "own"
    await until(lambda: camera.media_connections == 2, 15)
    # Both run: now who has no wish is shown what fits, without a third one.
    assert await shown(hass, HALL) == "low"
    assert await shown(hass, RADIO) == "own"
    assert camera.media_connections == 2


async def test_low_is_the_small_ones_beside_whatever_runs(
    hass: HomeAssistant, lens: Lens, camera: SimCamera, players: list[Player], most: list[int]
) -> None:
    viewer = await watch(lens)
    for player in (HALL, TV, RADIO):
        assert await shown(hass, player, quality="low") == "low"
    assert lens.rendition.upstream.encoders == []
    assert camera.media_connections == 2
    viewer.close()
    await until(lambda: camera.media_connections == 1, 8)
    assert lens.low.viewers == 3
    # Alone, it decides for who has no wish, although that one could show the best.
    await stop(hass, media_player=TV)
    assert await shown(hass, TV) == "low"
    assert max(most) == 2


@pytest.mark.parametrize(
    "kitchen_is",
    [{"codec": "h265", "qualities": {1: SMALL, 2: LARGE}, "codecs": {1: "h264"}, "viewers": 1}],
)
async def test_a_camera_that_takes_no_second_viewer(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
) -> None:
    viewer = await watch(lens)
    assert await shown(hass, quality="low") == "converted"
    assert await shown(hass, TV, quality="low") == "own"
    assert not lens.lacks_low
    await stop(hass)
    viewer.close()
    await until(lambda: camera.media_connections == 0, 8)
    # Now the cast is the only one. Who comes then is told why there is nothing ...
    assert await shown(hass) == "low"
    permit = lens.permit()
    assert permit is not None
    viewer = lens.feed.view(permit)
    await until(lambda: lens.trouble is Trouble.BUSY, 10)
    assert hass.states.get(KITCHEN).attributes["trouble"] == "busy"
    with pytest.raises(HomeAssistantError) as caught:
        await shown(hass, DEN, quality="high")
    assert caught.value.translation_key == "camera_busy"
    # ... the cast is not disturbed ...
    (session,) = entry.runtime_data.casts.sessions
    assert (session.player, session.pictures.available) == (HALL, True)
    # ... and it comes by itself when the cast has ended.
    await stop(hass)
    await until(lambda: viewer.fed, 10)
    assert lens.trouble is None
    viewer.close()


async def test_a_camera_that_is_set_to_small_pictures_has_no_others(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
) -> None:
    subentry = next(
        one for one in entry.subentries.values() if one.data.get("did") == lens.source.did
    )
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "quality": "low"}
    )
    await settle(hass)
    assert lens.low is lens.feed
    for player, quality in ((HALL, "auto"), (DEN, "high"), (TV, "low")):
        assert await shown(hass, player, quality=quality) == "low"
    assert lens.feed.viewers == 3
    assert camera.media_connections == 1


async def test_other_qualities_are_refused(hass: HomeAssistant, players: list[Player]) -> None:
    with pytest.raises(Exception, match="quality"):
        await cast(hass, quality="ultra")


# -- ending --------------------------------------------------------------------------------------


async def test_what_stalls_ends_what_shows_it_and_nothing_else(
    hass: HomeAssistant, entry: MiCameraConfigEntry, lens: Lens, players: list[Player]
) -> None:
    casts = entry.runtime_data.casts
    assert await shown(hass) == "low"
    assert await shown(hass, DEN, quality="high") == "converted"

    def playing() -> list[str]:
        return sorted(one.player for one in casts.sessions)

    dark = until_dark(hass, players[1])
    lens._stalled(lens.feed)
    await until(lambda: playing() == [HALL])
    await dark
    assert players[0].state == MediaPlayerState.PLAYING
    assert players[0].stops == 0
    assert await shown(hass, DEN, quality="high") == "converted"
    dark = until_dark(hass, players[0])
    lens._stalled(lens.low)
    await until(lambda: playing() == [DEN])
    await dark


async def test_it_ends_when_the_camera_goes_silent(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
) -> None:
    entry.runtime_data.options = entry.runtime_data.options.__class__(stall=2)
    lens.async_limit(entry.runtime_data.options)
    assert lens.low.limits.stall == 2
    assert await shown(hass) == "low"
    dark = until_dark(hass, players[0])
    camera.miss.silent = True
    await until(lambda: not entry.runtime_data.casts.sessions, 6)
    await dark


async def test_a_cast_of_small_pictures_does_not_have_a_battery_camera_send_others_for_stills(
    hass: HomeAssistant,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await shown(hass) == "low"
    # The best were looked at as well, for a moment.
    await until(lambda: lens.feed.state is FeedState.IDLE, 30)
    monkeypatch.setattr(lens.coordinator, "model", camera_model("loock.cateye.v06"))
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, KITCHEN, timeout=5)
    await until(lambda: camera.media_connections == 1, 15)


@pytest.mark.parametrize("how", ["kill", "privacy", "unload", "asleep"])
async def test_small_pictures_are_cut_like_all_others(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
    how: str,
) -> None:
    assert await shown(hass) == "low"
    assert lens.live
    assert hass.states.get(KITCHEN).state == "streaming"
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    (described,) = diagnostics["cameras"][0]["lenses"]
    assert described["low"] == {
        "state": "live",
        "trouble": None,
        "viewers": 1,
        "violations": 0,
    }
    kill_switch = entry.runtime_data.kill_switch
    dark = until_dark(hass, players[0])
    if how in {"kill", "privacy"}:
        ending = hass.async_create_task(
            kill_switch.async_engage() if how == "kill" else kill_switch.async_hide(lens.source.did)
        )
        await asyncio.sleep(0)
        # Complete in the call itself.
        assert lens.low.viewers == 0
        assert not lens.live
        assert not entry.runtime_data.casts.sessions
        assert lens.coordinator.link.clients == ()
        await ending
        if how == "kill":
            assert kill_switch.record is not None
            assert dict(kill_switch.record.cut)["cameras"] == 1
            assert dict(kill_switch.record.cut)["casts"] == 1
    elif how == "unload":
        assert await hass.config_entries.async_unload(entry.entry_id)
    else:
        await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await dark
    assert lens.low.viewers == 0
    await until(lambda: camera.media_connections == 0)


@pytest.mark.parametrize("kitchen_is", [{"codec": "h265", "qualities": {2: LARGE}}])
async def test_switching_off_while_small_pictures_are_looked_for(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    lens: Lens,
    camera: SimCamera,
    players: list[Player],
) -> None:
    casting = asyncio.ensure_future(cast(hass, media_player=[HALL, DEN]))
    await until(lambda: lens.low.viewers, 15)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    with pytest.raises(HomeAssistantError) as caught:
        await casting
    assert caught.value.translation_key == "pictures_off"
    assert [player.played for player in players] == [[]] * 4
    assert lens.rendition.upstream.encoders == []
    assert not lens.lacks_low
    assert not lens.choosing.locked()


async def test_a_picture_of_elsewhere_among_the_small_ones_is_met_at_their_feed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, lens: Lens, players: list[Player]
) -> None:
    events: list[Any] = []
    entry.runtime_data.kill_switch.async_on_event(events.append)
    assert await shown(hass) == "low"
    dark = until_dark(hass, players[0])
    lens.low.source = Source("2002")
    await until(lambda: lens.coordinator.gate.holds == {Hold.QUARANTINE})
    await settle(hass)
    assert events[0].reason == "low feed of lens 0"
    assert lens.low.violations == 1
    assert not entry.runtime_data.casts.sessions
    await dark


# -- players that stand for others ---------------------------------------------------------------


async def test_players_that_stand_for_others_show_what_the_most_cautious_can(
    hass: HomeAssistant, players: list[Player]
) -> None:
    def group(name: str, *members: str) -> Any:
        config = {"platform": "group", "name": name, "entities": list(members)}
        return GROUP_SCHEMA(config)

    await hass.data[MEDIA_PLAYERS].async_setup(
        {
            "media_player": [
                group("Hub and TV", HALL, TV),
                group("TV and radio", TV, RADIO),
                group("Radios", RADIO, "media_player.nowhere"),
                group("Round", "media_player.round_too", TV),
                group("Round too", "media_player.round", HALL),
                group("Crowd", *(f"media_player.one_{number}" for number in range(MAX_MEMBERS))),
                UNIVERSAL_SCHEMA({"platform": "universal", "name": "Any", "children": [TV]}),
            ]
        },
    )
    await hass.async_block_till_done()
    hub, streamer = MODELS["google nest hub"], MODELS["google tv streamer"]

    def model(name: str) -> CastModel | None:
        entity_id = f"media_player.{name}"
        assert hass.states.get(entity_id) is not None
        return async_cast_model(hass, entity_id)

    assert model("hub_and_tv") == hub
    assert model("tv_and_radio") == streamer
    assert model("radios") is None
    assert model("round") == hub
    assert model("round_too") == hub
    assert model("crowd") == ANY_MODEL
    assert model("any") == ANY_MODEL
    # A group of Cast devices that they make among themselves is known to show nothing more.
    device = er.async_get(hass).async_get(HALL).device_id  # type: ignore[union-attr]
    dr.async_get(hass).async_update_device(str(device), model="Google Cast Group")
    assert async_cast_model(hass, HALL) is ANY_MODEL


def test_what_two_models_have_in_common() -> None:
    ultra, small = MODELS["chromecast ultra"], MODELS["chromecast hd"]
    assert ultra.common(small) == small.common(ultra)
    assert ultra.common(small) == CastModel((1920, 1080), 42, (1920, 1080))
    assert ultra.common(MODELS["chromecast"]).h265 is None
    assert ultra.common(ultra) == ultra
