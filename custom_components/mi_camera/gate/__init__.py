"""The gate: may pictures leave, and under which epoch.

Every place where a picture can leave asks for a `Permit` first and looks at it again
after each `await`. Closing the gate invalidates every permit at once, synchronously;
a permit never becomes valid again, since each opening has an epoch of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Gate", "GateClosedError", "Permit"]


class GateClosedError(Exception):
    """Pictures are switched off."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to let pictures out, for as long as the gate stays open in this epoch."""

    gate: Gate
    epoch: int

    @property
    def valid(self) -> bool:
        """Whether the gate has stayed open since the permit was given."""
        return self.gate.is_open and self.gate.epoch == self.epoch


class Gate:
    """Open or closed, with an epoch that grows by one at each closing and opening.

    A new gate is closed. It holds no clock, file or task; who opens it and why is
    decided elsewhere.
    """

    def __init__(self) -> None:
        """Start closed, in epoch 0."""
        self._open = False
        self._epoch = 0
        self._on_close: list[Callable[[], None]] = []

    @property
    def is_open(self) -> bool:
        """Whether pictures may leave now."""
        return self._open

    @property
    def epoch(self) -> int:
        """Number of the present epoch."""
        return self._epoch

    def permit(self) -> Permit | None:
        """Leave for the present epoch, or None while the gate is closed."""
        return Permit(self, self._epoch) if self._open else None

    def require(self) -> Permit:
        """Leave for the present epoch.

        Raises:
            GateClosedError: pictures are switched off.
        """
        if (permit := self.permit()) is None:
            raise GateClosedError
        return permit

    def close(self) -> None:
        """Close at once: first every permit dies, then the callbacks run.

        A callback that fails does not keep the others from running; the first error is
        raised when all have run. Closing a closed gate only runs the callbacks again.
        """
        if self._open:
            self._open = False
            self._epoch += 1
        errors: list[Exception] = []
        for callback in tuple(self._on_close):
            try:
                callback()
            except Exception as err:  # noqa: BLE001 - the rest must still be cut
                errors.append(err)
        if errors:
            raise ExceptionGroup("cutting some pictures failed", errors)

    def open(self, epoch: int = 0) -> int:
        """Open in a new epoch, at least `epoch`, and return its number."""
        if not self._open:
            self._epoch = max(self._epoch + 1, epoch)
            self._open = True
        return self._epoch

    def on_close(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` synchronously at each closing; returns how to stop that."""
        self._on_close.append(callback)

        def remove() -> None:
            if callback in self._on_close:
                self._on_close.remove(callback)

        return remove
