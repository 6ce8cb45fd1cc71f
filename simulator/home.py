"""A whole simulated home, run from its description."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Final

from simulator.camera import SimCamera
from simulator.camera.cs2 import PORT as MISS_PORT
from simulator.camera.miio_packet import PORT as MIIO_PORT
from simulator.cloud import Account, CloudDevice, SimCloud
from simulator.control import ControlServer
from simulator.description import DescriptionError, HomeSpec
from simulator.display import CastDisplay
from simulator.keys import KeyBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.description import CloudSpec

__all__ = ["DescriptionError", "HomeError", "HomeSpec", "SimHome"]

_UDP_PORTS: Final = (MIIO_PORT, MISS_PORT)
_DISPLAY_PORTS: Final = (8009, 8008, 8443)


class HomeError(Exception):
    """A home that cannot start; the text is one line that says why."""


class SimHome:
    """Cameras, displays, cloud and control API, started and stopped together.

    What the description says is built at once, so that knobs can be set before `start`.
    """

    def __init__(self, spec: HomeSpec, *, memory: Path | None = None) -> None:
        """Build everything; nothing listens yet.

        `memory`, when given, is a file in which the cloud remembers who is signed in.
        """
        self.spec = spec
        self._memory = memory
        self.keys = KeyBook()
        self.cameras = {camera.did: SimCamera(camera, self.keys) for camera in spec.cameras}
        self.displays = {
            display.name: CastDisplay(display.name, display.address, display.model)
            for display in spec.displays
        }
        self.cloud: SimCloud | None = None
        self.control: ControlServer | None = None
        self._listed: dict[int, CloudDevice] = {}
        self._stack = contextlib.AsyncExitStack()
        self._changing = asyncio.Lock()
        if spec.cloud is not None:
            self.cloud = self._build_cloud(spec.cloud)
        if spec.control is not None:
            self.control = ControlServer(self, spec.control.address, spec.control.port)

    def _build_cloud(self, spec: CloudSpec) -> SimCloud:
        account = Account(username=spec.username, password=spec.password, region=spec.region)
        cloud = SimCloud(spec.address, spec.port, [account], self.keys, memory=self._memory)
        for did, camera in self.cameras.items():
            device = CloudDevice.camera(
                camera.spec,
                camera.miio.methods,
                lambda camera=camera: not camera.miio.knobs.silent,  # type: ignore[misc]
            )
            self._listed[did] = device
            cloud.add_device(account.username, device)
        for other in spec.others:
            cloud.add_device(
                account.username,
                CloudDevice(
                    did=other.did,
                    model=other.model,
                    name=other.name,
                    mac=other.mac.upper(),
                    online=lambda: False,
                ),
            )
        return cloud

    async def start(self) -> None:
        """Start everything, or nothing: raises `HomeError`."""
        self._require_free_ports()
        async with contextlib.AsyncExitStack() as stack:
            for who, thing in self._parts():
                try:
                    await thing.start()
                except OSError as err:
                    raise HomeError(f"{who}: {err.strerror or err}") from err
                stack.push_async_callback(thing.stop)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Stop everything, last started first."""
        await self._stack.aclose()

    def addresses(self) -> dict[str, str]:
        """Return where everything is, by name."""
        found: dict[str, str] = {}
        if self.control is not None:
            found["control"] = self.control.url
        if self.cloud is not None:
            found["cloud"] = self.cloud.url
        found |= {camera.spec.name: camera.spec.address for camera in self.cameras.values()}
        found |= {name: display.address for name, display in self.displays.items()}
        return found

    async def reboot(self, did: int, *, downtime: float = 0.0) -> None:
        """Reboot a camera; raises `OSError` when it does not get its ports back."""
        async with self._changing:
            await self.cameras[did].reboot(downtime=downtime)

    async def reboot_display(self, name: str, *, downtime: float = 0.0) -> None:
        """Reboot a display; raises `OSError` when it does not get its ports back."""
        display = self.displays[name]
        async with self._changing:
            await display.stop()
        # It may take long, and cameras need not wait for it.
        await asyncio.sleep(downtime)
        async with self._changing:
            await display.start()

    async def swap_addresses(self, did: int, other: int) -> None:
        """Exchange two cameras' addresses, as a DHCP server may after a power cut.

        Raises `OSError` when one does not get its ports.
        """
        if did == other:
            return
        async with self._changing:
            pair = self.cameras[did], self.cameras[other]
            for camera in pair:
                await camera.stop()
            first, second = (camera.spec for camera in pair)
            first.address, second.address = second.address, first.address
            for camera in pair:
                await camera.start()
                if (listed := self._listed.get(camera.spec.did)) is not None:
                    listed.address = camera.spec.address

    def _parts(self) -> Iterator[tuple[str, SimCamera | CastDisplay | SimCloud | ControlServer]]:
        for camera in self.cameras.values():
            yield f"{camera.spec.name} at {camera.spec.address}", camera
        for display in self.displays.values():
            yield f"{display.name} at {display.address}", display
        if self.cloud is not None:
            yield f"cloud at {self.cloud.address}:{self.cloud.port}", self.cloud
        if self.control is not None:
            yield f"control at {self.control.address}:{self.control.port}", self.control

    def _require_free_ports(self) -> None:
        """Raise `HomeError` naming the first address and port that cannot be had."""
        for who, thing in self._parts():
            match thing:
                case SimCamera():
                    for port in _UDP_PORTS:
                        _require_free(who, thing.spec.address, port, udp=True)
                case CastDisplay():
                    for port in _DISPLAY_PORTS:
                        _require_free(who, thing.address, port)
                case _:
                    _require_free(who, thing.address, thing.port)


def _require_free(who: str, address: str, port: int, *, udp: bool = False) -> None:
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    name = f"{address}:{port}/{'udp' if udp else 'tcp'}"
    with socket.socket(socket.AF_INET, kind) as probe:
        if not udp:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            if not udp:
                probe.listen(1)
        except OSError as err:
            match err.errno:
                case errno.EADDRINUSE:
                    problem = f"port already taken: {name}"
                case errno.EADDRNOTAVAIL:
                    problem = f"not an address of this machine: {address}"
                case _:
                    problem = f"{name}: {err.strerror}"
            raise HomeError(f"{who.partition(' at ')[0]}: {problem}") from err
