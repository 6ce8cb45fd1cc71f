"""The seam between a session and what carries it to the camera.

Above it - `session`, `streams`, `driver`, `client` - nobody knows which peer-to-peer
transport carries them; below it nobody knows MISS. Whoever brings another transport writes
a `Connection` (sans-IO), a `Line` (its sockets) and a `Dialer` (how to get one), and adds
the latter to `dialers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .errors import MissError
    from .limits import Statistics, Timing

type Transport = Literal["udp", "tcp"]


@dataclass(slots=True, eq=False)
class Transmission:
    """A record of ours on its way; `pending` of its packets are not acknowledged yet."""

    pending: int

    @property
    def delivered(self) -> bool:
        """Whether the camera has acknowledged all of it."""
        return self.pending == 0


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A whole record of the command channel came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """A whole record of the media channel came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MediaGap:
    """Media records may be missing here: packets were lost, or the stream was out of step."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A record of ours is acknowledged to the last byte."""

    transmission: Transmission


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The connection is over; always the last event."""

    error: MissError | None
    """Why; None when this side closed it."""


type ConnectionEvent = CommandRecord | MediaRecord | MediaGap | Delivered | ConnectionClosed


class Connection(Protocol):
    """Whole records both ways, in order. Sans-IO: bytes go in and out below, by its `Line`."""

    def send_command(self, record: bytes, now: float) -> Transmission:
        """Send a record on the command channel, until it is there.

        Raises:
            MissClosed: the connection is over.
            MissUnreachable: too much of before is not acknowledged.
        """

    def send_sound(self, record: bytes, now: float) -> None:
        """Send a record on the speaker's channel.

        Raises:
            MissClosed: the connection is over.
            MissUnreachable: too much of before is not acknowledged.
        """

    @property
    def sound_backlog(self) -> int:
        """Packets of sound that are not acknowledged yet."""

    @property
    def answering_since(self) -> float:
        """Since when the camera is heard without a pause too long for one that is there."""

    def close(self, now: float) -> None:
        """Say goodbye, and end with `ConnectionClosed` when that is answered."""

    def fail(self, error: MissError) -> None:
        """End at once because of an error; one word of goodbye may go out."""

    def next_event(self) -> ConnectionEvent | None:
        """Return the next event, None when there is none now."""

    @property
    def next_timer(self) -> float | None:
        """When to call `handle_timer`; None once closed."""

    def handle_timer(self, now: float) -> None:
        """Do what is due. One call too early does no harm."""


class Line(Protocol):
    """A connection and the sockets under it."""

    @property
    def transport(self) -> Transport:
        """What carries it."""

    @property
    def connection(self) -> Connection:
        """What to speak through."""

    def flush(self) -> None:
        """Send what the connection has to send."""

    def abort(self) -> None:
        """Close the sockets at once, those that only this line uses."""


class Dialer(Protocol):
    """Finds one camera and opens lines to it, the preferred one first."""

    @property
    def name(self) -> str | None:
        """What the camera calls itself on this transport; None before it has answered."""

    @property
    def stage(self) -> str:
        """How far this came, for an error's text."""

    async def dial(self) -> Line:
        """Open a line. Takes as long as it is let.

        Raises:
            MissError: there is none to be had.
            OSError: there is no socket or no such host.
        """

    def reject(self, line: Line) -> bool:
        """Take a line for useless; return whether another one is on offer."""

    def settle(self) -> None:
        """Search no more: the last line is the one."""

    def abort(self) -> None:
        """Close everything at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which camera, and how it may be reached."""

    host: str
    """IPv4 address or name. Only what comes from there counts."""
    port: int | None
    """Where to search; None: where the transport usually does."""
    transports: Sequence[Transport]
    """Those wanted, best first."""
    broadcasts: Sequence[str] = ()
    """IPv4 addresses at which to search as well, when the camera does not answer at its own."""


class Dial(Protocol):
    """Makes a dialer. Opens nothing yet."""

    def __call__(
        self,
        target: Target,
        *,
        timing: Timing,
        statistics: Statistics,
        on_activity: Callable[[], None],
    ) -> Dialer:
        """Return a dialer.

        Args:
            target: whom to reach.
            timing: how often and how long.
            statistics: where is counted what needs no action.
            on_activity: called when a line's connection has taken something in.
        """
