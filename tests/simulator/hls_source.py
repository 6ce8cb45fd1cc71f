"""A live HLS stream of tagged pictures for displays to play, over real HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
import io
import time
from typing import Self

from aiohttp import web
import av
import numpy as np

from simulator.tag import Tag, draw

FPS = 10
TIMESCALE = FPS * 1024  # what the MP4 muxer chooses
WINDOW = 4
CORS = "Access-Control-Allow-Origin"


class HlsSource:
    """Publishes a segment a second: master playlist, media playlist, init.mp4, segments."""

    def __init__(
        self,
        address: str,
        *,
        did: int = 1001001001,
        lens: int = 0,
        codec: str = "libx264",
        size: tuple[int, int] = (320, 180),
        transport_stream: bool = False,
        codecs: str | None = None,
        tagged: bool = True,
    ) -> None:
        self.address = address
        self.did, self.lens = did, lens
        self.codec, self.size, self.transport_stream = codec, size, transport_stream
        self.codecs = codecs or ("hvc1.1.6.L60.B0" if codec == "libx265" else "avc1.42c01e")
        self.tagged = tagged
        self.cors = True
        self.producing = True
        self.answers: dict[str, tuple[int, bytes]] = {}
        """By kind (master, media, init, segment): what is answered instead."""
        self.held: set[str] = set()
        """Kinds that are never answered."""
        self.requests: list[str] = []
        self.segments: dict[int, bytes] = {}
        self.port = 0
        self._stopping = asyncio.Event()
        self._init = b""
        self._counter = 0
        self._next = 0
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/live/master.m3u8"

    @property
    def media_url(self) -> str:
        return f"http://{self.address}:{self.port}/live/playlist.m3u8"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/live/master.m3u8", self._master)
        app.router.add_get("/live/playlist.m3u8", self._media)
        app.router.add_get("/live/init.mp4", self._get_init)
        app.router.add_get(r"/live/{number:\d+}.m4s", self._segment)
        app.router.add_get("/live/still.jpg", self._still)
        app.router.add_get("/live/stream.ts", self._stream)
        app.router.add_get("/api/mi_camera/card/en.png", self._card)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.address, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.produce()
        self.produce()
        self._task = asyncio.create_task(self._produce())

    @property
    def stream_url(self) -> str:
        """The same kind of pictures as one endless transport stream."""
        return f"http://{self.address}:{self.port}/live/stream.ts"

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _produce(self) -> None:
        begun = time.monotonic()
        made = 0
        while True:
            made += 1
            await asyncio.sleep(begun + made - time.monotonic())
            if self.producing:
                self.produce()

    def produce(self) -> None:
        """Publish one segment of a second."""
        data = self._encode(self._next)
        if not self.transport_stream:
            self._init, data = _split(data, self._next * TIMESCALE)
        self.segments[self._next] = data
        self.segments.pop(self._next - WINDOW, None)
        self._next += 1

    def picture(self) -> av.VideoFrame:
        width, height = self.size
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        if self.tagged:
            now = int(time.time() * 1000)
            draw(planes[:height], Tag(self.did, self.lens, self._counter, now))
        self._counter += 1
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")

    def _encode(self, number: int) -> bytes:
        out = io.BytesIO()
        flags = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
        with av.open(
            out,
            "w",
            format="mpegts" if self.transport_stream else "mp4",
            options={} if self.transport_stream else {"movflags": flags},
        ) as container:
            options = {"preset": "ultrafast", "tune": "zerolatency", "g": "1000"}
            if self.codec == "libx265":
                options["x265-params"] = "log-level=none"
            stream = container.add_stream(self.codec, rate=FPS, options=options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            for index in range(FPS):
                picture = self.picture()
                picture.pts = index + (number * FPS if self.transport_stream else 0)
                for packet in stream.encode(picture):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return out.getvalue()

    async def _answer(self, kind: str, body: bytes | None, content_type: str) -> web.Response:
        self.requests.append(kind)
        if kind in self.held:
            await self._stopping.wait()
        headers = {CORS: "*"} if self.cors else {}
        if kind in self.answers:
            status, other = self.answers[kind]
            return web.Response(status=status, body=other, headers=headers)
        if body is None:
            return web.Response(status=404, headers=headers)
        return web.Response(body=body, content_type=content_type, headers=headers)

    async def _master(self, _: web.Request) -> web.Response:
        text = (
            f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=200000,CODECS="{self.codecs}"\nplaylist.m3u8\n'
        )
        return await self._answer("master", text.encode(), "application/vnd.apple.mpegurl")

    async def _media(self, _: web.Request) -> web.Response:
        lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:1"]
        if not self.transport_stream:
            lines.append('#EXT-X-MAP:URI="init.mp4"')
        lines.append("#EXT-X-START:TIME-OFFSET=-1.5,PRECISE=YES")
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{min(self.segments, default=0)}")
        for number in self.segments:
            lines += ["#EXTINF:1.000,", f"{number}.m4s"]
        text = "\n".join(lines) + "\n"
        return await self._answer("media", text.encode(), "application/vnd.apple.mpegurl")

    async def _get_init(self, _: web.Request) -> web.Response:
        return await self._answer("init", self._init, "video/mp4")

    async def _segment(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        return await self._answer("segment", self.segments.get(number), "video/iso.segment")

    async def _still(self, _: web.Request) -> web.Response:
        context = av.CodecContext.create("mjpeg", "w")
        assert isinstance(context, av.VideoCodecContext)
        picture = self.picture().reformat(format="yuvj420p")
        picture.pts = 0
        context.width, context.height, context.pix_fmt = *self.size, "yuvj420p"
        context.framerate = FPS
        packets = [*context.encode(picture), *context.encode()]
        return await self._answer("still", b"".join(bytes(p) for p in packets), "image/jpeg")

    async def _card(self, _: web.Request) -> web.Response:
        return await self._answer("card", None, "image/png")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.requests.append("stream")
        response = web.StreamResponse(headers={"Content-Type": "video/mp2t"})
        await response.prepare(request)
        out = io.BytesIO()
        with av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)}
            stream = container.add_stream(self.codec, rate=FPS, options=options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            begun = time.monotonic()
            index = 0
            while request.transport is not None and not request.transport.is_closing():
                picture = self.picture()
                picture.pts = index
                index += 1
                for packet in stream.encode(picture):
                    container.mux(packet)
                data = out.getvalue()
                out.seek(0)
                out.truncate()
                with suppress(ConnectionError):
                    await response.write(data)
                await asyncio.sleep(begun + index / FPS - time.monotonic())
        return response


def _split(data: bytes, decode_time: int) -> tuple[bytes, bytes]:
    """Return an initialisation section and a segment that begins at `decode_time`."""
    moof = data.index(b"moof") - 4
    init, segment = data[:moof], bytearray(data[moof:])
    tfdt = segment.index(b"tfdt")
    assert segment[tfdt + 4] == 1, "a 64-bit time"
    segment[tfdt + 8 : tfdt + 16] = decode_time.to_bytes(8, "big")
    return init, bytes(segment)
