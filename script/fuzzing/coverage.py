"""Which branches of the package were taken, at next to no cost.

Each side of each branch reports once and is then switched off, so only cases that reach
something new are ever noticed (PEP 669).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType

from contextlib import contextmanager

_TOOL = 3
_events = sys.monitoring.events


class Branches:
    """Counts the sides of branches taken in files whose path contains `within`."""

    def __init__(self, within: str) -> None:
        """Count nothing yet."""
        self.taken = 0
        self._within = within

    @contextmanager
    def watched(self) -> Generator[None]:
        """Watch; without effect where another tool has the place."""
        monitoring = sys.monitoring
        if monitoring.get_tool(_TOOL) is not None:
            yield
            return
        wanted = _events.BRANCH_LEFT | _events.BRANCH_RIGHT | _events.PY_START
        monitoring.use_tool_id(_TOOL, "fuzz")
        try:
            for event in (_events.BRANCH_LEFT, _events.BRANCH_RIGHT, _events.PY_START):
                monitoring.register_callback(_TOOL, event, self._take)
            monitoring.set_events(_TOOL, wanted)
            yield
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)
            monitoring.restart_events()

    def _take(self, code: CodeType, *_: int) -> object:
        if self._within in code.co_filename:
            self.taken += 1
        return sys.monitoring.DISABLE
