"""The gate: may pictures leave, and under which epoch.

Every place where a picture can leave asks for a `Permit` first and looks at it again
after each `await`. Closing the gate invalidates every permit at once, synchronously;
a permit never becomes valid again, since each opening has an epoch of its own.

A gate may have a parent, such as the gate of all cameras: it is open only while its
parent is open too, and the parent's closing kills its permits as its own would.
"""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

__all__ = ["Gate", "GateClosedError", "Permit", "run_all"]


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

    def __init__(self, parent: Gate | None = None) -> None:
        """Start closed, in epoch 0, below `parent` if there is one."""
        self._parent = parent
        self._children: list[Gate] = []
        self._open = False
        self._epoch = 0
        self._on_close: list[Callable[[], None]] = []
        if parent is not None:
            parent._children.append(self)

    @property
    def is_open(self) -> bool:
        """Whether pictures may leave now."""
        return self._open and (self._parent is None or self._parent.is_open)

    @property
    def epoch(self) -> int:
        """Number of the present epoch; each gate counts its own."""
        return self._epoch

    def permit(self) -> Permit | None:
        """Leave for the present epoch, or None while the gate is closed."""
        return Permit(self, self._epoch) if self.is_open else None

    def require(self) -> Permit:
        """Leave for the present epoch.

        Raises:
            GateClosedError: pictures are switched off.
        """
        if (permit := self.permit()) is None:
            raise GateClosedError
        return permit

    def close(self) -> None:
        """Close at once: first every permit dies, those of gates below too, then callbacks run.

        Callbacks of this gate run before those of the gates below. One that fails does not
        keep the others from running; the errors are raised when all have run. Closing a
        closed gate only runs the callbacks again.

        Raises:
            ExceptionGroup: callbacks failed; the gate is closed all the same.
        """
        if self._open:
            self._open = False
            self._next_epoch()
        if errors := run_all([one for gate in self._tree() for one in gate._on_close]):
            raise ExceptionGroup("cutting some pictures failed", errors)

    def open(self, epoch: int = 0) -> int:
        """Open in a new epoch, at least `epoch`, and return its number.

        The gates below are in a new epoch too, whether they are open or not.
        """
        if not self._open:
            self._next_epoch()
            self._epoch = max(self._epoch, epoch)
            self._open = True
        return self._epoch

    def on_close(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` synchronously at each closing; returns how to stop that."""
        self._on_close.append(callback)

        def remove() -> None:
            if callback in self._on_close:
                self._on_close.remove(callback)

        return remove

    def _next_epoch(self) -> None:
        for gate in self._tree():
            gate._epoch += 1

    def _tree(self) -> Generator[Gate]:
        yield self
        for child in self._children:
            yield from child._tree()

    def _leave(self) -> None:
        if self._parent is not None and self in self._parent._children:
            self._parent._children.remove(self)


def run_all(callbacks: Iterable[Callable[[], None]]) -> list[Exception]:
    """Call every callback, whichever of them fail, and return their errors."""
    errors: list[Exception] = []
    for callback in tuple(callbacks):
        try:
            callback()
        except CancelledError as err:
            # What asking for the result of a cancelled task raises; nobody cancels this.
            cancelled = RuntimeError("a callback asked for something that was cancelled")
            cancelled.__cause__ = err
            errors.append(cancelled)
        except Exception as err:  # noqa: BLE001 - the rest must still run
            errors.append(err)
    return errors
