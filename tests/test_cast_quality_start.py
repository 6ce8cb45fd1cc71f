"""How a conversion begins: soon, and in the place of one that is not needed any more.

Two cameras whose pictures no Nest Hub plays, and one encoder at a time, as on two cores.
"""

from __future__ import annotations

import asyncio
from functools import partial
import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockEntityPlatform

from custom_components.mi_camera import hub as hub_module
from custom_components.mi_camera.casts import choice
from custom_components.mi_camera.casts.session import EndReason, shows
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.media import EncoderSlots, FeedState, rendition as rendition_module

from . import home as home_module
from .home import Home, spec
from .test_cast_renditions import lens_of, set_model
from .test_casting import DEN, HALL, KITCHEN, PORCH, Player, cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """A kitchen and a porch in H.265 without small pictures, at addresses of this file's own."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.86")
    monkeypatch.setattr(hub_module, "EncoderSlots", partial(EncoderSlots, 1, patience=0.2))
    # One that nobody looks at any more does not go away by itself before a test has ended.
    monkeypatch.setattr(rendition_module, "LINGER", 120.0)
    monkeypatch.setattr(choice, "SMALL_PICTURE", 0.0)
    coded: dict[str, Any] = {"codec": "h265", "qualities": {2: (320, 180)}}
    home = await Home.start(spec(1, **coded), spec(2, **coded))
    yield home
    await home.stop()


@pytest.fixture
async def players(entry: MiCameraConfigEntry, hass: HomeAssistant) -> list[Player]:
    """Two Nest Hubs, in the hall and the den."""
    assert await async_setup_component(hass, "media_player", {})
    players = [Player("Hall"), Player("Den")]
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="cast")
    await platform.async_add_entities(players)
    config = MockConfigEntry(domain="cast")
    config.add_to_hass(hass)
    for entity_id in (HALL, DEN):
        set_model(hass, config, entity_id, "Google Nest Hub")
    await hass.async_block_till_done()
    return players


async def test_the_first_time_nobody_waits_for_small_pictures(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    """They are looked at meanwhile, and that there are none is known the next time."""
    lens = lens_of(entry, "Kitchen")
    (session,) = await cast(hass)
    assert session["pictures"] == "converted"
    assert len(lens.rendition.upstream.encoders) == 1
    await until(lambda: lens.lacks_low, 30)
    assert lens.low.state is FeedState.IDLE
    assert lens.trouble is None
    # What is shown goes on.
    (shown,) = entry.runtime_data.casts.sessions
    assert shown.pictures.available


async def test_a_player_is_told_before_the_camera_has_sent_anything(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, players: list[Player]
) -> None:
    """Once its pictures are known and an encoder has done, as with pictures that go as they are."""
    lens = lens_of(entry, "Kitchen")
    await cast(hass, quality="high")
    await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
    await lens.rendition.feed.rest()
    await lens.feed.rest()
    home.cameras[0].miss.silent = True
    told = len(players[0].played)
    casting = asyncio.ensure_future(cast(hass, quality="high"))
    await until(lambda: len(players[0].played) > told, 30)
    assert lens.feed.state is not FeedState.LIVE
    home.cameras[0].miss.silent = False
    (session,) = await casting
    assert session["pictures"] == "converted"
    await until(lambda: lens.rendition.feed.state is FeedState.LIVE, 30)


async def test_an_encoder_that_nobody_looks_at_gives_way(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    await cast(hass)
    await hass.services.async_call(DOMAIN, "stop_cast", {}, blocking=True)
    assert entry.runtime_data.encoder_slots.full
    (session,) = await cast(hass, entity_id=PORCH)
    assert session["pictures"] == "converted"
    assert lens_of(entry, "Kitchen").rendition.upstream.encoders == []


async def test_a_player_changes_cameras_with_one_encoder(
    hass: HomeAssistant, entry: MiCameraConfigEntry, players: list[Player]
) -> None:
    casts = entry.runtime_data.casts
    await cast(hass)
    (before,) = casts.sessions
    await cast(hass, entity_id=PORCH)
    (session,) = casts.sessions
    assert (session.camera, session.player) == (PORCH, HALL)
    assert before.reason is EndReason.REPLACED
    assert shows(hass.states.get(HALL), {session.token})
    assert players[0].stops == 0
    # What somebody else sees as well is not ended for it.
    await cast(hass, entity_id=PORCH, media_player=DEN)
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, entity_id=KITCHEN)
    assert caught.value.translation_key == "encoders_taken"
    assert {(one.camera, one.player) for one in casts.sessions} == {(PORCH, HALL), (PORCH, DEN)}


async def test_what_had_to_give_way_in_vain_is_not_left_on_the_player(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await cast(hass)
    (before,) = entry.runtime_data.casts.sessions

    async def nowhere() -> str:
        return "/nonexistent"

    monkeypatch.setattr(lens_of(entry, "Porch").rendition.upstream, "_binary", nowhere)
    with pytest.raises(HomeAssistantError):
        await cast(hass, entity_id=PORCH)
    assert not entry.runtime_data.casts.sessions
    await until(lambda: not shows(hass.states.get(HALL), {before.token}), 30)
