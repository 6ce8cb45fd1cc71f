"""Sound for speakers: decoding, coding, pacing, and what may go wrong with each."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
import io
import os
from pathlib import Path
import struct
import time
from typing import TYPE_CHECKING, cast

from aiohttp import web
import av
from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.mi_camera import talk as module, talk_codec
from custom_components.mi_camera.gate import Gate, GateClosedError
from custom_components.mi_camera.miss import (
    Codec,
    MissClosed,
    MissError,
    MissSpeakerRefused,
    MissUnanswered,
    MissUnreachable,
)
from custom_components.mi_camera.talk import AHEAD, FRAME, Pace, talk
from custom_components.mi_camera.talk_codec import (
    CHUNK_FRAMES,
    Sound,
    SoundError,
    SoundReader,
    SpeakerEncoder,
)

from .home import ADDRESSES
from .sounds import KINDS, decoded, loudness, pitch, tone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

    from custom_components.mi_camera.gate import Permit

DECODERS = {
    Codec.PCM: "pcm_s16le",
    Codec.PCMU: "pcm_mulaw",
    Codec.PCMA: "pcm_alaw",
    Codec.OPUS: "libopus",
}
SECRET = "do-not-tell"


def read_all(reader: SoundReader) -> list[bytes]:
    frames: list[bytes] = []
    try:
        while chunk := reader.read():
            assert len(chunk) <= CHUNK_FRAMES
            frames += chunk
    finally:
        reader.close()
    return frames


def file_of(folder: Path, data: bytes, name: str = f"{SECRET}.wav") -> Sound:
    path = folder / name
    path.write_bytes(data)
    return Sound(path=path)


@pytest.fixture
async def site() -> AsyncGenerator[dict[str, bytes]]:
    """A web site: what is put in here can be had at `url_of(name)`; "hang" never answers."""
    pages: dict[str, bytes] = {}
    over = asyncio.Event()

    async def page(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name == "hang":
            await over.wait()
        if name == "away":
            raise web.HTTPFound(pages["away"].decode())
        if name not in pages:
            raise web.HTTPNotFound
        return web.Response(body=pages[name])

    app = web.Application()
    app.router.add_get("/{name}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, f"{ADDRESSES}.61", 8161).start()
    yield pages
    over.set()
    await runner.cleanup()


def url_of(name: str) -> str:
    return f"http://{ADDRESSES}.61:8161/{name}?authSig={SECRET}"


# -- what the speaker gets ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "rate", "size"),
    [
        (Codec.PCMA, 8000, 320),
        (Codec.PCMU, 8000, 320),
        (Codec.PCM, 8000, 640),
        (Codec.PCMA, 16000, 640),
        (Codec.OPUS, 48000, None),
    ],
)
def test_frames_decode_to_the_sound(
    tmp_path: Path, codec: Codec, rate: int, size: int | None
) -> None:
    sound = file_of(tmp_path, tone(hertz=1000, seconds=1.5, rate=44_100))
    frames = read_all(SoundReader(sound, codec, rate))
    assert abs(len(frames) * 0.04 - 1.5) <= 0.1
    if size is not None:
        assert {len(frame) for frame in frames} == {size}
    else:
        assert max(map(len, frames)) < 1024
        # Table 2 of RFC 6716: configuration 31 is full-band CELT of 20 ms; code 1 or 2, two frames.
        assert all(frame[0] >> 3 == 31 and frame[0] & 3 in {1, 2} for frame in frames)
    heard = decoded(DECODERS[codec], frames, rate)
    assert abs(len(heard) / rate - 1.5) <= 0.1
    body = heard[rate // 10 : rate]
    assert abs(pitch(body, rate) - 1000) <= 2
    assert loudness(body) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
async def test_ordinary_files_are_read_from_disk_and_from_the_web(
    tmp_path: Path, site: dict[str, bytes], kind: str
) -> None:
    site["tone"] = tone(kind, hertz=700)
    for sound in (file_of(tmp_path, site["tone"]), Sound(url=url_of("tone"))):
        frames = await asyncio.to_thread(read_all, SoundReader(sound, Codec.PCMA, 8000))
        heard = decoded("pcm_alaw", frames, 8000)
        assert abs(len(heard) / 8000 - 1) <= 0.1
        assert abs(pitch(heard[1000:7000], 8000) - 700) <= 2
        # Encoders of MP3 make it 5 % quieter.
        quieter = 0.95 if kind == "mp3" else 1
        assert loudness(heard[1000:7000]) == pytest.approx(0.5 * quieter, rel=0.03)


def test_the_gain_is_asked_again_as_the_sound_goes_on(tmp_path: Path) -> None:
    gains = iter([1.0] * 10 + [0.5] * 5 + [0.0] * 10)
    sound = file_of(tmp_path, tone(seconds=1, rate=8000, channels=1))
    frames = read_all(SoundReader(sound, Codec.PCM, 8000, lambda: next(gains)))
    heard = decoded("pcm_s16le", frames, 8000)
    assert loudness(heard[:1000]) == pytest.approx(0.5, rel=0.03)
    assert loudness(heard[3200:4800]) == pytest.approx(0.25, rel=0.03)
    assert not heard[4800:].any()
    # Louder than loud is no noise.
    loud = read_all(SoundReader(sound, Codec.PCM, 8000, lambda: 9.0))
    assert decoded("pcm_s16le", loud, 8000).max() == 32767


def test_nothing_longer_than_the_limit_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_codec, "MAX_SECONDS", 1)
    frames = read_all(SoundReader(file_of(tmp_path, tone(seconds=3, rate=8000)), Codec.PCMA, 8000))
    assert len(frames) == 25


def test_there_is_an_encoder_for_speakers_only() -> None:
    with pytest.raises(ValueError, match="no encoder"):
        SpeakerEncoder(Codec.AAC, 8000)


# -- what is no sound -----------------------------------------------------------------------


def wav(rate: int, channels: int, data: bytes = bytes(4000)) -> bytes:
    """Return a WAV file that may claim anything."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data"
    body += struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no sound at all" * 100,
        bytes(5000),
        tone("mp3")[:40],
        wav(1, 1),
        wav(8000, 60),
        PLAYLIST.format("/etc/hostname").encode(),
    ],
    ids=["empty", "text", "zeros", "cut", "1 Hz", "60 channels", "playlist"],
)
async def test_what_is_no_sound_is_told_apart(
    tmp_path: Path, site: dict[str, bytes], data: bytes
) -> None:
    site["odd"] = data
    for sound in (file_of(tmp_path, data), Sound(url=url_of("odd"))):
        with pytest.raises(SoundError) as caught:
            await asyncio.to_thread(read_all, SoundReader(sound, Codec.PCMA, 8000))
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", [PLAYLIST, CONCAT])
@pytest.mark.parametrize(
    "address", ["file://{}", "{}", "concat:{}", "subfile,,start,0,end,99,,:{}"]
)
async def test_a_list_from_the_web_cannot_name_a_file_of_this_machine(
    tmp_path: Path, site: dict[str, bytes], text: str, address: str
) -> None:
    (tmp_path / "private.mp3").write_bytes(tone("mp3"))
    site["list.m3u8"] = text.format(address.format(tmp_path / "private.mp3")).encode()
    reader = SoundReader(Sound(url=url_of("list.m3u8")), Codec.PCMA, 8000)
    with pytest.raises(SoundError):
        await asyncio.to_thread(read_all, reader)


