"""One camera on one player, and what a player shows of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
import secrets
from typing import TYPE_CHECKING, Any

from homeassistant.components.media_player import ATTR_MEDIA_CONTENT_ID, MediaPlayerState
from homeassistant.const import ATTR_FRIENDLY_NAME, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import callback

from .news import CastEvent, CastEventType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from homeassistant.core import Context, HomeAssistant, State

    from ..gate import Permit
    from ..lens import Lens
    from .choice import Choice
    from .source import CastSource

SHOWING = {MediaPlayerState.PLAYING, MediaPlayerState.BUFFERING, MediaPlayerState.PAUSED}


class EndReason(StrEnum):
    """Why a cast session ended."""

    STOPPED = "stopped"
    """By the action, or at the player."""
    DURATION = "duration"
    """Its time is over."""
    SWITCHED_OFF = "switched_off"
    """The gate of all cameras or of this one has closed, or the hub is being unloaded."""
    STALE = "stale"
    """No new picture came for too long."""
    REPLACED = "replaced"
    """The player shows something else."""
    CAMERA_GONE = "camera_gone"
    """The camera fell asleep, does not answer, or was removed."""
    PLAYER_GONE = "player_gone"
    """The player is out of reach."""
    LOAD_FAILED = "load_failed"
    """The player never began to play it, or another one of the same action did not."""
    NOT_ALLOWED = "not_allowed"
    """The camera may not be shown there, or not at this hour."""


class CastState(StrEnum):
    """What has become of a cast session."""

    LOADING = "loading"
    PLAYING = "playing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CastTarget:
    """What to show where; `camera` and `player` are entity ids."""

    lens: Lens
    camera: str
    player: str


@dataclass(slots=True, eq=False)
class CastSession:
    """One lens on one player; `camera` is its entity. Address and token are secrets of this session.

    `due` is when the time is over that was asked for or is allowed, `ends` that or, if sooner,
    the end of the camera's hours.
    """

    lens: Lens
    camera: str
    player: str
    permit: Permit
    choice: Choice = field(repr=False)
    pictures: CastSource = field(repr=False)
    session_id: str = field(default_factory=lambda: secrets.token_hex(8))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    due: datetime | None = None
    ends: datetime | None = None
    state: CastState = CastState.LOADING
    reason: EndReason | None = None
    loaded: bool = False
    announced: bool | None = None
    """Whether what was to be said is said on it; None when there is nothing to say."""
    context: Context | None = field(default=None, repr=False)
    timer: Callable[[], None] | None = field(default=None, repr=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    undo: list[Callable[[], None]] = field(default_factory=list, repr=False)

    @property
    def token(self) -> str:
        """What tells its address from others; a secret."""
        return self.pictures.token

    @property
    def has_encoder(self) -> bool:
        """Whether an encoder runs for it alone."""
        feed = self.choice.feed
        return feed is self.lens.rendition.feed and feed.viewers == 1

    @callback
    def drop_timer(self) -> None:
        """Keep it from ending with its time."""
        if self.timer is not None:
            self.timer()
            self.timer = None

    def event(self, kind: CastEventType, context: Context | None) -> CastEvent:
        """Return what to tell of it, brought about by `context`."""
        return CastEvent(kind, self.lens.source.did, self.camera, self.player, self.reason, context)

    def as_dict(self) -> dict[str, Any]:
        """Return what an action answers about this session."""
        said = {} if self.announced is None else {"announced": self.announced}
        return {
            "session_id": self.session_id,
            "camera": self.camera,
            "media_player": self.player,
            "started": self.started.isoformat(),
            "pictures": self.choice.kind.value,
            "state": self.state.value,
            "reason": self.reason.value if self.reason else None,
            "ends": self.ends.isoformat() if self.ends else None,
            **said,
        }


def player_name(state: State) -> str:
    """Return what users call a player."""
    name = state.attributes.get(ATTR_FRIENDLY_NAME)
    return name if isinstance(name, str) else state.entity_id


@callback
def named(hass: HomeAssistant, player: str) -> str:
    """Return what users call a player, its entity id if it is not there."""
    state = hass.states.get(player)
    return player_name(state) if state else player


def is_away(state: State | None) -> bool:
    """Whether a player is out of reach."""
    return state is None or state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}


def shows(state: State | None, tokens: Collection[str]) -> bool:
    """Whether a player has one of our addresses on its screen, frozen or not."""
    return shown_token(state, tokens) is not None


def shown_token(state: State | None, tokens: Collection[str]) -> str | None:
    """Return which of `tokens` is in the address that a player has on its screen."""
    return _named_token(state, tokens) if state is not None and state.state in SHOWING else None


def names(state: State | None, token: str) -> bool:
    """Whether a player has been told to show `token` and shows nothing: not yet, or no more."""
    return (
        state is not None
        and state.state not in SHOWING
        and _named_token(state, {token}) is not None
    )


def _named_token(state: State, tokens: Collection[str]) -> str | None:
    content = state.attributes.get(ATTR_MEDIA_CONTENT_ID)
    if not isinstance(content, str):
        return None
    return next((part for part in content.split("/") if part and part in tokens), None)


def plays(state: State | None, token: str) -> bool:
    """Whether a player reports playing what it was given by `token`."""
    return state is not None and state.state == MediaPlayerState.PLAYING and shows(state, {token})


def left_for(state: State | None, token: str) -> EndReason | None:
    """Return why a player does not show `token` any more (None: it does)."""
    if shows(state, {token}):
        return None
    if state is None or is_away(state):
        return EndReason.PLAYER_GONE
    return EndReason.REPLACED if state.state in SHOWING else EndReason.STOPPED
