"""What a user reads when a display answers something else than pictures.

Home Assistant's own `cast` integration and PyChromecast tell a simulated display to show a camera,
all sockets real, and the display answers each error that a receiver knows. Each row of the table in
docs/cast-failures.md is what came of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.components.cast.const import CONF_KNOWN_HOSTS, DOMAIN as CAST_DOMAIN
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations, async_load_integrations
from homeassistant.setup import async_setup_component
import pychromecast.socket_client
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera.casts import load as cast_load, pause
from custom_components.mi_camera.casts.news import CastEventType
from custom_components.mi_camera.const import DOMAIN
from simulator.display import CastDisplay
from simulator.display.errors import MediaError
from simulator.display.fetch import LOAD
from simulator.display.refusal import Answer, Refusal

from .home import ADDRESSES, Home, spec
from .peers.test_ha_cast import _free_port, _zeroconf_on_loopback
from .simulator.cast_sender import running
from .test_cast_sessions import keep_live
from .test_casting import HALL, cast, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.casts.news import CastEvent
    from custom_components.mi_camera.hub import MiCameraConfigEntry

DISPLAY, WEB = f"{ADDRESSES}.21", f"{ADDRESSES}.22"
SHOWN_ADDRESS = "http://192.168.1.2:8123"
TABLE = Path(__file__).parents[1] / "docs" / "cast-failures.md"
HEADER = ["| The display answers | State of its media player | Message |", "|---|---|---|"]
LONG, SHORT = 30.0, 0.3
"""Seconds; nothing depends on how long they are but how long the tests take."""


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Leave the test plugin's fixture of this name out: the web server is real here."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", LONG)
    monkeypatch.setattr(cast_load, "IDLE_TIMEOUT", SHORT)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(pychromecast.socket_client, "RETRY_TIME", SHORT)


@pytest.fixture
async def home() -> AsyncGenerator[Home]:
    """A kitchen."""
    home = await Home.start(spec(1))
    yield home
    await home.stop()


@pytest.fixture
async def display() -> AsyncGenerator[CastDisplay]:
    """A Nest Hub."""
    async with running(CastDisplay("Hall", DISPLAY)) as display:
        yield display


@pytest.fixture
async def ready(
    hass: HomeAssistant, home: Home, display: CastDisplay
) -> AsyncGenerator[HomeAssistant]:
    """Home Assistant with a web server, Google Cast, and the simulated cloud."""
    _zeroconf_on_loopback(hass)
    port = _free_port(WEB)
    http = {"server_host": [WEB], "server_port": port}
    assert await async_setup_component(hass, "http", {"http": http})
    await hass.config.async_update(internal_url=f"http://{WEB}:{port}")
    assert await async_setup_component(hass, DOMAIN, home.developer)
    config = MockConfigEntry(
        domain=CAST_DOMAIN, data={"ignore_cec": [], CONF_KNOWN_HOSTS: [DISPLAY], "uuid": []}
    )
    config.add_to_hass(hass)
    try:
        assert await hass.config_entries.async_setup(config.entry_id)
        hass.bus.async_fire(EVENT_HOMEASSISTANT_START)  # opens the web server
        await until(lambda: state(hass) == "off", LONG)
        await async_load_integrations(hass, {DOMAIN})
        yield hass
    finally:
        await hass.async_stop(force=True)


def state(hass: HomeAssistant) -> str | None:
    found = hass.states.get(HALL)
    return found.state if found is not None else None


@dataclass
class Stage:
    """The display, and what was found about it."""

    hass: HomeAssistant
    display: CastDisplay
    endings: list[tuple[CastEvent, str | None]] = field(default_factory=list)
    """What was told of casts that have ended, and the player's state then."""
    rows: list[str] = field(default_factory=list)

    def ended(self, event: CastEvent) -> None:
        """Note the end of a cast, before the player is told to stop."""
        if event.type is CastEventType.ENDED:
            self.endings.append((event, state(self.hass)))

    def note(self, answer: str, message: str) -> None:
        """Add a row to the table."""
        _event, shown = self.endings[-1]
        address = self.hass.config.internal_url
        assert address is not None
        self.rows.append(f"| {answer} | {shown} | {message.replace(address, SHOWN_ADDRESS)} |")

    async def refused(self, answer: str, refusal: Refusal, times: int = 2) -> None:
        """Cast to a display that refuses both times; it is at its idle screen before and after."""
        self.display.refuse(times, refusal)
        with pytest.raises(HomeAssistantError) as caught:
            await cast(self.hass)
        self.note(answer, str(caught.value))
        await self.rest()

    async def rest(self) -> None:
        """Take everything off the display."""
        self.display.refuse(0)
        await until(lambda: state(self.hass) not in {None, "unavailable"}, LONG)
        if state(self.hass) != "off":
            await self.hass.services.async_call(
                "media_player", "turn_off", {"entity_id": HALL}, blocking=True
            )
        await until(lambda: state(self.hass) == "off", LONG)

    async def power_cut(self) -> None:
        """Have the display begin anew: who waits for an answer of before is sent away."""
        await self.display.stop()
        await until(lambda: state(self.hass) == "unavailable", LONG)
        self.display.refuse(0)
        await self.display.start()