async def test_a_list_from_the_web_may_name_what_is_on_the_web(site: dict[str, bytes]) -> None:
    site["part.mp3"] = tone("mp3", hertz=600)
    site["list.m3u8"] = PLAYLIST.format("part.mp3").encode()
    reader = SoundReader(Sound(url=url_of("list.m3u8")), Codec.PCMA, 8000)
    frames = await asyncio.to_thread(read_all, reader)
    assert abs(pitch(decoded("pcm_alaw", frames, 8000)[1000:7000], 8000) - 600) <= 2


@pytest.mark.parametrize("kind", ["file://{}", "{}", "ftp://h/{}", "rtsp://h/{}", "concat:{}", ""])
def test_only_web_addresses_are_opened(tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, tone()).path
    reader = SoundReader(Sound(url=kind.format(path)), Codec.PCMA, 8000)
    with pytest.raises(SoundError, match="no address of the web"):
        reader.read()


async def test_a_redirection_leads_to_the_web_only(tmp_path: Path, site: dict[str, bytes]) -> None:
    path = file_of(tmp_path, tone()).path
    site["away"] = f"file://{path}".encode()
    reader = SoundReader(Sound(url=url_of("away")), Codec.PCMA, 8000)
    with pytest.raises(SoundError):
        await asyncio.to_thread(read_all, reader)
    site["away"], site["tone"] = url_of("tone").encode(), tone()
    reader = SoundReader(Sound(url=url_of("away")), Codec.PCMA, 8000)
    assert len(await asyncio.to_thread(read_all, reader)) == 25


async def test_what_does_not_come_is_given_up(
    site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_codec, "OPEN_TIMEOUT", 0.2)
    for name in ("hang", "missing"):
        reader = SoundReader(Sound(url=url_of(name)), Codec.PCMA, 8000)
        began = time.monotonic()
        with pytest.raises(SoundError) as caught:
            await asyncio.to_thread(reader.read)
        assert time.monotonic() - began < 2
        assert SECRET not in f"{caught.value!r}{reader!r}{Sound(url=url_of(name))!r}"


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(SoundError, match="no such file"):
            SoundReader(Sound(path=path), Codec.PCMA, 8000).read()


