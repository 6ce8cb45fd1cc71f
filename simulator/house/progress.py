"""Progress of a long run, on stderr: stdout is for results."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints one line per step with the seconds since the beginning."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        """Begin the clock; ``name`` precedes every line."""
        self._name = name
        self._began = time.monotonic()
        self._quiet = quiet

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """Print a step."""
        if not self._quiet:
            print(f"{self._name} {self.seconds:6.1f} s  {text}", file=sys.stderr, flush=True)
