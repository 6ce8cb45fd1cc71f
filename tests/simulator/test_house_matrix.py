"""The egress matrix: its judgement, its table, and that its rows can fail."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
import contextlib
import io
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp import web
import av
import numpy as np
from PIL import Image
import pytest

from simulator.house.errors import ApiError
from simulator.house.matrix import copies, displays, document
from simulator.house.matrix.path import (
    ENDS,
    HLS_MS,
    ON_ITS_WAY_MS,
    Kill,
    Look,
    Scene,
    attempt,
    dark,
    ended,
    right,
    together,
)
from simulator.house.matrix.readers import HttpReader
from simulator.house.matrix.stills import Key, Mjpeg, Still, StillInFlight
from simulator.house.matrix.table import Cell, Column, Kind, Matrix, Row
from simulator.house.pictures import Picture, now_ms
from simulator.tag import Tag, draw

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from simulator.house.house import House
    from simulator.house.matrix.path import Path

NOW = 1_800_000_000_000.0
DID = 2002002001
ADDRESS = "127.0.45.201"
PROXY = "camera.copy"
KEPT = 0.2
"""Seconds a proxy camera keeps its copy, here."""


def picture(did: int = DID, *, taken: float = NOW - 1000, came: float = NOW) -> Picture:
    return Picture("hls", Tag(did, 0, 7, int(taken)), came - 50, came)


# --- judgement ------------------------------------------------------------------------------


def test_the_right_camera_is_right_when_the_newest_picture_is_fresh() -> None:
    old = picture(taken=NOW - HLS_MS * 2)
    cell = right([old, picture()], DID, HLS_MS)
    assert cell.ok
    assert cell.text == "right camera, 1.0 s old"
    assert not right([old], DID, HLS_MS).ok


@pytest.mark.parametrize(
    "pictures",
    [
        [],
        [Picture("hls", None, NOW, NOW)],
        [picture(DID + 1)],
        [picture(), picture(DID + 1)],
        [Picture("hls", Tag(DID, 1, 7, int(NOW)), NOW, NOW)],
    ],
    ids=["none", "unreadable", "another", "another among them", "another lens"],
)
def test_anything_else_is_wrong(pictures: list[Picture]) -> None:
    assert not right(pictures, DID, HLS_MS).ok


def test_a_picture_kept_over_a_kill_is_wrong_however_fresh() -> None:
    seen = [picture(taken=NOW - 1000), picture(taken=NOW - 500)]
    assert right(seen, DID, HLS_MS, since_ms=NOW - 1000).ok
    assert not right(seen, DID, HLS_MS, since_ms=NOW - 999).ok


def test_dark_is_an_answer_without_anything_in_it() -> None:
    assert dark(Look("404"), Look("403"), Look("404")) == Cell("404, 403")
    leak = dark(Look("404"), Look("200", (picture(),), 1234))
    assert not leak.ok
    assert "1234 bytes" in leak.text
    assert str(DID) in leak.text


def test_bytes_that_cannot_be_decoded_are_no_proof_of_darkness() -> None:
    assert not dark(Look("200", (), 5)).ok


def test_an_open_connection_ends_with_the_kill() -> None:
    kill = Kill(NOW, NOW + 30)
    cell = ended(True, NOW + 20, kill, [picture(taken=NOW - 5)], DID)
    assert cell == Cell("ended", True, 20)
    assert ended(True, NOW - 400, kill, [], DID).last_ms == 0


@pytest.mark.parametrize(
    ("over", "last", "taken"),
    [(False, 0.0, -5.0), (True, 0.0, 31.0), (True, 31.0 + ON_ITS_WAY_MS, -5.0)],
    ids=["goes on", "taken later", "bytes later"],
)
def test_a_connection_that_outlives_the_kill_is_wrong(
    over: bool, last: float, taken: float
) -> None:
    kill = Kill(NOW, NOW + 30)
    assert not ended(over, NOW + last, kill, [picture(taken=NOW + taken)], DID).ok


def test_a_connection_that_showed_another_camera_is_wrong() -> None:
    assert not ended(True, NOW, Kill(NOW, NOW), [picture(DID + 1)], DID).ok


def test_one_wrong_makes_the_whole_wrong() -> None:
    cell = together(("old", Cell("404", last_ms=5.0)), ("new", Cell("none", ok=False)))
    assert cell == Cell("old: 404; new: none", False, 5.0)


async def test_a_step_that_breaks_is_a_wrong_cell() -> None:
    async def step() -> Cell:
        raise aiohttp.ClientPayloadError("cut")

    cell = await attempt(step())
    assert not cell.ok
    assert "cut" in cell.text


# --- table ----------------------------------------------------------------------------------


def full(path: str, **changed: Cell) -> Row:
    cells = {column: Cell("404") for column in Column}
    cells[Column.KILLED] = Cell("ended", last_ms=12.4)
    return Row("A", path, cells=cells | {Column(name): cell for name, cell in changed.items()})


def test_the_table_has_a_line_for_each_path_and_a_reason_for_each_missing_one() -> None:
    found = Matrix(
        [
            full("`one`"),
            Row("B", "`copy`", Kind.RESIDUAL, dict.fromkeys(Column, Cell("x|y")), "it is theirs"),
            Row("Not run", "`gone`", Kind.SKIPPED, reason="there is none"),
        ]
    )
    assert not found.wrong
    text = found.markdown()
    assert "| `one` | 404 | ended | 12 ms | 404 | 404 |" in text
    assert "| `copy` **(residual)** | x\\|y |" in text
    assert "- `copy`: it is theirs." in text
    assert "- `gone`: there is none." in text
    assert "### B" in text
    assert found.as_dict()["ok"] is True
    assert found.as_dict()["rows"][0]["last_byte_ms"] == 12
    assert "No cell is wrong" in document.whole(found)


def test_a_wrong_cell_and_a_missing_one_stand_out() -> None:
    missing = full("`two`")
    del missing.cells[Column.RESTARTED]
    found = Matrix([full("`one`", killed=Cell("200, 5 bytes", ok=False)), missing])
    assert found.wrong == [
        "`one`, after the kill: 200, 5 bytes",
        "`two`, after a restart, still off: not looked at",
    ]
    assert "**WRONG: 200, 5 bytes**" in found.markdown()
    assert found.as_dict()["ok"] is False
    assert "2 cells are wrong" in document.whole(found)


# --- rows against a server that keeps its word, and one that does not ------------------------


def jpeg(did: int) -> bytes:
    luma = np.full((180, 320), 90, np.uint8)
    draw(luma, Tag(did, 0, 7, int(now_ms())))
    body = io.BytesIO()
    Image.fromarray(luma).save(body, "JPEG", quality=95)
    return body.getvalue()


class Server:
    """A camera proxy; ``naive`` goes on after the kill, as an integration without a gate does."""

    def __init__(self, *, naive: bool) -> None:
        self.naive = naive
        self.killed = False
        self.token = "first"
        self.did = DID
        self.tried = 0.0
        self.kept = b""

    @property
    def _dark(self) -> bool:
        return self.killed and not self.naive

    def kill(self) -> Kill:
        sent = now_ms()
        self.killed = True
        if not self.naive:
            self.token = "second"
        return Kill(sent, now_ms())

    def refused(self, request: web.Request) -> int | None:
        if (token := request.query.get("token")) is not None and token != self.token:
            return 403
        return 503 if self._dark else None

    async def still(self, request: web.Request) -> web.Response:
        if request.match_info["entity"] == PROXY:
            return self.copy()
        if (status := self.refused(request)) is not None:
            return web.Response(status=status)
        return web.Response(body=jpeg(self.did), content_type="image/jpeg")

    def copy(self) -> web.Response:
        """Answer as a proxy camera does: what it has for a while, then anew or in vain."""
        now = now_ms()
        if now > self.tried + KEPT * 1000:
            self.tried = now
            if self.killed and not self.naive:
                return web.Response(status=500)
            self.kept = jpeg(self.did)
        return web.Response(body=self.kept, content_type="image/jpeg")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if (status := self.refused(request)) is not None:
            return web.Response(status=status)
        response = web.StreamResponse()
        response.content_type = "multipart/x-mixed-replace"
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while not self._dark:
                body = jpeg(self.did)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                await response.write(head.encode() + body)
                await asyncio.sleep(0.02)
        return response


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@contextlib.asynccontextmanager
async def scene_of(server: Server, http: aiohttp.ClientSession) -> AsyncGenerator[Scene]:
    app = web.Application()
    app.router.add_get("/api/camera_proxy/{entity}", server.still)
    app.router.add_get("/api/camera_proxy_stream/{entity}", server.stream)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, ADDRESS, 0)
    await site.start()
    port = runner.addresses[0][1]

    async def states() -> dict[str, Any]:
        return {"camera.one": {"attributes": {"access_token": server.token}}}

    async def authorization() -> dict[str, str]:
        return {}

    client = SimpleNamespace(
        http=http, url=f"http://{ADDRESS}:{port}", states=states, authorization=authorization
    )
    house = SimpleNamespace(
        client=client, entities=SimpleNamespace(cameras={DID: "camera.one"}), go2rtc=None
    )
    try:
        with ThreadPoolExecutor(1) as executor:
            yield Scene(cast("House", house), executor, None, FilePath("/nowhere"))
    finally:
        await runner.cleanup()


def rows(scene: Scene) -> list[Path]:
    return [
        Still(scene, DID, Key.USER),
        Still(scene, DID, Key.TOKEN),
        StillInFlight(scene, DID),
        Mjpeg(scene, DID, Key.TOKEN),
    ]


async def through(scene: Scene, paths: list[Path], server: Server) -> list[list[Cell]]:
    """Return each path's cells, without those of a restart."""
    cells = [[await attempt(path.before())] for path in paths]
    for path in paths:
        await path.arm()
    await asyncio.sleep(0.05)
    kill = scene.kill = server.kill()
    for path, mine in zip(paths, cells, strict=True):
        mine.append(await attempt(path.killed(kill)))
    server.killed = False
    for path, mine in zip(paths, cells, strict=True):
        mine.append(await attempt(path.released()))
        await path.close()
    return cells


