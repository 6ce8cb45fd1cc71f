"""The media channel of a running application: LOAD, PLAY, PAUSE, STOP and MEDIA_STATUS.

A LOAD goes IDLE (extended status LOADING), BUFFERING, PLAYING, each told to everybody; the
request itself is answered once, when the first picture is there or when it has failed: then
with MEDIA_STATUS IDLE/ERROR and LOAD_FAILED.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from simulator.display.errors import PlaybackError
from simulator.display.refusal import Answer, Refusals
from simulator.display.wire import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.display.player import Player, PlayerListener
    from simulator.display.wire import CastMessage, Json, Sender

COMMANDS = 12303
"""supportedMediaCommands: pause, seek, volume, mute, tracks, playback rate."""
ITEM = 1
"""A LOAD makes a queue of one item."""


class PlayerState(StrEnum):
    """playerState of MEDIA_STATUS; LOADING is only ever an extended status."""

    IDLE = "IDLE"
    LOADING = "LOADING"
    BUFFERING = "BUFFERING"
    PLAYING = "PLAYING"
    PAUSED = "PAUSED"


class IdleReason(StrEnum):
    """Why nothing plays any more."""

    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"
    FINISHED = "FINISHED"
    ERROR = "ERROR"


class Platform(Protocol):
    """What the channel needs of the receiver."""

    def answer(
        self, sender: Sender, message: CastMessage, content: Json, request: Json | None = None
    ) -> None:
        """Answer a message; a request by its number."""

    def invalid(self, sender: Sender, message: CastMessage, request: Json, reason: str) -> None:
        """Refuse a request."""

    def tell(
        self, source: str, namespace: Namespace, content: Json, *, but: Sender | None = None
    ) -> None:
        """Tell everybody who has a channel to `source`, but for one."""

    def volume(self) -> Json:
        """Return the volume as every status has it."""

    def trouble(self, text: str) -> None:
        """Note what could not be played."""


class Players(Protocol):
    """Where players come from and go to."""

    def open(self, media: Json, listener: PlayerListener, session: int) -> Player:
        """Make a player, not yet started; PlaybackError when nothing plays this media."""

    def retire(self, player: Player) -> None:
        """Halt a player at once and see it to its end."""


@dataclass(frozen=True, slots=True)
class _Load:
    """The LOAD that waits for its answer."""

    sender: Sender
    message: CastMessage
    request: Json


class MediaSession:
    """One LOAD and what came of it. It listens to its player."""

    def __init__(self, channel: MediaChannel, number: int, media: Json, load: _Load) -> None:
        """Begin to load."""
        self.number = number
        self.media = media
        self.state = PlayerState.LOADING
        self.idle_reason: IdleReason | None = None
        self.player: Player | None = None
        self._channel = channel
        self._load: _Load | None = load
        self._autoplay = load.request.get("autoplay") is not False

    def begin(self, players: Players) -> None:
        """Open and start the player."""
        try:
            self.player = players.open(self.media, self, self.number)
        except PlaybackError as err:
            self.failed(err)
            return
        if not self._autoplay:
            self.player.pause()
        self.player.start()

    def buffering(self) -> None:
        """Hear that pictures are awaited."""
        if self.state is PlayerState.PAUSED:
            return
        if self._load is not None and not self._autoplay:
            self._turn(PlayerState.PAUSED)
        else:
            self._turn(PlayerState.BUFFERING)

    def playing(self) -> None:
        """Hear that pictures are shown."""
        self._turn(PlayerState.PLAYING)

    def finished(self) -> None:
        """Hear that the stream has come to its end."""
        self.end(IdleReason.FINISHED)

    def failed(self, error: PlaybackError) -> None:
        """Hear that the player has given up."""
        load, self._load = self._load, None
        self._channel.platform.trouble(str(error))
        self.end(IdleReason.ERROR)
        if load is not None:
            answer: dict[str, object] = {"type": "LOAD_FAILED", "itemId": ITEM}
            if error.code is not None:
                answer["detailedErrorCode"] = error.code.value
            self._channel.platform.answer(load.sender, load.message, answer, load.request)

    def end(self, reason: IdleReason) -> None:
        """Stop: nothing of this session is shown after this call."""
        if self.state is PlayerState.IDLE:
            return
        if self.player is not None:
            self._channel.players.retire(self.player)
            self.player = None
        load, self._load = self._load, None
        self.state, self.idle_reason = PlayerState.IDLE, reason
        self._channel.tell()
        if load is not None:
            self._channel.platform.answer(
                load.sender, load.message, {"type": "LOAD_CANCELLED", "itemId": ITEM}, load.request
            )

    def pause(self) -> None:
        """Freeze the picture."""
        if self.player is not None:
            self.player.pause()
            self.state = PlayerState.PAUSED

    def play(self) -> None:
        """Go on after a pause."""
        if self.player is not None and self.state is PlayerState.PAUSED:
            self.player.resume()
            self.state = PlayerState.PLAYING

    def as_status(self, volume: Json) -> Json:
        """Return its entry in MEDIA_STATUS."""
        status: dict[str, object] = {
            "mediaSessionId": self.number,
            "playbackRate": 1,
            "playerState": PlayerState.IDLE if self.state is PlayerState.LOADING else self.state,
            "currentTime": round(self.player.position, 3) if self.player is not None else 0,
            "supportedMediaCommands": COMMANDS,
            "volume": {"level": volume["level"], "muted": volume["muted"]},
            "media": self.media,
            "currentItemId": ITEM,
            "repeatMode": "REPEAT_OFF",
        }
        if self.idle_reason is not None:
            status["idleReason"] = self.idle_reason
        if self.state is PlayerState.LOADING:
            status["extendedStatus"] = {
                "playerState": PlayerState.LOADING,
                "media": self.media,
                "mediaSessionId": self.number,
            }
        return status

    def _turn(self, state: PlayerState) -> None:
        """Change state and tell; the answer to LOAD is the first status with a picture."""
        self.state = state
        load = None
        if state is not PlayerState.BUFFERING:
            load, self._load = self._load, None
        self._channel.tell(load)


class MediaChannel:
    """The media namespace of one running application."""

    def __init__(
        self,
        transport: str,
        platform: Platform,
        players: Players,
        numbers: Iterator[int],
        refusals: Refusals | None = None,
    ) -> None:
        """Begin with nothing loaded; `numbers` gives media sessions their ids."""
        self.transport = transport
        self.platform = platform
        self.players = players
        self.session: MediaSession | None = None
        self._numbers = numbers
        self._refusals = refusals or Refusals()

    def stop(self) -> None:
        """End what plays: the application goes away."""
        if self.session is not None:
            self.session.end(IdleReason.CANCELLED)

    def received(self, sender: Sender, message: CastMessage, data: Json) -> None:
        """Handle one message to the application."""
        kind = data.get("type")
        if kind == "GET_STATUS":
            self.platform.answer(sender, message, self._status(), data)
        elif kind == "LOAD":
            self._load(sender, message, data)
        elif kind not in ("PLAY", "PAUSE", "STOP", "SEEK"):  # may be of any type
            self.platform.invalid(sender, message, data, "INVALID_COMMAND")
        elif self.session is None or data.get("mediaSessionId") != self.session.number:
            self.platform.invalid(sender, message, data, "INVALID_MEDIA_SESSION_ID")
        elif self.session.state in {PlayerState.IDLE, PlayerState.LOADING} and kind != "STOP":
            state = {"type": "INVALID_PLAYER_STATE"}
            self.platform.answer(sender, message, state, data)
        else:
            if kind == "PLAY":
                self.session.play()
            elif kind == "PAUSE":
                self.session.pause()
            elif kind == "STOP":
                self.session.end(IdleReason.CANCELLED)
            # SEEK: a live stream has nowhere to go.
            self.platform.answer(sender, message, self._status(), data)
            self.platform.tell(self.transport, Namespace.MEDIA, self._status(), but=sender)

    def tell(self, load: _Load | None = None) -> None:
        """Tell everybody how things are; to whom has asked for it as the answer."""
        but = None
        if load is not None:
            but = load.sender
            self.platform.answer(load.sender, load.message, self._status(), load.request)
        self.platform.tell(self.transport, Namespace.MEDIA, self._status(), but=but)

    def _load(self, sender: Sender, message: CastMessage, data: Json) -> None:
        media = data.get("media")
        if (
            not isinstance(media, dict)
            or not isinstance(media.get("contentId"), str)
            or self._refusals.take(Answer.INVALID_REQUEST)
        ):
            self.platform.invalid(sender, message, data, "INVALID_PARAMS")
            return
        if self.session is not None:
            self.session.end(IdleReason.INTERRUPTED)
        load = _Load(sender, message, data)
        self.session = MediaSession(self, next(self._numbers), media, load)
        self.tell()
        if self._refusals.take(Answer.LOAD_CANCELLED):
            self.session.end(IdleReason.CANCELLED)
        else:
            self.session.begin(self.players)

    def _status(self) -> Json:
        entries = [] if self.session is None else [self.session.as_status(self.platform.volume())]
        return {"type": "MEDIA_STATUS", "status": entries}
