"""What Home Assistant writes to files: snapshots, recordings, pictures for its recognisers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

import av

from simulator.house.errors import ApiError
from simulator.house.matrix.hls import Hls
from simulator.house.matrix.path import (
    HLS_MS,
    LIVE_MS,
    STILL_MS,
    Kill,
    Look,
    Path,
    Scene,
    dark,
    together,
    until,
)
from simulator.house.matrix.table import Cell
from simulator.house.pictures import Picture, now_ms
from simulator.tag import read_frame, read_image

if TYPE_CHECKING:
    from pathlib import Path as FilePath

WRITTEN = 20.0
"""Seconds until a file must be there: a recording waits for a segment to begin."""
NOTHING_COMES = 3.0
"""Seconds to wait for a file that must not appear."""
RECORDED = 3
"""Seconds of a whole recording."""
LOOKBACK = 10
"""Seconds of before the call that it takes along, if there are so many."""
RECORDING = 55
"""Seconds of the recording that a kill ends: the call itself may take a minute."""
CLOSED = 10.0
"""Seconds until the part of before the kill must be written."""


def _read_video(path: FilePath, since_ms: float) -> list[Picture]:
    modified = path.stat().st_mtime * 1000
    try:
        with av.open(str(path)) as container:
            return [
                Picture("file", read_frame(frame), since_ms, modified)
                for frame in container.decode(video=0)
            ]
    except av.FFmpegError, IndexError:
        return []


class _File(Path):
    group = "Files and other integrations in Home Assistant"
    limit_ms = STILL_MS

    def __init__(self, scene: Scene, did: int, title: str, file: FilePath) -> None:
        """Wait for ``file``."""
        super().__init__(scene, did, title)
        self.file = file

    async def make(self) -> str:
        """Have the file written; return what was answered. Raises ApiError."""
        raise NotImplementedError

    def read(self, since_ms: float) -> list[Picture]:
        """Decode the file."""
        raise NotImplementedError

    async def look(self, seconds: float) -> Look:
        """Have it written anew, and wait for it."""
        self.file.unlink(missing_ok=True)
        began = now_ms()
        try:
            answer = await self.make()
        except ApiError as error:
            answer = f"refused ({error.message})"
        pictures: list[Picture] = []
        while not pictures and now_ms() < began + seconds * 1000:
            if self.file.exists():
                pictures = await asyncio.to_thread(self.read, began)
            await asyncio.sleep(0.1)
        size = self.file.stat().st_size if self.file.exists() else 0
        return Look(answer if size else f"{answer}, no file", tuple(pictures), size)

    async def _seen(self) -> Cell:
        look = await self.patiently(lambda: self.look(WRITTEN / 2))
        return self.right(look.pictures, self.limit_ms, look.answer)

    @override
    async def before(self) -> Cell:
        return await self._seen()

    @override
    async def killed(self, kill: Kill) -> Cell:
        return dark(await self.look(NOTHING_COMES))

    @override
    async def released(self) -> Cell:
        return await self._seen()

    @override
    async def restarted(self) -> Cell:
        return dark(await self.look(NOTHING_COMES))


class Snapshot(_File):
    """``camera.snapshot``."""

    def __init__(self, scene: Scene, did: int) -> None:
        """Into the scene's folder."""
        super().__init__(scene, did, "`camera.snapshot`", scene.files / "snapshot.jpg")

    async def make(self) -> str:
        """Call it."""
        await self.scene.client.call(
            "camera.snapshot",
            {"filename": str(self.file)},
            target={"entity_id": self.entity_id},
        )
        return "accepted"

    def read(self, since_ms: float) -> list[Picture]:
        """Decode it."""
        tag = read_image(self.file.read_bytes())
        return [] if tag is None else [Picture("file", tag, since_ms, now_ms())]


class Recognised(Snapshot):
    """An image_processing entity: what it hands to the program that recognises."""

    def __init__(self, scene: Scene, did: int, entity_id: str, file: FilePath) -> None:
        """``file`` is what ``entity_id`` writes for its program."""
        _File.__init__(self, scene, did, "`image_processing`: what the program is given", file)
        self._processor = entity_id

    async def make(self) -> str:
        """Have it look."""
        await self.scene.client.call("image_processing.scan", target={"entity_id": self._processor})
        return "accepted"


class Record(_File):
    """``camera.record``, to its end."""

    limit_ms = HLS_MS

    def __init__(self, scene: Scene, did: int) -> None:
        """Into the scene's folder."""
        super().__init__(scene, did, "`camera.record`, with lookback", scene.files / "record.mp4")

    async def make(self) -> str:
        """Call it; it returns when the file is there."""
        await self.scene.client.call(
            "camera.record",
            {"filename": str(self.file), "duration": RECORDED, "lookback": LOOKBACK},
            target={"entity_id": self.entity_id},
        )
        return "accepted"

    def read(self, since_ms: float) -> list[Picture]:
        """Decode it."""
        return _read_video(self.file, since_ms)


