"""The simulated home as a process of its own, and a client of its control API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from simulator.description import DescriptionError, HomeSpec
from simulator.house import process
from simulator.house.errors import HomeFailed
from simulator.house.hass import ROOT
from simulator.house.pictures import Picture
from simulator.tag import Tag

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT = 30.0
"""Seconds until the control API must answer."""


@dataclass(frozen=True, slots=True)
class HomePlan:
    """What the house has to know of a description file."""

    path: Path
    cameras: dict[int, str]
    """Names by did."""
    displays: dict[str, str]
    """Addresses by name."""
    cloud: tuple[str, int]
    control: tuple[str, int]
    username: str
    password: str = field(repr=False)
    region: str

    @classmethod
    def read(cls, path: Path) -> HomePlan:
        """Read a description; raises :class:`HomeFailed`."""
        try:
            spec = HomeSpec.read(path)
        except DescriptionError as error:
            raise HomeFailed(str(error)) from None
        if spec.cloud is None or spec.control is None or not spec.cameras:
            raise HomeFailed(f"{path}: the house needs cameras, a cloud and the control API")
        return cls(
            path,
            {camera.did: camera.name for camera in spec.cameras},
            {display.name: display.address for display in spec.displays},
            (spec.cloud.address, spec.cloud.port),
            (spec.control.address, spec.control.port),
            spec.cloud.username,
            spec.cloud.password,
            spec.cloud.region,
        )

    @property
    def cloud_url(self) -> str:
        """Address of the simulated cloud for the integration's developer option."""
        return f"http://{self.cloud[0]}:{self.cloud[1]}"


class Control:
    """The control API of a running simulated home."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Speak to the API at ``address``."""
        self._url = f"http://{address[0]}:{address[1]}"
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        assert self._http is not None
        try:
            async with self._http.request(method, f"{self._url}{path}", json=body) as response:
                response.raise_for_status()
                answer: dict[str, Any] = await response.json(content_type=None)
                return answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise HomeFailed(f"control API, {method} {path}: {error!r}") from None

    async def state(self) -> dict[str, Any]:
        """Return the state of everything in the home."""
        return await self._call("GET", "/state")

    async def cameras(self) -> dict[int, dict[str, Any]]:
        """Return the cameras' counters by did."""
        return {int(did): camera for did, camera in (await self.state())["cameras"].items()}

    async def media_connections(self) -> int:
        """Return how many media connections are open, over all cameras."""
        return sum(int(c["media_connections"]) for c in (await self.cameras()).values())

    async def media_bytes(self) -> int:
        """Return how many bytes of media the cameras have sent, over all cameras."""
        return sum(int(c["media_bytes_sent"]) for c in (await self.cameras()).values())

    async def display(self, name: str) -> dict[str, Any]:
        """Return the state of one display."""
        display: dict[str, Any] = (await self.state())["displays"][name]
        return display

    async def frames(self, name: str, since: int) -> tuple[list[Picture], int]:
        """Return the pictures a display has shown after number ``since``, and the last number.

        A display is judged by when a picture came out on it. The card that it shows when a
        camera's pictures have ended is left out: the display has decoded it, and found no tag.
        """
        answer = await self._call("GET", f"/displays/{name}/frames?since={since}")
        pictures = []
        for frame in answer["frames"]:
            since = max(since, int(frame["n"]))
            if frame.get("card"):
                continue
            shown = float(frame["decoded_ms"])
            tag = None
            if frame.get("did") is not None:
                tag = Tag(frame["did"], frame["lens"], frame["counter"], frame["captured_ms"])
            pictures.append(Picture("display", tag, 0.0, shown))
        return pictures, since

    async def power(self, did: int, *, on: bool) -> None:
        """Put a camera's lens to sleep, or wake it, at the camera."""
        await self._call("POST", f"/cameras/{did}/power", {"on": on})

    async def garbage(self, did: int, *, on: bool) -> None:
        """Have a camera answer rubbish, or behave again."""
        await self._call("POST", f"/cameras/{did}/garbage", {"on": on})

    async def cloud_down(self, *, down: bool) -> None:
        """Make the cloud unreachable, or reachable again."""
        await self._call("POST", "/cloud", {"down": down})

    async def challenges(self) -> dict[str, Any]:
        """Return what a user would see elsewhere: a captcha's text, and codes that were sent."""
        return await self._call("GET", "/cloud")

    async def scan(self) -> None:
        """Scan the newest QR code in the app."""
        await self._call("POST", "/cloud/scan", {})

    async def ask_at_sign_in(self, *, captcha: bool, verification: bool) -> None:
        """Choose what a sign-in by password is asked for besides."""
        wanted = {"captcha": captcha, "verification": verification}
        await self._call("POST", "/cloud/sign_in", wanted)

    async def secrets(self) -> dict[str, dict[str, list[str]]]:
        """Return every secret of the run, by form and kind."""
        return await self._call("GET", "/secrets")

    async def reboot(self, did: int, *, downtime: float = 0.0) -> None:
        """Reboot a camera, which answers nothing for ``downtime`` seconds."""
        await self._call("POST", f"/cameras/{did}/reboot", {"downtime": downtime})

    async def reboot_display(self, name: str, *, downtime: float = 0.0) -> None:
        """Reboot a display, which is not on the network for ``downtime`` seconds."""
        await self._call("POST", f"/displays/{name}/reboot", {"downtime": downtime})

    async def refuse(self, name: str, loads: int) -> None:
        """Have a display refuse what it is told to play, so many times."""
        await self._call("POST", f"/displays/{name}/refuse", {"loads": loads})

    async def silent(self, did: int, *, on: bool) -> None:
        """Take a camera off the network, or put it on again."""
        await self._call("POST", f"/cameras/{did}/silent", {"on": on})

    async def network(self, did: int, *, loss: float, duplicate: float, delay: float) -> None:
        """Make the network around a camera bad: shares lost and doubled, seconds late."""
        body = {"loss": loss, "duplicate": duplicate, "delay": delay}
        await self._call("POST", f"/cameras/{did}/network", body)

    async def swap(self, did: int, other: int) -> None:
        """Give two cameras each other's address, as a DHCP server may after a power cut."""
        await self._call("POST", f"/cameras/{did}/swap", {"with": other})


