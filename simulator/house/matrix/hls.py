"""HLS: its addresses, a player, requests held back, and everybody who hands out its address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
import re
from typing import override

import aiohttp

from simulator.house.decoder import TagDecoder
from simulator.house.errors import ApiError
from simulator.house.hls import HlsViewer, StreamGone
from simulator.house.llhls import Playlist, PlaylistError, parse
from simulator.house.matrix.path import (
    ENDS,
    HLS_MS,
    Kill,
    Look,
    Path,
    Refused,
    Scene,
    dark,
    ended,
    remaining,
    together,
    until,
)
from simulator.house.matrix.table import Cell
from simulator.house.pictures import Picture, TooLarge, now_ms, read_body

START = 40.0
"""Seconds Home Assistant may hold the first playlist back."""
HELD = 15.0
"""Seconds a request may be held back: a dead one must have been answered long before."""
_TOKEN = re.compile(r"/api/hls/[a-f0-9]+/")


@dataclass(frozen=True, slots=True)
class Body:
    """One answer."""

    status: int
    data: bytes = b""
    asked_ms: float = 0.0
    came_ms: float = 0.0


async def get(http: aiohttp.ClientSession, url: str, seconds: float) -> Body:
    """Fetch; status 0 when there was no whole answer."""
    asked = now_ms()
    try:
        async with (
            asyncio.timeout(seconds),
            http.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer,
        ):
            data = await read_body(answer)
            status = answer.status
    except aiohttp.ClientError, TimeoutError, TooLarge:
        return Body(0, b"", asked, now_ms())
    if status != HTTPStatus.OK:
        data = b""
    return Body(status, data, asked, now_ms())


def answer_of(status: int) -> str:
    """Return a status in short."""
    return str(status) if status else "no answer"


class Hls:
    """Reads one stream by its addresses, without playing it."""

    def __init__(self, scene: Scene) -> None:
        """Read by the scene's client."""
        self._scene = scene

    async def playlist(self, base: str, query: str = "", seconds: float = START) -> Playlist | Look:
        """Return the playlist, or what came instead."""
        url = f"{base}/playlist.m3u8"
        body = await get(self._scene.client.http, f"{url}{query}", seconds)
        if not body.data:
            return Look(answer_of(body.status))
        try:
            return parse(body.data.decode(), url)
        except PlaylistError, UnicodeDecodeError:
            return Look("no playlist", (), len(body.data))

    async def newest(self, base: str, playlist: Playlist) -> Look:
        """Decode the newest thing a playlist lists that can be decoded alone."""
        edge = playlist.edge()
        if edge is None:
            return Look("an empty playlist")
        segment = playlist.find(edge[0])
        assert segment is not None
        part = segment.parts[edge[1]].url if segment.parts else segment.url
        return await self.media(base, part or "")

    async def media(self, base: str, url: str) -> Look:
        """Decode a segment or part, behind its initialisation."""
        http = self._scene.client.http
        init, body = await asyncio.gather(get(http, f"{base}/init.mp4", HELD), get(http, url, HELD))
        return await self.decode(init.data, body)

    async def decode(self, init: bytes, body: Body) -> Look:
        """Return the pictures in an answer."""
        if not body.data:
            return Look(answer_of(body.status))
        tags = await asyncio.get_running_loop().run_in_executor(
            self._scene.executor, TagDecoder().decode, init, body.data
        )
        pictures = tuple(Picture("hls", tag, body.asked_ms, body.came_ms) for tag in tags)
        return Look(answer_of(body.status), pictures, len(body.data))

    async def play(self, master: str) -> Look:
        """Follow a master playlist to a picture."""
        body = await get(self._scene.client.http, master, START)
        if not body.data:
            return Look(answer_of(body.status))
        base = master.partition("?")[0].rpartition("/")[0]
        playlist = await self.playlist(base)
        if isinstance(playlist, Look):
            return playlist
        return await self.newest(base, playlist)