async def test_each_answer_of_a_display_has_its_message(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    display: CastDisplay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    casts = entry.runtime_data.casts
    await keep_live(entry)
    stage = Stage(hass, display)
    casts.news.async_on_event(stage.ended)

    none = Refusal(code=None)
    await stage.refused("`LOAD_FAILED` without a code, twice", none)
    for code in MediaError:
        answer = f"`LOAD_FAILED` with code {code.value} ({code.name}), twice"
        await stage.refused(answer, Refusal.failed(code))
    await stage.refused("`LOAD_CANCELLED`, twice", Refusal(Answer.LOAD_CANCELLED))
    await stage.refused("`INVALID_REQUEST`, twice", Refusal(Answer.INVALID_REQUEST))
    await stage.refused("`LAUNCH_ERROR`, twice", Refusal(Answer.LAUNCH_ERROR))

    # An answer that is never given is waited for as long as this.
    with monkeypatch.context() as patch:
        patch.setattr(cast_load, "PLAYING_TIMEOUT", SHORT)
        display.refuse(1, Refusal(Answer.NOTHING))
        with pytest.raises(HomeAssistantError) as caught:
            await cast(hass)
    stage.note("nothing at all, twice", str(caught.value))
    await stage.power_cut()
    await stage.rest()

    loads = count_loads(display)
    display.refuse(1, Refusal(Answer.BUFFERING))
    casting = hass.async_create_task(cast(hass))
    await until(lambda: count_loads(display) > loads, LONG)
    await display.stop()
    with pytest.raises(HomeAssistantError) as caught:
        await casting
    stage.note("nothing any more: it vanishes while it loads", str(caught.value))
    await display.start()
    await stage.rest()
    assert not casts.sessions

    display.refuse(1, Refusal.failed(MediaError.SEGMENT_NETWORK))
    (session,) = await cast(hass)
    assert session["state"] == state(hass) == "playing"
    again = "none: it is told once more, and shows the camera"
    stage.rows.append(f"| `LOAD_FAILED`, but only once | {state(hass)} | {again} |")
    # What has begun may fail as well, after the action has answered.
    display.fail(MediaError.SEGMENT_NETWORK)
    await until(lambda: not casts.sessions, LONG)
    await until(lambda: stage.endings[-1][0].reason is not None, LONG)
    words = await words_of(hass, stage.endings[-1][0])
    stage.note("`idleReason` `ERROR` after it has begun", words)

    table = "\n".join([*HEADER, *stage.rows])
    assert table in TABLE.read_text("utf-8"), f"it should say:\n{table}"
    # The tables of this file and of the other are all there is.
    assert TABLE.read_text("utf-8").rstrip().endswith(table)


def count_loads(display: CastDisplay) -> int:
    return sum(one["name"] == LOAD for one in display.requests())


async def words_of(hass: HomeAssistant, event: CastEvent) -> str:
    """Return how the event entity *Casts* calls an event and its reason."""
    words: dict[str, Any] = await async_get_translations(hass, "en", "entity", {DOMAIN})
    path = f"component.{DOMAIN}.entity.event.casts.state_attributes"
    kind = words[f"{path}.event_type.state.{event.type}"]
    assert event.reason is not None
    why = words[f"{path}.reason.state.{event.reason}"]
    return f"none, the action has answered. *Casts* tells: {kind}, {why}"


async def test_a_display_that_is_paused_does_not_keep_the_picture(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    display: CastDisplay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pause, "HELD", 0.5)
    await keep_live(entry)
    await cast(hass)
    await until(lambda: display.screen.total > 0)
    await hass.services.async_call(
        "media_player", "media_pause", {"entity_id": HALL}, blocking=True
    )
    await until(lambda: not entry.runtime_data.casts.sessions)
    await until(lambda: display.state()["state"] == "IDLE")