def file_with(container_name: str, codec: str) -> bytes:
    """Return a file with one stream of nothing much."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_name) as container:
        if codec == "ac3":
            sound = cast("AudioStream", container.add_stream(codec, rate=48_000))
            sound.codec_context.layout = "mono"
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1536), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate = 48_000
            container.mux([*sound.encode(silence), *sound.encode(None)])
        else:
            picture = cast("VideoStream", container.add_stream(codec, rate=5))
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            black = av.VideoFrame(64, 64, "yuv420p")
            container.mux([*picture.encode(black), *picture.encode(None)])
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (file_with("matroska", "libx264"), "no sound in it"),
        (file_with("matroska", "ac3"), "codec"),
        (file_with("ac3", "ac3"), "InvalidData|Argument"),
    ],
    ids=["pictures only", "another codec", "another container"],
)
def test_libav_is_let_read_what_is_on_the_list_only(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(SoundError, match=reason):
        SoundReader(file_of(tmp_path, data), Codec.PCMA, 8000).read()


def test_packets_that_are_too_large_or_all_damaged_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = bytearray(tone("flac"))
    for place in range(2000, len(damaged), 50):
        damaged[place] ^= 0xFF
    monkeypatch.setattr(talk_codec, "MAX_DAMAGED", 0)
    with pytest.raises(SoundError):
        read_all(SoundReader(file_of(tmp_path, bytes(damaged)), Codec.PCMA, 8000))
    monkeypatch.setattr(talk_codec, "MAX_PACKET", 100)
    with pytest.raises(SoundError, match="too large"):
        read_all(SoundReader(file_of(tmp_path, tone()), Codec.PCMA, 8000))


def test_a_damaged_place_is_passed_over(tmp_path: Path) -> None:
    data = bytearray(tone("mp3", seconds=2))
    data[5000:5600] = bytes(600)
    frames = read_all(SoundReader(file_of(tmp_path, bytes(data)), Codec.PCMA, 8000))
    assert 45 <= len(frames) <= 51


def test_a_closed_reader_reads_no_more(tmp_path: Path) -> None:
    reader = SoundReader(file_of(tmp_path, tone()), Codec.PCMA, 8000)
    assert reader.read()
    reader.close()
    assert reader.read() == []
    reader.close()


async def test_closing_does_not_wait_for_a_read_under_way(
    site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_codec, "OPEN_TIMEOUT", 0.5)
    reader = SoundReader(Sound(url=url_of("hang")), Codec.PCMA, 8000)
    reading = asyncio.create_task(asyncio.to_thread(reader.read))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    reader.close()
    assert time.monotonic() - began < 0.05
    with pytest.raises(SoundError):
        await reading


# -- pace -------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_delay_makes_a_burst_and_short_ones_do_not_add_up(delays: list[float]) -> None:
    """`delays`: what comes late before each frame, as of a busy loop or a slow source."""
    now, pace = 100.0, Pace(100.0)
    sent: list[float] = []
    heard: list[int] = []
    for delay in delays:
        now += delay
        now = max(now, pace.due(now))
        sent.append(now)
        heard.append(pace.take())
    for first, when in enumerate(sent):
        burst = sum(when <= other < when + FRAME / 2 for other in sent[first:])
        assert burst <= AHEAD + 1
        assert heard[first] >= first * 40
        assert when - 100 >= heard[first] / 1000 - AHEAD * FRAME - 0.001, "never further ahead"
    assert heard == sorted(set(heard))
    if max(delays) < 0.01:
        # The first few come as they are late.
        assert sent[-1] - 100 <= max(sum(delays), (len(sent) - 1 - AHEAD) * FRAME) + 0.01


# -- talking ------------------------------------------------------------------------------------


class RecordingSpeaker:
    """A camera that notes what it is told, and when."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.frames: list[tuple[float, Codec, bytes, int]] = []
        self.refusal: MissError | None = None
        self.end: MissError | None = None
        self.speaker_backlog = 0

    async def start_speaker(self) -> None:
        self.calls.append("start")
        if self.refusal:
            raise self.refusal

    def speak(self, codec: Codec, data: bytes, timestamp_ms: int) -> None:
        if self.end:
            raise self.end
        self.frames.append((asyncio.get_running_loop().time(), codec, data, timestamp_ms))

    async def stop_speaker(self) -> None:
        self.calls.append("stop")
        if self.end:
            raise self.end

    @asynccontextmanager
    async def control(self, _permit: Permit) -> AsyncIterator[RecordingSpeaker]:
        self.calls.append("open")
        yield self
        self.calls.append("close")


@pytest.fixture
def speaker() -> RecordingSpeaker:
    return RecordingSpeaker()


