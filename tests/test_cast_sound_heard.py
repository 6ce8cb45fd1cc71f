"""What is heard of a cast: all of it, with Home Assistant's own `cast` and a simulated display."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from homeassistant.components.cast.const import CONF_KNOWN_HOSTS
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera.camera_config import CONF_SOUND
from custom_components.mi_camera.const import DOMAIN
from simulator.display import CastDisplay

from .conftest import set_up
from .peers.test_ha_cast import _free_port, _zeroconf_on_loopback
from .simulator.cast_sender import running, tagged
from .test_announcement import SPOKEN, TEXT, add_voice
from .test_casting import cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

DISPLAY, SERVER = "127.0.82.21", "127.0.82.22"
PLAYER = "media_player.hall_display"


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


@asynccontextmanager
async def house(hass: HomeAssistant, home: Home) -> AsyncGenerator[MiCameraConfigEntry]:
    """Home Assistant with the cameras, and Google Cast with the display as a known host."""
    _zeroconf_on_loopback(hass)
    port = _free_port(SERVER)
    http = {"server_host": [SERVER], "server_port": port}
    assert await async_setup_component(hass, "http", {"http": http})
    await hass.config.async_update(internal_url=f"http://{SERVER}:{port}")
    displays = MockConfigEntry(
        domain="cast", data={"ignore_cec": [], CONF_KNOWN_HOSTS: [DISPLAY], "uuid": []}
    )
    displays.add_to_hass(hass)
    try:
        assert await async_setup_component(hass, DOMAIN, home.developer)
        assert await hass.config_entries.async_setup(displays.entry_id)
        entry = await set_up(hass)
        hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
        await until(lambda: hass.states.get(PLAYER) is not None, 10)
        yield entry
    finally:
        await hass.async_stop(force=True)


def notes(display: CastDisplay) -> list[int]:
    """Return what was heard, one after the other: `SPOKEN`, 0 for silence, -1 for the camera."""
    found: list[int] = []
    for one in display.screen.sound.tones:
        note = 0 if not one.hertz else SPOKEN if abs(one.hertz - SPOKEN) < 10 else -1
        if not found or found[-1] != note:
            found.append(note)
    return found


def spoken_seconds(display: CastDisplay) -> float:
    tones = display.screen.sound.tones
    return sum(0.25 for one in tones if abs(one.hertz - SPOKEN) < 10 and one.loudness > 0.3)


async def without_sound(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    """Switch the sound of the kitchen off."""
    subentry = next(one for one in entry.subentries.values() if one.title == "Kitchen")
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, CONF_SOUND: False}
    )
    await hass.async_block_till_done()


@pytest.mark.parametrize("sound", [True, False])
async def test_a_display_hears_the_camera_the_speech_and_the_camera_again(
    hass: HomeAssistant, home: Home, sound: bool
) -> None:
    display = CastDisplay("Hall display", DISPLAY)
    async with running(display), house(hass, home) as entry:
        voice = await add_voice(hass, 2.0)
        if not sound:
            await without_sound(hass, entry)
        (session,) = await cast(hass, media_player=[PLAYER], announce=TEXT)
        assert (session["state"], session["announced"]) == ("playing", True)
        assert voice.said == [TEXT]
        usual = -1 if sound else 0
        await until(
            lambda: notes(display)[-2:] == [SPOKEN, usual] and display.sound_seconds > 5, 15
        )
        heard = display.screen.sound
        assert (heard.gaps, heard.damaged) == (0, 0)
        assert spoken_seconds(display) == pytest.approx(2.0, abs=0.3)
        assert [one for one in notes(display) if one != 0] == (
            [-1, SPOKEN, -1] if sound else [SPOKEN]
        )
        # The picture has stayed all the while, in one session of the display.
        frames = tagged(display)
        assert {frame["session"] for frame in frames} == {1}
        counters = [frame["counter"] for frame in frames]
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        state = display.state()
        assert (state["state"], state["foreign"], state["errors"]) == ("PLAYING", 0, [])
        entry.runtime_data.gate.close()
        await until(lambda: display.state()["state"] == "IDLE", 10)
