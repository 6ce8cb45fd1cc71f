"""A MISS session with one camera: login, commands, pictures and sound. Sans-IO.

Sits on a `Connection` and is fed through it. Media goes through `MediaStreams`.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from .commands import (
    MAX_LENS,
    MAX_QUALITY,
    REPLY_TO,
    Command,
    auth_request,
    check_auth_reply,
    pull_command,
    push_command,
    video_start,
)
from .crypto import RecordCipher, session_key
from .errors import MissClosed, MissError, MissProtocolError, MissUnreachable, MissWrongKey
from .frames import AudioFrame, Codec, VideoFrame
from .speaker import check_speaker_reply, push_sound
from .streams import MediaStreams
from .transport import CommandRecord, ConnectionClosed, Delivered, MediaGap, MediaRecord

if TYPE_CHECKING:
    from .keys import MissKeys
    from .limits import Statistics, Timing
    from .transport import Connection, Transmission


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The camera has accepted the login."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The camera has answered a command."""

    command: Command
    """The number of the reply, not of the command it answers."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """A command of ours that is answered."""

    command: Command
    reply: Command
    """Which `Reply` it will be. These carry nothing to tell two of a kind apart, but come in
    order."""
    transmission: Transmission


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session is over; always the last event."""

    error: MissError | None
    """Why; None when this side closed it."""


type Event = LoggedIn | Reply | Delivered | VideoFrame | AudioFrame | SessionClosed


class State(Enum):
    """Where a session is; it only ever goes forward."""

    CONNECTED = auto()
    LOGGING_IN = auto()
    READY = auto()
    CLOSED = auto()


