"""What a user reads when a cast does not begin: the table in the documentation is what is said.

Each row of the first table in docs/cast-failures.md comes from one of these situations, in the
words of the error that Home Assistant shows. A row that is missing or says something else fails
here, with what to write. tests/test_cast_failures_display.py makes the other table.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.util import dt as dt_util
import pytest

from custom_components.mi_camera import lens
from custom_components.mi_camera.casts import choice, load as cast_load, sessions as casting
from custom_components.mi_camera.casts.models import CastModel
from custom_components.mi_camera.casts.session import EndReason
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH
from simulator.cloud.server import Outage

from .conftest import settle
from .test_camera import poll
from .test_cast_hours import allow_hours
from .test_cast_policy import limit
from .test_cast_sessions import Clumsy, keep_live, kitchen
from .test_casting import DEN, HALL, KITCHEN, PORCH, Player, cast, players, until  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

FEW, MANY = 1, casting.MAX_SESSIONS
TABLE = Path(__file__).parents[1] / "docs" / "cast-failures.md"
SITUATIONS: dict[str, Callable[[Stage], Awaitable[dict[str, Any] | None]]] = {}
"""How to bring each about; they return what to ask for, where it is not the usual."""


class Stage:
    """What a situation is made of."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: MiCameraConfigEntry,
        home: Home,
        player: Player,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.hass, self.entry, self.home, self.player, self.patch = hass, entry, home, player, patch


def situation(
    text: str,
) -> Callable[[Callable[[Stage], Awaitable[dict[str, Any] | None]]], None]:
    def add(make: Callable[[Stage], Awaitable[dict[str, Any] | None]]) -> None:
        SITUATIONS[text] = make

    return add


@situation("no camera is named")
async def _(stage: Stage) -> dict[str, Any]:
    from homeassistant.helpers import area_registry as ar

    return {"entity_id": [], "area_id": ar.async_get(stage.hass).async_create("Attic").id}


@situation("another integration's entity is named")
async def _(stage: Stage) -> dict[str, Any]:
    return {"entity_id": "camera.other"}


@situation("two cameras and one display are named")
async def _(stage: Stage) -> dict[str, Any]:
    return {"entity_id": [KITCHEN, PORCH]}


@situation("more displays would show cameras than can")
async def _(stage: Stage) -> dict[str, Any]:
    stage.patch.setattr(casting, "MAX_SESSIONS", FEW)
    return {"media_player": [HALL, DEN]}


@situation("a duration of zero is asked for")
async def _(stage: Stage) -> dict[str, Any]:
    return {"duration": {"minutes": 0}}


@situation("something is to be announced, and nothing can speak")
async def _(stage: Stage) -> dict[str, Any]:
    return {"announce": "Someone is at the door"}


@situation("pictures are switched off")
async def _(stage: Stage) -> None:
    await stage.hass.services.async_call(DOMAIN, "disable_all", blocking=True)


@situation("the camera is hidden")
async def _(stage: Stage) -> None:
    await stage.hass.data[DATA_KILL_SWITCH].async_hide(str(stage.home.cameras[0].spec.did))


@situation("the camera is in quarantine")
async def _(stage: Stage) -> None:
    stage.hass.data[DATA_KILL_SWITCH].async_violation(str(stage.home.cameras[0].spec.did), "test")
    await settle(stage.hass)


@situation("the camera is asleep")
async def _(stage: Stage) -> None:
    await stage.hass.services.async_call(
        "camera", "turn_off", {"entity_id": KITCHEN}, blocking=True
    )


@situation("the camera does not answer")
async def _(stage: Stage) -> None:
    await stage.home.cameras[0].stop()
    await poll(stage.hass)


@situation("the camera answers, but sends no picture")
async def _(stage: Stage) -> None:
    stage.home.cameras[0].miss.silent = True
    stage.patch.setattr(cast_load, "PLAYING_TIMEOUT", 1.0)
    Clumsy(stage.player, "waits", 99)


def until_trouble(stage: Stage) -> None:
    """Have a player that does not begin, for as long as the camera is not known to be in trouble."""
    stage.patch.setattr(cast_load, "PLAYING_TIMEOUT", 30.0)
    stage.patch.setattr(cast_load, "IDLE_TIMEOUT", 0.3)
    Clumsy(stage.player, "stays idle", 99)


@situation("the camera sends something that its keys do not open")
async def _(stage: Stage) -> None:
    viewer = await keep_live(stage.entry)
    viewer.close()
    await kitchen(stage.entry).feed.rest()
    stage.home.cameras[0].miss.garbage_payload = 1.0
    until_trouble(stage)


@situation("the camera agrees to send pictures, and hangs up")
async def _(stage: Stage) -> None:
    miss, tasks = stage.home.cameras[0].miss, []

    async def hang_up() -> None:
        # Once the answer has come through.
        await until(lambda: all(not one._link.backlog for one in miss._sessions.values()), 30)
        miss.drop_clients(polite=True)

    def watch(*_: object) -> Callable[[], None]:
        tasks.append(asyncio.ensure_future(hang_up()))
        return lambda: None

    stage.patch.setattr(miss, "watch", watch)
    until_trouble(stage)


@situation("there is no such media player")
async def _(stage: Stage) -> dict[str, Any]:
    return {"media_player": "media_player.nowhere"}


@situation("the display is out of reach")
async def _(stage: Stage) -> None:
    stage.player.set_available(False)


@situation("the media player has no way to be told what to play")
async def _(stage: Stage) -> None:
    stage.player._attr_supported_features = MediaPlayerEntityFeature.TURN_OFF
    stage.player.async_write_ha_state()


@situation("the camera's settings do not allow this display")
async def _(stage: Stage) -> None:
    await limit(stage.hass, stage.entry, DEN)