class Resource(Path):
    """One kind of address of HLS, as somebody holds it who has got the token."""

    group = "Home Assistant's HTTP server"

    def __init__(self, scene: Scene, did: int, what: str) -> None:
        """Hold a ``master_playlist.m3u8``, ``playlist.m3u8``, ``init.mp4``, segment or part."""
        super().__init__(scene, did, f"HLS `{what}`")
        self._what = what
        self._hls = Hls(scene)
        self._old: list[str] = []

    async def _find(self) -> str:
        base = (await self.scene.client.hls_url(self.entity_id)).rpartition("/")[0]
        if self._what in {"master_playlist.m3u8", "playlist.m3u8", "init.mp4"}:
            # Not before there is anything.
            await self._hls.playlist(base)
            return f"{base}/{self._what}"
        while True:
            playlist = await self._hls.playlist(base)
            if isinstance(playlist, Look):
                raise Refused(f"playlist: {playlist.answer}")
            if self._what == "segment":
                whole = [one.url for one in playlist.segments if one.url]
                if whole:
                    return whole[-1]
            elif (edge := playlist.edge()) is not None:
                segment = playlist.find(edge[0])
                if segment is not None and segment.parts:
                    return segment.parts[edge[1]].url
            await asyncio.sleep(0.5)

    async def _look(self, url: str) -> Look:
        base = url.rpartition("/segment/")[0] or url.rpartition("/")[0]
        if self._what == "master_playlist.m3u8":
            return await self._hls.play(url)
        if self._what == "playlist.m3u8":
            playlist = await self._hls.playlist(base)
            if isinstance(playlist, Look):
                return playlist
            return await self._hls.newest(base, playlist)
        if self._what == "init.mp4":
            return await self._look_init(base, url)
        return await self._hls.media(base, url)

    async def _look_init(self, base: str, url: str) -> Look:
        """No picture itself: it is proved by one that needs it."""
        body = await get(self.scene.client.http, url, HELD)
        if not body.data:
            return Look(answer_of(body.status))
        playlist = await self._hls.playlist(base)
        if isinstance(playlist, Look):
            return Look(answer_of(body.status), (), len(body.data))
        look = await self._hls.newest(base, playlist)
        return Look(answer_of(body.status), look.pictures, len(body.data))

    async def _look_all(self) -> list[Look]:
        return list(await asyncio.gather(*map(self._look, self._old)))

    async def _new(self) -> Cell:
        async with asyncio.timeout(START):
            url = await self._find()
        look = await self._look(url)
        self._old.append(url)
        limit = HLS_MS * 2 if self._what == "segment" else HLS_MS
        return self.right(look.pictures, limit, look.answer)

    @override
    async def before(self) -> Cell:
        return await self._new()

    @override
    async def killed(self, kill: Kill) -> Cell:
        return dark(*await self._look_all())

    @override
    async def released(self) -> Cell:
        old = dark(*await self._look_all())
        token = _TOKEN.search(self._old[-1])
        new = await self._new()
        if token is not None and token[0] in self._old[-1]:
            return Cell("the token is the old one", ok=False)
        return together(("old", old), ("new", new))

    @override
    async def restarted(self) -> Cell:
        return dark(*await self._look_all())

    @override
    async def again(self) -> Cell:
        return dark(*await self._look_all())


class Player(Path):
    """A low-latency player: part after part, the next always asked for beforehand."""

    group = "Home Assistant's HTTP server"

    def __init__(self, scene: Scene, did: int) -> None:
        """Play one camera."""
        super().__init__(scene, did, "HLS player, every part decoded")
        self._viewer: HlsViewer | None = None
        self._task: asyncio.Task[str] | None = None
        self._pictures: list[Picture] = []

    async def _open(self) -> Cell:
        await self.close()
        self._pictures = []
        client = self.scene.client
        url = await client.hls_url(self.entity_id)
        self._viewer = HlsViewer(client.http, url, self._pictures.append, self.scene.executor)
        self._task = asyncio.create_task(_run(self._viewer), name="hls player")
        deadline = now_ms() + START * 1000
        while len(self._pictures) < 15 and now_ms() < deadline:
            if await until(self._task, 0.1):
                break
        answer = self._task.result() if self._task.done() else ""
        return self.right(self._pictures, HLS_MS, answer)

    @override
    async def before(self) -> Cell:
        return await self._open()

    @override
    async def killed(self, kill: Kill) -> Cell:
        assert self._task is not None
        assert self._viewer is not None
        over = await until(self._task, remaining(kill))
        cell = ended(over, self._viewer.last_media_ms, kill, self._pictures, self.did)
        if over and cell.ok:
            cell = Cell(f"ended ({self._task.result()})", True, cell.last_ms)
        await self.close()
        return cell

    @override
    async def released(self) -> Cell:
        cell = await self._open()
        return together(("new", cell))

    @override
    async def restarted(self) -> Cell:
        # Its session has ended with Home Assistant; what matters is whether it ended before.
        await self.close()
        assert self._viewer is not None
        assert self.scene.kill is not None
        last_ms = self._viewer.last_media_ms
        cell = ended(True, last_ms, self.scene.kill, self._pictures, self.did)
        if not cell.ok:
            return cell
        try:
            url = await self.scene.client.hls_url(self.entity_id)
        except ApiError as error:
            return Cell(f"refused ({error.message})")
        return dark(await Hls(self.scene).play(url))

    @override
    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None


