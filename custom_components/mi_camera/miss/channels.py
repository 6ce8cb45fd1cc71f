"""One channel of a UDP connection: put packets in order, get packets through.

CS2 makes a reliable stream of datagrams the simple way: the sender repeats each packet until
it is acknowledged; nobody can ask for one. Sequence numbers are 16 bits, from 0, and wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cs2_packets import MAX_DRW_DATA, push_drw
from .errors import MissUnreachable
from .limits import MAX_BUFFERED, MAX_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .limits import Statistics, Timing

SEQUENCES = 0x10000
WINDOW = 4096
"""How far ahead of the next expected packet one may be: 4 MiB of full packets."""


class ReceiveChannel:
    """Orders one channel's packets and notices holes."""

    __slots__ = ("_ahead", "_ahead_bytes", "_expected", "_gap_timeout", "_statistics")

    def __init__(self, gap_timeout: float, statistics: Statistics) -> None:
        """Expect sequence number 0. A hole is due for skipping after `gap_timeout` seconds."""
        self._expected = 0
        # Insertion order is arrival order: the first entry is the oldest sign of the hole.
        self._ahead: dict[int, tuple[float, bytes]] = {}
        self._ahead_bytes = 0
        self._gap_timeout = gap_timeout
        self._statistics = statistics

    @property
    def gap_deadline(self) -> float | None:
        """When the hole in front of what waits here has to be skipped; None without a hole."""
        for arrived, _data in self._ahead.values():
            return arrived + self._gap_timeout
        return None

    @property
    def overfull(self) -> bool:
        """Whether more waits behind a hole than may be held."""
        return self._ahead_bytes > MAX_BUFFERED

    def receive(self, sequence: int, data: bytes, now: float) -> list[bytes] | None:
        """Take one packet; return the data that is in order now, [] if none.

        None means that the packet was not taken and must not be acknowledged.
        """
        distance = (sequence - self._expected) % SEQUENCES
        if distance == 0:
            self._expected = (sequence + 1) % SEQUENCES
            return [data, *self._run()] if self._ahead else [data]
        if distance >= SEQUENCES // 2 or sequence in self._ahead:
            self._statistics.duplicates += 1
            return []
        if distance >= WINDOW:
            self._statistics.out_of_window += 1
            return None
        self._ahead[sequence] = (now, data)
        self._ahead_bytes += len(data)
        return []

    def skip_gap(self) -> list[bytes]:
        """Give the missing packets up; return the data behind the hole, up to the next one."""
        while self._expected not in self._ahead:
            self._expected = (self._expected + 1) % SEQUENCES
        self._statistics.gaps += 1
        return self._run()

    def _run(self) -> list[bytes]:
        run = []
        while (entry := self._ahead.pop(self._expected, None)) is not None:
            run.append(entry[1])
            self._ahead_bytes -= len(entry[1])
            self._expected = (self._expected + 1) % SEQUENCES
        return run


@dataclass(slots=True, eq=False)
class Transmission:
    """A record of ours on its way; `pending` of its packets are not acknowledged yet."""

    pending: int

    @property
    def delivered(self) -> bool:
        """Whether the camera has acknowledged all of it."""
        return self.pending == 0


@dataclass(slots=True)
class _InFlight:
    packet: bytes
    transmission: Transmission
    first_sent: float
    next_send: float
    interval: float


class SendChannel:
    """Cuts records into packets and repeats these until they are acknowledged."""

    __slots__ = ("_channel", "_in_flight", "_next_sequence", "_reliable", "_statistics", "_timing")

    def __init__(
        self, channel: int, timing: Timing, statistics: Statistics, *, reliable: bool
    ) -> None:
        """Begin at sequence number 0. Below a `reliable` transport nothing is repeated."""
        self._channel = channel
        self._timing = timing
        self._statistics = statistics
        self._reliable = reliable
        self._next_sequence = 0
        self._in_flight: dict[int, _InFlight] = {}

    @property
    def next_timer(self) -> float | None:
        """When something is to be sent again or given up."""
        return min((entry.next_send for entry in self._in_flight.values()), default=None)

    def send(self, data: bytes, now: float) -> tuple[Transmission, list[bytes]]:
        """Return the transmission to watch and the packets to send now.

        Raises:
            MissUnreachable: too many earlier packets are not acknowledged.
        """
        pieces = [data[at : at + MAX_DRW_DATA] for at in range(0, len(data), MAX_DRW_DATA)]
        if len(self._in_flight) + len(pieces) > MAX_IN_FLIGHT:
            raise MissUnreachable("the camera does not acknowledge what it is sent")
        transmission = Transmission(0 if self._reliable else len(pieces))
        interval = self._timing.retransmit
        packets = []
        for piece in pieces:
            sequence = self._next_sequence
            self._next_sequence = (sequence + 1) % SEQUENCES
            packet = push_drw(self._channel, sequence, piece)
            packets.append(packet)
            if not self._reliable:
                self._in_flight[sequence] = _InFlight(
                    packet, transmission, now, now + interval, interval
                )
        return transmission, packets

    def acknowledge(self, sequences: Iterable[int]) -> list[Transmission]:
        """Take acknowledged sequence numbers; return the transmissions that are through now."""
        through = []
        for sequence in sequences:
            if (entry := self._in_flight.pop(sequence, None)) is not None:
                entry.transmission.pending -= 1
                if entry.transmission.delivered:
                    through.append(entry.transmission)
        return through

    def due(self, now: float) -> list[bytes]:
        """Return the packets to send again now.

        Raises:
            MissUnreachable: one was repeated for so long that the camera must be gone.
        """
        packets = []
        for entry in self._in_flight.values():
            if entry.next_send > now:
                continue
            if now - entry.first_sent >= self._timing.undelivered:
                raise MissUnreachable("the camera does not acknowledge what it is sent")
            entry.interval = min(2 * entry.interval, self._timing.retransmit_max)
            entry.next_send = now + entry.interval
            packets.append(entry.packet)
        self._statistics.retransmits += len(packets)
        return packets
