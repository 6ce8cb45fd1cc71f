"""The media browser's way to a display: Home Assistant's own `cast`, all sockets real.

Nothing is asked of this integration before such a session begins, so the camera's settings are
obeyed by ending it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.cast.const import CONF_KNOWN_HOSTS, DOMAIN as CAST_DOMAIN
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera.const import DOMAIN
from simulator.display import CastDisplay

from . import home as home_module
from .home import Home, spec
from .peers.test_ha_cast import _free_port, _zeroconf_on_loopback
from .simulator.cast_sender import running, tagged
from .test_cast_hours import HOUR, allow
from .test_cast_policy import heard, limit, told
from .test_casting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

HALL, DEN = "media_player.hall", "media_player.den"
ADDRESSES = {"Hall": "127.0.86.21", "Den": "127.0.86.22"}
WEB = "127.0.86.23"
KITCHEN = "camera.kitchen"
SECONDS = 30


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """One camera."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.86")
    home = await Home.start(spec(1))
    yield home
    await home.stop()


@pytest.fixture
async def displays() -> AsyncGenerator[dict[str, CastDisplay]]:
    """Two Nest Hubs."""
    hubs = {name: CastDisplay(name, address) for name, address in ADDRESSES.items()}
    async with running(hubs["Hall"]), running(hubs["Den"]):
        yield hubs


@pytest.fixture
async def ready(
    hass: HomeAssistant, home: Home, displays: dict[str, CastDisplay]
) -> AsyncGenerator[HomeAssistant]:
    """Home Assistant with a web server, Google Cast, the media browser and the simulated cloud."""
    _zeroconf_on_loopback(hass)
    port = _free_port(WEB)
    for component, config in (
        ("http", {"http": {"server_host": [WEB], "server_port": port}}),
        ("stream", {"stream": {"ll_hls": True, "segment_duration": 2, "part_duration": 0.5}}),
        ("media_source", {}),
        (DOMAIN, home.developer),
    ):
        assert await async_setup_component(hass, component, config)
    await hass.config.async_update(internal_url=f"http://{WEB}:{port}")
    config_entry = MockConfigEntry(
        domain=CAST_DOMAIN,
        data={"ignore_cec": [], CONF_KNOWN_HOSTS: list(ADDRESSES.values()), "uuid": []},
    )
    config_entry.add_to_hass(hass)
    try:
        assert await hass.config_entries.async_setup(config_entry.entry_id)
        hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
        await until(lambda: all(hass.states.get(one) for one in (HALL, DEN)), SECONDS)
        yield hass
    finally:
        await hass.async_stop(force=True)


async def browse(hass: HomeAssistant, player: str) -> None:
    """Choose the camera in the media browser for this player."""
    play: dict[str, Any] = {
        "entity_id": player,
        "media_content_id": f"media-source://camera/{KITCHEN}",
        "media_content_type": "application/vnd.apple.mpegurl",
    }
    await hass.services.async_call("media_player", "play_media", play, blocking=True)


async def shows(display: CastDisplay, did: int) -> None:
    """Wait until a display shows this camera, and no other."""
    before = display.screen.total
    await until(lambda: display.screen.total > before + 5, SECONDS)
    assert {frame["did"] for frame in tagged(display)} == {did}


async def ends(display: CastDisplay) -> None:
    await until(lambda: display.state()["state"] == "IDLE", SECONDS)


async def test_settings_of_a_camera_hold_for_what_is_browsed(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    displays: dict[str, CastDisplay],
) -> None:
    did, events = home.cameras[0].spec.did, heard(hass)
    hall, den = displays["Hall"], displays["Den"]
    # Without limits it is shown anywhere, though nothing of ours was asked for it.
    await browse(hass, HALL)
    await shows(hall, did)
    assert not entry.runtime_data.casts.sessions
    assert told(events) == []

    # Where it must not be shown it ends by itself, also when that is chosen meanwhile.
    await limit(hass, entry, DEN)
    await ends(hall)
    await until(lambda: told(events) == [("cast_refused", HALL, "not_allowed")], SECONDS)
    await browse(hass, DEN)
    await shows(den, did)
    await browse(hass, HALL)
    await until(lambda: len(told(events)) == 2, SECONDS)
    await ends(hall)
    assert den.state()["state"] == "PLAYING"

    # So does it when its hours are over.
    await allow(hass, entry, -2 * HOUR, -HOUR)
    await ends(den)
    await until(lambda: told(events)[2:] == [("cast_refused", DEN, "not_allowed")], SECONDS)
    assert all(display.state()["foreign"] == 0 for display in displays.values())
