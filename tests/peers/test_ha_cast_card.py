"""The card on the simulated display, by Home Assistant's own `cast` integration; sockets real."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera.casts import cards
from custom_components.mi_camera.casts.card import CARD_PATH, CardView
from custom_components.mi_camera.const import DOMAIN
from simulator.display import CastDisplay
from tests.conftest import set_up
from tests.simulator.cast_sender import running

from .test_ha_cast import ADDRESS, PLAYER, _cast, _state, _until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.home import Home

pytestmark = pytest.mark.peer

KITCHEN = "camera.kitchen"


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "CARD_SECONDS", 1.5)


async def _show(hass: HomeAssistant, home: Home, display: CastDisplay) -> None:
    assert await async_setup_component(hass, DOMAIN, home.developer)
    await set_up(hass)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
    await _until(lambda: _state(hass) == "off", "the entity, with the idle screen")
    await hass.services.async_call(
        DOMAIN,
        "cast",
        {"entity_id": KITCHEN, "media_player": [PLAYER]},
        blocking=True,
        return_response=True,
    )
    await _until(lambda: display.screen.total >= 10, "pictures")


def _last_picture_ms(display: CastDisplay) -> float:
    """Return when a camera was last on the screen, unix milliseconds."""
    return max(
        float(frame["presented_ms"] or 0)
        for frame in display.frames()
        if frame["did"] is not None and not frame["card"]
    )


async def test_the_display_shows_the_card_and_then_its_idle_screen(
    hass: HomeAssistant, home: Home
) -> None:
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), _cast(hass):
        await _show(hass, home, display)
        called = time.time() * 1000
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        state = display.state()
        assert (state["card"], state["state"], state["untagged"]) == (True, "PLAYING", 0)
        assert str(state["content_id"]).endswith(f"{CARD_PATH}/en.png?v=1")
        assert state["video"] == {"codec": "png", "width": 1280, "height": 720}
        assert _last_picture_ms(display) - called < 1000
        shown = display.screen.total
        await _until(lambda: display.state()["app"] == "Backdrop", "the idle screen")
        await _until(lambda: _state(hass) == "off", "and Home Assistant knows")
        assert display.screen.total == shown
        assert state["errors"] == []


@pytest.mark.parametrize("how", ["missing", "silent"])
async def test_a_display_that_cannot_fetch_the_card_is_dark(
    hass: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked = asyncio.Event()

    async def get(self: CardView, request: web.Request, language: str) -> Any:
        asked.set()
        if how == "silent":
            await asyncio.sleep(60)
        raise web.HTTPNotFound

    monkeypatch.setattr(CardView, "get", get)
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), _cast(hass):
        await _show(hass, home, display)
        called = time.time() * 1000
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        assert time.time() * 1000 - called < 3000
        assert asked.is_set()
        state = display.state()
        assert (state["card"], state["state"], state["app"]) == (False, "IDLE", "Backdrop")
        assert _last_picture_ms(display) - called < 1000


async def test_another_cast_takes_the_display_over(hass: HomeAssistant, home: Home) -> None:
    display = CastDisplay("Hall display", ADDRESS)
    async with running(display), _cast(hass):
        await _show(hass, home, display)
        await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
        await _until(lambda: display.state()["card"] is True, "the card")
        await hass.services.async_call(
            DOMAIN,
            "cast",
            {"entity_id": "camera.porch", "media_player": [PLAYER]},
            blocking=True,
            return_response=True,
        )
        await asyncio.sleep(2.5)
        state = display.state()
        assert (state["card"], state["state"], state["foreign"]) == (False, "PLAYING", 0)
        last = display.frames()[-1]
        assert last["did"] == home.cameras[1].spec.did
