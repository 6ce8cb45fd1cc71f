"""The channels of a UDP connection: put packets in order, say what came, get packets through.

CS2 makes a reliable stream of datagrams the simple way: the sender repeats each packet until
it is acknowledged; nobody can ask for one. Sequence numbers are 16 bits, from 0, and wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cs2_packets import MAX_ACKS_PER_PACKET, MAX_DRW_DATA, push_drw, push_drw_ack
from .errors import MissUnreachable
from .limits import MAX_BUFFERED, MAX_IN_FLIGHT
from .transport import Transmission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .limits import Statistics, Timing

SEQUENCES = 0x10000
WINDOW = 0x4000
"""How far ahead of the next expected packet one may be: more than even a 4K camera sends
until it is taken for gone. What is held of it is bounded by its bytes."""


# After a packet that came twice, an ACK of ours is taken for lost: those that follow repeat
# the last ones for some seconds, so that no loss of one packet holds the camera up.
_DOUBLED_ACKS_SECONDS = 3.0
_DOUBLED_ACKS = 32


class Acknowledgements:
    """What has come, of all channels, and is to be acknowledged with the next packets."""

    __slots__ = ("_doubled_until", "_duplicates", "_last", "_new", "_statistics")

    def __init__(self, statistics: Statistics) -> None:
        """Have nothing to acknowledge; `statistics` is where channels count duplicates."""
        self._statistics = statistics
        self._duplicates = statistics.duplicates
        self._doubled_until = 0.0
        self._new: dict[int, list[int]] = {}
        self._last: dict[int, list[int]] = {}

    def add(self, channel: int, sequence: int, count: int = 1) -> None:
        """Take note of packets that came: a number and those after it."""
        new = self._new.setdefault(channel, [])
        end = sequence + count
        new += range(sequence, min(end, SEQUENCES))
        new += range(end - SEQUENCES)  # in the rule: none

    def packets(self, now: float) -> list[bytes]:
        """Return the ACK packets for what came since the last call."""
        if not self._new:
            return []
        self._double(now)
        packets = [
            push_drw_ack(channel, sequences[at : at + MAX_ACKS_PER_PACKET])
            for channel, sequences in self._new.items()
            for at in range(0, len(sequences), MAX_ACKS_PER_PACKET)
        ]
        self._new.clear()
        return packets

    def _double(self, now: float) -> None:
        """Put the last acknowledgements before the new ones while some seem to be lost."""
        if self._statistics.duplicates != self._duplicates:
            self._duplicates = self._statistics.duplicates
            self._doubled_until = now + _DOUBLED_ACKS_SECONDS
        elif now >= self._doubled_until:
            return
        for channel, sequences in self._new.items():
            before = self._last.get(channel, [])
            self._last[channel] = sequences[-_DOUBLED_ACKS:]
            sequences[:0] = before


class ReceiveChannel:
    """Orders one channel's packets and notices holes."""

    __slots__ = (
        "_ahead",
        "_ahead_bytes",
        "_expected",
        "_gap_longest",
        "_gap_timeout",
        "_statistics",
    )

    def __init__(self, gap_timeout: float, gap_longest: float, statistics: Statistics) -> None:
        """Expect sequence number 0.

        Args:
            gap_timeout: for how many seconds of a camera that is heard a hole is waited for.
            gap_longest: for how many seconds it is waited for at most.
            statistics: where is counted what is not taken.
        """
        self._expected = 0
        # Insertion order is arrival order: the first entry is the oldest sign of the hole.
        self._ahead: dict[int, tuple[float, bytes]] = {}
        self._ahead_bytes = 0
        self._gap_timeout = gap_timeout
        self._gap_longest = gap_longest
        self._statistics = statistics

    def gap_deadline(self, heard_since: float) -> float | None:
        """When the hole in front of what waits here has to be skipped; None without a hole.

        Args:
            heard_since: since when the camera is heard without a pause. A hole cannot close
                before: the packet that is missing was not repeated, or did not get through.
        """
        if not self._ahead:
            return None
        arrived = next(iter(self._ahead.values()))[0]
        return min(max(arrived, heard_since) + self._gap_timeout, arrived + self._gap_longest)

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

    @property
    def next_in_order(self) -> int | None:
        """The sequence number that would be in order; None while a hole is waited for."""
        return None if self._ahead else self._expected

    def took(self, count: int) -> None:
        """Take note of packets, in order, that did not come by `receive`."""
        self._expected = (self._expected + count) % SEQUENCES

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


@dataclass(slots=True)
class _InFlight:
    packet: bytes
    transmission: Transmission
    first_sent: float
    next_send: float
    interval: float


