"""One simulated camera: a miio server and a MISS server at an address of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.camera.battery import Battery
from simulator.camera.miio import MiioServer
from simulator.camera.miss import MissServer
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.keys import KeyBook

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CameraSpec", "SimCamera"]

_REBOOT_SECONDS = 1.0


class SimCamera:
    """A camera on the simulated home's network."""

    def __init__(self, spec: CameraSpec, keys: KeyBook | None = None) -> None:
        """Prepare; without a key book of a cloud, the camera has one of its own."""
        self.spec = spec
        self.keys = KeyBook() if keys is None else keys
        self.state = CameraState(spec)
        self.miss = MissServer(spec, self.state, self.keys)
        """Also holds the knobs for a bad network and a bad camera."""
        self.battery = Battery(self.state, lambda: self.miss.sessions > 0, self.miss.drop_clients)
        """How it sleeps, where ``spec.asleep`` says that it does."""
        self.miio = MiioServer(
            spec, self.state, on_reboot=self._reboot_asked, on_wake=self.battery.ask
        )
        self._running = False
        self._rebooting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on the network.

        Raises:
            OSError: the address is not there, or its ports are taken.

        """
        await self.miio.start()
        try:
            await self.miss.start()
        except OSError:
            await self.miio.stop()
            raise
        if self.spec.asleep:
            self.battery.start()
        self._running = True

    async def stop(self) -> None:
        """Leave the network, closing every link."""
        self._running = False
        if self._rebooting is not None:
            self._rebooting.cancel()
            await asyncio.wait([self._rebooting])
            self._rebooting = None
        self.battery.stop()
        await self.miss.stop()
        await self.miio.stop()

    async def reboot(self, *, downtime: float = 0.0, new_keys: bool = True) -> None:
        """Start afresh: links break without a word, the stamp restarts, the key pair is new.

        For `downtime` seconds nothing answers. Whether real cameras keep their key pair over
        a reboot is not known; with `new_keys` off this one does.
        """
        if not self._running:
            return
        await self.miss.stop(polite=False)
        if downtime > 0:
            await self.miio.stop()
            await asyncio.sleep(downtime)
            await self.miio.start()
        if new_keys:
            self.keys.rotate(self.spec.did)
        self.miio.reboot()
        await self.miss.start()

    def wake(self) -> None:
        """Wake a battery camera, as somebody who rings; the others are awake."""
        self.battery.wake()

    def _reboot_asked(self) -> None:
        if self._running and (self._rebooting is None or self._rebooting.done()):
            self._rebooting = asyncio.create_task(self.reboot(downtime=_REBOOT_SECONDS))

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change of state, until the returned function is called."""
        return self.state.subscribe(callback)

    @property
    def power(self) -> bool:
        """Whether the lens is awake; asleep, a MISS session opens and no picture comes."""
        return self.state.power

    @power.setter
    def power(self, on: bool) -> None:
        self.state.power = on

    @property
    def media_connections(self) -> int:
        """Media links open now, logged in or not."""
        return self.miss.media_connections

    @property
    def media_connections_total(self) -> int:
        """Media links ever opened."""
        return self.miss.media_connections_total

    @property
    def viewers(self) -> int:
        """Sessions that are to get pictures now."""
        return self.miss.viewers

    @property
    def media_bytes_sent(self) -> int:
        """Bytes of media messages given to the network."""
        return self.miss.media_bytes_sent

    @property
    def frames_sent(self) -> int:
        """Pictures sent, counted per viewer."""
        return self.miss.frames_sent

    @property
    def rpc_count(self) -> int:
        """Requests answered on the miio port."""
        return self.state.rpc_count
