"""Where one device's pushes come in: opened, judged, told and answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .push import Push, PushInbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from .packet import JsonValue


@dataclass(frozen=True, slots=True)
class PushPort:
    """What an endpoint needs to know of a device that was subscribed to.

    `allowed` is asked before anything is told or answered: while it says no, pushes come in
    vain. `tell` is called from the socket, and must neither block nor raise.
    """

    did: int
    token: bytes = field(repr=False)
    allowed: Callable[[], bool]
    tell: Callable[[Push], None]
    inbox: PushInbox = field(default_factory=PushInbox)

    def take(
        self, payload: dict[str, JsonValue], *, stamp: int, clock: float, now: float
    ) -> dict[str, JsonValue] | None:
        """Take a request that the token has opened; return the answer, None for silence."""
        if not self.allowed():
            return None
        answer, push = self.inbox.take(payload, stamp=stamp, clock=clock, now=now)
        if push is not None:
            self.tell(push)
        # It may be that what was told has closed the gate.
        return answer if self.allowed() else None
