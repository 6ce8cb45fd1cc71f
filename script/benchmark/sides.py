"""The two sides of every measurement: this integration and a peer that may not be there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from .processes import BenchFailed, Go2rtc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path

type Sides = dict[str, float | None]
"""One figure for each side; None where there is no peer."""

OURS: Final = "ours"
PEER: Final = "go2rtc"


def both(ours: float | None, peer: float | None) -> Sides:
    """Put two figures together."""
    return {OURS: ours, PEER: peer}


def turns(number: int) -> tuple[str, str]:
    """Return who is first in this round: by turns, since the first has it a little better."""
    return (OURS, PEER) if number % 2 == 0 else (PEER, OURS)


class Peer:
    """go2rtc, or that there is none."""

    def __init__(self, program: Path | None, say: Callable[[str], None]) -> None:
        """Use a binary; `say` is told, once, why there will be no figures."""
        self._program = program
        self._say = say
        if program is None:
            say("no go2rtc here (script/setup fetches it): its figures are null")

    @property
    def there(self) -> bool:
        """Whether there are figures of it."""
        return self._program is not None

    def give_up(self, why: str) -> None:
        """Have no figures of it from now on."""
        if self.there:
            self._program = None
            self._say(f"{why}: go2rtc's figures are null from here on")

    @asynccontextmanager
    async def running(
        self, folder: Path, streams: Mapping[str, str]
    ) -> AsyncGenerator[Go2rtc | None]:
        """Run it with these streams, by name; None when there is none."""
        if self._program is None:
            yield None
            return
        go2rtc = Go2rtc(self._program, folder, streams)
        try:
            await go2rtc.__aenter__()
        except BenchFailed as err:
            self.give_up(str(err))
            yield None
            return
        try:
            yield go2rtc
        finally:
            await go2rtc.__aexit__()
