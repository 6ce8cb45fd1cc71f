"""Readers of endless streams, of an HTTP server on a real socket and of the real go2rtc."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import contextlib
from fractions import Fraction
import io
import time
from typing import TYPE_CHECKING, cast

import aiohttp
from aiohttp import web
import av
import pytest

from simulator.encoder import PictureEncoder
from simulator.house.go2rtc import Go2rtc, find_go2rtc
from simulator.house.hls import StreamGone
from simulator.house.live_readers import RelayReader, RtspReader
from simulator.house.rtp import AccessUnits
from simulator.house.transport_stream import TransportStream, Unit
from simulator.house.unit_decoder import UnitDecoder
from simulator.tag import Tag, draw

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator
    from pathlib import Path

    from simulator.house.pictures import Picture

ADDRESS = "127.0.41.7"
DID = 42
FPS = 25


def pictures() -> Iterator[tuple[bool, bytes]]:
    """Yield access units for ever, a key frame each second, tagged with the moment they are made."""
    encoder = PictureEncoder("h264", 320, 180, FPS)
    for number in range(1 << 30):
        encoder.planes[0][:] = 100
        draw(encoder.planes[0], Tag(DID, 0, number, time.time_ns() // 1_000_000))
        key = number % FPS == 0
        yield key, encoder.encode(key=key)


class Mux:
    """MPEG-TS, in pieces as pictures come."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._container = av.open(
            self._out, "w", format="mpegts", options={"flush_packets": "1", "muxdelay": "0"}
        )
        stream = self._container.add_stream("h264", rate=FPS)
        self._stream = cast("av.VideoStream", stream)
        self._stream.width, self._stream.height = 320, 180
        self._count = 0

    def add(self, key: bool, unit: bytes) -> bytes:
        packet = av.Packet(unit)
        packet.stream = self._stream
        packet.pts = packet.dts = self._count * 3600
        packet.time_base = Fraction(1, 90000)
        packet.is_keyframe = key
        self._count += 1
        self._container.mux(packet)
        data = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return data


async def _live(request: web.Request) -> web.StreamResponse:
    if request.query.get("auth") != "good":
        return web.Response(status=404)
    response = web.StreamResponse(headers={"Content-Type": "video/mp2t"})
    await response.prepare(request)
    mux = Mux()
    with contextlib.suppress(ConnectionError):
        for key, unit in pictures():
            await response.write(mux.add(key, unit))
            await asyncio.sleep(1 / FPS)
    return response


@pytest.fixture
async def source() -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_get("/live.ts", _live)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    try:
        yield f"http://{ADDRESS}:{runner.addresses[0][1]}/live.ts"
    finally:
        await runner.cleanup()


