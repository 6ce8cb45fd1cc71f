"""The speaker as Home Assistant shows it, heard at the simulated camera."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, override

from aiohttp import web
from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.components.tts import Provider
from homeassistant.core import State
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockModule,
    MockPlatform,
    mock_integration,
    mock_platform,
    mock_restore_cache_with_extra_data,
)

from custom_components.mi_camera import talk_codec
from custom_components.mi_camera.miss.models import CameraModel

from .conftest import set_up, settle
from .home import ADDRESSES, Home, spec
from .sounds import Samples, loudness, pitch, tone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from simulator.camera import SimCamera

SPEAKER = "media_player.kitchen_speaker"
SECRET = "do-not-tell"
type Play = Callable[..., Awaitable[None]]


@pytest.fixture
async def home() -> AsyncGenerator[Home]:
    """Cameras whose speakers take A-law, Opus and plain samples."""
    home = await Home.start(
        spec(1, speaker="pcma"),
        spec(2, model="chuangmi.camera.069a01", transport="tcp", speaker="opus"),
        spec(3, model="isa.camera.hlc6", name="Attic", speaker="pcm"),
    )
    yield home
    await home.stop()


class Voice(Provider):
    """Speaks with a tone."""

    default_language = "en"
    supported_languages = ("en",)

    @override
    async def async_get_tts_audio(
        self, message: str, language: str, options: dict[str, Any]
    ) -> tuple[str, bytes]:
        return "mp3", tone("mp3", hertz=len(message) * 100, rate=24_000, channels=1)


class VoicePlatform(MockPlatform):
    """What Home Assistant's speech asks for a voice."""

    async def async_get_engine(self, *_: object) -> Provider:
        return Voice()


@pytest.fixture
async def media(
    hass: HomeAssistant, tmp_path: Path, ready: HomeAssistant, hass_client_no_auth: Any
) -> TestClient[Any, Any]:
    """Home Assistant's own web server and a folder of media, before the hub is set up."""
    (tmp_path / "media").mkdir()
    hass.config.media_dirs = {"local": str(tmp_path / "media")}
    mock_integration(hass, MockModule("voice"))
    mock_platform(hass, "voice.tts", VoicePlatform())
    for component in ("media_source", "media_player", "tts"):
        config = {"tts": {"platform": "voice"}}
        assert await async_setup_component(hass, component, config)
    await hass.async_block_till_done()
    client: TestClient[Any, Any] = await hass_client_no_auth()
    hass.config.internal_url = str(client.make_url("/")).rstrip("/")
    return client


@pytest.fixture
async def kitchen(media: TestClient[Any, Any], entry: MiCameraConfigEntry, home: Home) -> SimCamera:
    """The camera most is played on."""
    return home.cameras[0]


@pytest.fixture
def put(hass: HomeAssistant, media: object) -> Callable[[str, bytes], str]:
    """Put a file among the media and return its media source id."""

    def put(name: str, data: bytes) -> str:
        from pathlib import Path

        (Path(hass.config.media_dirs["local"]) / name).write_bytes(data)
        return f"media-source://media_source/local/{name}"

    return put


@pytest.fixture
def play(hass: HomeAssistant) -> Play:
    """Play a media id."""

    async def play(media_id: str, entity_id: str = SPEAKER, **data: Any) -> None:
        await hass.services.async_call(
            "media_player",
            "play_media",
            {
                "entity_id": entity_id,
                "media_content_id": media_id,
                "media_content_type": "music",
                **data,
            },
            blocking=True,
        )

    return play


def state_of(hass: HomeAssistant, entity_id: str = SPEAKER) -> State:
    state = hass.states.get(entity_id)
    assert state is not None
    return state


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def over(hass: HomeAssistant, entity_id: str = SPEAKER) -> None:
    await until(lambda: state_of(hass, entity_id).state == "idle")


