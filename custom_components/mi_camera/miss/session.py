"""A MISS session with one camera: login, commands, pictures and sound. Sans-IO.

Sits on a `Cs2Connection` and is fed through it. What it lets out is whole, decrypted,
plausible, asked for, and decodable given what it let out before.
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
from .cs2 import CommandRecord, ConnectionClosed, Delivered, MediaGap, MediaRecord
from .errors import MissClosed, MissError, MissProtocolError, MissUnreachable, MissWrongKey
from .frames import AudioFrame, Codec, VideoFrame
from .media import HEADER_BYTES, MediaHeader, opus_channels, pull_media_header
from .nal import AccessUnitInfo, inspect
from .timeline import Timeline

if TYPE_CHECKING:
    from .channels import Transmission
    from .cs2 import Cs2Connection
    from .keys import MissKeys
    from .limits import Statistics, Timing

_CODECS: dict[int, Codec] = {int(codec): codec for codec in Codec}
# So many payloads in a row that do not decode are no accident.
_MAX_INTEGRITY_ERRORS = 5
# Parameter sets that come in records of their own are small.
_MAX_LEADING_BYTES = 64 * 1024
_MAX_AUDIO_BYTES = 64 * 1024


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


@dataclass(slots=True)
class _Lens:
    """What is known of one lens's stream."""

    codec: Codec | None = None
    waiting: bool = True
    """Nothing is let out before the next picture at which decoding can begin."""
    parameter_sets: bytes = b""
    leading: bytes = b""
    """Parameter sets and the like that came in records of their own."""
    resolution: int = 0
    """What the last key frame's header said."""
    settled_at: float = 0.0
    """Until then pictures of two qualities may follow each other without warning."""