class Recording(Path):
    """``camera.record`` under way as the kill comes."""

    group = "Files and other integrations in Home Assistant"

    def __init__(self, scene: Scene, did: int) -> None:
        """Into the scene's folder."""
        super().__init__(scene, did, "`camera.record`, running as the kill comes")
        self._file = scene.files / "recording.mp4"
        self._task: asyncio.Task[str] | None = None
        self._began = 0.0

    async def _record(self) -> str:
        try:
            await self.scene.client.call(
                "camera.record",
                {"filename": str(self._file), "duration": RECORDING},
                target={"entity_id": self.entity_id},
            )
        except ApiError as error:
            return f"refused ({error.message})"
        return "over"

    async def _open(self) -> Cell:
        await self.close()
        self._file.unlink(missing_ok=True)
        self._began = now_ms()
        self._task = asyncio.create_task(self._record(), name="recording")
        if await until(self._task, 2.0):
            return Cell(self._task.result(), ok=False)
        return Cell("records; what, the file shows later")

    @override
    async def before(self) -> Cell:
        return await self._open()

    @override
    async def killed(self, kill: Kill) -> Cell:
        assert self._task is not None
        over = await until(self._task, CLOSED)
        if not over:
            return Cell(f"goes on {CLOSED:.0f} s after the kill", ok=False)
        return await self._judge(kill)

    async def _judge(self, kill: Kill) -> Cell:
        """Judge the file of a recording that a kill has ended."""
        if not self._file.exists():
            return Cell("no file", ok=False)
        pictures = await asyncio.to_thread(_read_video, self._file, self._began)
        tags = [picture.tag for picture in pictures if picture.tag is not None]
        if not tags:
            return Cell("a file without a picture", ok=False)
        if any(tag.did != self.did for tag in tags):
            return Cell("pictures of another camera", ok=False)
        newest = max(tag.captured_ms for tag in tags)
        seconds = (newest - min(tag.captured_ms for tag in tags)) / 1000
        if newest > kill.returned:
            return Cell(f"a picture taken {newest - kill.returned:.0f} ms after the kill", ok=False)
        age = (kill.sent - newest) / 1000
        if age > HLS_MS / 1000:
            return Cell(f"the newest picture is {age:.1f} s older than the kill", ok=False)
        return Cell(
            f"ended; {seconds:.0f} s of the right camera, up to {max(0.0, age):.1f} s before it",
            True,
            kill.after(newest),
        )

    @override
    async def released(self) -> Cell:
        return await self._open()

    @override
    async def restarted(self) -> Cell:
        assert self.scene.kill is not None
        before = await self._judge(self.scene.kill)
        await self.close()
        self._file.unlink(missing_ok=True)
        answer = await asyncio.wait_for(self._record(), 5.0)
        await asyncio.sleep(NOTHING_COMES)
        size = self._file.stat().st_size if self._file.exists() else 0
        new = dark(Look(f"{answer}, no file" if not size else answer, (), size))
        return together(("that of before", before), ("new", new))

    @override
    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None


class Preload(Path):
    """The preference to keep a stream ready: a camera is open without anybody looking."""

    group = "Files and other integrations in Home Assistant"

    def __init__(self, scene: Scene, did: int) -> None:
        """Of a camera that nobody else looks at."""
        super().__init__(scene, did, "`preload_stream`, nobody looks")

    async def _camera(self) -> dict[str, int]:
        camera: dict[str, int] = (await self.scene.house.control.cameras())[self.did]
        return camera

    async def _open_by_itself(self) -> bool:
        deadline = now_ms() + WRITTEN * 1000
        while now_ms() < deadline:
            if (await self._camera())["media_connections"]:
                return True
            await asyncio.sleep(0.2)
        return False

    async def _seen(self) -> Cell:
        if not await self._open_by_itself():
            return Cell("the camera is not opened", ok=False)
        url = await self.scene.client.hls_url(self.entity_id)
        look = await Hls(self.scene).play(url)
        return together(("opened by itself", self.right(look.pictures, HLS_MS, look.answer)))

    @override
    async def before(self) -> Cell:
        await self.scene.client.command(
            "camera/update_prefs", entity_id=self.entity_id, preload_stream=True
        )
        # As at a start of Home Assistant, which looks at the preference only then.
        await self.scene.client.hls_url(self.entity_id)
        return await self._seen()

    @override
    async def killed(self, kill: Kill) -> Cell:
        deadline = now_ms() + LIVE_MS
        while (await self._camera())["media_connections"]:
            if now_ms() > deadline:
                return Cell("the camera stays open", ok=False)
            await asyncio.sleep(0.1)
        before = await self._camera()
        await asyncio.sleep(NOTHING_COMES)
        return self._quiet(before, await self._camera(), "let go")

    def _quiet(self, before: dict[str, int], now: dict[str, int], what: str) -> Cell:
        calls = now["media_connections_total"] - before["media_connections_total"]
        sent = now["media_bytes_sent"] - before["media_bytes_sent"]
        return Cell(f"{what}, {calls} calls, {sent} bytes from the camera", not calls and not sent)

    @override
    async def released(self) -> Cell:
        return await self._seen()

    @override
    async def restarted(self) -> Cell:
        await asyncio.sleep(NOTHING_COMES)
        now = await self._camera()
        if now["media_connections"]:
            return Cell("the camera is open", ok=False)
        return self._quiet(self.scene.at_kill[self.did], now, "not opened")
