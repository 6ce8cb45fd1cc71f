"""The MISS server of a simulated camera: UDP 32108, and a port of its own for every client."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from simulator.camera.broadcast import open_broadcast
from simulator.camera.cs2 import PORT, Message, WireError, unpack_message
from simulator.camera.quirks import Quirks
from simulator.camera.rendezvous import Rendezvous
from simulator.camera.session import MissSession
from simulator.camera.speaker import Speaker
from simulator.camera.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from simulator.camera.link import Link
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState
    from simulator.camera.streams import CodedAudio, CodedPicture
    from simulator.keys import KeyBook

_MAX_CLIENTS = 32


def _ignore(peer: tuple[str, int]) -> None:
    """Do not hear a search."""


class _Search(asyncio.DatagramProtocol):
    """Port 32108: hears clients that search."""

    def __init__(self, searched: Callable[[tuple[str, int]], None]) -> None:
        self._searched = searched

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with contextlib.suppress(WireError):
            kind, _ = unpack_message(data)
            if kind in {Message.LAN_SEARCH, Message.LAN_SEARCH_EXT}:
                self._searched(addr)


class MissServer(Quirks):
    """Serves the camera's pictures. The knobs of `Quirks` are its own attributes."""

    def __init__(
        self, spec: CameraSpec, state: CameraState, keys: KeyBook, *, port: int = PORT
    ) -> None:
        """Prepare to serve at ``spec.address``."""
        super().__init__()
        self.spec = spec
        self.state = state
        self.keys = keys
        self.port = port
        self.media_connections_total = 0
        """Clients that ever got through to a link."""
        self.media_bytes_sent = 0
        """Bytes of media messages given to the network, repetitions included."""
        self.frames_sent = 0
        """Pictures sent, counted per viewer."""
        assert spec.speaker != "auto"
        self.speaker = Speaker(spec.speaker)
        self._streams = Streams(spec, state, self)
        self._clients: dict[tuple[str, int], Rendezvous] = {}
        self._sessions: dict[Rendezvous, MissSession] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._held: list[float] = []
        self._transports: list[asyncio.DatagramTransport] = []

    @property
    def media_connections(self) -> int:
        """Clients through to a link now, logged in or not."""
        return len(self._sessions)

    @property
    def sessions(self) -> int:
        """Clients logged in now."""
        return sum(session.authenticated for session in self._sessions.values())

    @property
    def viewers(self) -> int:
        """Clients that are to get pictures now."""
        return sum(session.streaming for session in self._sessions.values())

    @property
    def speaker_busy(self) -> bool:
        """Whether the speaker is refused to everybody."""
        return self.speaker.busy

    @speaker_busy.setter
    def speaker_busy(self, busy: bool) -> None:
        self.speaker.busy = busy

    @property
    def speaker_arrivals(self) -> tuple[float, ...]:
        """When each frame kept for the speaker came, by `time.monotonic`."""
        return tuple(frame.at for frame in self.speaker.frames)

    @property
    def speaker_refused(self) -> int:
        """Frames the speaker did not take; why is in ``speaker.refused``."""
        return self.speaker.refused.total()

    def speaker_sound(self) -> tuple[NDArray[np.int16], int]:
        """Return the last minute of what was said, one channel, and its samples per second."""
        return self.speaker.sound()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is not there or taken.

        """
        loop = asyncio.get_running_loop()
        hears_all = self.spec.search == "any"
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Search(self._searched if hears_all else _ignore),
            local_addr=(self.spec.address, self.port),
        )
        self._transports = [transport]
        try:
            self._transports.append(
                await open_broadcast(lambda: _Search(self._searched), self.spec.address, self.port)
            )
        except OSError:
            await self.stop()
            raise

    async def stop(self, *, polite: bool = True) -> None:
        """Drop all clients, with a word to them if polite, and close every socket."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()
        self._held.clear()
        for task in tuple(self._opening):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for client in tuple(self._clients.values()):
            client.close(polite=polite)
        self.state.motor.stop()
        await self._streams.stop()
        await asyncio.sleep(0)  # transports close in the loop's next round

    def drop_clients(self, *, polite: bool = False) -> None:
        """End every link, as a camera that ran out of patience with all of them."""
        for client in tuple(self._clients.values()):
            client.close(polite=polite)

    # --- clients ------------------------------------------------------------

    def _searched(self, peer: tuple[str, int]) -> None:
        if self.state.sleeping or self.silent or self.random.random() < self.loss:
            return
        if (client := self._clients.get(peer)) is not None:
            client.punch()
            return
        if len(self._clients) >= _MAX_CLIENTS:
            return
        client = Rendezvous(self.spec, self, peer, self._linked, self._ended)
        self._clients[peer] = client
        task = asyncio.create_task(self._meet(client))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _meet(self, client: Rendezvous) -> None:
        try:
            await client.open()
        except OSError:
            client.close()
        except asyncio.CancelledError:
            client.close()
            raise

    def _linked(self, client: Rendezvous, link: Link) -> None:
        self.media_connections_total += 1
        link.on_media_bytes = self._count_media
        self._sessions[client] = MissSession(self, self, link)

    def _ended(self, client: Rendezvous) -> None:
        self._clients.pop(client.peer, None)
        if (session := self._sessions.pop(client, None)) is not None:
            session.close()
            if session.authenticated and self.slot_seconds > 0 and not session.said_goodbye:
                self._held.append(asyncio.get_running_loop().time() + self.slot_seconds)

    def _count_media(self, size: int) -> None:
        self.media_bytes_sent += size

    # --- what sessions ask for ----------------------------------------------

    def admit(self) -> bool:
        """Return whether one more authenticated session is allowed."""
        now = asyncio.get_running_loop().time()
        self._held = [until for until in self._held if until > now]
        return self.sessions + len(self._held) < self.spec.viewers

    def watch(
        self, lens: int, quality: int, sink: Callable[[CodedPicture], None]
    ) -> Callable[[], None]:
        """Send pictures to `sink` until the returned function is called."""
        return self._streams.watch(lens, quality, sink)

    def listen(self, sink: Callable[[CodedAudio], None]) -> Callable[[], None]:
        """Send sound to `sink` until the returned function is called."""
        return self._streams.listen(sink)
