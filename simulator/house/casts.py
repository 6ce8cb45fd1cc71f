"""Casting to displays, judged by what the displays have decoded."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
import time
from typing import TYPE_CHECKING

from simulator.house.pictures import Picture, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.house.client import HassClient, Json
    from simulator.house.home_process import Control
    from simulator.house.judge import Judge

POLL = 0.25
GRACE_MS = 3000.0
"""How long after the kill has returned a display may still show what it had before: it is
told to stop at once, and a display takes a moment to do so."""


async def cast(client: HassClient, camera: str, player: str, *, seconds: int = 300) -> Json:
    """Show a camera on a display; raises :class:`ApiError`."""
    return await client.call(
        "mi_camera.cast",
        {
            "media_player": [player],
            "duration": {"hours": 0, "minutes": seconds // 60, "seconds": seconds % 60},
        },
        target={"entity_id": camera},
        response=True,
    )


async def stop_cast(client: HassClient, camera: str, player: str) -> Json:
    """Take a camera off a display."""
    return await client.call(
        "mi_camera.stop_cast",
        {"media_player": [player]},
        target={"entity_id": camera},
        response=True,
    )


def is_dark(display: Json) -> bool:
    """Whether a display, as the control API tells it, shows nothing of any camera.

    It plays nothing, or shows the card: that counts only if the display has decoded a picture
    without a tag that came from where cards are served.
    """
    return str(display["state"]).upper() == "IDLE" or display.get("card") is True


class DisplayWatch:
    """Reads what one display has shown and judges it by what was to be shown at the time."""

    def __init__(self, control: Control, judge: Judge, name: str) -> None:
        """Watch the display called ``name``."""
        self._control = control
        self._judge = judge
        self._task: asyncio.Task[None] | None = None
        self._since = 0
        self._from: list[float] = [0.0]
        self._expected: list[frozenset[int]] = [frozenset()]
        self._counter: tuple[int, int] | None = None
        self._news = asyncio.Event()
        self.name = name
        self.pictures: list[Picture] = []
        """The newest pictures, at most a few hundred."""
        self.shown = 0
        self.backwards = 0
        """Pictures whose counter was not above that of the one before, of the same camera."""

    async def start(self) -> None:
        """Begin; what was shown before does not count."""
        _, self._since = await self._control.frames(self.name, 0)
        self._task = asyncio.create_task(self._run(), name=f"display {self.name}")

    async def stop(self) -> None:
        """Read a last time and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()
            self._task = None
            await self._read()

    def expect(self, *dids: int) -> None:
        """From now on the display may show these cameras only."""
        self._from.append(now_ms())
        self._expected.append(frozenset(dids))

    async def _run(self) -> None:
        while True:
            await self._read()
            await asyncio.sleep(POLL)

    async def _read(self) -> None:
        pictures, self._since = await self._control.frames(self.name, self._since)
        for picture in pictures:
            at = bisect_right(self._from, picture.received_ms) - 1
            # A display does not say when it fetched, but what it shows long after a kill it
            # must have been shown by somebody who should not. It cannot have asked for a
            # picture before that was taken: a cast may begin at once after a release.
            asked = picture.received_ms - GRACE_MS
            if picture.tag is not None:
                asked = max(asked, picture.tag.captured_ms)
            judged = Picture(picture.source, picture.tag, asked, picture.received_ms)
            self._judge.take(judged, *self._expected[at])
            if picture.tag is not None:
                key = picture.tag.did, picture.tag.counter
                if self._counter and self._counter[0] == key[0] and self._counter[1] >= key[1]:
                    self.backwards += 1
                self._counter = key
        if pictures:
            self.shown += len(pictures)
            self.pictures = (self.pictures + pictures)[-400:]
            self._news.set()

    async def wait_camera(self, did: int, since_ms: float, timeout: float) -> Picture | None:
        """Wait until the display shows a camera, and return the first such picture."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for picture in self.pictures:
                if picture.received_ms > since_ms and picture.tag and picture.tag.did == did:
                    return picture
            self._news.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._news.wait()
            except TimeoutError:
                continue
        return None

    async def wait_stopped(self, timeout: float) -> bool:
        """Wait until the display says that it plays nothing, or shows the card."""
        return await self._wait(is_dark, timeout)

    async def wait_idle(self, timeout: float) -> bool:
        """Wait until the display says that it plays nothing, not even the card."""
        return await self._wait(lambda display: str(display["state"]).upper() == "IDLE", timeout)

    async def _wait(self, wanted: Callable[[Json], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if wanted(await self._control.display(self.name)):
                return True
            await asyncio.sleep(POLL)
        return False
