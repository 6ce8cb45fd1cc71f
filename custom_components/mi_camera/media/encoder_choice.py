"""Which encoder of an ffmpeg does on this machine: found out by trying, once.

That an ffmpeg lists an encoder does not mean that the machine has one, or that it works. So each
whose device is there encodes two seconds of synthetic pictures with the arguments that it would be
used with, and what comes out is looked at (`encoder_trial`). libx264 is what is used until that is
known, and if nothing else does.

The trial takes time of a processor that is needed when a cast begins, so it comes some seconds
after an encoder is first asked for, in the background; that first rendition is made by libx264.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
import logging
from pathlib import Path
import shutil
from typing import TYPE_CHECKING, Final

from .encoder_arguments import HARDWARE, SOFTWARE
from .encoder_trial import TrialFailed, async_try

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .encoder_arguments import H264Encoder

__all__ = ["EncoderChoice"]

_LOGGER = logging.getLogger(__name__)

AFTER: Final = 10.0
"""How long after the first need the trial begins, in seconds: a cast is running then."""
TOTAL: Final = 6.0
"""How long all trials together may take, in seconds."""
EACH: Final = 4.0


@dataclass(frozen=True, slots=True)
class _Program:
    """An ffmpeg, told from the one that is there after an update."""

    path: str
    changed: int


class EncoderChoice:
    """Knows which encoder to use; tries out those of an ffmpeg when it is first asked for."""

    def __init__(
        self,
        candidates: Iterable[H264Encoder] = HARDWARE,
        *,
        devices: Path = Path("/dev"),
        after: float = AFTER,
        total: float = TOTAL,
    ) -> None:
        """Know nothing yet.

        Args:
            candidates: what is tried, in this order.
            devices: where the machine's devices are.
            after: how long after the first need, in seconds.
            total: how long all trials together may take, in seconds.
        """
        self._candidates = tuple(candidates)
        self._devices = devices
        self._after = after
        self._total = total
        self._program: _Program | None = None
        self._encoder: H264Encoder | None = None
        self._trial: asyncio.Task[None] | None = None
        self._closed = False
        self.failed: dict[str, str] = {}
        """Why an encoder is not used, by its name; those without a device are left out."""

    @property
    def name(self) -> str | None:
        """Name of the encoder that is used, None before that is known."""
        return self._encoder.name if self._encoder is not None else None

    async def best(self, binary: str) -> H264Encoder:
        """Return the encoder to use with an ffmpeg now; libx264 as long as nothing is known."""
        loop = asyncio.get_running_loop()
        program = await loop.run_in_executor(None, _program, binary)
        if program is None:
            return SOFTWARE  # starting it will say so
        if program == self._program:
            return self._encoder or SOFTWARE
        if self._trial is None and not self._closed:
            self._program, self._encoder = program, None
            self.failed.clear()
            self._trial = loop.create_task(self._try_all(program), name="mi_camera encoders")
        return SOFTWARE

    def give_up(self, encoder: H264Encoder, why: str) -> None:
        """Use an encoder no more: it has failed in use. Another ffmpeg gets another chance."""
        if encoder is self._encoder and encoder is not SOFTWARE:
            _LOGGER.warning(
                "Pictures are converted without the machine's encoder %s from now on: %s",
                encoder.name,
                why,
            )
            self.failed[encoder.name] = why
            self._encoder = SOFTWARE

    async def close(self) -> None:
        """End a trial that runs, and begin no other."""
        self._closed = True
        if (trial := self._trial) is not None:
            trial.cancel()
            await asyncio.wait([trial])

    async def _try_all(self, program: _Program) -> None:
        """Try what the machine may have until one does."""
        try:
            await asyncio.sleep(self._after)
            self._encoder = await self._first_that_does(program.path)
            _LOGGER.debug("Pictures are converted by %s", self._encoder.name)
        finally:
            self._trial = None

    async def _first_that_does(self, path: str) -> H264Encoder:
        there = await asyncio.get_running_loop().run_in_executor(None, self._there)
        try:
            async with asyncio.timeout(self._total):
                for encoder in there:
                    if await self._does(path, encoder):
                        return encoder
        except TimeoutError:
            _LOGGER.debug("The trial of the machine's encoders took too long")
        return SOFTWARE

    async def _does(self, path: str, encoder: H264Encoder) -> bool:
        try:
            async with asyncio.timeout(EACH):
                await async_try(path, encoder)
        except TimeoutError:
            why = "too slow"
        except TrialFailed as err:
            why = str(err)
        else:
            return True
        self.failed[encoder.name] = why
        _LOGGER.debug("The machine's encoder %s does not do: %s", encoder.name, why)
        return False

    def _there(self) -> list[H264Encoder]:
        return [
            one
            for one in self._candidates
            if one.device is None or any(self._devices.glob(one.device))
        ]


def _program(binary: str) -> _Program | None:
    path = shutil.which(binary)
    if path is None:
        return None
    try:
        return _Program(path, Path(path).stat().st_mtime_ns)
    except OSError:
        return None