async def test_rows_find_nothing_wrong_where_nothing_is(http: aiohttp.ClientSession) -> None:
    server = Server(naive=False)
    async with scene_of(server, http) as scene:
        cells = await through(scene, rows(scene), server)
    assert all(cell.ok for mine in cells for cell in mine), cells
    assert cells[1][2].text.startswith("old: 403; new: right camera")
    assert cells[3][1].last_ms is not None


async def test_rows_find_what_goes_on_after_the_kill(http: aiohttp.ClientSession) -> None:
    server = Server(naive=True)
    async with scene_of(server, http) as scene:
        cells = await through(scene, rows(scene), server)
    assert all(mine[0].ok for mine in cells), cells
    assert not any(mine[1].ok for mine in cells), cells
    # The tokens of before work again: only rows that hold one can know.
    assert [mine[2].ok for mine in cells] == [True, False, True, False], cells
    assert ENDS < 5


async def test_rows_find_another_camera(http: aiohttp.ClientSession) -> None:
    server = Server(naive=False)
    server.did = DID + 1
    async with scene_of(server, http) as scene:
        cells = [await attempt(path.before()) for path in rows(scene)[:2]]
    assert not any(cell.ok for cell in cells)


@pytest.mark.parametrize("naive", [False, True])
async def test_a_copy_may_be_old_but_not_new(
    naive: bool, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "CACHED", KEPT)
    server = Server(naive=naive)
    async with scene_of(server, http) as scene:
        cells = (await through(scene, [copies.Proxy(scene, DID, PROXY)], server))[0]
    assert cells[0].ok
    assert cells[1].ok is not naive, cells
    if not naive:
        assert "its copy, taken" in cells[1].text
        assert cells[2].ok, cells


