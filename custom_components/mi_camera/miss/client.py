"""A session with one camera, as the rest of the integration uses it."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum, auto
import ipaddress
import logging
from typing import TYPE_CHECKING

from .camera_info import pull_audio_format, pull_camera_info
from .commands import Command
from .dialers import dial as usual_dial
from .driver import Driver
from .errors import MissClosed, MissError, MissUnanswered, MissUnreachable
from .frames import AudioFrame, VideoFrame
from .limits import Statistics, Timing
from .motor import pull_motor_reply
from .pending import Pending
from .session import Reply, SessionClosed
from .transport import Delivered, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .camera_info import CameraInfo
    from .frames import Codec
    from .keys import MissKeys
    from .motor import MotorMove, MotorPosition
    from .session import Event
    from .transport import Dial, Transport

_LOGGER = logging.getLogger(__name__)


class _State(Enum):
    NEW = auto()
    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    SHUT = auto()


class MissClient:
    """One session with one camera.

    Connect, start video, close or abort; then it is used up. Frames and the end are told by
    callbacks, called synchronously in the event loop; they must not raise. All methods
    belong to the loop's thread.
    """

    def __init__(
        self,
        host: str,
        keys: MissKeys,
        *,
        on_frame: Callable[[VideoFrame | AudioFrame], None],
        on_closed: Callable[[MissError | None], None],
        transports: Sequence[str] = ("udp", "tcp"),
        port: int | None = None,
        broadcasts: Sequence[str] = (),
        timing: Timing | None = None,
        dial: Dial | None = None,
    ) -> None:
        """Prepare; nothing is sent before `connect`.

        Args:
            host: the camera's IPv4 address or name.
            keys: this session's keys.
            on_frame: takes each frame. Pictures of a lens begin with a key frame, and go on
                with one after a loss.
            on_closed: called once when a connected session ends: with the error, or with
                None by `close`. Not called after `abort`, nor when `connect` raises.
            transports: "udp", "tcp", the preferred one first; a camera may offer but one.
            port: where to search; None: where all cameras listen (UDP 32108).
            broadcasts: IPv4 broadcast addresses at which to search too. Some models answer
                nothing else. Answers still count only from `host`.
            timing: other times than the usual ones.
            dial: another way to cameras than the usual one.

        Raises:
            ValueError: no transport, or an unknown one, or a broadcast address is none.
        """
        self.statistics = Statistics()
        """Counts of this session."""
        if not transports:
            raise ValueError("no transport")
        self._target = Target(
            host,
            port,
            [_transport(name) for name in transports],
            [str(ipaddress.IPv4Address(address)) for address in broadcasts],
        )
        self._host = host
        self._dial = dial or usual_dial
        self._keys = keys
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._timing = timing or Timing()
        self._state = _State.NEW
        self._driver: Driver | None = None
        self._pending = Pending()
        # It gets no exception: who wakes looks at what came of it.
        self._closed: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        """Name the camera's address and the state, nothing else."""
        return f"<MissClient {self._host} {self._state.name.lower()}>"

    @property
    def transport(self) -> Transport | None:
        """Over which transport the session goes, or went; None before that is agreed."""
        return None if self._driver is None else self._driver.transport

    @property
    def uid(self) -> str | None:
        """The camera's name on its transport; None before it has answered."""
        return None if self._driver is None else self._driver.name

    # -- what to do ---------------------------------------------------------------------

    async def connect(self, timeout: float = 5.0) -> None:
        """Find the camera, connect and log in.

        Raises:
            MissUnreachable: no answer within `timeout` seconds, or no wanted transport.
            MissRefused: it does not accept the keys.
            MissBusy: it has too many viewers.
            MissClosed: it ended the session, or `abort` was called.
            MissProtocolError: what answers is no camera.
            RuntimeError: this client was used before.
        """
        if self._state is not _State.NEW:
            raise RuntimeError("a MissClient connects once")
        self._state = _State.CONNECTING
        self._driver = driver = Driver(
            self._dial,
            self._target,
            self._keys,
            timing=self._timing,
            statistics=self.statistics,
            on_event=self._handle,
        )
        try:
            async with asyncio.timeout(timeout):
                await driver.connect()
            self._state = _State.OPEN
        except TimeoutError:
            text = f"no session within {timeout:g} s: {driver.stage}"
            raise MissUnreachable(text) from None
        except OSError as error:
            raise MissUnreachable(f"no way to the camera: {error.strerror}") from None
        finally:
            if self._state is not _State.OPEN:
                self.abort()
        _LOGGER.debug("Connected to camera %s at %s, %s", self.uid, self._host, self.transport)

    async def start_video(self, *, quality: int, lens: int = 0, audio: bool = False) -> None:
        """Ask for a lens's pictures; return when the camera has got the command.

        Called again it changes the quality, or adds the other lens. A quality the camera
        does not have is answered by silence, not by an error. When no picture of any lens
        comes for 10 s, the session ends.

        Args:
            quality: 0 automatic, 1 low, 2 high, 3 and above as the model has it.
            lens: 0, or 1 for the second one.
            audio: whether to send sound too, of all lenses.

        Raises:
            ValueError: there can be no such quality or lens.
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
        """
        driver = self._open()
        transmission = driver.session.start_video(
            quality=quality, lens=lens, audio=audio, now=driver.now
        )
        await self._pending.delivery(driver, transmission, self._timing.reply)

    async def stop_video(self, lens: int | None = None) -> None:
        """Stop pictures and sound; from the call on no frame of these comes any more.

        Args:
            lens: which lens's pictures, while the other one's go on; None: all.

        Raises:
            ValueError: there can be no such lens.
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
        """
        driver = self._open()
        transmission = driver.session.stop_video(driver.now, lens)
        await self._pending.delivery(driver, transmission, self._timing.reply)

    async def request(self, command: Command, body: bytes = b"") -> bytes:
        """Send a command that is answered and return the answer's body, which may be anything.

        Answers carry nothing to tell two of a kind apart. One that comes after its question
        was given up is taken for the next one's.

        Raises:
            ValueError: nothing answers this command.
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
            MissUnanswered: it does, but no answer came.
        """
        driver = self._open()
        question = driver.session.request(command, body, driver.now)
        return await self._pending.answer(driver, question, self._timing.reply)

    # -- sound to the camera ------------------------------------------------------------

    async def start_speaker(self) -> None:
        """Ask the camera to take sound; return when it is ready for it.

        Raises:
            MissSpeakerRefused: it does not take any.
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: no answer came.
        """
        driver = self._open()
        session = driver.session
        question = session.start_speaker(driver.now)
        answer = await self._pending.answer(driver, question, self._timing.reply)
        session.speaker_answered(answer)

    def speak(self, codec: Codec, data: bytes, timestamp_ms: int) -> None:
        """Send a piece of sound, usually 40 ms; to be called at the pace of the sound.

        Args:
            codec: what the camera's model takes.
            data: the piece, coded.
            timestamp_ms: its time; must only grow at the pace of the sound.

        Raises:
            ValueError: that is no sound.
            MissClosed: the session is over (or the error that ended it), or the speaker is
                not started.
            MissUnreachable: too much of before is not acknowledged. This piece is not sent;
                later ones may be.
        """
        driver = self._open()
        driver.session.speak(codec, data, timestamp_ms, driver.now)
        driver.pump()

    @property
    def speaker_backlog(self) -> int:
        """Packets of sound the camera has not acknowledged yet; 0 over TCP."""
        with contextlib.suppress(MissError):
            return self._open().session.speaker_backlog
        return 0

    async def stop_speaker(self) -> None:
        """Tell the camera that no more sound comes; nothing to do if the speaker is not on.

        Raises:
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
        """
        driver = self._open()
        if (transmission := driver.session.stop_speaker(driver.now)) is not None:
            await self._pending.delivery(driver, transmission, self._timing.reply)

    # -- questions ----------------------------------------------------------------------

    async def audio_format(self) -> Codec | None:
        """Ask how the camera codes sound; None when its answer names no known way.

        Raises: as `request`.
        """
        return pull_audio_format(await self.request(Command.GET_AUDIO_FORMAT_REQ))

    async def device_info(self) -> CameraInfo:
        """Ask the camera about itself.

        Raises: as `request`, and:
            MissProtocolError: its answer makes no sense.
        """
        return pull_camera_info(await self.request(Command.DEVINFO_REQ))

    async def move(self, move: MotorMove) -> MotorPosition | None:
        """Turn the camera; return where it stands then, None if it does not say.

        Raises:
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
        """
        driver = self._open()
        question = driver.session.request(Command.MOTOR_REQ, move.body(), driver.now)
        try:
            reply = await self._pending.answer(driver, question, self._timing.motor_reply)
        except MissUnanswered:
            return None
        return pull_motor_reply(reply)

    # -- the end ------------------------------------------------------------------------

    async def close(self) -> None:
        """End politely: stop video and speaker, say goodbye, wait half a second at most for an answer.

        No frame comes any more from the call on. Never raises; does nothing without a session.
        """
        if self._state is _State.CLOSING and self._closed is not None:
            await asyncio.wait((self._closed,))
        if self._state is not _State.OPEN or self._driver is None:
            self.abort()
            return
        driver = self._driver
        self._state = _State.CLOSING
        self._closed = asyncio.get_running_loop().create_future()
        try:
            try:
                driver.session.stop_speaker(driver.now)
                driver.session.stop_video(driver.now)
            except MissError:
                _LOGGER.debug("The camera at %s is left without a stop", self._host)
            driver.close()
            await asyncio.wait((self._closed,), timeout=self._timing.close)
        finally:
            if self._state is _State.CLOSING:
                self._shut(MissClosed("the session is closed"))
                self._on_closed(None)

    def abort(self) -> None:
        """End at once; one word of goodbye may go out, nothing is waited for.

        No callback is called any more once this has returned.
        """
        self._shut(MissClosed("the session was aborted"))

    # -- what comes ---------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        match event:
            case VideoFrame() | AudioFrame():
                self._on_frame(event)
            case Delivered() | Reply():
                self._pending.take(event)
            case SessionClosed(error):
                if self._state is _State.CLOSING:
                    _wake(self._closed)
                    return
                _LOGGER.debug("The session with the camera at %s ended: %s", self._host, error)
                self._shut(error or MissClosed("the session is closed"))
                self._on_closed(error)

    def _open(self) -> Driver:
        if self._driver is None or self._state in {_State.CONNECTING, _State.CLOSING}:
            raise MissClosed("there is no open session")
        return self._driver

    def _shut(self, error: MissError) -> None:
        if self._state is _State.SHUT:
            return
        self._state = _State.SHUT
        if self._driver is not None:
            self._driver.shut(error)
        _wake(self._closed)
        self._pending.wake_all()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _transport(name: str) -> Transport:
    if name == "udp":
        return "udp"
    if name == "tcp":
        return "tcp"
    raise ValueError(f"no such transport: {name}")
