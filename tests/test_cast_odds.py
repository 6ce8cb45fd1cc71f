"""Casts against the odds: slow cameras, players that fail in ways of their own, a reload."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
import pytest

from custom_components.mi_camera.casts import load as cast_load, sessions as casting
from custom_components.mi_camera.casts.view import DATA_CAST_ADDRESSES
from custom_components.mi_camera.const import DOMAIN

from .conftest import settle
from .test_cast_sessions import Clumsy, kitchen, refused
from .test_casting import DEN, HALL, KITCHEN, Player, cast, players, until  # noqa: F401
from .test_event import heard

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


async def test_a_display_that_waits_for_a_slow_camera_is_waited_for(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it loads, a display calls itself idle: it has no picture to show yet."""
    monkeypatch.setattr(cast_load, "IDLE_TIMEOUT", 0.2)
    hall, camera = players[0], home.cameras[0]
    clumsy = Clumsy(hall, "stays idle", 99)
    camera.miss.silent = True
    casting_ = asyncio.ensure_future(cast(hass))
    await until(lambda: clumsy.told)
    await asyncio.sleep(1.5)
    assert not casting_.done()
    camera.miss.silent = False
    await until(lambda: kitchen(entry).live, 10)
    hall.show(clumsy.addresses[-1])
    (session,) = await casting_
    assert session["state"] == "playing"
    assert clumsy.told == 1


async def test_a_player_that_fails_in_its_own_way_is_not_taken_at_its_word(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Integrations raise whatever their libraries do, and say the address in it."""
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    told: list[str] = []

    async def play(media_type: str, media_id: str, **_kw: Any) -> None:
        told.append(media_id)
        raise ConnectionResetError(f"no answer for {media_id}")

    players[0].async_play_media = play  # type: ignore[assignment, method-assign]
    lens = kitchen(entry)
    lens.feed.view(lens.permit())
    await until(lambda: lens.live, 10)
    assert await refused(hass) == ("cast_not_taken", {"player": "Hall"})
    assert len(told) == 2


async def test_a_player_that_breaks_as_it_is_stopped_is_reported_and_the_others_are_stopped(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    async def stop() -> None:
        raise ConnectionResetError("gone")

    events = heard(hass)
    await cast(hass, media_player=[HALL, DEN])
    players[0].async_turn_off = stop  # type: ignore[method-assign]
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await settle(hass)
    assert players[1].stops == 1
    reported = [one.data for one in events if one.data["type"] == "cast_not_stopped"]
    assert [one["reason"] for one in reported] == [HALL]


async def test_a_cast_that_a_reload_overtakes_leaves_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have just chosen its pictures."""
    chosen, reloaded, choose = asyncio.Event(), asyncio.Event(), casting.async_choose

    async def late(*args: Any) -> Any:
        choice = await choose(*args)
        chosen.set()
        await reloaded.wait()
        return choice

    monkeypatch.setattr(casting, "async_choose", late)
    hub = entry.runtime_data
    casting_ = asyncio.ensure_future(refused(hass))
    await chosen.wait()
    await hass.config_entries.async_reload(entry.entry_id)
    reloaded.set()
    await casting_
    assert players[0].played == []
    assert not hub.casts.sessions
    assert len(hass.data[DATA_CAST_ADDRESSES]) == 0
    assert hub.casts.foreign._unlisten is None
    assert hub.casts.players._unlisten is None


async def test_a_lens_that_fell_asleep_while_pictures_were_chosen_is_said_to_sleep(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose = casting.async_choose

    async def late(*args: Any) -> Any:
        await kitchen(entry).coordinator.async_set_power(on=False)
        return await choose(*args)

    monkeypatch.setattr(casting, "async_choose", late)
    assert await refused(hass) == ("camera_asleep", {"camera": "Kitchen"})
    assert players[0].played == []


async def test_who_may_not_control_a_player_casts_nothing_to_it(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    hass_read_only_user: User,
) -> None:
    """Nor does the cast end that somebody else has there."""
    await cast(hass)
    hass_read_only_user.groups = []
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {KITCHEN: True, DEN: True}}})
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await cast(hass, context=context)
    assert [one.player for one in entry.runtime_data.casts.sessions] == [HALL]
    assert (len(players[0].played), players[0].stops) == (1, 0)
    await cast(hass, media_player=[DEN], context=context)
    with pytest.raises(HomeAssistantError):
        await cast(hass, media_player=["media_player.nowhere"])
