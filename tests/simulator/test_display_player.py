"""The display as a whole, playing real streams over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
import io
import ssl
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
from PIL import Image
import pytest

from simulator.display import CastDisplay
from simulator.display.receiver import PLATFORM
from simulator.display.wire import Namespace
from simulator.tag import Tag, draw
from tests.simulator.cast_sender import CastSender, running, tagged
from tests.simulator.hls_source import FPS, HlsSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ADDRESS = "127.0.42.2"
SOURCE = "127.0.42.3"
TIMES = ("asked_ms", "answered_ms")


@asynccontextmanager
async def scene(
    shown: HlsSource | None = None, *, give_up: float = 0.5
) -> AsyncGenerator[tuple[CastDisplay, CastSender, HlsSource]]:
    """A display with the default receiver launched, a sender and a source."""
    display = CastDisplay("Hall display", ADDRESS, give_up=give_up)
    async with (
        running(display),
        shown or HlsSource(SOURCE) as source,
        CastSender(ADDRESS) as sender,
    ):
        await sender.launch()
        yield display, sender, source


def _error(display: CastDisplay) -> str:
    errors = display.state()["errors"]
    assert isinstance(errors, list)
    (error,) = errors
    assert isinstance(error, str)
    return error


def _media(data: dict[str, Any], **wanted: str) -> bool:
    return data["type"] == "MEDIA_STATUS" and any(
        wanted.items() <= entry.items() for entry in data["status"]
    )


def _playing(data: dict[str, Any]) -> bool:
    return _media(data, playerState="PLAYING")


async def test_it_plays_what_it_is_sent() -> None:
    async with scene() as (display, sender, source):
        assert display.state() == {
            "address": ADDRESS,
            "model": "Google Nest Hub",
            "uuid": str(display.uuid),
            "app": "Default Media Receiver",
            "state": "IDLE",
            "card": False,
            "content_id": None,
            "senders": 1,
            "frames": 0,
            "untagged": 0,
            "foreign": 0,
            "last_tag": None,
            "last_frame_age_ms": None,
            "video": None,
            "sound_seconds": 0.0,
            "errors": [],
        }
        answer = await sender.load(source.url)
        assert _playing(answer)
        assert sender.player_states() == ["LOADING", "BUFFERING", "PLAYING"]
        await asyncio.sleep(2.5)
        state = display.state()
        assert (state["state"], state["content_id"]) == ("PLAYING", source.url)
        frames = tagged(display)
        assert state["frames"] == len(frames)
        assert 2 * FPS <= len(frames) <= 2.5 * FPS + 2
        assert [frame["n"] for frame in frames] == list(range(1, len(frames) + 1))
        assert {(frame["did"], frame["lens"]) for frame in frames} == {(1001001001, 0)}
        # One frame after the other, none left out, and in real time.
        first = frames[0]["counter"]
        assert [frame["counter"] for frame in frames] == list(range(first, first + len(frames)))
        shown = (frames[-1]["presented_ms"] - frames[0]["presented_ms"]) / 1000
        assert shown == pytest.approx((len(frames) - 1) / FPS, abs=0.2)
        for frame in frames:
            assert frame["captured_ms"] <= frame["decoded_ms"] <= frame["presented_ms"]
            assert frame["presented_ms"] - frame["captured_ms"] < 4000
        assert display.frames(since=frames[-3]["n"])[:2] == frames[-2:]
        assert state["last_tag"] == {
            key: frames[-1][key] for key in ("did", "lens", "counter", "captured_ms")
        }
        age = state["last_frame_age_ms"]
        assert isinstance(age, int)
        assert age <= 150
        assert (state["untagged"], state["foreign"], state["errors"]) == (0, 0, [])
        assert state["video"] == {"codec": "h264", "width": 320, "height": 180}
        # What it has asked for, and when: it had to be told first, and could not decode before.
        names = [entry["name"] for entry in display.requests()]
        assert names[:4] == ["LOAD", "master.m3u8", "playlist.m3u8", "init.mp4"]
        assert str(names[4]).endswith(".m4s")
        assert {entry["session"] for entry in display.requests()} == {1}
        times = [entry[key] for entry in display.requests()[:5] for key in TIMES]
        assert times == sorted(times)
        assert times[-1] <= frames[0]["decoded_ms"] + 1
        assert all(entry["size"] is not None for entry in display.requests())
        assert display.requests(since=2)[0]["name"] == "playlist.m3u8"


@pytest.mark.parametrize("way", ["application", "media", "power"])
async def test_after_a_stop_nothing_more_is_shown(way: str) -> None:
    async with scene() as (display, sender, source):
        await sender.load(source.url)
        await asyncio.sleep(0.35)
        if way == "application":
            await sender.ask(PLATFORM, Namespace.RECEIVER, type="STOP")
        elif way == "media":
            await sender.media("STOP", mediaSessionId=1)
        else:
            await display.stop()
        count = display.state()["frames"]
        assert count
        asked = len(source.requests)
        await asyncio.sleep(1.2)
        state = display.state()
        assert (state["frames"], state["state"], state["content_id"]) == (count, "IDLE", None)
        assert len(source.requests) == asked
        assert state["app"] == ("Default Media Receiver" if way == "media" else "Backdrop")
        if way == "power":
            await display.start()
            async with CastSender(ADDRESS) as again:
                await again.launch()
                assert _playing(await again.load(source.url))


@pytest.mark.parametrize(
    ("kind", "answer", "code"),
    [
        ("master", (404, b""), 311),
        ("master", (410, b""), 311),
        ("master", (200, b"<html>"), 411),
        ("master", (200, b"\xff\xfe"), 411),
        ("media", (404, b""), 312),
        ("media", (200, b"#EXTM3U\n"), 412),
        ("init", (404, b""), 301),
        ("segment", (404, b""), 301),
        ("segment", (200, b"no segment" * 100), 316),
        ("init", (200, b""), 316),
    ],
)
async def test_a_load_that_fails(kind: str, answer: tuple[int, bytes], code: int) -> None:
    async with scene() as (display, sender, source):
        source.answers[kind] = answer
        failed = await sender.load(source.url)
        assert (failed["type"], failed["detailedErrorCode"]) == ("LOAD_FAILED", code)
        assert sender.player_states()[-1] == "IDLE/ERROR"
        state = display.state()
        assert (state["state"], state["frames"]) == ("IDLE", 0)
        error = _error(display)
        assert error.startswith(f"{code} ")
        assert SOURCE not in error
        # And the next one may be a good one.
        source.answers.clear()
        assert _playing(await sender.load(source.url))


async def test_nobody_answers_at_all() -> None:
    async with scene() as (_, sender, _):
        for url in (f"http://{SOURCE}:9/a.m3u8", "nonsense", "file:///etc/passwd", "http://[/"):
            failed = await sender.load(url)
            assert (failed["type"], failed["detailedErrorCode"]) == ("LOAD_FAILED", 311)


async def test_without_cors_a_web_receiver_gets_nothing() -> None:
    async with scene() as (display, sender, source):
        source.cors = False
        failed = await sender.load(source.url)
        assert failed["detailedErrorCode"] == 311
        assert "Access-Control-Allow-Origin" in str(display.state()["errors"])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (HlsSource(SOURCE, codec="libx265"), "hevc"),
        (HlsSource(SOURCE, codec="libx265", codecs="avc1.42c01e"), "hevc"),
        (HlsSource(SOURCE, size=(1920, 1080)), "1920x1080"),
        (HlsSource(SOURCE, codecs="avc1.640033"), "level 41, not 51"),
    ],
    ids=["HEVC", "HEVC not declared", "1080p", "level"],
)
async def test_what_a_hub_cannot_play(source: HlsSource, why: str) -> None:
    async with scene(source) as (display, sender, _):
        failed = await sender.load(source.url)
        assert (failed["type"], failed["detailedErrorCode"]) == ("LOAD_FAILED", 104)
        assert why in _error(display)


async def test_a_hub_takes_the_rendition_it_can_play() -> None:
    async with scene() as (_, sender, source):
        best = '#EXT-X-STREAM-INF:BANDWIDTH=900,CODECS="hvc1.1.6.L120.90"\nhevc.m3u8'
        good = '#EXT-X-STREAM-INF:BANDWIDTH=500,CODECS="avc1.42c01e"\nplaylist.m3u8'
        poor = '#EXT-X-STREAM-INF:BANDWIDTH=200,CODECS="avc1.42c01e"\npoor.m3u8'
        source.answers["master"] = (200, f"#EXTM3U\n{best}\n{good}\n{poor}".encode())
        assert _playing(await sender.load(source.url))


@pytest.mark.parametrize("held", ["master", "media", "init", "segment"])
async def test_a_stop_while_loading(held: str) -> None:
    async with scene() as (display, sender, source):
        source.held.add(held)
        loading = asyncio.create_task(sender.load(source.url))
        await asyncio.sleep(0.2)
        assert display.state()["state"] == (
            "LOADING" if held in {"master", "media"} else "BUFFERING"
        )
        assert display.state()["content_id"] == source.url
        await sender.ask(PLATFORM, Namespace.RECEIVER, type="STOP")
        assert (await loading)["type"] == "LOAD_CANCELLED"
        assert sender.player_states()[-1] == "IDLE/CANCELLED"
        assert display.state()["errors"] == []


@pytest.mark.parametrize("transport_stream", [True, False])
async def test_the_segment_format_is_what_the_sender_says(transport_stream: bool) -> None:
    async with scene(HlsSource(SOURCE, transport_stream=transport_stream)) as (
        _,
        sender,
        source,
    ):
        wrong = "fmp4" if transport_stream else "mpeg2_ts"
        right = "mpeg2_ts" if transport_stream else "fmp4"
        failed = await sender.load(source.url, hlsVideoSegmentFormat=wrong)
        assert failed["detailedErrorCode"] == 316
        assert _playing(await sender.load(source.url, hlsVideoSegmentFormat=right))
        assert _playing(await sender.load(source.media_url, hlsVideoSegmentFormat=right))


async def test_other_content_is_refused() -> None:
    async with scene() as (_, sender, source):
        failed = await sender.load(source.url, "video/mp4")
        assert failed["detailedErrorCode"] == 104


async def test_a_still_picture() -> None:
    async with scene() as (display, sender, source):
        url = source.url.replace("master.m3u8", "still.jpg")
        source.cors = False  # an <img> needs none
        assert _playing(await sender.load(url, "image/jpeg"))
        (frame,) = display.frames()
        assert frame["did"] == source.did
        await asyncio.sleep(0.3)
        assert display.state()["state"] == "PLAYING"
        assert display.state()["frames"] == 1
        assert display.state()["card"] is False
        for body, code in ((b"GIF89a", 104), (b"\x89PNG\r\n\x1a\nno", 102)):
            source.answers["still"] = (200, body)
            failed = await sender.load(url, "image/jpeg")
            assert failed["detailedErrorCode"] == code


def _png(tag: Tag | None) -> bytes:
    luma = np.full((360, 640), 30, np.uint8)
    if tag is not None:
        draw(luma, tag)
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "PNG")
    return file.getvalue()


async def test_the_card_is_a_picture_of_nothing_from_where_it_is_served() -> None:
    """It replaces a stream at once, and is taken for nothing else."""
    async with scene() as (display, sender, source):
        card = f"http://{source.address}:{source.port}/api/mi_camera/card/en.png?v=1"
        source.answers["card"] = (200, _png(None))
        assert _playing(await sender.load(source.url))
        async with asyncio.timeout(5):
            while display.screen.total < 5:
                await asyncio.sleep(0.02)
        assert display.state()["card"] is False
        answer = await sender.load(card, "image/png", streamType="NONE")
        assert _playing(answer)
        state = display.state()
        assert (state["card"], state["state"], state["content_id"]) == (True, "PLAYING", card)
        assert state["untagged"] == 0
        assert state["video"] == {"codec": "png", "width": 640, "height": 360}
        *pictures, last = display.frames()
        assert last["card"]
        assert last["did"] is None
        assert not any(frame["card"] for frame in pictures)
        shown = display.screen.total
        await asyncio.sleep(0.3)
        assert display.screen.total == shown, "nothing of the stream comes after it"
        # A picture of nothing of elsewhere is not the card, nor is a camera's of there.
        source.answers["still"] = (200, _png(None))
        still = source.url.replace("master.m3u8", "still.jpg")
        assert _playing(await sender.load(still, "image/png"))
        assert (display.state()["card"], display.state()["untagged"]) == (False, 1)
        source.answers["card"] = (200, _png(Tag(7, 0, 1, 1_700_000_000_000)))
        assert _playing(await sender.load(card, "image/png"))
        assert display.state()["card"] is False
        assert display.frames()[-1]["did"] == 7
        source.answers["card"] = (404, b"")
        assert (await sender.load(card, "image/png"))["type"] == "LOAD_FAILED"
        assert (display.state()["card"], display.state()["state"]) == (False, "IDLE")


async def test_a_stream_that_goes_away() -> None:
    async with scene() as (display, sender, source):
        await sender.load(source.url)
        source.answers["media"] = source.answers["segment"] = (404, b"")
        heard = len(sender.heard)
        await sender.until(lambda data: _media(data, idleReason="ERROR"))
        # What was in the buffer is shown first.
        assert FPS <= len(display.frames()) <= 3 * FPS
        assert sender.player_states(heard) == ["BUFFERING", "IDLE/ERROR"]
        assert not any(data["type"] == "LOAD_FAILED" for _, data in sender.heard)
        assert display.state()["errors"] == ["312 HLS_NETWORK_PLAYLIST: playlist.m3u8 answers 404"]


async def test_a_stream_that_comes_back_in_time() -> None:
    async with scene(give_up=30) as (_, sender, source):
        await sender.load(source.url)
        source.answers["segment"] = (500, b"")
        await sender.until(lambda data: _media(data, playerState="BUFFERING"), len(sender.heard))
        source.answers.clear()
        await sender.until(_playing, len(sender.heard))


async def test_a_stream_that_stands_still_shows_its_last_picture() -> None:
    """As on a real display: no error, only buffering, and the age of the picture grows."""
    async with scene() as (display, sender, source):
        await sender.load(source.url)
        source.producing = False
        heard = len(sender.heard)
        await asyncio.sleep(3.2)
        state = display.state()
        assert state["state"] == "BUFFERING"
        age = state["last_frame_age_ms"]
        assert isinstance(age, int)
        assert age > 800
        source.produce()
        await sender.until(_playing, heard)
        assert sender.player_states(heard) == ["BUFFERING", "PLAYING"]


async def test_another_camera_in_the_stream_is_seen() -> None:
    async with scene() as (display, sender, source):
        await sender.load(source.url)
        source.did = 1001001002
        await asyncio.sleep(3.2)
        state = display.state()
        assert isinstance(state["foreign"], int)
        assert state["foreign"] > 0
        assert {frame["did"] for frame in display.frames()} == {1001001001, 1001001002}
        # A new media session has a camera of its own.
        before = state["foreign"]
        await sender.load(source.url)
        await asyncio.sleep(0.5)
        assert display.state()["foreign"] == before


async def test_pictures_without_a_tag_are_counted() -> None:
    async with scene(HlsSource(SOURCE, tagged=False)) as (display, sender, source):
        await sender.load(source.url)
        await asyncio.sleep(0.3)
        state = display.state()
        assert state["untagged"] == state["frames"]
        assert state["frames"]
        assert state["last_tag"] is None
        assert state["last_frame_age_ms"] is not None
        frames = display.frames()
        assert [frame["n"] for frame in frames] == list(range(1, len(frames) + 1))
        assert all(frame["did"] is frame["captured_ms"] is None for frame in frames)
        assert all(frame["presented_ms"] for frame in frames)


async def test_pause_freezes_and_play_goes_on() -> None:
    async with scene() as (display, sender, source):
        await sender.load(source.url)
        await sender.media("PAUSE", mediaSessionId=1)
        await asyncio.sleep(0.2)
        count = display.state()["frames"]
        await asyncio.sleep(0.6)
        assert display.state()["frames"] == count
        assert display.state()["state"] == "PAUSED"
        await sender.media("PLAY", mediaSessionId=1)
        await asyncio.sleep(0.6)
        frames = display.state()["frames"]
        assert isinstance(frames, int)
        assert isinstance(count, int)
        assert 3 <= frames - count <= 8


async def test_a_numbering_that_begins_anew() -> None:
    async with scene() as (display, sender, source):
        for _ in range(50):
            source.produce()
        await sender.load(source.url)
        source.segments.clear()
        source._next = 0
        source.did = 1001001002
        await asyncio.sleep(3.2)
        assert display.frames()[-1]["did"] == 1001001002


async def test_a_second_load_ends_the_first() -> None:
    async with HlsSource("127.0.42.4", did=7) as other, scene() as (display, sender, source):
        await sender.load(source.url)
        await sender.load(other.url)
        await asyncio.sleep(0.3)
        by_session = {(frame["session"], frame["did"]) for frame in display.frames()}
        assert by_session == {(1, source.did), (2, 7)}
        asked = len(source.requests)
        await asyncio.sleep(1)
        assert len(source.requests) == asked
        assert display.state()["foreign"] == 0


async def test_everybody_is_told() -> None:
    async with scene() as (_, sender, source), CastSender(ADDRESS, "sender-5") as other:
        other.say(sender.transport, Namespace.CONNECTION, type="CONNECT")
        await other.ask(sender.transport, Namespace.MEDIA, type="GET_STATUS")
        await sender.load(source.url)
        await other.until(_playing)
        assert other.player_states() == ["LOADING", "BUFFERING", "PLAYING"]


async def test_who_it_is() -> None:
    display = CastDisplay("Hall display", ADDRESS)
    assert display.uuid == CastDisplay("Hall display", "127.0.42.5").uuid
    assert display.uuid != CastDisplay("Other display", ADDRESS).uuid
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with running(display), aiohttp.ClientSession() as http:
        for base in (f"http://{ADDRESS}:8008", f"https://{ADDRESS}:8443"):
            page = f"{base}/setup/eureka_info"
            async with http.get(page, params={"params": "device_info,name"}, ssl=context) as got:
                info = await got.json()
            assert info.keys() == {"device_info", "name"}
            assert info["name"] == "Hall display"
            assert info["device_info"]["ssdp_udn"] == str(display.uuid)
            assert info["device_info"]["model_name"] == "Google Nest Hub"
            assert info["device_info"]["capabilities"]["display_supported"] is True
            async with http.get(page, params={"params": "multizone,secrets"}, ssl=context) as got:
                assert await got.json() == {"multizone": {"dynamic_groups": [], "groups": []}}
            async with http.get(f"{base}/setup", ssl=context) as got:
                assert got.status == 404


async def test_a_port_that_is_taken() -> None:
    async with running(CastDisplay("Hall display", ADDRESS)):
        other = CastDisplay("Other display", ADDRESS)
        with pytest.raises(OSError, match="in use"):
            await other.start()
    begun = time.monotonic()
    async with running(other):
        pass
    assert time.monotonic() - begun < 2
    with pytest.raises(KeyError):
        CastDisplay("Hall display", ADDRESS, "Wall calendar")
