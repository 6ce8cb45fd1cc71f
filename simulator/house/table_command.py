"""A command that tries a house of its own and prints what it found as a table."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Protocol

from simulator.house.demo import until_signal
from simulator.house.errors import HouseError
from simulator.house.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


class Table(Protocol):
    """What was found."""

    @property
    def wrong(self) -> Sequence[str]:
        """What must not be, in words; empty if all is well."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for a program."""

    def markdown(self) -> str:
        """Return it for people."""


async def run_table[T: Table](
    name: str,
    work: Callable[[Path, Progress], Coroutine[Any, Any, T]],
    document: Callable[[T], str],
    *,
    as_json: bool,
    write: Path | None,
) -> int:
    """Run `work` in a folder of its own until it ends or Ctrl-C; return the exit status.

    The folder with its logs is kept if anything is wrong. `document` makes the whole text
    that goes to the file `write`.
    """
    progress = Progress(name)
    directory = Path(tempfile.mkdtemp(prefix=f"mi-camera-{name}-"))
    async with until_signal() as stop:
        running = asyncio.create_task(work(directory, progress))
        stopped = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopped):
            task.cancel()
        await asyncio.wait({running, stopped})
    if running.cancelled():
        progress.say("interrupted")
        return 1
    try:
        found = running.result()
    except HouseError as error:
        progress.say(f"{type(error).__name__}: {error}")
        progress.say(f"logs are kept in {directory}")
        return 1
    for line in found.wrong:
        progress.say(f"WRONG: {line}")
    if found.wrong:
        progress.say(f"logs are kept in {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if write is not None:
        await asyncio.to_thread(write.write_text, document(found), "utf-8")
        progress.say(f"written: {write}")
    print(json.dumps(found.as_dict()) if as_json else found.markdown(), flush=True)
    return 1 if found.wrong else 0
