"""A CS2 connection to one camera, over UDP or TCP. Sans-IO.

Packets and the time go in; packets to send, events and the time of the next call come out.
The caller has made sure that what it passes in comes from the camera's address and port.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from .channels import Acknowledgements, ReceiveChannel, SendChannel
from .cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    pull_drw,
    pull_drw_ack,
    pull_media_run,
    pull_packet,
    push_packet,
    push_stream_frame,
)
from .errors import MissClosed, MissError, MissProtocolError, MissUnreachable
from .limits import MAX_SOUND_IN_FLIGHT
from .records import MediaAssembler, RecordAssembler, push_record
from .transport import CommandRecord, ConnectionClosed, Delivered, MediaGap, MediaRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .limits import Statistics, Timing
    from .transport import ConnectionEvent, Transmission

_CLOSE_REPEAT = 0.1
# A camera that sends pictures, or repeats what is not acknowledged, is never quiet so long.
_PAUSE = 1.0
_ALIVE = push_packet(PacketType.ALIVE)
_ALIVE_ACK = push_packet(PacketType.ALIVE_ACK)
_CLOSE = push_packet(PacketType.CLOSE)
_CLOSE_ACK = push_packet(PacketType.CLOSE_ACK)


class _State(Enum):
    OPEN = auto()
    CLOSING = auto()
    """We have said goodbye and wait for the answer."""
    CLOSED = auto()


class Cs2Connection:
    """The packets of one connection."""

    def __init__(self, *, stream: bool, now: float, timing: Timing, statistics: Statistics) -> None:
        """Begin an open connection.

        Args:
            stream: over TCP, where nothing is lost, acknowledged or out of order.
            now: the time, seconds.
            timing: how often and how long.
            statistics: where events that need no action are counted.
        """
        self._stream = stream
        self._timing = timing
        self._statistics = statistics
        self._state = _State.OPEN
        self._deframer = StreamDeframer()
        self._commands = RecordAssembler()
        self._media = MediaAssembler()
        self._command_packets = ReceiveChannel(timing.command_gap, timing.dead, statistics)
        self._media_packets = ReceiveChannel(timing.media_gap, timing.dead, statistics)
        self._command_sender = SendChannel(Channel.COMMAND, timing, statistics, reliable=stream)
        self._sound_sender = SendChannel(
            Channel.SPEAKER,
            timing,
            statistics,
            reliable=stream,
            limit=MAX_SOUND_IN_FLIGHT,
            essential=False,
        )
        self._acks = Acknowledgements(statistics)
        self._last_received = now
        self._heard_since = now
        self._answering_since = now
        self._next_ping = now + self._ping_interval
        self._close_again = 0.0
        self._out: list[bytes] = []
        self._pong_in_out = False
        self._events: deque[ConnectionEvent] = deque()

    @property
    def _ping_interval(self) -> float:
        return self._timing.ping_stream if self._stream else self._timing.ping_datagram

    # -- input ------------------------------------------------------------------------

    def receive_datagram(self, datagram: bytes, now: float) -> None:
        """Take a datagram. One that breaks the format is counted and ignored."""
        try:
            self._receive(datagram, now)
        except MissProtocolError:
            self._statistics.malformed += 1

    def receive_datagrams(self, datagrams: Sequence[bytes], now: float) -> None:
        """Take datagrams that came together, as `receive_datagram` does.

        Nearly all of them are the media channel's next one: such runs are read in one go.
        """
        at = 0
        while at < len(datagrams):
            expected = self._media_packets.next_in_order
            if expected is None or self._state is not _State.OPEN:
                self.receive_datagram(datagrams[at], now)
                at += 1
                continue
            run = pull_media_run(datagrams, at, expected)
            if not run:
                self.receive_datagram(datagrams[at], now)
                at += 1
                continue
            at += len(run)
            self._media_packets.took(len(run))
            self._acks.add(Channel.MEDIA, expected, len(run))
            self._receive_media_run(run, now)

    def _receive_media_run(self, run: list[bytes], now: float) -> None:
        self._note_pause(now)
        self._last_received = now
        self._deliver(Channel.MEDIA, (b"".join(run),))

    def receive_stream(self, data: bytes, now: float) -> None:
        """Take bytes of the TCP stream. What breaks the format ends the connection."""
        try:
            for packet, run in self._deframer.push_runs(data):
                if run and self._state is _State.OPEN:
                    self._receive_media_run(run, now)
                if packet:
                    self._receive(packet, now)
        except MissProtocolError as error:
            self._statistics.malformed += 1
            self.fail(error)

    def stream_ended(self, error: MissError) -> None:
        """Take note that the TCP connection is gone, and why."""
        self._end(None if self._state is _State.CLOSING else error)

    def send_command(self, record: bytes, now: float) -> Transmission:
        """Send a record on the command channel, repeated until it is acknowledged.

        Raises:
            MissClosed: the connection is over.
            MissUnreachable: too many earlier packets are not acknowledged.
        """
        return self._send(self._command_sender, record, now)

    def send_sound(self, record: bytes, now: float) -> None:
        """Send a record on the speaker's channel, repeated until it is acknowledged.

        Raises:
            MissClosed: the connection is over.
            MissUnreachable: too many earlier packets are not acknowledged.
        """
        self._send(self._sound_sender, record, now)

    def _send(self, sender: SendChannel, record: bytes, now: float) -> Transmission:
        if self._state is not _State.OPEN:
            raise MissClosed("the connection is closed")
        transmission, packets = sender.send(push_record(record), now)
        self._out += packets
        return transmission

    @property
    def sound_backlog(self) -> int:
        """Packets of sound that are not acknowledged yet; over TCP always none."""
        return self._sound_sender.in_flight

    @property
    def answering_since(self) -> float:
        """Since when the camera is heard without a pause longer than that between pings."""
        return self._answering_since

    def close(self, now: float) -> None:
        """Say goodbye, and again until it is answered. Nothing more is delivered."""
        if self._state is _State.OPEN:
            self._state = _State.CLOSING
            self._say_goodbye(now)

    def fail(self, error: MissError) -> None:
        """End at once because of an error, and tell the camera, to free its place.

        What was received and not yet taken is dropped.
        """
        if self._state is not _State.CLOSED:
            self._events.clear()
            self._out.append(_CLOSE)
            self._end(error)

    # -- output -----------------------------------------------------------------------

    def next_event(self) -> ConnectionEvent | None:
        """Return the next event, None when there is none now."""
        return self._events.popleft() if self._events else None

    def packets_to_send(self, now: float) -> list[bytes]:
        """Return what to send now: datagrams, or pieces of the TCP stream.

        Acknowledges what came since the last call, so call it once per bunch of datagrams.
        """
        self._out[:0] = self._acks.packets(now)
        if not self._out:
            return []
        packets, self._out = self._out, []
        self._pong_in_out = False
        if self._stream:
            return [push_stream_frame(packet) for packet in packets]
        # Over UDP a camera counts anything as a sign of life.
        self._next_ping = now + self._ping_interval
        return packets

    @property
    def next_timer(self) -> float | None:
        """When to call `handle_timer`; None once closed."""
        if self._state is _State.CLOSED:
            return None
        if self._state is _State.CLOSING:
            return self._close_again
        earliest = min(self._next_ping, self._last_received + self._timing.dead)
        for other in (
            self._media_packets.gap_deadline(self._heard_since),
            self._command_packets.gap_deadline(self._heard_since),
            self._command_sender.next_timer,
            self._sound_sender.next_timer,
        ):
            if other is not None and other < earliest:
                earliest = other
        return earliest

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._state is _State.CLOSING:
            if now >= self._close_again:
                self._say_goodbye(now)
            return
        if self._state is _State.CLOSED:
            return
        if now >= self._last_received + self._timing.dead:
            self.fail(MissUnreachable("the camera has gone silent"))
            return
        self._note_pause(now)
        try:
            for sender in (self._command_sender, self._sound_sender):
                self._out += sender.due(now, self._heard_since)
        except MissUnreachable as error:
            self.fail(error)
            return
        deadline = self._command_packets.gap_deadline(self._heard_since)
        if deadline is not None and now >= deadline:
            self.fail(MissUnreachable("a command of the camera was lost"))
            return
        self._skip_media_gaps(now)
        if now >= self._next_ping:
            self._out.append(_ALIVE)
            self._next_ping = now + self._ping_interval

    # -- packets ----------------------------------------------------------------------

    def _receive(self, packet: bytes, now: float) -> None:
        if self._state is _State.CLOSED:
            return
        # By far the most frequent packet is read in one go.
        if packet[1:2] == b"\xd0" and packet[0] == 0xF1:
            channel, sequence, data = pull_drw(packet)
            if now - self._last_received > _PAUSE:
                self._note_pause(now)
            self._last_received = now
            if self._state is _State.OPEN:
                self._receive_drw(channel, sequence, data, now)
            return
        kind, body = pull_packet(packet)
        if kind == PacketType.DRW_ACK:
            channel, sequences = pull_drw_ack(body)
            if channel == Channel.COMMAND:
                for transmission in self._command_sender.acknowledge(sequences):
                    self._events.append(Delivered(transmission))
            elif channel == Channel.SPEAKER:
                self._sound_sender.acknowledge(sequences)
        elif kind == PacketType.ALIVE:
            # One answer does for many; who pings and never reads must not pile them up.
            if not self._pong_in_out:
                self._pong_in_out = True
                self._out.append(_ALIVE_ACK)
        elif kind == PacketType.CLOSE:
            self._out.append(_CLOSE_ACK)
            closing = self._state is _State.CLOSING
            self._end(None if closing else MissClosed("the camera closed the session"))
        elif kind == PacketType.CLOSE_ACK and self._state is _State.CLOSING:
            self._end(None)
        self._note_pause(now)
        self._last_received = now

    def _note_pause(self, now: float) -> None:
        """Let waiting begin anew when nothing was heard for long, up to now."""
        pause = now - self._last_received
        if pause > _PAUSE:
            self._heard_since = now
        if pause > self._ping_interval + _PAUSE:
            self._answering_since = now

    def _receive_drw(self, channel: int, sequence: int, data: bytes, now: float) -> None:
        if channel == Channel.MEDIA:
            packets = self._media_packets
        elif channel == Channel.COMMAND:
            packets = self._command_packets
        else:
            # Nobody listens, yet the camera has to get rid of it.
            self._statistics.discarded += 1
            if not self._stream:
                self._acks.add(channel, sequence)
            return
        if self._stream:
            self._deliver(channel, (data,))
            return
        chunks = packets.receive(sequence, data, now)
        if chunks is None:
            return
        self._acks.add(channel, sequence)
        if chunks:
            self._deliver(channel, chunks)
        elif packets.overfull:
            if channel == Channel.COMMAND:
                self.fail(MissUnreachable("a command of the camera was lost"))
            else:
                # What is behind the first hole may be empty.
                while packets.overfull:
                    self._skip_media_gap()

    def _deliver(self, channel: int, chunks: list[bytes] | tuple[bytes]) -> None:
        events = self._events
        if channel == Channel.MEDIA:
            for chunk in chunks:
                for record in self._media.push(chunk):
                    if record is None:
                        self._statistics.malformed += 1
                        events.append(MediaGap())
                    else:
                        events.append(MediaRecord(record))
            return
        try:
            for chunk in chunks:
                events.extend(CommandRecord(record) for record in self._commands.push(chunk))
        except MissProtocolError as error:
            self._statistics.malformed += 1
            self.fail(error)

    def _skip_media_gaps(self, now: float) -> None:
        packets = self._media_packets
        while (deadline := packets.gap_deadline(self._heard_since)) is not None:
            if now < deadline:
                break
            self._skip_media_gap()

    def _skip_media_gap(self) -> None:
        self._media.lose()
        self._events.append(MediaGap())
        self._deliver(Channel.MEDIA, self._media_packets.skip_gap())

    def _say_goodbye(self, now: float) -> None:
        self._out.append(_CLOSE)
        self._close_again = now + _CLOSE_REPEAT

    def _end(self, error: MissError | None) -> None:
        if self._state is not _State.CLOSED:
            self._state = _State.CLOSED
            self._events.append(ConnectionClosed(error))