async def _run(viewer: HlsViewer) -> str:
    try:
        await viewer.run()
    except StreamGone as gone:
        return str(gone)
    return "over"


class Held(Path):
    """Requests that are held back until there is something, as the kill comes."""

    group = "Home Assistant's HTTP server"
    stage = 1

    def __init__(self, scene: Scene, did: int, *, part: bool) -> None:
        """Ask for the next part itself, or for the playlist that will list it."""
        what = "the next part" if part else "the playlist with the next segment"
        super().__init__(scene, did, f"HLS, {what}, held back as the kill comes")
        self._part = part
        self._hls = Hls(scene)
        self._task: asyncio.Task[Body] | None = None

    async def _next(self) -> tuple[str, str]:
        """Return the base and the address of what comes next."""
        base = (await self.scene.client.hls_url(self.entity_id)).rpartition("/")[0]
        playlist = await self._hls.playlist(base)
        if isinstance(playlist, Look):
            raise Refused(f"playlist: {playlist.answer}")
        last = playlist.segments[-1]
        if self._part:
            number = f"{last.sequence + 1}.0" if last.url else f"{last.sequence}.{len(last.parts)}"
            return base, f"{base}/segment/{number}.m4s"
        return base, f"{base}/playlist.m3u8?_HLS_msn={last.sequence + 1}&_HLS_part=0"

    async def _ask(self, base: str, url: str) -> tuple[Body, Look]:
        body = await get(self.scene.client.http, url, HELD)
        if not body.data:
            return body, Look(answer_of(body.status))
        if not self._part:
            playlist = await self._hls.playlist(base)
            if isinstance(playlist, Look):
                return body, Look(answer_of(body.status), (), len(body.data))
            return body, await self._hls.newest(base, playlist)
        init = await get(self.scene.client.http, f"{base}/init.mp4", HELD)
        return body, await self._hls.decode(init.data, body)

    async def _answered(self) -> Cell:
        for _ in range(12):
            _, look = await self._ask(*await self._next())
            if look.pictures:  # a part without a keyframe gives none when decoded alone
                return self.right(look.pictures, HLS_MS, look.answer)
        return Cell(f"no picture ({look.answer})", ok=False)

    @override
    async def before(self) -> Cell:
        return await self._answered()

    @override
    async def arm(self) -> None:
        _, url = await self._next()
        self._task = asyncio.create_task(self._go_on(url), name="held back")

    async def _go_on(self, url: str) -> Body:
        """Return the first answer without anything in it, or the last when there is no next."""
        while True:
            body = await get(self.scene.client.http, url, HELD)
            if not body.data:
                return body
            try:
                _, url = await self._next()
            except ApiError, Refused:
                return body

    @override
    async def killed(self, kill: Kill) -> Cell:
        assert self._task is not None
        if not await until(self._task, remaining(kill)):
            await self.close()
            return Cell(f"still held back {ENDS:.0f} s after the kill", ok=False)
        body = self._task.result()
        if body.data and body.came_ms <= kill.returned:
            return Cell("answered as the kill came, then refused")
        after = f"after {kill.after(body.came_ms):.0f} ms"
        return Cell(f"answered {answer_of(body.status)} {after}", not body.data)

    @override
    async def released(self) -> Cell:
        return together(("new", await self._answered()))

    @override
    async def restarted(self) -> Cell:
        try:
            _, url = await self._next()
        except (ApiError, Refused) as error:
            return Cell(f"refused ({error.message if isinstance(error, ApiError) else error})")
        return dark((await self._ask(url.rpartition("/")[0], url))[1])

    @override
    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
