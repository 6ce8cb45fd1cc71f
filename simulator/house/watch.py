"""Viewers of one camera through Home Assistant, and what they have seen so far."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.house.hls import HlsViewer, StreamGone
from simulator.house.pictures import Picture, now_ms
from simulator.house.stills import Still, still

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from simulator.house.client import HassClient
    from simulator.house.judge import Judge


class LiveWatch:
    """One live view: asks for the stream, watches it, judges every picture."""

    def __init__(
        self, client: HassClient, executor: Executor, judge: Judge, entity_id: str, did: int
    ) -> None:
        """Watch ``entity_id``, which must show camera ``did``."""
        self._client = client
        self._executor = executor
        self._judge = judge
        self._entity_id = entity_id
        self._did = did
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self._counter: int | None = None
        self._viewer: HlsViewer | None = None
        self.url = ""
        """Address of the master playlist, once known."""
        self.first_ms = 0.0
        """Milliseconds from the request to the first picture."""
        self.pictures = 0
        self.backwards = 0
        """Pictures whose counter was not above that of the one before."""
        self.end: str | None = None
        """Why the stream is over; None while it runs."""

    async def start(self) -> None:
        """Ask for the stream and begin to watch; raises :class:`ApiError` when refused."""
        requested = now_ms()
        self.url = await self._client.hls_url(self._entity_id)

        def seen(picture: Picture) -> None:
            if not self._first.is_set():
                self.first_ms = now_ms() - requested
                self._first.set()
            self._take(picture)

        self._viewer = HlsViewer(self._client.http, self.url, seen, self._executor)
        self._task = asyncio.create_task(self._run(self._viewer), name=f"live {self._entity_id}")

    async def _run(self, viewer: HlsViewer) -> None:
        try:
            await viewer.run()
        except StreamGone as gone:
            self.end = str(gone)
            self._first.set()

    def _take(self, picture: Picture) -> None:
        self.pictures += 1
        self._judge.take(picture, self._did)
        if picture.tag is not None:
            if self._counter is not None and picture.tag.counter <= self._counter:
                self.backwards += 1
            self._counter = picture.tag.counter

    async def wait_first(self, timeout: float) -> bool:
        """Wait for the first picture; False when none came."""
        try:
            async with asyncio.timeout(timeout):
                await self._first.wait()
        except TimeoutError:
            return False
        return self.pictures > 0

    async def wait_end(self, timeout: float) -> bool:
        """Wait until the stream is over for this viewer; False when it is not."""
        if self._task is None:
            return True
        done, _ = await asyncio.wait([self._task], timeout=timeout)
        return bool(done)

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    @property
    def media_bytes(self) -> int:
        """Bytes of media received."""
        return 0 if self._viewer is None else self._viewer.media_bytes


async def picture_of(client: HassClient, entity_id: str) -> Still:
    """Fetch a still as a dashboard does, by the token in the entity's picture address."""
    state = (await client.states())[entity_id]
    path = state["attributes"].get("entity_picture")
    if not path:
        return Still(0, 0, None)
    return await still(client.http, f"{client.url}{path}")


async def signed_in_picture(client: HassClient, entity_id: str) -> Still:
    """Fetch a still as a signed-in user."""
    return await still(
        client.http,
        f"{client.url}/api/camera_proxy/{entity_id}",
        await client.authorization(),
    )