@situation("it is not an hour at which the camera may be shown")
async def _(stage: Stage) -> None:
    # Wherever it is three o'clock now; the names of these zones have the other sign.
    ahead = (3 - dt_util.utcnow().hour + 12) % 24 - 12
    await stage.hass.config.async_update(time_zone=f"Etc/GMT{-ahead:+d}")
    await allow_hours(stage.hass, stage.entry, "08:00:00", "22:00:00")


@situation("the display needs a conversion, and as many run as this machine can")
async def _(stage: Stage) -> None:
    stage.patch.setattr(choice, "async_cast_model", lambda *_: CastModel((160, 90), 30))
    slots = stage.entry.runtime_data.encoder_slots
    for _ in range(slots.limit):
        await slots.take()


@situation("the display needs a conversion, and ffmpeg makes none")
async def _(stage: Stage) -> None:
    async def useless(_hass: HomeAssistant) -> str:
        return "false"

    stage.patch.setattr(choice, "async_cast_model", lambda *_: CastModel((160, 90), 30))
    stage.patch.setattr(lens, "async_ffmpeg", useless)


@situation("the camera has as many viewers as it takes")
async def _(stage: Stage) -> None:
    stage.home.cameras[0].spec.viewers = 0
    stage.patch.setattr(cast_load, "PLAYING_TIMEOUT", 2.0)
    Clumsy(stage.player, "waits", 99)


@situation("there are no keys for the camera, as the cloud is out of reach")
async def _(stage: Stage) -> None:
    await stage.home.cloud.set_outage(Outage.REFUSED)
    stage.patch.setattr(cast_load, "PLAYING_TIMEOUT", 2.0)
    Clumsy(stage.player, "waits", 99)


@situation("Home Assistant has no address of its own")
async def _(stage: Stage) -> None:
    stage.hass.config.internal_url = stage.hass.config.external_url = None
    stage.hass.config.api = None


@situation("Home Assistant's address is a name that displays cannot resolve")
async def _(stage: Stage) -> None:
    stage.hass.config.internal_url = "http://homeassistant.local:8123"


@situation("the display refuses, twice")
async def _(stage: Stage) -> None:
    Clumsy(stage.player, "refuses", 99)


@situation("the display does not answer, twice")
async def _(stage: Stage) -> None:
    Clumsy(stage.player, "hangs", 99)


@situation("the display takes the address, but does not load it, twice")
async def _(stage: Stage) -> None:
    await keep_live(stage.entry)
    Clumsy(stage.player, "ignores", 99)


@situation("the display loads the address, but does not begin, twice")
async def _(stage: Stage) -> None:
    await keep_live(stage.entry)
    Clumsy(stage.player, "waits", 99)


@situation("the display goes on buffering, and Home Assistant waits for it, twice")
async def _(stage: Stage) -> None:
    await keep_live(stage.entry)
    Clumsy(stage.player, "buffers", 99)


def meanwhile(stage: Stage, happens: Callable[[], Awaitable[object] | None]) -> None:
    """Let something happen once the display has been told, before it plays."""

    async def play(media_type: str, media_id: str, **kw: Any) -> None:
        stage.player.show_buffering(media_id)
        if (done := happens()) is not None:
            await done

    stage.patch.setattr(cast_load, "PLAYING_TIMEOUT", 30.0)
    stage.player.async_play_media = play  # type: ignore[assignment, method-assign]


@situation("the display goes out of reach meanwhile")
async def _(stage: Stage) -> None:
    stage.patch.setattr(cast_load, "IDLE_TIMEOUT", 0.3)
    meanwhile(stage, lambda: stage.player.set_available(False))


@situation("somebody plays something else on the display meanwhile")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: stage.player.show("http://radio.example/song"))


@situation("the cast is stopped meanwhile")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: stage.hass.services.async_call(DOMAIN, "stop_cast", blocking=True))


def end(stage: Stage, reason: EndReason) -> Awaitable[None]:
    casts = stage.entry.runtime_data.casts
    (session,) = casts.sessions
    return casts.async_end(session, reason, stop_player=False)


@situation("the longest time is over meanwhile")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: end(stage, EndReason.DURATION))


@situation("Mi Camera is reloaded meanwhile")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: end(stage, EndReason.SWITCHED_OFF))


@situation("the camera is removed meanwhile")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: end(stage, EndReason.CAMERA_GONE))


@situation("the camera's settings are changed meanwhile, and changed back")
async def _(stage: Stage) -> None:
    meanwhile(stage, lambda: end(stage, EndReason.NOT_ALLOWED))


@situation("the camera's picture freezes meanwhile, and comes again")
async def _(stage: Stage) -> None:
    await keep_live(stage.entry)
    meanwhile(stage, lambda: end(stage, EndReason.STALE))


@pytest.mark.parametrize("what", SITUATIONS)
async def test_the_table_says_what_is_said(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    players: list[Player],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr(cast_load, "PLAYING_TIMEOUT", 0.3)
    monkeypatch.setattr(cast_load, "RETRY_AFTER", 0.01)
    await async_load_integrations(hass, {DOMAIN})
    asked = await SITUATIONS[what](Stage(hass, entry, home, players[0], monkeypatch))
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, **{"media_player": HALL, **(asked or {})})
    message = str(caught.value).replace(f"No more than {FEW} ", f"No more than {MANY} ")
    row = f"| {what} | {message} |"
    assert row in TABLE.read_text("utf-8").splitlines(), f"it should say:\n{row}"
    assert not entry.runtime_data.casts.sessions


def test_the_table_has_no_other_rows() -> None:
    table, _of_displays = TABLE.read_text("utf-8").split("\n## What a display answers\n")
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == list(SITUATIONS)