class MissSession:
    """What is said over one connection."""

    def __init__(
        self,
        connection: Cs2Connection,
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
        self._qualities: dict[int, int] = {}
        self._audio = False
        self._lenses: dict[int, _Lens] = {}
        self._verified = False
        self._errors_in_row = 0
        self._timeline = Timeline()
        self._awaited: Counter[int] = Counter()
        self._ask_again_at: float | None = None
        self._give_up_at: float | None = None
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
        known = self._lenses.setdefault(lens, _Lens())
        if self._qualities.get(lens, quality) != quality:
            # The other quality is another stream, and the camera may begin it anywhere.
            known.waiting = True
            known.settled_at = now + self._timing.settle
        self._qualities[lens] = quality
        self._audio = audio
        self._await_picture(now)
        return self._ask_for_video(now)

    def stop_video(self, now: float) -> Transmission:
        """Stop pictures and sound of all lenses; nothing more of them comes out.

        Raises:
            MissClosed: there is no session.
        """
        self._expect_state(State.READY)
        self._qualities.clear()
        self._lenses.clear()
        self._audio = False
        self._ask_again_at = self._give_up_at = None
        return self._send(Command.VIDEO_STOP, b"", now)

    def request(self, command: Command, body: bytes, now: float) -> Command:
        """Send a command that is answered; return which `Reply` it will be.

        Replies carry nothing to tell two of a kind apart, but come in order.

        Raises:
            ValueError: nothing answers this command.
            MissClosed: there is no session.
        """
        if (reply := REPLY_TO.get(command)) is None:
            raise ValueError(f"{command.name} is not answered")
        self._expect_state(State.READY)
        self._send(command, body, now)
        self._awaited[reply] += 1
        return reply

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
                    self._receive_command(data, now)
                case MediaGap():
                    for lens in self._lenses.values():
                        lens.waiting = True
                        lens.leading = b""
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
        ask_again = self._ask_again_at
        return min(earliest, self._give_up_at if ask_again is None else ask_again)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._connection.handle_timer(now)
        self.process(now)
        if self.state is not State.READY:
            return
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
        return self._send(Command.VIDEO_START, video_start(self._qualities, audio=self._audio), now)

    def _receive_command(self, record: bytes, now: float) -> None:
        try:
            command, body = pull_command(record)
            if self.state is State.LOGGING_IN:
                self._receive_login_reply(command, body)
                return
            if command == Command.ENCODED:
                command, body = pull_command(self._cipher.decrypt(body))
        except MissProtocolError:
            self._statistics.malformed += 1
            return
        if self._awaited[command] > 0:
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

    # -- media --------------------------------------------------------------------------

    def _await_picture(self, now: float) -> None:
        self._ask_again_at = now + self._timing.no_media / 2
        self._give_up_at = now + self._timing.no_media

    def _receive_media(self, record: bytes, now: float) -> None:
        try:
            header = pull_media_header(record)
            if (codec := _CODECS.get(header.codec)) is None:
                self._statistics.unsupported += 1
                return
            wanted = header.lens in self._qualities if codec.is_video else self._audio
            if not wanted:
                self._statistics.unwanted += 1
                return
            payload = self._cipher.decrypt(memoryview(record)[HEADER_BYTES:])
        except MissProtocolError:
            self._statistics.malformed += 1
            return
        if codec.is_video:
            self._receive_picture(header, codec, payload, now)
        else:
            self._receive_sound(header, codec, payload, now)

    def _receive_picture(
        self, header: MediaHeader, codec: Codec, payload: bytes, now: float
    ) -> None:
        lens = self._lenses[header.lens]
        info = inspect(codec, payload)
        if info is not None and (not info.has_picture or lens.leading):
            payload = lens.leading + payload
            lens.leading = b""
            if not info.has_picture:
                if len(payload) <= _MAX_LEADING_BYTES:
                    lens.leading = payload
                return
            info = inspect(codec, payload)
        if info is None:
            self._integrity_error(lens)
            return
        self._errors_in_row = 0
        if codec is not lens.codec:
            lens.codec = codec
            lens.waiting = True
            lens.parameter_sets = b""
        if now < lens.settled_at and header.resolution != lens.resolution:
            lens.waiting = True
        keyframe = self._is_start(lens, info)
        if keyframe:
            lens.resolution = header.resolution
            if not info.parameter_sets:
                payload = lens.parameter_sets + payload
            lens.waiting = False
            self._verified = True
        elif lens.waiting:
            self._statistics.skipped += 1
            return
        stamp = self._timeline.stamp(
            video=True,
            lens=header.lens,
            raw=header.timestamp_ms,
            seconds=header.timestamp_s,
            now=now,
        )
        self._await_picture(now)
        self._events.append(
            VideoFrame(header.lens, header.sequence, stamp, codec, keyframe, payload)
        )

    def _is_start(self, lens: _Lens, info: AccessUnitInfo) -> bool:
        """Whether decoding can begin at this picture, with its own parameter sets or the last."""
        if not info.random_access:
            return False
        if info.parameter_sets:
            lens.parameter_sets = info.parameter_sets
        return bool(lens.parameter_sets)

    def _receive_sound(self, header: MediaHeader, codec: Codec, payload: bytes, now: float) -> None:
        if not self._verified:
            # Sound of another key is noise that looks like sound: only a picture can prove
            # that this session's key is the camera's.
            self._statistics.skipped += 1
            return
        if not 0 < len(payload) <= _MAX_AUDIO_BYTES:
            self._statistics.integrity_errors += 1
            return
        stamp = self._timeline.stamp(
            video=False,
            lens=header.lens,
            raw=header.timestamp_ms,
            seconds=header.timestamp_s,
            now=now,
        )
        channels = opus_channels(payload) if codec is Codec.OPUS else header.channels
        self._events.append(
            AudioFrame(
                header.lens,
                header.sequence,
                stamp,
                codec,
                header.sample_rate,
                channels,
                payload,
            )
        )

    def _integrity_error(self, lens: _Lens) -> None:
        self._statistics.integrity_errors += 1
        lens.waiting = True
        lens.leading = b""
        self._errors_in_row += 1
        if self._errors_in_row >= _MAX_INTEGRITY_ERRORS:
            self._connection.fail(MissWrongKey("the pictures do not decode with this key"))
