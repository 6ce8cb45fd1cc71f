"""The gate of one camera, below the gate of all: open while nothing holds it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, override

from . import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CameraGate", "Hold"]


class Hold(StrEnum):
    """Why a camera's gate is kept closed."""

    PRIVACY = "privacy"
    """Somebody wants this camera hidden."""
    QUARANTINE = "quarantine"
    """A picture came that was not this camera's."""
    IDENTITY = "identity"
    """It is in doubt whether the device is still this camera."""
    UNLISTED = "unlisted"
    """No account may see it any more."""


class CameraGate(Gate):
    """Closed while anything holds it or the gate of all is closed.

    Its epoch is its own counter. Once retired it never opens again.
    """

    def __init__(self, parent: Gate, did: str, holds: Iterable[Hold] = ()) -> None:
        """Stand below `parent`, held by `holds` from the beginning."""
        super().__init__(parent)
        self.did = did
        self._holds = set(holds)
        self._retired = False
        self.open()

    @property
    def holds(self) -> frozenset[Hold]:
        """What keeps this camera's pictures back, beside the gate of all."""
        return frozenset(self._holds)

    @property
    def is_retired(self) -> bool:
        """Whether the camera was removed."""
        return self._retired

    @override
    def open(self, epoch: int = 0) -> int:
        """Open in a new epoch, unless something holds the gate."""
        return self._epoch if self._holds or self._retired else super().open(epoch)

    def hold(self, why: Hold) -> None:
        """Close at once, for one reason more: permits die, then the callbacks run.

        Raises:
            ExceptionGroup: callbacks failed; the gate is closed all the same.
        """
        self._holds.add(why)
        self.close()

    def release(self, why: Hold) -> None:
        """Take one reason back; without any left the gate opens in a new epoch."""
        self._holds.discard(why)
        self.open()

    def retire(self) -> None:
        """Close for good, as the camera was removed; the parent forgets this gate.

        Raises:
            ExceptionGroup: callbacks failed; the gate is closed all the same.
        """
        self._retired = True
        self._leave()
        self.close()
