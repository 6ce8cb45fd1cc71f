"""Small pictures on a simulated display, through Home Assistant's own `cast`, all sockets real."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.components.cast.const import CONF_KNOWN_HOSTS, DOMAIN as CAST_DOMAIN
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera.casts import choice
from custom_components.mi_camera.const import DOMAIN
from simulator.display import CastDisplay

from . import home as home_module
from .home import Home, spec
from .peers.test_ha_cast import _free_port, _zeroconf_on_loopback
from .simulator.cast_sender import running, tagged
from .test_casting import cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

HALL, DEN = "media_player.hall", "media_player.den"
ADDRESSES = {"Hall": "127.0.85.21", "Den": "127.0.85.22"}
WEB = "127.0.85.23"
YARD, SECOND = "camera.yard", "camera.yard_lens_2"
SMALL, LARGE = (640, 360), (960, 540)

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Home]:
    """A yard with two lenses: the best in H.265, the small ones in H.264."""
    monkeypatch.setattr(home_module, "ADDRESSES", "127.0.85")
    # However slow the machine is, the small ones are seen before it is decided.
    monkeypatch.setattr(choice, "SMALL_PICTURE", 30.0)
    yard: dict[str, Any] = {
        "model": "isa.camera.hlmax",
        "name": "Yard",
        "scene": "garden",
        "lenses": 2,
        "codec": "h265",
        "qualities": {2: SMALL, 3: LARGE},
        "codecs": {2: "h264"},
    }
    home = await Home.start(spec(1, **yard))
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
    """Home Assistant with a web server, Google Cast, and the simulated cloud."""
    _zeroconf_on_loopback(hass)
    port = _free_port(WEB)
    http = {"server_host": [WEB], "server_port": port}
    assert await async_setup_component(hass, "http", {"http": http})
    await hass.config.async_update(internal_url=f"http://{WEB}:{port}")
    assert await async_setup_component(hass, DOMAIN, home.developer)
    config = MockConfigEntry(
        domain=CAST_DOMAIN,
        data={"ignore_cec": [], CONF_KNOWN_HOSTS: list(ADDRESSES.values()), "uuid": []},
    )
    config.add_to_hass(hass)
    try:
        assert await hass.config_entries.async_setup(config.entry_id)
        hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
        # They are there, and connected: an entity begins as one that is out of reach.
        await until(lambda: all(hass.states.is_state(one, "off") for one in (HALL, DEN)), 30)
        yield hass
    finally:
        await hass.async_stop(force=True)


async def test_each_lens_small_on_a_display_of_its_own(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    displays: dict[str, CastDisplay],
) -> None:
    """Right tags at the size of the small pictures, one session with the camera, no ffmpeg."""
    camera, did = home.cameras[0], home.cameras[0].spec.did
    (coordinator,) = entry.runtime_data.cameras.values()
    sessions = await cast(hass, entity_id=[YARD, SECOND], media_player=[HALL, DEN])
    assert [one["pictures"] for one in sessions] == ["low", "low"]
    for lens, name in enumerate(ADDRESSES):
        screen = displays[name].screen
        await until(lambda: screen.total > 20, 15)  # noqa: B023
        frames = tagged(displays[name])
        assert {(frame["did"], frame["lens"]) for frame in frames} == {(did, lens)}
        assert screen.video == {"codec": "h264", "width": SMALL[0], "height": SMALL[1]}
        assert displays[name].state()["errors"] == []
        assert coordinator.lenses[lens].rendition.upstream.encoders == []
        assert coordinator.lenses[lens].feed.viewers == 0
    await until(lambda: camera.media_connections == 1, 15)
    # A stray picture of the other lens would end it: the right cameras go on.
    assert all(one.low.violations == 0 for one in coordinator.lenses)
    # Somebody looks at the best of the first lens: a second session, and the casts go on.
    permit = coordinator.permit()
    assert permit is not None
    viewer = coordinator.lenses[0].feed.view(permit)
    await until(lambda: viewer.fed, 10)
    assert camera.media_connections == 2
    shown = displays["Hall"].screen.total
    await until(lambda: displays["Hall"].screen.total > shown + 10, 10)
    assert {frame["lens"] for frame in tagged(displays["Hall"])} == {0}
    viewer.close()
    await until(lambda: camera.media_connections == 1, 8)
    entry.runtime_data.gate.close()
    assert all(not one.live for one in coordinator.lenses)
    for display in displays.values():
        await until(lambda: display.state()["state"] == "IDLE", 20)  # noqa: B023
        assert display.state()["foreign"] == 0


async def test_pictures_of_the_other_lens_are_met_on_their_way_to_the_display(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    displays: dict[str, CastDisplay],
) -> None:
    """The small pictures of lens 2 are put into the feed of lens 1 while it is cast."""
    (coordinator,) = entry.runtime_data.cameras.values()
    first, second = coordinator.lenses
    await cast(hass, entity_id=[YARD, SECOND], media_player=[HALL, DEN])
    for display in displays.values():
        await until(lambda: display.screen.total > 5, 15)  # noqa: B023
    streams = {
        lens: stream
        for session in coordinator.link._sessions.values()
        for lens, stream in session.lenses.items()
    }
    streams[1]._on_unit = streams[0]._on_unit
    await until(lambda: not coordinator.gate.is_open, 5)
    assert first.low.violations == 1
    assert not entry.runtime_data.casts.sessions
    assert not first.live
    assert not second.live
    frames = tagged(displays["Hall"])
    assert {frame["lens"] for frame in frames} == {0}
