"""A child process with a log file and an end that is awaited."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING

from simulator.house.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TERM_TIMEOUT = 25.0
"""Seconds a process may take to end after SIGTERM; ``hass`` waits up to 20 s for its own parts."""


class Child:
    """One child process; its output is appended to ``log``."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the process; nothing runs before :meth:`start`."""
        self._command = list(command)
        self._cwd = cwd
        self._env = dict(env or {})
        self._process: asyncio.subprocess.Process | None = None
        self.log = log

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Process id while one exists."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches only its owner."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._cwd,
                env={**os.environ, **self._env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Wait for the end and return the exit code."""
        if self._process is None:
            return 0
        return await self._process.wait()

    async def stop(self, patience: float = TERM_TIMEOUT) -> int:
        """End the process: SIGTERM, then SIGKILL after ``patience`` seconds, at once for 0."""
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM if patience > 0 else signal.SIGKILL)
            try:
                async with asyncio.timeout(patience if patience > 0 else TERM_TIMEOUT):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        self._process = None
        return process.returncode or 0

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of the log, for an error message."""
        try:
            text = self.log.read_text("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def require_free(host: str, port: int, what: str) -> None:
    """Raise :class:`PortTaken` unless a TCP server could listen on the address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            raise PortTaken(host, port, what) from None


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that is free on ``host`` at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])
