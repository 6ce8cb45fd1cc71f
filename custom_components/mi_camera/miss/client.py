"""A session with one camera, as the rest of the integration uses it."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
import logging
from typing import TYPE_CHECKING

from .cs2 import Delivered
from .cs2_packets import SEARCH_PORT
from .driver import Driver
from .errors import MissClosed, MissError, MissUnreachable
from .frames import AudioFrame, VideoFrame
from .limits import Statistics, Timing
from .session import Reply, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .channels import Transmission
    from .commands import Command
    from .cs2_packets import Uid
    from .discovery import Transport
    from .keys import MissKeys
    from .session import Event

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
        port: int = SEARCH_PORT,
        timing: Timing | None = None,
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
            port: where to search.
            timing: other times than the usual ones.

        Raises:
            ValueError: no transport, or an unknown one.
        """
        self.statistics = Statistics()
        """Counts of this session."""
        self._host = host
        self._port = port
        self._keys = keys
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._transports = [_transport(name) for name in transports]
        if not self._transports:
            raise ValueError("no transport")
        self._timing = timing or Timing()
        self._state = _State.NEW
        self._driver: Driver | None = None
        # Waiters get no exceptions: who wakes looks at what came of it.
        self._closed: asyncio.Future[None] | None = None
        self._deliveries: dict[Transmission, asyncio.Future[None]] = {}
        self._replies: dict[Command, list[asyncio.Future[bytes | None]]] = {}

    def __repr__(self) -> str:
        """Name the camera's address and the state, nothing else."""
        return f"<MissClient {self._host} {self._state.name.lower()}>"

    @property
    def transport(self) -> Transport | None:
        """Over which transport the session goes, or went; None before that is agreed."""
        return None if self._driver is None else self._driver.transport

    @property
    def uid(self) -> Uid | None:
        """The camera's CS2 name; None before it has answered."""
        return None if self._driver is None else self._driver.uid

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
            self._keys, timing=self._timing, statistics=self.statistics, on_event=self._handle
        )
        try:
            async with asyncio.timeout(timeout):
                await driver.connect(self._host, self._port, self._transports)
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
        await self._deliver(
            driver,
            driver.session.start_video(quality=quality, lens=lens, audio=audio, now=driver.now),
        )

    async def stop_video(self) -> None:
        """Stop pictures and sound of all lenses; from the call on no frame comes any more.

        Raises:
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: the camera does not acknowledge the command.
        """
        driver = self._open()
        await self._deliver(driver, driver.session.stop_video(driver.now))

    async def request(self, command: Command, body: bytes = b"") -> bytes:
        """Send a command that is answered and return the answer's body, which may be anything.

        Answers carry nothing to tell two of a kind apart. One that comes after its question
        was given up is taken for the next one's.

        Raises:
            ValueError: nothing answers this command.
            MissClosed: the session is over (or the error that ended it), or was never open.
            MissUnreachable: no answer came.
        """
        driver = self._open()
        session = driver.session
        reply = session.request(command, body, driver.now)
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        waiting = self._replies.setdefault(reply, [])
        waiting.append(future)
        driver.pump()
        try:
            async with asyncio.timeout(self._timing.reply):
                answer = await future
        except TimeoutError:
            raise MissUnreachable(f"the camera does not answer {command.name}") from None
        finally:
            if future in waiting:
                waiting.remove(future)
                session.forget(reply)
        if answer is None:
            raise driver.error or MissClosed("the session is closed")
        return answer

    async def close(self) -> None:
        """End politely: stop the video, say goodbye, wait half a second at most for an answer.

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
            case Delivered(transmission):
                _wake(self._deliveries.get(transmission))
            case Reply(command, body):
                if waiting := self._replies.get(command):
                    future = waiting.pop(0)
                    if not future.done():
                        future.set_result(body)
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

    async def _deliver(self, driver: Driver, transmission: Transmission) -> None:
        """Wait until the camera has this."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deliveries[transmission] = future
        driver.pump()
        try:
            if not transmission.delivered:
                async with asyncio.timeout(self._timing.reply):
                    await future
        except TimeoutError:
            raise MissUnreachable("the camera does not acknowledge a command") from None
        finally:
            del self._deliveries[transmission]
        if not transmission.delivered:
            raise driver.error or MissClosed("the session is closed")

    def _shut(self, error: MissError) -> None:
        if self._state is _State.SHUT:
            return
        self._state = _State.SHUT
        if self._driver is not None:
            self._driver.shut(error)
        _wake(self._closed)
        for delivery in self._deliveries.values():
            _wake(delivery)
        for waiting in self._replies.values():
            for reply in waiting:
                _wake(reply)


def _wake(future: asyncio.Future[None] | asyncio.Future[bytes | None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _transport(name: str) -> Transport:
    if name == "udp":
        return "udp"
    if name == "tcp":
        return "tcp"
    raise ValueError(f"no such transport: {name}")
