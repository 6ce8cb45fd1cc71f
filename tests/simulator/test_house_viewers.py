"""The far end's viewers: HLS, stills and MJPEG, against servers on real sockets."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import contextlib
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
import pytest

from simulator.house.decoder import TagDecoder
from simulator.house.hls import HlsViewer, StreamGone
from simulator.house.stills import MjpegViewer, still

from .hls_source import HlsSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from aiohttp.typedefs import Handler

    from simulator.house.pictures import Picture

ADDRESS = "127.0.41.1"
DID = 1001001001


class LowLatencySource(HlsSource):
    """Each segment is one part, and a playlist can be waited for."""

    async def _media(self, request: web.Request) -> web.Response:
        wanted = request.query.get("_HLS_msn")
        while wanted is not None and int(wanted) not in self.segments:
            if "media" in self.answers or self._stopping.is_set():
                break
            await asyncio.sleep(0.02)
        lines = [
            "#EXTM3U",
            "#EXT-X-TARGETDURATION:1",
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=2.000",
            '#EXT-X-MAP:URI="init.mp4"',
            f"#EXT-X-MEDIA-SEQUENCE:{min(self.segments)}",
        ]
        for number in self.segments:
            lines += [
                f'#EXT-X-PART:DURATION=1.000,URI="{number}.m4s",INDEPENDENT=YES',
                "#EXTINF:1.000,",
                f"{number}.m4s",
            ]
        body = ("\n".join(lines) + "\n").encode()
        return await self._answer("media", body, "application/vnd.apple.mpegurl")


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def pool() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@contextlib.asynccontextmanager
async def watching(viewer: HlsViewer | MjpegViewer) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.create_task(viewer.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", [HlsSource, LowLatencySource])
async def test_every_picture_is_decoded_in_order(
    kind: type[HlsSource], http: aiohttp.ClientSession, pool: ThreadPoolExecutor
) -> None:
    seen: list[Picture] = []
    async with HlsSource(ADDRESS) if kind is HlsSource else LowLatencySource(ADDRESS) as source:
        viewer = HlsViewer(http, source.url, seen.append, pool)
        async with watching(viewer):
            await until(lambda: len(seen) >= 25)
    tags = [picture.tag for picture in seen]
    assert all(tag is not None and tag.did == DID for tag in tags)
    counters = [tag.counter for tag in tags if tag is not None]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    assert viewer.pictures == len(seen)
    assert viewer.media_bytes > 1000
    assert all(0 < picture.age_ms < 5000 for picture in seen)
    assert all(picture.requested_ms <= picture.received_ms for picture in seen)


async def test_a_refusal_ends_the_view(
    http: aiohttp.ClientSession, pool: ThreadPoolExecutor
) -> None:
    async with LowLatencySource(ADDRESS) as source:
        seen: list[Picture] = []
        viewer = HlsViewer(http, source.url, seen.append, pool)
        async with watching(viewer) as task:
            await until(lambda: bool(seen))
            source.answers["media"] = 404, b""
            await asyncio.wait([task], timeout=5)
            with pytest.raises(StreamGone, match="playlist: 404") as gone:
                task.result()
    assert gone.value.status == 404


async def test_what_is_no_stream(http: aiohttp.ClientSession, pool: ThreadPoolExecutor) -> None:
    async with HlsSource(ADDRESS) as source:
        source.answers["master"] = 200, b"\xff\xfe nonsense"
        with pytest.raises(StreamGone, match="master playlist"):
            await HlsViewer(http, source.url, lambda _: None, pool).run()
        source.answers["master"] = 200, b"<html>"
        with pytest.raises(StreamGone, match="no #EXTM3U"):
            await HlsViewer(http, source.url, lambda _: None, pool).run()
        url = source.url
    with pytest.raises(StreamGone, match="no answer"):
        await HlsViewer(http, url, lambda _: None, pool).run()


async def test_an_address_is_not_in_the_error(
    http: aiohttp.ClientSession, pool: ThreadPoolExecutor
) -> None:
    url = f"http://{ADDRESS}:9/api/hls/secret-token/master_playlist.m3u8"
    with pytest.raises(StreamGone) as gone:
        await HlsViewer(http, url, lambda _: None, pool).run()
    assert "secret" not in str(gone.value)


def test_garbage_is_damage_and_no_picture() -> None:
    decoder = TagDecoder()
    assert decoder.decode(b"", b"\0" * 500) == []
    assert decoder.decode(b"garbage", b"more of it") == []
    assert decoder.damaged == 2


# --- stills ---


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_get("/picture", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, ADDRESS, 0)
    await site.start()
    try:
        yield f"http://{ADDRESS}:{runner.addresses[0][1]}/picture"
    finally:
        await runner.cleanup()


async def test_a_still_with_its_tag(http: aiohttp.ClientSession) -> None:
    async with HlsSource(ADDRESS) as source:
        answer = await still(http, source.url.replace("master.m3u8", "still.jpg"))
    assert answer.status == 200
    assert answer.picture is not None
    assert answer.picture.tag is not None
    assert answer.picture.tag.did == DID
    assert answer.picture.source == "still"


async def test_a_refused_still_is_no_picture(http: aiohttp.ClientSession) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=503, text="no")

    async with serving(refuse) as url:
        answer = await still(http, url)
        assert (answer.status, answer.size, answer.picture) == (503, 2, None)
    answer = await still(http, url)
    assert (answer.status, answer.picture) == (0, None)


async def test_a_body_that_is_no_image_has_no_tag(http: aiohttp.ClientSession) -> None:
    async def lie(_: web.Request) -> web.Response:
        return web.Response(body=b"not a picture", content_type="image/jpeg")

    async with serving(lie) as url:
        answer = await still(http, url)
    assert answer.picture is not None
    assert answer.picture.tag is None


async def test_mjpeg_in_pieces_until_it_ends(http: aiohttp.ClientSession) -> None:
    async with HlsSource(ADDRESS) as source:
        jpegs = []
        for _ in range(3):
            async with http.get(source.url.replace("master.m3u8", "still.jpg")) as response:
                jpegs.append(await response.read())

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "multipart/x-mixed-replace; boundary=--frameboundary"}
        )
        await response.prepare(request)
        body = b"".join(
            b"--frameboundary\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"
            % (len(jpeg), jpeg)
            for jpeg in jpegs
        )
        for start in range(0, len(body), 700):
            await response.write(body[start : start + 700])
        return response

    seen: list[Picture] = []
    async with serving(stream) as url:
        viewer = MjpegViewer(http, url, seen.append)
        async with asyncio.timeout(5):
            await viewer.run()
    counters = [picture.tag.counter for picture in seen if picture.tag is not None]
    assert len(counters) == 3
    assert counters == sorted(counters)
    assert viewer.status == 200
    assert viewer.media_bytes > sum(map(len, jpegs))


async def test_a_refused_mjpeg_stream_ends_at_once(http: aiohttp.ClientSession) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serving(refuse) as url:
        viewer = MjpegViewer(http, url, lambda _: None)
        async with asyncio.timeout(5):
            await viewer.run()
    assert viewer.status == 503
    assert viewer.media_bytes == 0
