"""What happens to the gate, as it is told to whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import Context


class GateEventType(StrEnum):
    """Kinds of events."""

    DISABLED = "disabled"
    """Pictures of all cameras were switched off."""
    ENABLED = "enabled"
    """They were allowed again."""
    NOT_SAVED = "not_saved"
    """A change is in force, but might not survive a restart."""
    CAST_NOT_STOPPED = "cast_not_stopped"
    """A display could not be told to stop; it gets no pictures any more."""
    HIDDEN = "hidden"
    """One camera was hidden."""
    SHOWN = "shown"
    """It may be seen again."""
    QUARANTINED = "quarantined"
    """A picture came that was not this camera's; it shows nothing more."""
    QUARANTINE_ENDED = "quarantine_ended"
    """An administrator ended that."""
    IDENTITY_DOUBTED = "identity_doubted"
    """The device may be another one than this camera."""
    IDENTITY_PROVED = "identity_proved"
    """It has proved to be this camera."""


@dataclass(frozen=True, slots=True)
class GateEvent:
    """One event: what, when (ISO 8601, UTC), by whom, why, which camera, what was cut."""

    type: GateEventType
    at: str
    user_id: str | None = None
    reason: str | None = None
    did: str | None = None
    cut: Mapping[str, int] = field(default_factory=dict)
    context: Context | None = field(default=None, repr=False)

    @classmethod
    def now(
        cls,
        kind: GateEventType,
        *,
        reason: str | None = None,
        did: str | None = None,
        cut: Mapping[str, int] | None = None,
        context: Context | None = None,
    ) -> Self:
        """Return an event of this moment, by the user of `context`."""
        user_id = context.user_id if context is not None else None
        return cls(kind, utc_now(), user_id, reason, did, dict(cut or {}), context)


def utc_now() -> str:
    """Return the present time as events and records note it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