# --- readers --------------------------------------------------------------------------------


def transport_stream(did: int, frames: int) -> bytes:
    body = io.BytesIO()
    with av.open(body, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"tune": "zerolatency", "preset": "ultrafast"}
        for counter in range(frames):
            planes = np.full((270, 320), 128, np.uint8)
            draw(planes[:180], Tag(did, 0, counter, int(now_ms())))
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = counter
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return body.getvalue()


async def test_a_reader_decodes_what_it_reads_and_says_how_it_ended(
    http: aiohttp.ClientSession,
) -> None:
    async def live(_: web.Request) -> web.Response:
        return web.Response(body=transport_stream(DID, 20))

    app = web.Application()
    app.router.add_get("/live.ts", live)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    base = f"http://{ADDRESS}:{runner.addresses[0][1]}"
    try:
        reader, refused = HttpReader(http, f"{base}/live.ts"), HttpReader(http, f"{base}/dead")
        for one in (reader, refused):
            one.start()
            await one.task
            await one.close()
    finally:
        await runner.cleanup()
    assert reader.answer == "ended"
    assert {one.tag.did for one in reader.pictures if one.tag} == {DID}
    assert len(reader.pictures) >= 15
    assert reader.bytes > 0
    assert (refused.answer, refused.pictures, refused.bytes) == ("404", [], 0)


# --- a display that is told of the end ------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "says", "ok"),
    [
        ({"state": "IDLE", "card": False}, "display idle after", True),
        ({"state": "PLAYING", "card": True}, "card on the display after", True),
        ({"state": "PLAYING", "card": False}, "still PLAYING after", False),
    ],
    ids=["idle", "the card", "something else"],
)
async def test_a_display_may_show_the_card_after_a_kill_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], says: str, *, ok: bool
) -> None:
    monkeypatch.setattr(displays, "STOPS", 0.1)
    monkeypatch.setattr(displays, "QUIET", 0.0)

    async def frames(_name: str, since: int) -> tuple[list[Picture], int]:
        return [], since

    async def display(_name: str) -> dict[str, Any]:
        return state

    async def call(*_: object, **__: object) -> None:
        raise ApiError("mi_camera.cast", "pictures_off", "switched off")

    house = SimpleNamespace(
        control=SimpleNamespace(frames=frames, display=display),
        client=SimpleNamespace(call=call),
        entities=SimpleNamespace(displays={"Hall": "media_player.hall"}),
    )
    scene = SimpleNamespace(house=house, entity=lambda _did: "camera.kitchen")
    path = displays.Display(cast("Scene", scene), DID, "Hall", "mi_camera.cast", {})
    cell = await path.killed(Kill(now_ms(), now_ms()))
    assert cell.ok is ok
    assert says in cell.text