def heard(camera: SimCamera) -> tuple[Samples, int]:
    samples, rate = camera.miss.speaker_sound()
    assert camera.miss.speaker_refused == 0
    return samples, rate


@pytest.mark.parametrize(
    ("number", "entity_id", "rate"),
    [
        (0, SPEAKER, 8000),
        (1, "media_player.porch_speaker", 48000),
        (2, "media_player.attic_speaker", 8000),
    ],
)
async def test_the_camera_hears_what_was_played(
    hass: HomeAssistant,
    kitchen: SimCamera,
    home: Home,
    put: Callable[[str, bytes], str],
    play: Play,
    number: int,
    entity_id: str,
    rate: int,
) -> None:
    camera = home.cameras[number]
    state = state_of(hass, entity_id)
    assert state.state == "idle"
    assert state.attributes["device_class"] == "speaker"
    await play(put("tone.mp3", tone("mp3", hertz=880, seconds=1.2)), entity_id)
    assert state_of(hass, entity_id).state == "playing"
    await over(hass, entity_id)
    samples, at = heard(camera)
    assert at == rate
    assert abs(len(samples) / rate - 1.2) <= 0.1
    body = samples[rate // 10 : rate]
    assert abs(pitch(body, rate) - 880) <= 2
    # Encoders of MP3 make it 5 % quieter.
    assert loudness(body) == pytest.approx(0.475, rel=0.03)
    # In real time, three frames at once at most.
    times = camera.miss.speaker_arrivals
    assert abs(times[-1] - times[0] - 1.2) < 0.2
    for first, begin in enumerate(times):
        assert sum(begin <= when < begin + 0.005 for when in times[first:]) <= 3
    await until(lambda: is_free(camera))


def is_free(camera: SimCamera) -> bool:
    """Whether the camera was told that no more comes: another may speak then."""
    other = object()
    free = camera.miss.speaker.start(other) == 0
    camera.miss.speaker.stop(other)
    return free


async def test_speech_is_announced(
    hass: HomeAssistant, media: TestClient[Any, Any], entry: MiCameraConfigEntry, home: Home
) -> None:
    for message, hertz in (("hello", 500), ("goodbye", 700), ("hello", 500)):
        home.cameras[0].miss.speaker.frames.clear()
        await hass.services.async_call(
            "tts", "voice_say", {"entity_id": SPEAKER, "message": message}, blocking=True
        )
        await over(hass)
        samples, rate = heard(home.cameras[0])
        assert abs(pitch(samples[1000:7000], rate) - hertz) <= 2
        assert abs(len(samples) / rate - 1) <= 0.1


async def test_an_address_of_the_web_is_played_and_not_told_to_anybody(
    hass: HomeAssistant,
    kitchen: SimCamera,
    play: Play,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(body=tone())

    app = web.Application()
    app.router.add_get("/tone", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, f"{ADDRESSES}.62", 8162)
    await site.start()
    url = f"http://{ADDRESSES}.62:8162/tone?key={SECRET}"
    await play(url)
    assert asked == [f"/tone?key={SECRET}"]
    assert SECRET not in str(state_of(hass).as_dict())
    await over(hass)
    assert abs(pitch(heard(kitchen)[0], 8000) - 1000) <= 2
    await site.stop()
    with pytest.raises(HomeAssistantError) as caught:
        await play(url)
    assert caught.value.translation_key == "media_unplayable"
    text = f"{caught.value!r}{caught.value.__cause__!r}" + "".join(
        one.getMessage()
        for one in caplog.records
        if one.name.startswith(("custom_components", "libav"))
    )
    assert SECRET not in text
    await runner.cleanup()


async def test_an_address_of_home_assistant_is_signed(
    hass: HomeAssistant,
    kitchen: SimCamera,
    put: Callable[[str, bytes], str],
    play: Play,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put("tone.wav", tone())
    await play("/media/local/tone.wav")
    assert "authSig" not in str(state_of(hass).as_dict())
    await over(hass)
    assert abs(pitch(heard(kitchen)[0], 8000) - 1000) <= 2
    assert not any(
        "authSig" in one.getMessage() for one in caplog.records if "aiohttp" not in one.name
    )


@pytest.mark.parametrize(
    ("media_id", "key"),
    [
        ("file:///etc/hostname", "media_address"),
        ("rtsp://127.0.0.1/live", "media_address"),
        ("", "media_address"),
        ("/local/missing.mp3", "media_unplayable"),
        ("http://NOBODY:1/", "media_unplayable"),
    ],
)
async def test_what_cannot_be_played_is_told(
    hass: HomeAssistant, kitchen: SimCamera, play: Play, media_id: str, key: str
) -> None:
    with pytest.raises(HomeAssistantError) as caught:
        await play(media_id.replace("NOBODY", f"{ADDRESSES}.63"))
    assert caught.value.translation_key == key
    assert state_of(hass).state == "idle"
    assert kitchen.media_connections_total == 0


async def test_what_is_no_sound_is_told(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    with pytest.raises(HomeAssistantError) as caught:
        await play(put("odd.mp3", b"no sound" * 999))
    assert caught.value.translation_key == "media_unplayable"
    with pytest.raises(HomeAssistantError):
        await play("media-source://media_source/local/missing.mp3")
    with pytest.raises(HomeAssistantError):
        await play("media-source://nobody/x")
    assert kitchen.media_connections_total == 0


async def test_a_new_sound_ends_the_one_before(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    low = put("low.wav", tone(hertz=400, seconds=3, rate=8000))
    high = put("high.wav", tone(hertz=900, seconds=0.6, rate=8000))
    await play(low)
    await until(lambda: len(kitchen.miss.speaker.frames) >= 15)
    await play(high, announce=True)
    assert state_of(hass).state == "playing"
    await over(hass)
    samples, rate = heard(kitchen)
    seconds = len(samples) / rate
    assert 1.2 <= seconds <= 2.0
    assert abs(pitch(samples[: rate // 2], rate) - 400) <= 3
    assert abs(pitch(samples[-rate // 2 :], rate) - 900) <= 3
    # What was interrupted is not taken up again, and it was one session for both.
    await asyncio.sleep(0.2)
    assert len(heard(kitchen)[0]) == len(samples)
    assert kitchen.media_connections_total == 1


async def test_of_two_at_once_the_later_is_played(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    low = put("low.wav", tone(hertz=400, rate=8000))
    high = put("high.wav", tone(hertz=900, seconds=0.6, rate=8000))
    await asyncio.gather(play(low), play(high))
    await over(hass)
    samples, rate = heard(kitchen)
    assert abs(pitch(samples, rate) - 900) <= 3
    assert abs(len(samples) / rate - 0.6) <= 0.1


async def call(hass: HomeAssistant, service: str, **data: Any) -> None:
    await hass.services.async_call(
        "media_player", service, {"entity_id": SPEAKER, **data}, blocking=True
    )


async def test_stop(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    await call(hass, "media_stop")
    await play(put("tone.wav", tone(seconds=3)))
    await until(lambda: len(kitchen.miss.speaker.frames) >= 10)
    began = time.monotonic()
    await call(hass, "media_stop")
    assert time.monotonic() - began < 0.5
    assert state_of(hass).state == "idle"
    count = len(kitchen.miss.speaker.frames)
    assert is_free(kitchen)
    await asyncio.sleep(0.2)
    assert len(kitchen.miss.speaker.frames) == count


async def test_the_switch_ends_sound_at_once(
    hass: HomeAssistant,
    kitchen: SimCamera,
    entry: MiCameraConfigEntry,
    put: Callable[[str, bytes], str],
    play: Play,
) -> None:
    tone_id = put("tone.wav", tone(seconds=3))
    await play(tone_id)
    await until(lambda: len(kitchen.miss.speaker.frames) >= 10)
    gate = entry.runtime_data.gate
    gate.close()
    assert state_of(hass).state == "unavailable"
    # What lay in the sockets when it closed.
    await asyncio.sleep(0.02)
    count = len(kitchen.miss.speaker.frames)
    await asyncio.sleep(0.3)
    assert len(kitchen.miss.speaker.frames) == count
    assert kitchen.media_connections == 0
    speaker = hass.data["media_player"].get_entity(SPEAKER)
    with pytest.raises(ServiceValidationError) as caught:
        await speaker.async_play_media("music", tone_id)
    assert caught.value.translation_key == "pictures_off"
    gate.open()
    await settle(hass)
    assert len(kitchen.miss.speaker.frames) == count


async def test_the_switch_ends_what_has_not_begun_yet(
    hass: HomeAssistant,
    kitchen: SimCamera,
    entry: MiCameraConfigEntry,
    put: Callable[[str, bytes], str],
    play: Play,
) -> None:
    playing = asyncio.create_task(play(put("tone.wav", tone())))
    await asyncio.sleep(0.01)
    entry.runtime_data.gate.close()
    with pytest.raises(ServiceValidationError) as caught:
        await playing
    assert caught.value.translation_key == "pictures_off"
    assert not kitchen.miss.speaker.frames


async def test_a_caller_that_goes_away_takes_what_has_not_begun_along(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    speaker = hass.data["media_player"].get_entity(SPEAKER)
    playing = asyncio.create_task(speaker.async_play_media("music", put("tone.wav", tone())))
    await asyncio.sleep(0.005)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    await asyncio.sleep(0.3)
    assert state_of(hass).state == "idle"
    assert not kitchen.miss.speaker.frames


async def test_a_camera_that_refuses_is_told(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    tone_id = put("tone.wav", tone(seconds=0.3))
    kitchen.miss.speaker_busy = True
    with pytest.raises(HomeAssistantError) as caught:
        await play(tone_id)
    assert caught.value.translation_key == "speaker_refused"
    assert caught.value.translation_placeholders == {"camera": "Kitchen"}
    assert state_of(hass).state == "idle"
    kitchen.miss.speaker_busy = False
    await play(tone_id)
    await over(hass)
    assert heard(kitchen)[0].size


async def test_a_busy_camera_is_told(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    kitchen.spec.viewers = 0
    with pytest.raises(HomeAssistantError) as caught:
        await play(put("tone.wav", tone(seconds=0.3)))
    assert caught.value.translation_key == "camera_busy"


async def test_a_camera_that_goes_ends_the_sound(
    hass: HomeAssistant,
    kitchen: SimCamera,
    put: Callable[[str, bytes], str],
    play: Play,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await play(put("tone.wav", tone(seconds=5)))
    await until(lambda: len(kitchen.miss.speaker.frames) >= 10)
    await kitchen.stop()
    await over(hass)
    assert "ended early" in caplog.text


async def test_a_removed_camera_is_silent(
    hass: HomeAssistant,
    kitchen: SimCamera,
    entry: MiCameraConfigEntry,
    put: Callable[[str, bytes], str],
    play: Play,
) -> None:
    await play(put("tone.wav", tone(seconds=3)))
    await until(lambda: len(kitchen.miss.speaker.frames) >= 10)
    (subentry_id,) = (
        key
        for key, one in entry.runtime_data.cameras.items()
        if one.config.did == str(kitchen.spec.did)
    )
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    assert hass.states.get(SPEAKER) is None
    count = len(kitchen.miss.speaker.frames)
    await asyncio.sleep(0.2)
    assert len(kitchen.miss.speaker.frames) == count


async def test_volume(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    tone_id = put("tone.wav", tone(rate=8000, channels=1))
    assert state_of(hass).attributes["volume_level"] == 1
    await call(hass, "volume_set", volume_level=0.3)
    assert state_of(hass).attributes["volume_level"] == 0.3
    await play(tone_id)
    await over(hass)
    assert loudness(heard(kitchen)[0][1000:7000]) == pytest.approx(0.15, rel=0.05)
    kitchen.miss.speaker.frames.clear()
    await call(hass, "volume_mute", is_volume_muted=True)
    assert state_of(hass).attributes["is_volume_muted"] is True
    await play(tone_id)
    await over(hass)
    assert loudness(heard(kitchen)[0]) < 0.001


@pytest.mark.parametrize(
    ("stored", "level", "muted"),
    [
        ({"volume_level": 0.25, "is_volume_muted": True}, 0.25, True),
        ({"volume_level": "loud", "is_volume_muted": 1}, 1.0, False),
        ({"volume_level": 7}, 1.0, False),
    ],
)
async def test_the_volume_is_remembered(
    hass: HomeAssistant,
    ready: HomeAssistant,
    stored: dict[str, Any],
    level: float,
    muted: bool,
) -> None:
    mock_restore_cache_with_extra_data(hass, [(State(SPEAKER, "unavailable"), stored)])
    entry = await set_up(ready)
    attributes = state_of(hass).attributes
    assert attributes["volume_level"] == level
    assert attributes["is_volume_muted"] is muted
    speaker = hass.data["media_player"].get_entity(SPEAKER)
    kept = speaker.extra_restore_state_data.as_dict()
    assert kept == {"volume_level": level, "is_volume_muted": muted}
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()


async def test_the_lens_may_sleep_while_the_camera_speaks(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str], play: Play
) -> None:
    await hass.services.async_call(
        "camera", "turn_off", {"entity_id": "camera.kitchen"}, blocking=True
    )
    assert state_of(hass).state == "off"
    await play(put("tone.wav", tone(seconds=0.3)))
    assert state_of(hass).state == "playing"
    await until(lambda: state_of(hass).state == "off")
    assert heard(kitchen)[0].size


async def test_an_absent_camera_is_told(
    hass: HomeAssistant, kitchen: SimCamera, entry: MiCameraConfigEntry
) -> None:
    (coordinator,) = (
        one
        for one in entry.runtime_data.cameras.values()
        if one.config.did == str(kitchen.spec.did)
    )
    coordinator.async_set_update_error(TimeoutError())
    assert state_of(hass).state == "unavailable"
    speaker = hass.data["media_player"].get_entity(SPEAKER)
    with pytest.raises(HomeAssistantError) as caught:
        await speaker.async_play_media("music", "/local/x.mp3")
    assert caught.value.translation_key == "camera_no_answer"


async def test_browsing_lists_sound(
    hass: HomeAssistant, kitchen: SimCamera, put: Callable[[str, bytes], str]
) -> None:
    put("tone.mp3", tone("mp3"))
    put("picture.png", b"")
    assert state_of(hass).attributes["supported_features"] & MediaPlayerEntityFeature.BROWSE_MEDIA
    speaker = hass.data["media_player"].get_entity(SPEAKER)
    listed = await speaker.async_browse_media("", "media-source://media_source/local/")
    assert [child.title for child in listed.children] == ["tone.mp3"]


async def test_a_camera_without_a_speaker_has_no_such_entity(
    hass: HomeAssistant, ready: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.mi_camera.coordinator.camera_model",
        lambda _model: CameraModel(speaker=None),
    )
    entry = await set_up(ready)
    assert hass.states.get("camera.kitchen") is not None
    assert not hass.states.async_entity_ids("media_player")
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()


async def test_a_long_sound_ends_at_the_limit(
    hass: HomeAssistant,
    kitchen: SimCamera,
    put: Callable[[str, bytes], str],
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(talk_codec, "MAX_SECONDS", 1)
    await play(put("tone.wav", tone(seconds=5, rate=8000)))
    await over(hass)
    assert len(kitchen.miss.speaker.frames) == 25
