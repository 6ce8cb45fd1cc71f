"""Casts that have come and gone in every way leave nothing behind in Home Assistant."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
import gc
from typing import TYPE_CHECKING, Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.mi_camera.casts import load as cast_load
from custom_components.mi_camera.casts.players import DEAD_TOKENS
from custom_components.mi_camera.casts.session import EndReason
from custom_components.mi_camera.casts.view import DATA_CAST_ADDRESSES
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate_news import EVENT_MI_CAMERA

from .conftest import settle
from .test_casting import DEN, HALL, KITCHEN, PORCH, Player, cast, players, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

LEFTOVERS = ("CastSession", "SessionHls", "HlsSession", "Viewer", "RenditionSession")
ROUNDS = 3
"""After the first, in which listeners and the like are made that stay."""


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Have timers tell where they were asked for."""
    asyncio.get_running_loop().set_debug(True)


def hub(hass: HomeAssistant) -> Any:
    """Return the hub that runs now: a reload makes another."""
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    return entry.runtime_data


def viewers(hass: HomeAssistant) -> int:
    return sum(lens.feed.viewers for camera in hub(hass).cameras.values() for lens in camera.lenses)


def alive() -> Counter[str]:
    gc.collect()
    return Counter(name for one in gc.get_objects() if (name := type(one).__name__) in LEFTOVERS)


def tasks() -> Counter[str]:
    """Count tasks by name; polls come and go."""
    return Counter(
        one.get_name().partition("-")[0]
        for one in asyncio.all_tasks()
        if "poll" not in one.get_name()
    )


def timers(hass: HomeAssistant) -> Counter[str]:
    """Count what is to happen later, by where it was asked for; not what the simulators wait for."""
    handles = (one for one in get_scheduled_timer_handles(hass.loop) if not one.cancelled())
    places = Counter(repr(one).rpartition(" created at ")[2] for one in handles)
    return Counter({place: n for place, n in places.items() if "/simulator/" not in place})


def held(hass: HomeAssistant) -> Counter[str]:
    """Count everything of Home Assistant's that could be left over."""
    return tasks() + timers(hass) + Counter(hass.bus.async_listeners())


async def on(hass: HomeAssistant, domain: str, action: str, **data: Any) -> None:
    await hass.services.async_call(domain, action, data, blocking=True)


# -- each of these begins with the kitchen on both players ------------------------------------


async def _time(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))


async def _stop_players(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, DOMAIN, "stop_cast", media_player=[HALL, DEN])


async def _stop_camera(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, DOMAIN, "stop_cast", entity_id=KITCHEN)


async def _press_stop(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    for player in both:
        player.show(None)


async def _other_media(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    for player in both:
        player.show("http://radio.example/song")


async def _replace(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await cast(hass, entity_id=PORCH, media_player=[HALL, DEN])
    await on(hass, DOMAIN, "stop_cast")


async def _lose_players(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    for player in both:
        player.set_available(False)
        player.idle()
    await hass.async_block_till_done()
    for player in both:
        player.set_available(True)


async def _kill(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, DOMAIN, "disable_all")
    await on(hass, DOMAIN, "enable_all")


async def _hide(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, "switch", "turn_on", entity_id="switch.kitchen_privacy")
    await on(hass, "switch", "turn_off", entity_id="switch.kitchen_privacy")


async def _sleep(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, "camera", "turn_off", entity_id=KITCHEN)
    await on(hass, "camera", "turn_on", entity_id=KITCHEN)


async def _reload(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    assert await hass.config_entries.async_reload(entry.entry_id)


async def _one_fails(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    await on(hass, DOMAIN, "stop_cast")
    both[0].fails = "stuck"
    with pytest.raises(HomeAssistantError):
        await cast(hass, media_player=[HALL, DEN])
    both[0].fails = None


async def _give_up_waiting(hass: HomeAssistant, home: Home, both: list[Player]) -> None:
    """Whoever wanted a cast goes away while a player is still loading it."""
    await on(hass, DOMAIN, "stop_cast")
    both[0].fails = "stuck"
    casting = asyncio.create_task(cast(hass, media_player=[HALL, DEN]))
    await until(lambda: len(hub(hass).casts.playing) == 1)
    casting.cancel()
    await asyncio.wait([casting])
    both[0].fails = None


WAYS: list[tuple[Callable[[HomeAssistant, Home, list[Player]], Awaitable[None]], EndReason]] = [
    (_time, EndReason.DURATION),
    (_stop_players, EndReason.STOPPED),
    (_stop_camera, EndReason.STOPPED),
    (_press_stop, EndReason.STOPPED),
    (_other_media, EndReason.REPLACED),
    (_replace, EndReason.REPLACED),
    (_lose_players, EndReason.PLAYER_GONE),
    (_kill, EndReason.SWITCHED_OFF),
    (_hide, EndReason.SWITCHED_OFF),
    (_sleep, EndReason.CAMERA_GONE),
    (_one_fails, EndReason.LOAD_FAILED),
    (_give_up_waiting, EndReason.LOAD_FAILED),
    (_reload, EndReason.SWITCHED_OFF),
]


async def test_nothing_is_left_of_casts_that_have_ended_in_every_way(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.3)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    reasons: Counter[str] = Counter()

    def ended(event: Any) -> None:
        if event.data["type"] == "cast_ended":
            reasons[event.data["reason"]] += 1

    hass.bus.async_listen(EVENT_MI_CAMERA, ended)

    async def run_round() -> None:
        for end, reason in WAYS:
            before = reasons[reason]
            await cast(hass, media_player=[HALL, DEN], duration={"seconds": 60})
            await end(hass, home, players)
            await until(lambda: not hub(hass).casts.sessions, 10)
            await settle(hass)
            await until(lambda: not viewers(hass))
            assert reasons[reason] == before + 2, end.__name__

    async def dark() -> None:
        """Wait until the cameras are left alone, and whatever had to end has ended."""
        await until(lambda: not any(one.media_connections for one in home.cameras), 20)
        await settle(hass)

    await run_round()
    await dark()
    past = held(hass)
    objects = alive()
    for _ in range(ROUNDS):
        await run_round()
    await dark()
    assert reasons.total() >= 40 + len(WAYS)

    assert not hub(hass).casts.sessions
    assert len(hass.data[DATA_CAST_ADDRESSES]) == 0
    left: Counter[str] = Counter()
    for _ in range(50):
        if not (left := held(hass) - past):
            break
        await asyncio.sleep(0.1)
    assert not left
    assert alive() <= objects
    assert not {"CastSession", "SessionHls", "HlsSession"} & set(alive())


async def test_what_is_remembered_of_the_past_has_an_end(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
) -> None:
    casts = entry.runtime_data.casts
    await cast(hass)
    for number in range(3 * DEAD_TOKENS):
        casts.remember_dead(f"{number:032x}")
    held = [one for one in gc.get_referents(casts.players) if hasattr(one, "__len__")]
    assert max(map(len, held)) == DEAD_TOKENS
    assert len(casts.sessions) == 1
    # The newest are the ones that are remembered.
    await on(hass, DOMAIN, "stop_cast")
    assert players[0].stops == 1
    players[0].show(f"http://127.0.0.1:8123/api/mi_camera/cast/{3 * DEAD_TOKENS - 1:032x}/x")
    await until(lambda: players[0].stops == 2)
