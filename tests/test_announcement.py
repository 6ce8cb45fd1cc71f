"""What is said with a cast, by an engine of Home Assistant's own text-to-speech."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.components.tts import DATA_TTS_MANAGER, TextToSpeechEntity
from homeassistant.config_entries import ConfigFlow
from homeassistant.const import Platform
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockPlatform,
    mock_config_flow,
    mock_integration,
    mock_platform,
)

from custom_components.mi_camera.casts import announcement
from custom_components.mi_camera.casts.announcement import MAX_SECONDS, speech_frames
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.media.aac import FRAME_SECONDS
from custom_components.mi_camera.talk_codec import SoundError

from .sounds import decoded, loudness, pitch, tone
from .test_casting import DEN, HALL, Player, cast, players, until  # noqa: F401

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.media import CastSound


TEXT = "Someone is at the door"
SPOKEN = 1000
"""Hertz: this voice has one note."""


class Voice(TextToSpeechEntity):
    """Says everything as a tone, or fails as real ones do."""

    _attr_name = "Voice"
    _attr_unique_id = "voice"
    _attr_default_language = "en"
    _attr_supported_languages = ("en",)

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.said: list[str] = []
        self.error: Exception | None = None
        self.may_speak = asyncio.Event()
        self.may_speak.set()

    async def async_get_tts_audio(
        self, message: str, language: str, options: dict[str, Any]
    ) -> tuple[str, bytes]:
        self.said.append(message)
        await self.may_speak.wait()
        if self.error is not None:
            raise self.error
        return "mp3", self.data


async def add_voice(hass: HomeAssistant, seconds: float = 1.5) -> Voice:
    """Set text-to-speech up with one engine."""
    assert await async_setup_component(hass, "tts", {})
    voice = Voice(tone("mp3", hertz=SPOKEN, seconds=seconds))

    async def set_up_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
        await hass.config_entries.async_forward_entry_setups(entry, [Platform.TTS])
        return True

    async def unload_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
        return await hass.config_entries.async_unload_platforms(entry, [Platform.TTS])

    async def add_entities(
        hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
    ) -> None:
        add([voice])

    mock_integration(
        hass, MockModule("voices", async_setup_entry=set_up_entry, async_unload_entry=unload_entry)
    )
    mock_platform(hass, "voices.tts", MockPlatform(async_setup_entry=add_entities))
    mock_platform(hass, "voices.config_flow")
    entry = MockConfigEntry(domain="voices")
    entry.add_to_hass(hass)
    with mock_config_flow("voices", ConfigFlow):
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return voice


@pytest.fixture
async def voice(hass: HomeAssistant, players: list[Player]) -> Voice:  # noqa: F811
    return await add_voice(hass)


def sounds(entry: MiCameraConfigEntry) -> dict[str, CastSound]:
    """Return what gives the sound of each session, by player."""
    return {
        one.player: one.pictures._sound  # type: ignore[attr-defined]
        for one in entry.runtime_data.casts.sessions
    }


# -- the action ---------------------------------------------------------------------------------


async def test_one_speech_is_said_on_all_players(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    sessions = await cast(hass, media_player=[HALL, DEN], announce=f" {TEXT} ")
    assert [(one["state"], one["announced"]) for one in sessions] == [("playing", True)] * 2
    assert voice.said == [TEXT]
    assert not hass.data[DATA_TTS_MANAGER].token_to_stream
    assert {player: sound.speaking for player, sound in sounds(entry).items()} == {
        HALL: True,
        DEN: True,
    }
    # It has an end.
    await until(lambda: not any(one.speaking for one in sounds(entry).values()), 8)
    assert len(entry.runtime_data.casts.sessions) == 2
    assert [len(player.played) for player in players] == [1, 1]


async def test_without_an_announcement_nothing_is_said_of_one(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    (session,) = await cast(hass)
    assert "announced" not in session
    assert voice.said == []


@pytest.mark.parametrize("text", ["", "  ", "x" * 501])
async def test_a_text_has_bounds(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    text: str,
) -> None:
    with pytest.raises(vol.Invalid):
        await cast(hass, announce=text)
    assert players[0].played == []


@pytest.mark.parametrize("set_up_tts", [False, True], ids=["no tts", "no engine"])
async def test_without_an_engine_nothing_is_cast(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    set_up_tts: bool,
) -> None:
    if set_up_tts:
        assert await async_setup_component(hass, "tts", {})
    with pytest.raises(HomeAssistantError) as caught:
        await cast(hass, announce=TEXT)
    assert caught.value.translation_key == "no_speech"
    assert players[0].played == []
    assert not entry.runtime_data.casts.sessions


async def test_speech_is_made_while_the_player_loads(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    players[0].fails = "stuck"
    casting = asyncio.ensure_future(cast(hass, announce=TEXT))
    await until(lambda: players[0].played and voice.said)
    await asyncio.sleep(0.5)
    # Nothing is said to a display that does not play yet.
    (sound,) = sounds(entry).values()
    assert not sound.speaking
    players[0].show(players[0].played[0])
    (session,) = await casting
    assert session["announced"] is True
    assert sound.speaking


@pytest.mark.parametrize("trouble", ["error", "rubbish", "too much", "slow"])
async def test_a_cast_goes_on_without_what_cannot_be_said(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
    trouble: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if trouble == "error":
        voice.error = RuntimeError(f"cannot say {TEXT}")
    elif trouble == "rubbish":
        voice.data = b"no sound" * 100
    elif trouble == "too much":
        monkeypatch.setattr(announcement, "MAX_BYTES", 1000)
    else:
        monkeypatch.setattr(announcement, "TIMEOUT", 0.3)
        voice.may_speak.clear()
    sessions = await cast(hass, media_player=[HALL, DEN], announce=TEXT)
    assert [(one["state"], one["announced"]) for one in sessions] == [("playing", False)] * 2
    voice.may_speak.set()
    ours = [one for one in caplog.records if one.name.startswith("custom_components.mi_camera")]
    (warning,) = [one for one in ours if one.levelname == "WARNING"]
    assert warning.getMessage().startswith("Nothing is said with a cast: ")
    for record in ours:
        assert TEXT not in record.getMessage()
        assert "http" not in record.getMessage()
        assert record.exc_info is None
    caplog.clear()


async def test_an_announcement_dies_with_its_session(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    await cast(hass, media_player=[HALL, DEN], announce=TEXT)
    found = sounds(entry)
    assert all(one.speaking for one in found.values())
    await hass.services.async_call(DOMAIN, "stop_cast", {"media_player": HALL}, blocking=True)
    assert (found[HALL].speaking, found[DEN].speaking) == (False, True)
    entry.runtime_data.gate.close()
    assert not found[DEN].speaking


async def test_what_is_not_made_yet_when_the_gate_closes_is_never_said(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    voice.may_speak.clear()
    casting = asyncio.ensure_future(cast(hass, announce=TEXT))
    await until(lambda: any(one.state == "playing" for one in entry.runtime_data.casts.sessions))
    (sound,) = sounds(entry).values()
    entry.runtime_data.gate.close()
    voice.may_speak.set()
    (session,) = await casting
    assert (session["state"], session["announced"]) == ("ended", False)
    assert not sound.speaking


async def test_a_cast_that_fails_gives_up_its_speech(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    players: list[Player],  # noqa: F811
    voice: Voice,
) -> None:
    voice.may_speak.clear()
    players[0].fails = "error"
    with pytest.raises(HomeAssistantError):
        await cast(hass, announce=TEXT)
    assert not [one for one in asyncio.all_tasks() if "speech" in one.get_name()]
    voice.may_speak.set()


# -- speech -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mp3", "wav", "ogg", "flac", "m4a"])
async def test_speech_of_any_kind_is_heard_as_it_is(kind: str) -> None:
    frames = speech_frames(tone(kind, hertz=SPOKEN, seconds=2))
    assert len(frames) * FRAME_SECONDS == pytest.approx(2, abs=0.25)
    heard = decoded("aac", frames, 16_000)
    middle = heard[16_000 // 2 : 16_000 * 3 // 2]
    assert pitch(middle, 16_000) == pytest.approx(SPOKEN, abs=2)
    assert loudness(middle) == pytest.approx(0.5, abs=0.05)


async def test_speech_is_bounded() -> None:
    frames = speech_frames(tone("mp3", hertz=SPOKEN, seconds=MAX_SECONDS + 20, channels=1))
    assert len(frames) * FRAME_SECONDS == pytest.approx(MAX_SECONDS, abs=0.5)
    for rubbish in (b"", b"ID3", tone("wav")[:100]):
        with pytest.raises(SoundError):
            speech_frames(rubbish)
