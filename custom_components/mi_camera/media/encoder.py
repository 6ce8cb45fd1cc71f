"""One ffmpeg process that makes H.264 of other pictures, and its end at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final, cast

from .flv import FlvError, FlvReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from .flv import FlvPicture

__all__ = ["Encoder", "EncoderError"]

NICENESS: Final = 5
"""What looks after the house goes first, once an encoder has begun: it gets three times as much
of a processor that is not enough for both. With more an encoder comes to a standstill."""
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_MAX_COMPLAINT: Final = 400
_LAST_WORDS: Final = 0.5
"""How long its complaint is waited for once it is of no use any more, in seconds."""
# What the program needs of the environment; the rest may hold secrets of other programs.
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "HOME", "LANG")


class EncoderError(Exception):
    """ffmpeg cannot be started."""


class Encoder(asyncio.SubprocessProtocol):
    """A running ffmpeg. It gets what is written and gives pictures, until killed.

    There is nothing in its arguments or its environment that anybody may not know: what it
    reads and writes goes through pipes.
    """

    def __init__(
        self, on_picture: Callable[[FlvPicture], None], on_end: Callable[[], None]
    ) -> None:
        """Make an encoder that is not started.

        `on_end` is called when it has ended by itself; after `kill` neither is called.
        """
        self._on_picture = on_picture
        self._on_end = on_end
        self._reader = FlvReader()
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._complaint = b""
        self._over = False
        self._starting = False
        self._last_words: asyncio.TimerHandle | None = None
        self._exited = asyncio.Event()

    async def start(self, binary: str, arguments: list[str]) -> None:
        """Start the program.

        Raises:
            EncoderError: it is not there, or cannot be run.
        """
        self._starting = True
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self, binary, *arguments, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as err:
            self._exited.set()
            raise EncoderError(type(err).__name__) from None
        except asyncio.CancelledError:
            # The event loop has killed and reaped it.
            self._exited.set()
            raise

    @property
    def pid(self) -> int | None:
        """Number of the process, None before it has started."""
        return None if self._transport is None else self._transport.get_pid()

    @property
    def gone(self) -> bool:
        """Whether the process has ended and been reaped, or was never there."""
        return self._exited.is_set()

    @property
    def ended(self) -> bool:
        """Whether it is of no use any more, by itself or killed."""
        return self._over

    @property
    def complaint(self) -> str:
        """The end of what it has complained of."""
        return self._complaint.decode("utf-8", "replace").strip()

    def write(self, data: bytes) -> None:
        """Give it transport packets."""
        if self._input is not None and not self._over:
            self._input.write(data)

    def calm(self) -> None:
        """Let everything else on the machine go first from now on.

        Not from the beginning: on a busy machine its first pictures, for which somebody waits,
        might take many times as long.
        """
        if self._transport is not None and not self._over:
            # All threads it has by now, and what it has started itself.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PGRP, self._transport.get_pid(), NICENESS)

    def kill(self) -> None:
        """End the process now: nothing of it is heard or told any more."""
        self._over = True
        if self._last_words is not None:
            self._last_words.cancel()
        if (transport := self._transport) is None:
            if not self._starting:
                self._exited.set()
            return
        if transport.get_returncode() is None:
            # Not by way of the transport, which might reap it before the event loop does.
            self._kill_group(transport)
        if self._input is not None and not self._input.is_closing():
            # What waits to be written would keep the pipe open.
            self._input.abort()
        self._input = None
        for number in (_STDOUT, _STDERR):
            if (pipe := transport.get_pipe_transport(number)) is not None:
                pipe.close()

    async def wait(self, seconds: float = 5.0) -> bool:
        """Wait until the process is gone and reaped; returns whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        return self._exited.is_set()

    # -- as the event loop calls it ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the process that has just been started."""
        self._transport = process = cast("asyncio.SubprocessTransport", transport)
        self._input = cast("asyncio.WriteTransport", process.get_pipe_transport(_STDIN))
        if self._over:
            self.kill()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it has written."""
        if self._over:
            return
        if fd == _STDERR:
            self._complaint = (self._complaint + data)[-_MAX_COMPLAINT:]
            return
        try:
            for picture in self._reader.feed(data):
                self._on_picture(picture)
        except FlvError as err:
            self._complaint = str(err).encode()
            self._ended()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Take the end of a pipe for the end of the process: it is of no use any more."""
        if fd == _STDERR:
            self._ended()
        else:
            self._ending()

    def process_exited(self) -> None:
        """Note that the process is gone; what it has started itself goes with it."""
        if self._transport is not None:
            self._kill_group(self._transport)
        self._exited.set()
        self._ending()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the process, which is gone, and its pipes, which are closed."""
        if self._transport is not None:
            self._transport.close()

    @staticmethod
    def _kill_group(transport: asyncio.SubprocessTransport) -> None:
        """Kill all of its session: ffmpeg may be a script that has started another."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)

    def _ending(self) -> None:
        """Wait a moment for what it has to say, which may come last."""
        if not self._over and self._last_words is None:
            loop = asyncio.get_running_loop()
            self._last_words = loop.call_later(_LAST_WORDS, self._ended)

    def _ended(self) -> None:
        if not self._over:
            self.kill()
            self._on_end()
