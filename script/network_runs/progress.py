"""What is being done: one line that is written over on a terminal, else a line for each kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_ERASE = "\r\x1b[K"


class Progress:
    """Tells what is being done and for how long it has been going on."""

    def __init__(self, name: str, out: TextIO) -> None:
        """Begin the clock; `name` precedes every line."""
        self._name = name
        self._out = out
        self._live = out.isatty()
        self._began = time.monotonic()
        self._said = ""

    def say(self, text: str) -> None:
        """Say what comes next; of steps that differ in numbers at the end only the first."""
        line = f"{self._name} {time.monotonic() - self._began:6.1f} s  {text}"
        if self._live:
            self._out.write(_ERASE + line)
        elif (kind := text.rpartition(", ")[0] if " of " in text else text) != self._said:
            self._said = kind
            self._out.write(line + "\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._out.write(_ERASE)
            self._out.flush()
