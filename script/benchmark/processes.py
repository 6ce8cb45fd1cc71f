"""The processes that are measured: how to run them, talk to them and read their cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from simulator.house.errors import HouseError
from simulator.house.process import Child, free_port

from . import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTING = 20.0
ANSWERING = 60.0
_MAX_LINE = 1 << 24
_CPU_CLOCK = 2  # CPUCLOCK_SCHED of the kernel's clock ids


class BenchFailed(HouseError):
    """The run cannot go on; the text is one line that says why."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has had, all threads, user and system.

    It is what utime + stime in /proc/PID/stat tell, without their steps of 10 ms: those are
    coarse for a stream that takes 5 ms in a second. The clock's id is made as
    clock_getcpuclockid(3) makes it.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK) / 1e9
    except OSError as err:
        raise BenchFailed(f"process {pid} has gone") from err


def wakeups(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep, and so been woken."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # a thread that has ended
            found = re.search(
                r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE
            )
            count += int(found[1]) if found else 0
    return count


def rss_mb(pid: int) -> float:
    """Return the memory of a process that is in RAM, in MB (10^6 bytes)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError as err:
        raise BenchFailed(f"process {pid} has gone") from err
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Helper:
    """A module of this package in a process of its own, spoken to in lines of JSON.

    Keys and tokens go in over its standard input, so they are in no process list. It ends
    when that is closed.
    """

    def __init__(
        self, module: str, folder: Path, *, profile: Path | None = None, ending: float = 3.0
    ) -> None:
        """Describe it; `folder` takes its log, `profile` what `profiled` notes of it.

        `ending` is how many seconds it may take to end.
        """
        self._module = module
        self._ending = ending
        self._profile = profile
        self._log = folder / f"{module}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start it and wait until it is ready."""
        modules = [f"{__package__}.{self._module}"]
        if self._profile is not None:
            modules = [f"{__package__}.profiled", str(self._profile), *modules]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *modules,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'script'}"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_MAX_LINE,
                start_new_session=True,
            )
        try:
            await self._line(STARTING)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        await self.stop()

    async def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send a line and return the answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise self._ended() from None
        return await self._line(ANSWERING)

    def switch_profile(self) -> None:
        """Begin to take the profile, or end it and write it down."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    async def _line(self, timeout: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise BenchFailed(f"the process {self._module} does not answer") from None
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> BenchFailed:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return BenchFailed(f"the process {self._module} ended: {lines[-1] if lines else ''}")

    async def stop(self) -> None:
        """End it, by force if it does not end by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(self._ending):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Go2rtc:
    """A go2rtc process that knows streams by name."""

    def __init__(self, program: Path, folder: Path, streams: Mapping[str, str]) -> None:
        """Describe it; its configuration, with the streams' keys, goes into `folder`."""
        self._port = free_port()
        self._config = folder / "go2rtc.json"  # JSON is YAML
        self._config.write_text(
            json.dumps(
                {
                    "api": {"listen": f"127.0.0.1:{self._port}"},
                    "rtsp": {"listen": ""},
                    "webrtc": {"listen": ""},
                    "srtp": {"listen": ""},
                    "streams": dict(streams),
                }
            )
        )
        command = [str(program), "-config", str(self._config)]
        self._child = Child(command, log=folder / "go2rtc.log", cwd=folder)

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._child.pid is not None
        return self._child.pid

    def url(self, name: str) -> str:
        """Return where a stream can be read as MPEG-TS."""
        return f"http://127.0.0.1:{self._port}/api/stream.ts?src={name}"

    async def __aenter__(self) -> Self:
        """Start it and wait until its API answers."""
        try:
            await self._child.start()
            async with aiohttp.ClientSession() as http, asyncio.timeout(STARTING):
                await self._answering(http)
        except TimeoutError:
            await self.__aexit__()
            raise BenchFailed("go2rtc does not answer") from None
        except OSError as err:
            await self.__aexit__()
            raise BenchFailed(f"go2rtc: {err.strerror}") from err
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _answering(self, http: aiohttp.ClientSession) -> None:
        while True:
            if not self._child.running:
                raise BenchFailed(f"go2rtc ended: {self._child.tail(1)}")
            try:
                async with http.get(f"http://127.0.0.1:{self._port}/api") as response:
                    if response.ok:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)

    async def __aexit__(self, *_: object) -> None:
        """End it and remove its configuration."""
        await self._child.stop()
        self._config.unlink(missing_ok=True)
