"""A bare Cast sender for tests of the display: says what it is told and collects what it hears."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
import json
import ssl
from typing import TYPE_CHECKING, Any, Self

from simulator.display.receiver import DEFAULT_RECEIVER, PLATFORM
from simulator.display.wire import CastMessage, Namespace, encode, read_message

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from simulator.display import CastDisplay

HLS = "application/vnd.apple.mpegurl"


@asynccontextmanager
async def running(display: CastDisplay) -> AsyncGenerator[CastDisplay]:
    """Keep a display running; a fixture could not, for it may not open sockets."""
    await display.start()
    try:
        yield display
    finally:
        await display.stop()


def tagged(display: CastDisplay) -> list[dict[str, int]]:
    """Return what the display has shown; every frame must have had a tag."""
    frames = []
    for frame in display.frames():
        known = {key: value for key, value in frame.items() if value is not None}
        assert known.keys() == frame.keys()
        frames.append(known)
    return frames


class CastSender:
    """One TLS connection to a display."""

    def __init__(self, address: str, name: str = "sender-0") -> None:
        self.address, self.name = address, name
        self.heard: list[tuple[CastMessage, dict[str, Any]]] = []
        self.closed = asyncio.Event()
        self.transport = ""
        self._news = asyncio.Event()
        self._request = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._reader, self._writer = await asyncio.open_connection(
            self.address, 8009, ssl=context, ssl_shutdown_timeout=0.2
        )
        self._task = asyncio.create_task(self._listen())
        self.say(PLATFORM, Namespace.CONNECTION, type="CONNECT")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _listen(self) -> None:
        try:
            while True:
                message = await read_message(self._reader)
                data = json.loads(message.payload) if isinstance(message.payload, str) else {}
                self.heard.append((message, data))
                self._news.set()
        except asyncio.IncompleteReadError, OSError:
            self.closed.set()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, destination: str, namespace: str, **content: object) -> None:
        self.write(encode(CastMessage(self.name, destination, namespace, json.dumps(content))))

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], since: int = 0, timeout: float = 5.0
    ) -> dict[str, Any]:
        """Return the first message that is wanted, heard or to come."""
        async with asyncio.timeout(timeout):
            while True:
                self._news.clear()
                for _, data in self.heard[since:]:
                    if wanted(data):
                        return data
                await self._news.wait()

    async def ask(
        self, destination: str, namespace: str, *, timeout: float = 5.0, **content: object
    ) -> dict[str, Any]:
        """Say something with a request number and return the answer."""
        self._request += 1
        number = self._request
        self.say(destination, namespace, requestId=number, **content)
        return await self.until(lambda data: data.get("requestId") == number, timeout=timeout)

    async def launch(self, app_id: str = DEFAULT_RECEIVER) -> str:
        """Launch an application and open a channel to it."""
        status = await self.ask(PLATFORM, Namespace.RECEIVER, type="LAUNCH", appId=app_id)
        self.transport = status["status"]["applications"][0]["transportId"]
        self.say(self.transport, Namespace.CONNECTION, type="CONNECT")
        return self.transport

    async def load(
        self, url: str, content_type: str = HLS, timeout: float = 10.0, **media: object
    ) -> dict[str, Any]:
        """LOAD as Home Assistant does and return the answer."""
        described = {"contentId": url, "contentType": content_type, "streamType": "LIVE"}
        if content_type == HLS:
            described["hlsVideoSegmentFormat"] = "fmp4"
        return await self.ask(
            self.transport,
            Namespace.MEDIA,
            type="LOAD",
            media={**described, **media},
            autoplay=True,
            customData={},
            timeout=timeout,
        )

    async def media(self, kind: str, **content: int) -> dict[str, Any]:
        """Ask the running application something."""
        return await self.ask(self.transport, Namespace.MEDIA, type=kind, **content)

    def player_states(self, since: int = 0) -> list[str]:
        """Return the states MEDIA_STATUS told, repetitions left out."""
        states: list[str] = []
        for _, data in self.heard[since:]:
            if data.get("type") == "MEDIA_STATUS" and data["status"]:
                status = data["status"][0]
                state = status.get("extendedStatus", status)["playerState"]
                if state == "IDLE":
                    state += "/" + status["idleReason"]
                if states[-1:] != [state]:
                    states.append(state)
        return states