class MissSession:
    """What is said over one connection."""

    def __init__(
        self,
        connection: Connection,
        keys: MissKeys,
        *,
        timing: Timing,
        statistics: Statistics,
    ) -> None:
        """Sit on a connection.

        Raises:
            MissRefused: the camera's public key is unusable.
        """
        self.state = State.CONNECTED
        self._connection = connection
        self._keys = keys
        self._cipher = RecordCipher(session_key(keys))
        self._timing = timing
        self._statistics = statistics
        self._streams = MediaStreams(self._cipher, statistics)
        self._awaited: Counter[int] = Counter()
        self._asked_at = 0.0
        self._ask_again_at: float | None = None
        self._give_up_at: float | None = None
        self._speaker_asked = False
        self._speaker_on = False
        self._events: deque[Event] = deque()

    # -- what to do ---------------------------------------------------------------------

    def login(self, now: float) -> None:
        """Send the login; ends in `LoggedIn` or `SessionClosed`."""
        self._expect_state(State.CONNECTED)
        self.state = State.LOGGING_IN
        record = push_command(Command.AUTH_REQ, auth_request(self._keys))
        self._connection.send_command(record, now)

    def start_video(self, *, quality: int, lens: int, audio: bool, now: float) -> Transmission:
        """Ask for a lens's pictures, or for another quality of them.

        Lenses already asked for go on beside it. The returned transmission tells of the
        command's delivery; a quality the camera does not know is answered by silence.

        Raises:
            ValueError: no such quality or lens can be.
            MissClosed: there is no session.
        """
        if not 0 <= quality <= MAX_QUALITY or not 0 <= lens <= MAX_LENS:
            raise ValueError("no such quality or lens")
        self._expect_state(State.READY)
        self._streams.want(lens, quality, now + self._timing.settle)
        self._streams.audio = audio
        self._await_picture(now)
        return self._ask_for_video(now)

    def stop_video(self, now: float, lens: int | None = None) -> Transmission:
        """Stop a lens's pictures, or pictures and sound of all; no more of them comes out.

        Raises:
            ValueError: no such lens can be.
            MissClosed: there is no session.
        """
        if lens is not None and not 0 <= lens <= MAX_LENS:
            raise ValueError("no such lens")
        self._expect_state(State.READY)
        self._streams.want_nothing(lens)
        if self._streams.qualities:
            self._await_picture(now)
            return self._ask_for_video(now)
        self._ask_again_at = self._give_up_at = None
        return self._send(Command.VIDEO_STOP, b"", now)

    def request(self, command: Command, body: bytes, now: float) -> Question:
        """Send a command that is answered.

        Raises:
            ValueError: nothing answers this command.
            MissClosed: there is no session.
        """
        if (reply := REPLY_TO.get(command)) is None:
            raise ValueError(f"{command.name} is not answered")
        self._expect_state(State.READY)
        transmission = self._send(command, body, now)
        self._awaited[reply] += 1
        return Question(command, reply, transmission)

    def start_speaker(self, now: float) -> Question:
        """Ask the camera to take sound; pass its answer to `speaker_answered`.

        Raises:
            MissClosed: there is no session.
        """
        question = self.request(Command.SPEAKER_START_REQ, b"", now)
        self._speaker_asked = True
        return question

    def speaker_answered(self, body: bytes) -> None:
        """Take the camera's answer to `start_speaker`.

        Raises:
            MissSpeakerRefused: it does not take sound.
        """
        self._speaker_asked = False
        check_speaker_reply(body)
        self._speaker_asked = self._speaker_on = True

    def speak(self, codec: Codec, data: bytes, timestamp_ms: int, now: float) -> None:
        """Send a piece of sound.

        Raises:
            ValueError: that is no sound.
            MissClosed: there is no session, or the speaker is not on.
            MissUnreachable: too much of before is not acknowledged.
        """
        self._expect_state(State.READY)
        if not self._speaker_on:
            raise MissClosed("the speaker is not on")
        record = push_sound(self._cipher, codec, data, timestamp_ms)
        self._connection.send_sound(record, now)

    def stop_speaker(self, now: float) -> Transmission | None:
        """Tell the camera that no more sound comes; None if it was never asked to take any.

        Raises:
            MissClosed: there is no session.
        """
        self._expect_state(State.READY)
        if not self._speaker_asked:
            return None
        self._speaker_asked = self._speaker_on = False
        return self._send(Command.SPEAKER_STOP, b"", now)

    @property
    def speaker_backlog(self) -> int:
        """Packets of sound that are not acknowledged yet."""
        return self._connection.sound_backlog

    def forget(self, reply: Command) -> None:
        """Stop waiting for one reply of this kind."""
        if self._awaited[reply] > 0:
            self._awaited[reply] -= 1

    # -- in and out ---------------------------------------------------------------------

    def process(self, now: float) -> None:
        """Take in what the connection has received."""
        while (event := self._connection.next_event()) is not None:
            match event:
                case MediaRecord(data):
                    self._receive_media(data, now)
                case CommandRecord(data):
                    self._receive_command(data)
                case MediaGap():
                    self._streams.lose()
                    self._hurry(now)
                case Delivered():
                    self._events.append(event)
                case ConnectionClosed(error):
                    self.state = State.CLOSED
                    self._events.append(SessionClosed(error))

    def next_event(self) -> Event | None:
        """Return the next event, None when there is none now."""
        return self._events.popleft() if self._events else None

    @property
    def next_timer(self) -> float | None:
        """When to call `handle_timer`; None once closed."""
        earliest = self._connection.next_timer
        if earliest is None or self._give_up_at is None:
            return earliest
        give_up = self._give_up_at
        return min(earliest, give_up if self._ask_again_at is None else self._ask_again_at)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._connection.handle_timer(now)
        self.process(now)
        if self.state is not State.READY:
            return
        if self._give_up_at is not None:
            # Of a camera nobody hears cannot be said that it sends no picture.
            earliest = self._connection.answering_since + self._timing.no_media
            self._give_up_at = max(self._give_up_at, earliest)
        if self._give_up_at is not None and now >= self._give_up_at:
            self._connection.fail(MissUnreachable("the camera sends no picture"))
        elif self._ask_again_at is not None and now >= self._ask_again_at:
            self._ask_again_at = None
            try:
                self._ask_for_video(now)
            except MissError as error:
                self._connection.fail(error)
        self.process(now)

    # -- commands -----------------------------------------------------------------------

    def _expect_state(self, state: State) -> None:
        if self.state is not state:
            raise MissClosed(f"not possible in a session that is {self.state.name}")

    def _send(self, command: Command, body: bytes, now: float) -> Transmission:
        record = push_command(command, body)
        return self._connection.send_command(
            push_command(Command.ENCODED, self._cipher.encrypt(record)), now
        )

    def _ask_for_video(self, now: float) -> Transmission:
        self._asked_at = now
        body = video_start(self._streams.qualities, audio=self._streams.audio)
        return self._send(Command.VIDEO_START, body, now)

    def _hurry(self, now: float) -> None:
        """Ask for video soon, unless a key frame comes or that was done lately."""
        if self._ask_again_at is not None and now - self._asked_at >= self._timing.no_media / 2:
            self._ask_again_at = min(self._ask_again_at, now + self._timing.key_frame)

    def _await_picture(self, now: float) -> None:
        self._ask_again_at = now + self._timing.no_media / 2
        self._give_up_at = now + self._timing.no_media

    def _receive_media(self, record: bytes, now: float) -> None:
        try:
            frame = self._streams.receive(record, now)
        except MissWrongKey as error:
            self._connection.fail(error)
            return
        if frame is not None:
            self._events.append(frame)
            if frame.codec.is_video:
                self._await_picture(now)

    def _receive_command(self, record: bytes) -> None:
        try:
            command, body = pull_command(record)
            if self.state is State.LOGGING_IN:
                self._receive_login_reply(command, body)
                return
            is_sealed = command == Command.ENCODED
            if is_sealed:
                command, body = pull_command(self._cipher.decrypt(body))
        except MissProtocolError:
            self._statistics.malformed += 1
            return
        if is_sealed and self._awaited[command] > 0:
            self._awaited[command] -= 1
            self._events.append(Reply(Command(command), body))
        else:
            # Cameras tell much unasked; that it is read at all keeps them going.
            self._statistics.notices += 1

    def _receive_login_reply(self, command: int, body: bytes) -> None:
        if command != Command.AUTH_RES:
            self._statistics.notices += 1
            return
        try:
            check_auth_reply(body)
        except MissError as error:
            self._connection.fail(error)
            return
        self.state = State.READY
        self._events.append(LoggedIn())
