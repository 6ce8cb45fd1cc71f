"""The card that tells at a display why nothing is seen, and how it goes away again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
import io
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import MediaPlayerState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockEntityPlatform, async_fire_time_changed

from custom_components.mi_camera.casts import cards, load as cast_load
from custom_components.mi_camera.casts.card import (
    CARD_LANGUAGES,
    CARD_PATH,
    async_setup_card,
    card_language,
    card_path,
)
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from simulator.tag import read_image

from .conftest import set_up, settle
from .test_cast_policy import limit
from .test_cast_sessions import (
    _cast_another,
    _hide,
    _leave,
    _lose_player,
    _other_media,
    _press_stop,
    _remove,
    _sleep,
    _switch_off,
    _time_passes,
    _unload,
    keep_live,
    stop,
)
from .test_casting import DEN, KITCHEN, PORCH, Player, cast, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

COMPONENT = Path(__file__).parents[1] / "custom_components" / DOMAIN
CARD = f"http://127.0.0.1:8123{CARD_PATH}/en.png?v=1"


class Display(Player):
    """A player of Home Assistant's Cast integration, which tells all it has been shown."""

    card_fails: str | None = None
    gate: asyncio.Event | None = None
    """What it waits for before it shows the card."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cards: list[str] = []
        self.card_times: list[float] = []
        self.card_seconds = 0.0
        """How long it was there."""
        self.card_extra: dict[str, Any] = {}

    async def async_play_media(self, media_type: str, media_id: str, **kw: Any) -> None:
        if media_type != "image/png":
            await super().async_play_media(media_type, media_id, **kw)
            return
        self.cards.append(media_id)
        self.card_extra = kw["extra"]
        self.card_times.append(time.monotonic())
        if self.card_fails == "error":
            raise HomeAssistantError("no")
        if self.card_fails == "broken":
            raise RuntimeError("no")
        if self.card_fails == "hangs":
            await asyncio.sleep(60)
        if self.card_fails == "ignores":
            return
        if self.card_fails == "cannot fetch":
            # The picture before it is gone by then, but the display is not at its idle screen.
            self._attr_media_content_id = media_id
            self._attr_state = MediaPlayerState.IDLE
            self.async_write_ha_state()
            raise HomeAssistantError("LOAD_FAILED")
        if self.gate is not None:
            await self.gate.wait()
        self.show(media_id)

    async def async_turn_off(self) -> None:
        if self.card_times:
            self.card_seconds = time.monotonic() - self.card_times[-1]
        await super().async_turn_off()

    @property
    def shows_card(self) -> bool:
        return self.state == MediaPlayerState.PLAYING and self.media_content_id == self.cards[-1]


async def add_displays(hass: HomeAssistant) -> list[Display]:
    assert await async_setup_component(hass, "media_player", {})
    displays = [Display("Hall"), Display("Den")]
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="cast")
    await platform.async_add_entities(displays)
    await hass.async_block_till_done()
    return displays


@pytest.fixture
async def displays(entry: MiCameraConfigEntry, hass: HomeAssistant) -> list[Display]:
    return await add_displays(hass)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "CARD_SECONDS", 0.4)


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch, _quick: None) -> None:
    monkeypatch.setattr(cards, "CARD_SECONDS", 60)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "CARD_TIMEOUT", 0.3)


async def switch_on(hass: HomeAssistant) -> None:
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await until(lambda: hass.states.get(KITCHEN).state == "idle", 10)


async def card_time_is_over(hass: HomeAssistant) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=cards.CARD_SECONDS + 1))
    await settle(hass)
    await asyncio.sleep(0.1)


# -- the picture -------------------------------------------------------------------------------


def test_there_is_a_card_in_each_language_that_is_spoken_here() -> None:
    spoken = {file.stem for file in (COMPONENT / "translations").glob("*.json")}
    assert {file.stem for file in (COMPONENT / "cards").iterdir()} == spoken == set(CARD_LANGUAGES)
    seen = set()
    for file in (COMPONENT / "cards").glob("*.png"):
        assert file.stat().st_size < 25_000
        with Image.open(file) as picture:
            assert picture.size == (1280, 720)
            seen.add(picture.convert("L").tobytes())
        assert read_image(file.read_bytes()) is None
    assert len(seen) == len(CARD_LANGUAGES), "each has words of its own"


@pytest.mark.parametrize(
    ("home_assistants", "cards"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("pt", "pt-BR"),
        ("pt-BR", "pt-BR"),
        ("zh", "zh-Hans"),
        ("ZH-hans", "zh-Hans"),
        ("zh-Hant", "zh-Hans"),
        ("nl", "nl"),
        ("sv", "en"),
        ("", "en"),
        ("../../secrets", "en"),
    ],
)
def test_the_language_of_the_card(home_assistants: str, cards: str) -> None:
    assert card_language(home_assistants) == cards
    assert card_path(home_assistants) == f"/api/mi_camera/card/{cards}.png?v=1"


async def test_the_card_is_there_for_everybody(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "http", {"http": {"server_host": ["127.0.0.1"]}})
    async_setup_card(hass)
    client = await hass_client_no_auth()
    for language in CARD_LANGUAGES:
        answer = await client.get(
            card_path(language), headers={"Origin": "https://www.gstatic.com"}
        )
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.gstatic.com"
        body = await answer.read()
        assert body == (COMPONENT / "cards" / f"{language}.png").read_bytes()
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
    for other in ("sv.png", "en.svg", "..%2f..%2fmanifest.json", "en.png/..", ""):
        assert (await client.get(f"{CARD_PATH}/{other}")).status in {400, 404}


# -- when it is shown --------------------------------------------------------------------------


async def _stale(hass: HomeAssistant, home: Home, player: Player) -> None:
    home.cameras[0].miss.silent = True


async def _quarantine(hass: HomeAssistant, home: Home, player: Player) -> None:
    hass.data[DATA_KILL_SWITCH].async_violation(str(home.cameras[0].spec.did), "test")


async def _stop(hass: HomeAssistant, home: Home, player: Player) -> None:
    await stop(hass)


async def _forbid(hass: HomeAssistant, home: Home, player: Player) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    await limit(hass, entry, DEN)


@pytest.mark.parametrize("end", [_switch_off, _hide, _quarantine, _sleep, _leave, _remove, _stale])
async def test_what_is_nobodys_wish_at_the_display_is_told_there(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    displays: list[Display],
    end: Callable[[HomeAssistant, Home, Player], Any],
) -> None:
    hall, den = displays
    await keep_live(entry)
    await cast(hass)
    (session,) = entry.runtime_data.casts.sessions
    await end(hass, home, hall)
    await until(lambda: hall.cards, 15)
    assert session.pictures.available is False, "its address was dead before"
    assert hall.cards == [CARD]
    assert hall.card_extra == {"stream_type": "NONE"}
    # After a while it goes, and is shown once.
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert hall.state == MediaPlayerState.IDLE
    assert hall.cards == [CARD]
    assert hall.card_seconds == pytest.approx(cards.CARD_SECONDS, abs=0.25)
    assert (den.cards, den.stops) == ([], 0)


@pytest.mark.parametrize(
    ("end", "stops"),
    [
        (_stop, 1),
        (_time_passes, 1),
        (_forbid, 1),
        (_unload, 1),
        (_other_media, 0),
        (_press_stop, 0),
        (_cast_another, 0),
        (_lose_player, 0),
    ],
)
async def test_what_is_somebodys_wish_is_not(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    displays: list[Display],
    end: Callable[[HomeAssistant, Home, Player], Any],
    stops: int,
) -> None:
    hall = displays[0]
    await cast(hass, duration={"seconds": 60})
    (session,) = entry.runtime_data.casts.sessions
    await end(hass, home, hall)
    await until(lambda: session.reason is not None)
    await until(lambda: hall.stops == stops)
    await settle(hass)
    assert hall.cards == []


async def test_a_display_that_does_not_begin_gets_no_card(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    displays: list[Display],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.3)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    displays[0].fails = "stuck"
    with pytest.raises(HomeAssistantError):
        await cast(hass)
    assert (displays[0].cards, displays[0].stops) == ([], 1)


@pytest.mark.usefixtures("_slow")
async def test_other_players_are_stopped_at_once(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """Nothing is known of how they take a picture."""
    assert await async_setup_component(hass, "media_player", {})
    hall = Display("Hall")
    platform = MockEntityPlatform(hass, domain="media_player", platform_name="test")
    await platform.async_add_entities([hall])
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert (hall.cards, hall.stops) == ([], 1)
    # One that tells what a Cast display shows is left alone with it.
    hall.show(CARD)
    await asyncio.sleep(0.1)
    assert hall.stops == 1


@pytest.mark.usefixtures("_slow")
async def test_switching_off_reaches_every_display_and_waits_for_the_card(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    """Also one that was told by others: here, by camera.play_stream."""
    hall, den = displays
    await cast(hass)
    await hass.services.async_call(
        "camera", "play_stream", {"entity_id": PORCH, "media_player": DEN}, blocking=True
    )
    given = [*hall.played, *den.played]
    began = time.monotonic()
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hall.shows_card
    assert den.shows_card
    assert (hall.stops, den.stops) == (0, 0)
    assert max(hall.card_times + den.card_times) - began < 1
    # Nothing that opens anything, nor says whose picture it was, is in the address.
    secrets = {part for one in given for part in one.split("/") if len(part) >= 32}
    assert len(secrets) >= 2
    dids = {one.config.did for one in entry.runtime_data.cameras.values()}
    for card in (*hall.cards, *den.cards):
        assert card == CARD
        assert not any(secret in card for secret in secrets | dids)


async def test_it_speaks_the_language_of_home_assistant(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    for language, card in (("fr", "fr"), ("pt", "pt-BR"), ("sv", "en")):
        await hass.config.async_update(language=language)
        await cast(hass)
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        assert hall.cards[-1] == f"http://127.0.0.1:8123{CARD_PATH}/{card}.png?v=1"
        await switch_on(hass)


# -- when it cannot be shown -------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient", "_slow")
@pytest.mark.parametrize("how", ["error", "broken", "hangs", "ignores", "cannot fetch"])
async def test_a_display_without_its_card_is_stopped(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display], how: str
) -> None:
    hall = displays[0]
    hall.card_fails = how
    await cast(hass)
    began = time.monotonic()
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert time.monotonic() - began < 1.5
    assert hall.cards == [CARD]
    assert hall.stops == 1
    assert hall.state == MediaPlayerState.IDLE
    assert not entry.runtime_data.gate.is_open


def test_a_face_stays_for_three_seconds_at_most() -> None:
    assert cards.CARD_TIMEOUT <= 2


@pytest.mark.usefixtures("_impatient", "_slow")
async def test_a_card_that_comes_late_is_taken_away(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    hall.card_fails = "ignores"
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hall.stops == 1
    hall.show(CARD)
    await until(lambda: hall.stops == 2)
    assert hall.state == MediaPlayerState.IDLE


@pytest.mark.usefixtures("_impatient", "_slow")
async def test_a_card_that_comes_while_its_display_is_being_stopped_is_taken_away(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    displays: list[Display],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall = displays[0]
    hall.card_fails = "ignores"
    turn_off = hall.async_turn_off

    async def late() -> None:
        await turn_off()
        if hall.stops == 1:
            hall.show(CARD)
            await asyncio.sleep(0.2)

    monkeypatch.setattr(hall, "async_turn_off", late)
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await until(lambda: hall.stops == 2)
    assert hall.state == MediaPlayerState.IDLE


async def test_without_an_address_that_displays_find_they_are_stopped(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    await cast(hass)
    await hass.config.async_update(internal_url="http://homeassistant.local:8123")
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert (hall.cards, hall.stops) == ([], 1)
    # Who casts nothing is not bothered.
    assert ir.async_get(hass).async_get_issue(DOMAIN, "cast_address") is None


# -- what comes after it -----------------------------------------------------------------------


@pytest.mark.usefixtures("_slow")
async def test_what_somebody_puts_on_meanwhile_stays(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hall.shows_card
    hall.show("http://radio.example/song")
    await card_time_is_over(hass)
    assert hall.stops == 0
    assert hall.state == MediaPlayerState.PLAYING


@pytest.mark.usefixtures("_impatient")
async def test_what_somebody_puts_on_while_the_card_is_loaded_stays(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    await cast(hass)
    hall.gate = asyncio.Event()
    off = asyncio.ensure_future(hass.services.async_call(DOMAIN, "disable_all", blocking=True))
    await until(lambda: hall.cards)
    hall.show("http://radio.example/song")
    await off
    assert hall.stops == 0
    assert hall.state == MediaPlayerState.PLAYING


@pytest.mark.usefixtures("_slow")
async def test_a_cast_takes_the_display_over(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    await cast(hass)
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await until(lambda: hall.cards and hall.shows_card)
    await cast(hass, entity_id=PORCH)
    await card_time_is_over(hass)
    assert hall.stops == 0
    assert hall.state == MediaPlayerState.PLAYING
    assert len(entry.runtime_data.casts.sessions) == 1


@pytest.mark.usefixtures("_slow")
async def test_a_cast_waits_for_a_card_that_is_being_loaded(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    """Otherwise the card could come after it."""
    hall = displays[0]
    await cast(hass)
    hall.gate = asyncio.Event()
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await until(lambda: hall.cards)
    casting = asyncio.ensure_future(cast(hass, entity_id=PORCH))
    await asyncio.sleep(0.3)
    assert len(hall.played) == 1
    hall.gate.set()
    await casting
    assert len(hall.played) == 2
    await card_time_is_over(hass)
    assert hall.stops == 0
    assert len(entry.runtime_data.casts.sessions) == 1


async def test_the_card_goes_also_when_the_next_cast_does_not_begin(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    displays: list[Display],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.6)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    hall = displays[0]
    await cast(hass)
    await hass.services.async_call("camera", "turn_off", {"entity_id": KITCHEN}, blocking=True)
    await until(lambda: hall.cards and hall.shows_card)
    hall.fails = "error"
    with pytest.raises(HomeAssistantError):
        await cast(hass, entity_id=PORCH)
    await until(lambda: hall.stops == 1)
    assert hall.state == MediaPlayerState.IDLE


async def test_a_display_that_keeps_its_card_is_reported(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    displays: list[Display],
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall = displays[0]
    hall.fails = "deaf"
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await until(lambda: hall.stops == 1)
    await settle(hass)
    assert "media_player.hall could not be stopped" in caplog.text
    hall.fails = None
    # It goes at the next chance.
    hall.set_available(False)
    hall.set_available(True)
    await until(lambda: hall.stops == 2)
    assert hall.state == MediaPlayerState.IDLE


# -- before and after a run --------------------------------------------------------------------


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize("how", ["unload", "stop"])
async def test_no_card_outlives_the_hub(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display], how: str
) -> None:
    hall = displays[0]
    await cast(hass)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert hall.shows_card
    if how == "unload":
        await hass.config_entries.async_unload(entry.entry_id)
    else:
        hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
        await hass.async_block_till_done()
    assert hall.stops == 1
    assert hall.state == MediaPlayerState.IDLE


@pytest.mark.usefixtures("_slow")
async def test_a_card_that_is_loaded_while_the_hub_goes_is_not_left(
    hass: HomeAssistant, entry: MiCameraConfigEntry, displays: list[Display]
) -> None:
    hall = displays[0]
    await cast(hass)
    hall.gate = asyncio.Event()
    off = asyncio.ensure_future(hass.services.async_call(DOMAIN, "disable_all", blocking=True))
    await until(lambda: hall.cards)
    going = asyncio.ensure_future(hass.config_entries.async_unload(entry.entry_id))
    await asyncio.sleep(0.1)
    hall.gate.set()
    await asyncio.gather(off, going)
    assert hall.stops == 1
    assert hall.state == MediaPlayerState.IDLE


@pytest.mark.usefixtures("_slow")
async def test_a_card_of_a_run_before_is_taken_away(ready: HomeAssistant) -> None:
    hall, den = await add_displays(ready)
    hall.show(f"http://192.0.2.9:8123{CARD_PATH}/fr.png?v=0")
    den.show("http://radio.example/song")
    entry = await set_up(ready)
    await settle(ready)
    await until(lambda: hall.stops == 1)
    assert hall.state == MediaPlayerState.IDLE
    assert den.stops == 0
    # Also one at a display that comes back later.
    den.set_available(False)
    den._attr_media_content_id = CARD
    den.set_available(True)
    await until(lambda: den.stops == 1)
    assert den.state == MediaPlayerState.IDLE
    # Other pictures of this Home Assistant are none of it.
    den.show("http://127.0.0.1:8123/api/mi_camera/cards.png")
    den.show("http://[broken")
    await asyncio.sleep(0.1)
    assert den.stops == 1
    await ready.config_entries.async_remove(entry.entry_id)
    await ready.async_block_till_done()
