"""The logbook says in words what happened to the gate."""

from __future__ import annotations

from datetime import timedelta
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.components.recorder import get_instance
from homeassistant.core import Context
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate_news import EVENT_MI_CAMERA
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle
from .test_casting import Player, cast, players  # noqa: F401

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.components.recorder import Recorder
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import WebSocketGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


@pytest.fixture(autouse=True)
def _quiet_database(caplog: pytest.LogCaptureFixture) -> None:
    """Do not print each statement."""
    caplog.set_level(logging.WARNING, logger="sqlalchemy.engine")


@pytest.fixture
async def hass(recorder_mock: Recorder, hass: HomeAssistant) -> HomeAssistant:
    """Home Assistant with a database, which the logbook needs."""
    return hass


async def entries_of(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> list[dict[str, Any]]:
    """Return what Home Assistant's own logbook tells of the integration's events."""
    await settle(hass)
    assert await async_setup_component(hass, "logbook", {})
    await hass.async_block_till_done()
    await hass.async_add_executor_job(get_instance(hass).block_till_done)
    client = await hass_ws_client(hass)
    start = dt_util.utcnow() - timedelta(hours=1)
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": start.isoformat()})
    response = await client.receive_json()
    assert response["success"], response
    return [one for one in response["result"] if one.get("domain") == DOMAIN]


async def test_it_says_who_why_and_what_was_cut(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_admin_user: User,
    hass_ws_client: WebSocketGenerator,
) -> None:
    undo = hass.data[DATA_KILL_SWITCH].async_count(lambda: {"viewers": 3, "casts": 1})
    context = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(
        DOMAIN, "disable_all", {"reason": "Guests"}, blocking=True, context=context
    )
    undo()
    (told,) = await entries_of(hass, hass_ws_client)
    assert told["name"] == "Mi Camera"
    assert told["domain"] == DOMAIN
    assert told["context_user_id"] == hass_admin_user.id
    assert told["message"] == (
        f"All pictures switched off · By: {hass_admin_user.name} · Reason: Guests"
        " · Viewers cut off: 3 · Casts ended: 1"
    )


async def test_it_says_which_camera(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await hass.data[DATA_KILL_SWITCH].async_hide(str(home.cameras[1].spec.did))
    (told,) = await entries_of(hass, hass_ws_client)
    assert told["name"] == "Porch"
    assert told["message"] == "Camera hidden"


async def test_it_speaks_the_language_of_home_assistant(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    hass.config.language = "fr"
    await async_load_integrations(hass, {DOMAIN})
    await hass.services.async_call(DOMAIN, "disable_all", {"reason": "Invités"}, blocking=True)
    (told,) = await entries_of(hass, hass_ws_client)
    assert told["message"] == "Toutes les images coupées · Raison\N{NO-BREAK SPACE}: Invités"


@pytest.mark.parametrize(
    ("language", "messages"),
    [
        (
            "en",
            [
                "Shown on a display · Display: media_player.hall · By: {by}",
                "No longer shown on a display · Display: media_player.hall · Reason: Stopped",
            ],
        ),
        (
            "fr",
            [
                (
                    "Affichée sur un écran · Écran\N{NO-BREAK SPACE}: media_player.hall"
                    " · Par\N{NO-BREAK SPACE}: {by}"
                ),
                (
                    "Plus affichée sur un écran · Écran\N{NO-BREAK SPACE}: media_player.hall"
                    " · Raison\N{NO-BREAK SPACE}: Arrêtée"
                ),
            ],
        ),
    ],
)
async def test_it_says_what_was_shown_where_and_why_it_ended(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    hass_admin_user: User,
    hass_ws_client: WebSocketGenerator,
    language: str,
    messages: list[str],
) -> None:
    hass.config.language = language
    await async_load_integrations(hass, {DOMAIN})
    await cast(hass, context=Context(user_id=hass_admin_user.id))
    await hass.services.async_call(DOMAIN, "stop_cast", blocking=True)
    entries = [
        one for one in await entries_of(hass, hass_ws_client) if one.get("name") == "Kitchen"
    ]
    assert [one["message"] for one in entries if "message" in one] == [
        one.format(by=hass_admin_user.name) for one in messages
    ]


async def test_an_event_of_another_version_is_told_too(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    hass.bus.async_fire(EVENT_MI_CAMERA, {"type": "something_new"})
    hass.bus.async_fire(EVENT_MI_CAMERA, {})
    new, empty = await entries_of(hass, hass_ws_client)
    assert new["message"] == "something new"
    assert empty["name"] == "Mi Camera"