class SendChannel:
    """Cuts records into packets and repeats these until they are acknowledged."""

    __slots__ = (
        "_channel",
        "_essential",
        "_in_flight",
        "_interval",
        "_interval_max",
        "_limit",
        "_next_sequence",
        "_next_timer",
        "_repeats",
        "_statistics",
        "_timing",
        "_was_acknowledged",
    )

    def __init__(
        self,
        channel: int,
        timing: Timing,
        statistics: Statistics,
        *,
        reliable: bool,
        limit: int = MAX_IN_FLIGHT,
        essential: bool = True,
    ) -> None:
        """Begin at sequence number 0.

        Args:
            channel: the channel's number.
            timing: how often and how long.
            statistics: where repetitions are counted.
            reliable: the transport below is, and nothing is acknowledged or repeated.
            limit: how many packets may be waiting for an acknowledgement.
            essential: whether these are commands, and a camera that never acknowledged anything
                here must be gone. Otherwise it is sound, which some cameras may not acknowledge
                at all; then nothing is repeated any more.
        """
        self._channel = channel
        self._timing = timing
        self._statistics = statistics
        self._limit = limit
        self._essential = essential
        if essential:
            self._interval, self._interval_max = timing.retransmit, timing.retransmit_max
        else:
            self._interval = timing.retransmit_sound
            self._interval_max = timing.retransmit_sound_max
        self._repeats = not reliable
        self._was_acknowledged = False
        self._next_sequence = 0
        self._next_timer: float | None = None
        self._in_flight: dict[int, _InFlight] = {}

    @property
    def in_flight(self) -> int:
        """How many packets are waiting for an acknowledgement."""
        return len(self._in_flight)

    @property
    def next_timer(self) -> float | None:
        """When something is to be sent again or given up, or earlier."""
        return self._next_timer

    def send(self, data: bytes, now: float) -> tuple[Transmission, list[bytes]]:
        """Return the transmission to watch and the packets to send now.

        Raises:
            MissUnreachable: too many earlier packets are not acknowledged.
        """
        pieces = [data[at : at + MAX_DRW_DATA] for at in range(0, len(data), MAX_DRW_DATA)]
        if len(self._in_flight) + len(pieces) > self._limit:
            raise MissUnreachable("the camera does not acknowledge what it is sent")
        transmission = Transmission(len(pieces) if self._repeats else 0)
        interval = self._interval
        packets = []
        for piece in pieces:
            sequence = self._next_sequence
            self._next_sequence = (sequence + 1) % SEQUENCES
            packet = push_drw(self._channel, sequence, piece)
            packets.append(packet)
            if self._repeats:
                self._in_flight[sequence] = _InFlight(
                    packet, transmission, now, now + interval, interval
                )
        if self._repeats and (self._next_timer is None or now + interval < self._next_timer):
            self._next_timer = now + interval
        return transmission, packets

    def acknowledge(self, sequences: Iterable[int]) -> list[Transmission]:
        """Take acknowledged sequence numbers; return the transmissions that are through now."""
        through = []
        if not self._was_acknowledged:
            self._was_acknowledged = self._repeats = True
        for sequence in sequences:
            if (entry := self._in_flight.pop(sequence, None)) is not None:
                entry.transmission.pending -= 1
                if entry.transmission.delivered:
                    through.append(entry.transmission)
        if not self._in_flight:
            self._next_timer = None
        return through

    def due(self, now: float, heard_since: float) -> list[bytes]:
        """Return the packets to send again now.

        Args:
            now: the time, seconds.
            heard_since: since when the camera is heard without a pause; before, it could
                not have acknowledged anything.

        Raises:
            MissUnreachable: one was repeated for so long that the camera must be gone.
        """
        if self._next_timer is None or now < self._next_timer:
            return []
        packets: list[bytes] = []
        for entry in self._in_flight.values():
            if entry.next_send > now:
                continue
            if self._is_hopeless(entry, now, heard_since):
                if self._essential or self._was_acknowledged:
                    raise MissUnreachable("the camera does not acknowledge what it is sent")
                self._repeats = False
                self._in_flight.clear()
                packets.clear()
                break
            entry.interval = min(2 * entry.interval, self._interval_max)
            entry.next_send = now + entry.interval
            packets.append(entry.packet)
        self._statistics.retransmits += len(packets)
        self._next_timer = min((e.next_send for e in self._in_flight.values()), default=None)
        return packets

    def _is_hopeless(self, entry: _InFlight, now: float, heard_since: float) -> bool:
        timing = self._timing
        if now - entry.first_sent >= timing.dead:
            return True
        patience = timing.undelivered
        if not (self._essential or self._was_acknowledged):
            patience = timing.unheard_sound
        return now - max(entry.first_sent, heard_since) >= patience
