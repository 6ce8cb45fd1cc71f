"""A display's sockets: Cast v2 over TLS, and the set-up page over HTTP and HTTPS."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.display.wire import CastMessage, WireError, encode, read_message

if TYPE_CHECKING:
    from collections.abc import Mapping
    import ssl

    from simulator.display.receiver import Receiver

MAX_CONNECTIONS = 32
MAX_UNSENT = 1 << 20
"""Bytes a sender may leave unread before it is dropped."""
SILENCE = 4
"""Ping intervals without a word until a sender counts as gone."""
HANDSHAKE_TIMEOUT = 5.0
REACTION = 0.02
"""Seconds a display thinks about a message. Real ones on a network need that and more, and
PyChromecast damages its own TLS connection when answers come while it is still writing."""
SHUTDOWN_TIMEOUT = 0.5


class Connection:
    """One sender's TLS connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """Take over a connection."""
        self._writer = writer
        self.heard = asyncio.get_running_loop().time()

    def send(self, message: CastMessage) -> None:
        """Queue a message; a sender that does not read is dropped."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNSENT:
            transport.abort()
            return
        self._writer.write(encode(message))

    async def close(self) -> None:
        """Hang up and wait until the socket is closed."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


class CastServer:
    """Listens for senders and gives their messages to a receiver."""

    def __init__(self, receiver: Receiver, ping_interval: float) -> None:
        """Prepare; pings go to every sender each `ping_interval` seconds."""
        self._receiver = receiver
        self._ping_interval = ping_interval
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def senders(self) -> int:
        """How many senders are connected."""
        return len(self._tasks)

    async def start(self, address: str, port: int, context: ssl.SSLContext) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept,
            address,
            port,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
        )

    async def stop(self) -> None:
        """Hang up on everybody and listen no more."""
        if self._server is None:
            return
        self._server.close()
        if tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._server.abort_clients()  # those still in their TLS handshake
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="CastServer.sender")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        connection = Connection(writer)
        self._receiver.opened(connection)
        pinging = asyncio.create_task(self._ping(connection), name="CastServer.ping")
        try:
            while True:
                message = await read_message(reader)
                if loop.time() - connection.heard > REACTION:
                    await asyncio.sleep(REACTION)
                connection.heard = loop.time()
                self._receiver.received(connection, message)
        except WireError, asyncio.IncompleteReadError, OSError:
            pass  # gone, or not worth talking to: either way only this connection ends
        finally:
            self._receiver.closed(connection)
            pinging.cancel()
            await asyncio.wait([pinging])
            await connection.close()

    async def _ping(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() - connection.heard < SILENCE * self._ping_interval:
            await asyncio.sleep(self._ping_interval)
            self._receiver.ping(connection)
        await connection.close()


class SetupServer:
    """The set-up page, of which clients read who a device is: `/setup/eureka_info`."""

    def __init__(self, info: Mapping[str, object]) -> None:
        """Prepare to tell `info`, by the names clients ask for."""
        self._info = info
        self._runner: web.AppRunner | None = None

    async def start(
        self, address: str, http_port: int, https_port: int, context: ssl.SSLContext
    ) -> None:
        """Listen for HTTP and HTTPS."""
        app = web.Application()
        app.router.add_get("/setup/eureka_info", self._eureka_info)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, http_port).start()
        await web.TCPSite(self._runner, address, https_port, ssl_context=context).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _eureka_info(self, request: web.Request) -> web.Response:
        wanted = request.query.get("params")
        names = wanted.split(",") if wanted else list(self._info)
        return web.json_response({name: self._info[name] for name in names if name in self._info})