@pytest.fixture
def pool() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def reading(reader: RelayReader | RtspReader) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.create_task(reader.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def judged(seen: list[Picture], source: str) -> None:
    tags = [picture.tag for picture in seen]
    assert all(tag is not None and tag.did == DID for tag in tags)
    counters = [tag.counter for tag in tags if tag is not None]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    assert {picture.source for picture in seen} == {source}
    assert all(0 <= picture.age_ms < 3000 for picture in seen)
    assert len({picture.requested_ms for picture in seen}) == 1


async def test_the_relay_is_read_picture_by_picture(source: str, pool: ThreadPoolExecutor) -> None:
    seen: list[Picture] = []
    async with aiohttp.ClientSession() as http:
        reader = RelayReader(http, f"{source}?auth=good", seen.append, pool)
        async with reading(reader):
            await until(lambda: len(seen) > 2 * FPS)
    judged(seen, "relay")
    assert reader.status == 200
    assert reader.last_ms > reader.began_ms
    assert reader.media_bytes > 10_000


async def test_a_dead_address_gives_nothing(source: str, pool: ThreadPoolExecutor) -> None:
    seen: list[Picture] = []
    async with aiohttp.ClientSession() as http:
        reader = RelayReader(http, f"{source}?auth=bad", seen.append, pool)
        with pytest.raises(StreamGone, match="relay: 404"):
            await reader.run()
    assert not seen
    assert not reader.last_ms


async def test_without_a_decoder_bytes_are_counted(source: str) -> None:
    async with aiohttp.ClientSession() as http:
        reader = RelayReader(http, f"{source}?auth=good", lambda _: None, None)
        async with reading(reader):
            await until(lambda: reader.media_bytes > 1000)


@pytest.fixture
async def go2rtc(tmp_path: Path) -> AsyncGenerator[Go2rtc]:
    program = find_go2rtc()
    if program is None:
        pytest.skip("go2rtc is not here: run script/setup, or set MI_CAMERA_GO2RTC")
    running = Go2rtc(program, tmp_path / "go2rtc")
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def put(go2rtc: Go2rtc, name: str, url: str) -> None:
    login = aiohttp.encode_basic_auth(go2rtc.access.username, go2rtc.access.password)
    async with (
        aiohttp.ClientSession() as http,
        http.put(
            f"{go2rtc.access.url}api/streams",
            params={"name": name, "src": url},
            headers={"Authorization": login},
        ) as response,
    ):
        assert response.ok


async def test_rtsp_of_the_real_go2rtc(
    source: str, pool: ThreadPoolExecutor, go2rtc: Go2rtc
) -> None:
    await put(go2rtc, "room-0", f"{source}?auth=good")
    await put(go2rtc, "dead-0", f"{source}?auth=bad")
    seen: list[Picture] = []
    reader = RtspReader(go2rtc.rtsp("room-0"), seen.append, pool)
    async with reading(reader):
        await until(lambda: len(seen) > 2 * FPS)
    judged(seen, "rtsp")
    assert reader.last_ms > reader.began_ms
    for name in ("dead-0", "unknown-0"):
        with pytest.raises(StreamGone, match="RTSP"):
            await RtspReader(go2rtc.rtsp(name), seen.append, pool).run()


async def test_no_rtsp_server(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(StreamGone, match="RTSP: no answer"):
        await RtspReader(f"rtsp://{ADDRESS}:9/room", lambda _: None, pool).run()


def test_a_decoder_waits_for_a_beginning_and_survives_damage() -> None:
    made = [unit for (_, unit), _ in zip(pictures(), range(60), strict=False)]
    decoder = UnitDecoder()
    units = [Unit(data, float(number)) for number, data in enumerate(made)]
    assert decoder.decode(units[5:20]) == []
    found = decoder.decode([*units[25:30], Unit(b"\0\0\0\1\x41garbage", 0.0), *units[50:55]])
    read = [(tag.counter, at) for tag, at in found if tag is not None]
    assert read[:5] == [(number, float(number)) for number in range(25, 30)]
    assert read[-5:] == [(number, float(number)) for number in range(50, 55)]


def test_rubbish_is_no_transport_stream() -> None:
    stream = TransportStream()
    assert list(stream.feed(b"\x47" * 188 * 3 + bytes(500), 1.0)) == []


def packet(payload: bytes, *, marker: bool) -> bytes:
    return bytes([0x80, 0xE0 if marker else 0x60]) + bytes(10) + payload


def test_access_units_out_of_packets() -> None:
    """Single, aggregated and fragmented units, by the formats of RFC 6184."""
    units = AccessUnits("a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IA,aM4=")
    start = b"\0\0\0\1"
    assert units.push(packet(b"\x41abc", marker=True)) == start + b"\x41abc"
    aggregated = b"\x18" + b"\0\3\x67ab" + b"\0\2\x68c"
    assert units.push(packet(aggregated, marker=False)) is None
    assert units.push(packet(b"\x7c\x85first", marker=False)) is None
    assert units.push(packet(b"\x7c\x05 more", marker=False)) is None
    whole = units.push(packet(b"\x7c\x45 end", marker=True))
    assert whole == start + b"\x67ab" + start + b"\x68c" + start + b"\x65first more end"
    # A key frame without parameter sets gets those of the description.
    sets = start + b"gB\0" + start + b"h\xce"
    assert units.push(packet(b"\x65key", marker=True)) == sets + start + b"\x65key"


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(12), bytes(13), b"\x80\xe0" + bytes(10)])
def test_what_is_no_packet(data: bytes) -> None:
    assert AccessUnits().push(data) is None
