"""The real go2rtc beside Home Assistant, as the container of Home Assistant has it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
import re
import secrets
import shutil
import time
from typing import Any

import aiohttp

from simulator.house import process
from simulator.house.errors import Go2rtcFailed
from simulator.house.hass import ROOT

START_TIMEOUT = 20.0
"""Seconds until the API must answer; a fraction of one on an idle machine."""
_HOST = "127.0.0.1"
# What Home Assistant enables in the go2rtc it manages itself, and no more: the rest would be
# further ways in and out.
_MODULES = ("api", "exec", "ffmpeg", "http", "mjpeg", "rtsp", "webrtc", "ws")
_API_PATHS = (
    "/",
    "/api",
    "/api/frame.jpeg",
    "/api/preload",
    "/api/schemes",
    "/api/streams",
    "/api/webrtc",
    "/api/ws",
)
_SOURCE = re.compile(r"http://[^\s\"]+[?&]auth=[^\s\"&#]+")
_NAME = re.compile(r"\s+\"?([\w.%-]+)\"?:\s*$")


def find_go2rtc() -> Path | None:
    """Return the go2rtc binary: $MI_CAMERA_GO2RTC, PATH, or where `script/setup` put it."""
    if chosen := os.environ.get("MI_CAMERA_GO2RTC"):
        return Path(chosen)
    if found := shutil.which("go2rtc"):
        return Path(found)
    try:
        cache = Path((ROOT / ".cache" / "root").read_text("utf-8").strip())
    except OSError:
        return None
    return next(iter(sorted(cache.glob("go2rtc/*/go2rtc"))), None)


@dataclass(frozen=True, slots=True)
class Access:
    """What Home Assistant needs to use a go2rtc."""

    url: str
    username: str
    password: str = field(repr=False)


class Go2rtc:
    """A go2rtc process without streams of its own: Home Assistant adds them.

    The API wants a password, also from this machine. RTSP, which its ffmpeg needs, and WebRTC
    listen on 127.0.0.1 only. Configuration and log lie in a folder only this user can read,
    because go2rtc writes the address of every stream it is given into its configuration.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        """Describe it; ``folder`` is made when it starts."""
        self._folder = folder
        self._config = folder / "go2rtc.yaml"
        self.log = folder / "go2rtc.log"
        self.access = Access(
            f"http://{_HOST}:{process.free_port()}/", secrets.token_hex(16), secrets.token_hex(16)
        )
        self._rtsp = f"{_HOST}:{process.free_port()}"
        self._child = process.Child(
            [str(program), "-config", str(self._config)], log=self.log, cwd=folder
        )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child.running

    async def start(self) -> float:
        """Start and wait until the API answers; return the seconds it took.

        Raises :class:`Go2rtcFailed`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._config.write_text(self._configuration(), "utf-8")
        started = time.monotonic()
        try:
            await self._child.start()
            async with asyncio.timeout(START_TIMEOUT):
                await self._answering()
        except TimeoutError:
            await self._child.stop()
            raise Go2rtcFailed(f"go2rtc did not answer; its log: {self.log}") from None
        except OSError as error:
            raise Go2rtcFailed(f"go2rtc does not start: {error.strerror}") from None
        except BaseException:
            await self._child.stop()
            raise
        return time.monotonic() - started

    def _configuration(self) -> str:
        # A go2rtc that listens on a loopback address gives it to nobody unless told to.
        address = f"{_HOST}:{process.free_port()}"
        parts: dict[str, Any] = {
            "app": {"modules": _MODULES},
            "api": {
                "listen": self.access.url.removeprefix("http://").rstrip("/"),
                "allow_paths": _API_PATHS,
                "local_auth": True,
                "username": self.access.username,
                "password": self.access.password,
            },
            "exec": {"allow_paths": ["ffmpeg"]},
            "rtsp": {"listen": self._rtsp},
            "webrtc": {
                "listen": address,
                "candidates": [address],
                "filters": {"loopback": True},
                "ice_servers": [],
            },
        }
        # go2rtc writes its streams into this file, as lines of block style; JSON is YAML too.
        return "".join(f"{name}: {json.dumps(part)}\n" for name, part in parts.items())

    async def _answering(self) -> None:
        while True:
            if not self.running:
                raise Go2rtcFailed(f"go2rtc ended at once: {self._child.tail(1)}")
            try:
                await self._call()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
            else:
                return

    async def _call(self) -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(f"{self.access.url}api", headers=self.login()) as response,
        ):
            if not response.ok:
                raise Go2rtcFailed(f"go2rtc answers {response.status}")

    def login(self) -> dict[str, str]:
        """Return the header its API wants."""
        login = aiohttp.encode_basic_auth(self.access.username, self.access.password)
        return {"Authorization": login}

    def sources(self) -> list[str]:
        """Return the relay's addresses that it holds: all it has been given and not replaced.

        Its API shows them without their keys, its configuration with them.
        """
        return _SOURCE.findall(self._written())

    def streams(self) -> dict[str, str]:
        """Return the newest address of the relay that it has been given, by name of stream."""
        found: dict[str, str] = {}
        name = ""
        for line in self._written().splitlines():
            if match := _NAME.match(line):
                name = match[1]
            elif match := _SOURCE.search(line):
                found[name] = match[0]
        return found

    def rtsp(self, name: str) -> str:
        """Return where a stream can be played by everybody on this machine, without a password."""
        return f"rtsp://{self._rtsp}/{name}"

    def _written(self) -> str:
        try:
            return self._config.read_text("utf-8")
        except OSError:
            return ""

    async def stop(self) -> None:
        """End the process and delete its configuration, which holds addresses of streams."""
        await self._child.stop()
        self._config.unlink(missing_ok=True)

    async def wait(self) -> int:
        """Wait until the process ends by itself."""
        return await self._child.wait()
