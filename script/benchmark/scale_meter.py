"""A way to the simulated cloud that counts the bytes which go over it, from outside of both."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

_CHUNK = 1 << 16


class Meter:
    """Passes TCP connections on to an address and counts what they carry, both ways."""

    def __init__(self, address: str, target: tuple[str, int]) -> None:
        """Describe it; it will be at `address`, on any free port."""
        self.bytes = 0
        self.connections = 0
        self._address = address
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it is, for a client of HTTP."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return f"http://{self._address}:{port}"

    async def __aenter__(self) -> Self:
        """Listen; raises `OSError`."""
        self._server = await asyncio.start_server(self._connected, self._address, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        ends = [writer]
        try:
            from_cloud, to_cloud = await asyncio.open_connection(*self._target)
            ends.append(to_cloud)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, to_cloud))
                tasks.create_task(self._pump(from_cloud, writer))
        except OSError:
            pass  # Who is not there is not there for the client either.
        finally:
            for end in ends:
                end.close()

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        # The other way has ended too, or does so now.
        writer.close()