class HomeProcess:
    """``python -m simulator home FILE``."""

    def __init__(self, plan: HomePlan, log: Path) -> None:
        """Describe; nothing runs before :meth:`start`."""
        self.plan = plan
        self.log = log
        memory = log.with_name("cloud.json").resolve()
        home = ["home", str(plan.path.resolve()), "--memory", str(memory)]
        self._child = process.Child(
            [sys.executable, "-m", "simulator", *home],
            log=log,
            cwd=ROOT,
        )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child.running

    async def start(self) -> float:
        """Start and wait for the control API; return the seconds it took."""
        host, port = self.plan.control
        process.require_free(host, port, "the simulated home's control API")
        process.require_free(*self.plan.cloud, "the simulated cloud")
        for name, address in self.plan.displays.items():
            process.require_free(address, 8009, name)
        started = time.monotonic()
        await self._child.start()
        try:
            async with Control(self.plan.control) as control:
                await self._answering(control, started + START_TIMEOUT)
        except BaseException:
            await self._child.stop()
            raise
        return time.monotonic() - started

    async def _answering(self, control: Control, deadline: float) -> None:
        while time.monotonic() < deadline:
            if not self.running:
                raise HomeFailed(self._child.tail(1) or "the simulated home ended at once")
            try:
                await control.state()
            except HomeFailed:
                await asyncio.sleep(0.1)
            else:
                return
        raise HomeFailed(f"the simulated home did not answer; its log: {self.log}")

    async def stop(self) -> None:
        """End the process."""
        await self._child.stop()

    async def wait(self) -> int:
        """Wait until the process ends by itself."""
        return await self._child.wait()