async def run(speaker: RecordingSpeaker, permit: Permit, sound: Sound) -> None:
    reader = SoundReader(sound, Codec.PCMA, 8000)
    await talk(speaker.control, permit, reader, Codec.PCMA, lambda: speaker.calls.append("sound"))


async def test_a_sound_is_sent_at_the_pace_it_is_heard(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker
) -> None:
    speaker.speaker_backlog = 1
    loop = asyncio.get_running_loop()
    loop.call_later(0.6, setattr, speaker, "speaker_backlog", 0)
    # A busy loop in the middle of it.
    loop.call_later(0.2, time.sleep, 0.06)
    began = loop.time()
    await run(speaker, gate.require(), file_of(tmp_path, tone(seconds=0.52)))
    assert speaker.calls == ["open", "start", "sound", "stop", "close"]
    times = [when - speaker.frames[0][0] for when, *_ in speaker.frames]
    assert len(times) == 13
    for number, when in enumerate(times):
        assert when >= (number - AHEAD) * FRAME - 0.005
    assert times[-1] <= (12 - AHEAD) * FRAME + 0.03
    stamps = [stamp for *_, stamp in speaker.frames]
    assert [stamp - stamps[0] for stamp in stamps] == [40 * number for number in range(13)]
    assert abs(stamps[0] / 1000 - time.time()) < 5
    assert loop.time() - began >= 0.6, "the last of it had not arrived"


async def test_bad_media_does_not_disturb_the_camera(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker
) -> None:
    for data in (b"nothing", wav(8000, 1, b"")):
        with pytest.raises(SoundError):
            await run(speaker, gate.require(), file_of(tmp_path, data))
    assert speaker.calls == []


@pytest.mark.parametrize("refusal", [MissSpeakerRefused("status 1"), MissClosed("gone")])
async def test_a_camera_that_does_not_listen_gets_nothing(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker, refusal: MissError
) -> None:
    speaker.refusal = refusal
    with pytest.raises(type(refusal)):
        await run(speaker, gate.require(), file_of(tmp_path, tone()))
    assert speaker.calls == ["open", "start"]
    assert not speaker.frames


@pytest.mark.parametrize("silence", [MissUnreachable("no answer"), MissUnanswered("no answer")])
async def test_a_camera_that_may_listen_is_told_to_stop(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker, silence: MissError
) -> None:
    """It may be its answer that was lost, and its speaker open."""
    speaker.refusal = silence
    with pytest.raises(type(silence)):
        await run(speaker, gate.require(), file_of(tmp_path, tone()))
    assert speaker.calls == ["open", "start", "stop"]
    assert not speaker.frames


async def test_a_session_that_ends_ends_the_sound(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker
) -> None:
    asyncio.get_running_loop().call_later(0.2, setattr, speaker, "end", MissClosed("gone"))
    with pytest.raises(MissClosed):
        await run(speaker, gate.require(), file_of(tmp_path, tone()))
    assert 3 < len(speaker.frames) < 15


async def test_a_network_that_is_full_loses_frames_but_not_the_sound(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.2, setattr, speaker, "end", MissUnreachable("full"))
    loop.call_later(0.4, setattr, speaker, "end", None)
    await run(speaker, gate.require(), file_of(tmp_path, tone(seconds=0.8)))
    assert 13 <= len(speaker.frames) <= 17
    stamps = [stamp for *_, stamp in speaker.frames]
    assert stamps[-1] - stamps[0] == 19 * 40
    # But not for ever.
    monkeypatch.setattr(module, "MAX_LOST", 3)
    loop.call_later(0.2, setattr, speaker, "end", MissUnreachable("full"))
    with pytest.raises(MissUnreachable):
        await run(speaker, gate.require(), file_of(tmp_path, tone()))


async def test_stopping_tells_the_camera(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker
) -> None:
    task = asyncio.create_task(run(speaker, gate.require(), file_of(tmp_path, tone())))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert speaker.calls == ["open", "start", "sound", "stop"]
    assert 3 < len(speaker.frames) < 15


async def test_nothing_is_sent_once_the_gate_is_closed(
    tmp_path: Path, gate: Gate, speaker: RecordingSpeaker
) -> None:
    task = asyncio.create_task(run(speaker, gate.require(), file_of(tmp_path, tone())))
    await asyncio.sleep(0.2)
    gate.close()
    sent = len(speaker.frames)
    assert sent
    gate.open()
    with pytest.raises(GateClosedError):
        await task
    assert len(speaker.frames) == sent
    assert speaker.calls == ["open", "start", "sound"]
    # Nor when it closes before the camera is asked.
    permit = gate.require()
    gate.close()
    with pytest.raises(GateClosedError):
        await run(speaker, permit, file_of(tmp_path, tone()))
    assert speaker.calls == ["open", "start", "sound"]
