"""One camera on one player, and what a player shows of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
import secrets
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import ATTR_MEDIA_CONTENT_ID, MediaPlayerState
from homeassistant.const import ATTR_FRIENDLY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from homeassistant.components.stream import Stream
    from homeassistant.core import State

    from .gate import Permit
    from .lens import Lens

SHOWING = {MediaPlayerState.PLAYING, MediaPlayerState.BUFFERING, MediaPlayerState.PAUSED}


class EndReason(StrEnum):
    """Why a cast session ended."""

    STOPPED = "stopped"
    DURATION = "duration"
    SWITCHED_OFF = "switched_off"
    CAMERA_GONE = "camera_gone"
    STALE = "stale"
    REPLACED = "replaced"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class CastSession:
    """One lens on one player; `camera` is its entity. Address and token are secrets of this session."""

    lens: Lens
    camera: str
    player: str
    permit: Permit
    source: str = field(repr=False)
    stream: Stream = field(repr=False)
    token: str = field(repr=False)
    session_id: str = field(default_factory=lambda: secrets.token_hex(8))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ends: datetime | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    undo: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return what an action answers about this session."""
        return {
            "session_id": self.session_id,
            "camera": self.camera,
            "media_player": self.player,
            "started": self.started.isoformat(),
            "ends": self.ends.isoformat() if self.ends else None,
        }


def player_name(state: State) -> str:
    """Return what users call a player."""
    name = state.attributes.get(ATTR_FRIENDLY_NAME)
    return name if isinstance(name, str) else state.entity_id


def shows(state: State | None, tokens: Collection[str]) -> bool:
    """Whether a player has one of our addresses on its screen, frozen or not."""
    if state is None or state.state not in SHOWING:
        return False
    content = state.attributes.get(ATTR_MEDIA_CONTENT_ID)
    return isinstance(content, str) and any(f"/{token}/" in content for token in tokens)


def plays(state: State | None, token: str) -> bool:
    """Whether a player reports playing what it was given by `token`."""
    return state is not None and state.state == MediaPlayerState.PLAYING and shows(state, {token})
