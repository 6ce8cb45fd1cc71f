"""A CS2 connection against a fake clock and a bad network."""

from __future__ import annotations

import itertools
import random

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.mi_camera.miss import (
    MissClosed,
    MissError,
    MissProtocolError,
    MissUnreachable,
    Statistics,
    Timing,
)
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    pull_drw,
    pull_drw_ack,
    pull_packet,
    push_drw,
    push_drw_ack,
    push_packet,
    push_stream_frame,
)
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.transport import (
    CommandRecord,
    ConnectionClosed,
    ConnectionEvent as Event,
    Delivered,
    MediaGap,
    MediaRecord,
)

from .fake import FakeCamera, kinds, make_keys

PING, PONG = push_packet(PacketType.ALIVE), push_packet(PacketType.ALIVE_ACK)
CLOSE, CLOSE_ACK = push_packet(PacketType.CLOSE), push_packet(PacketType.CLOSE_ACK)


class Wire:
    """A connection core with a clock."""

    def __init__(self, *, stream: bool = False, timing: Timing | None = None) -> None:
        self.now = 100.0
        self.statistics = Statistics()
        self.connection = Cs2Connection(
            stream=stream,
            now=self.now,
            timing=timing or Timing(),
            statistics=self.statistics,
        )
        self.camera = FakeCamera(make_keys(), stream)
        self.stream = stream
        self.deframer = StreamDeframer()

    def receive(self, *packets: bytes) -> list[Event]:
        for packet in packets:
            if self.stream:
                self.connection.receive_stream(packet, self.now)
            else:
                self.connection.receive_datagram(packet, self.now)
        return self.events()

    def events(self) -> list[Event]:
        return list(iter(self.connection.next_event, None))

    def sent(self) -> list[bytes]:
        sent = self.connection.packets_to_send(self.now)
        if self.stream:
            return [packet for piece in sent for packet in self.deframer.push(piece)]
        return sent

    def advance(self, seconds: float) -> list[tuple[float, bytes]]:
        """Return what is sent meanwhile, with the time since now."""
        begin, end, sent = self.now, self.now + seconds, []
        while (due := self.connection.next_timer) is not None and due <= end:
            self.now = max(self.now, due)
            self.connection.handle_timer(self.now)
            sent += [(round(self.now - begin, 3), packet) for packet in self.sent()]
        self.now = end
        return sent

    def live(self, seconds: float) -> None:
        """Let time pass with a camera that is heard meanwhile."""
        end = self.now + seconds
        while self.now < end:
            self.advance(min(0.5, end - self.now))
            self.connection.receive_datagram(PONG, self.now)

    def acknowledged(self, packets: list[bytes]) -> list[int]:
        sequences: list[int] = []
        for packet in packets:
            kind, body = pull_packet(packet)
            if kind == PacketType.DRW_ACK:
                sequences += pull_drw_ack(body)[1]
        return sequences


def error_of(events: list[Event]) -> MissError | None:
    [closed] = events
    assert isinstance(closed, ConnectionClosed)
    return closed.error


# -- acknowledgements ------------------------------------------------------------------


def test_acknowledgements_travel_together() -> None:
    wire = Wire()
    packets = wire.camera.media(bytes(5000))
    packets[2:2] = wire.camera.command(0x1301, b"notice")
    wire.receive(*packets)
    assert [pull_drw_ack(pull_packet(packet)[1]) for packet in wire.sent()] == [
        (Channel.MEDIA, (0, 1, 2, 3, 4)),
        (Channel.COMMAND, (0,)),
    ]
    assert wire.sent() == []


def test_acknowledgements_fit_into_packets() -> None:
    wire = Wire()
    packets = wire.camera.media(bytes(300_000))
    wire.receive(*packets)
    sent = wire.sent()
    assert wire.acknowledged(sent) == list(range(len(packets)))
    assert len(sent) == 2


def test_duplicates_are_acknowledged_again() -> None:
    wire = Wire()
    packet = wire.camera.media(b"x" * 40)[0]
    wire.receive(packet, packet)
    assert wire.acknowledged(wire.sent()) == [0, 0]
    wire.receive(packet)
    assert set(wire.acknowledged(wire.sent())) == {0}
    assert wire.statistics.duplicates == 2


def test_acknowledgements_that_seem_lost_are_said_twice() -> None:
    """After a packet that came twice, and only for a while."""
    wire = Wire()
    packets = wire.camera.media(bytes(40_000))
    wire.receive(packets[0], packets[0])
    wire.sent()
    wire.receive(packets[1])
    assert wire.acknowledged(wire.sent()) == [0, 0, 1]
    wire.receive(packets[2])
    assert wire.acknowledged(wire.sent()) == [1, 2]
    wire.advance(3.1)
    wire.receive(packets[3])
    assert wire.acknowledged(wire.sent()) == [3]
    assert max(map(len, wire.sent()), default=0) < 1024


def test_out_of_window_is_not_acknowledged() -> None:
    wire = Wire()
    assert wire.receive(push_drw(Channel.MEDIA, 30_000, b"x")) == []
    assert wire.advance(0.1) == []


@pytest.mark.parametrize("channel", [Channel.RDT, Channel.SPEAKER])
def test_channels_nobody_reads_are_drained(channel: Channel) -> None:
    wire = Wire()
    for sequence in range(100):
        assert wire.receive(push_drw(channel, sequence, bytes(1024))) == []
        wire.advance(0.01)
    assert wire.statistics.discarded == 100
    assert wire.connection.next_timer is not None


def test_channel_that_does_not_exist() -> None:
    wire = Wire()
    for channel in (4, 5, 255):
        assert wire.receive(push_drw(channel, 0, b"x")) == []
    assert wire.statistics.malformed == 3
    assert wire.advance(0.1) == []


def test_stream_is_not_acknowledged_nor_ordered() -> None:
    wire = Wire(stream=True)
    record = wire.camera.media_record(b"x" * 3000)
    events = wire.receive(*wire.camera.packets(Channel.MEDIA, push_record(record)))
    assert events == [MediaRecord(record)]
    wire.receive(*wire.camera.packets(Channel.RDT, b"file"))
    assert wire.advance(0.9) == []


# -- records ---------------------------------------------------------------------------


def test_records_of_both_channels() -> None:
    wire = Wire()
    media = wire.camera.media_record(b"picture" * 300)
    packets = wire.camera.packets(Channel.MEDIA, push_record(media))
    packets[1:1] = wire.camera.packets(Channel.COMMAND, push_record(b"cmd1") + push_record(b""))
    assert wire.receive(*packets) == [
        CommandRecord(b"cmd1"),
        CommandRecord(b""),
        MediaRecord(media),
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    duplicate=st.sampled_from([0.0, 0.2]),
    jitter=st.sampled_from([0.0, 0.05]),
)
def test_a_sender_that_repeats_gets_everything_through(
    seed: int, loss: float, duplicate: float, jitter: float
) -> None:
    """Loss, repetition and disorder both ways, with patience enough: nothing is missing."""
    rng = random.Random(seed)
    wire = Wire(timing=Timing(media_gap=60, command_gap=60, dead=60, undelivered=60))
    media = [wire.camera.media_record(rng.randbytes(rng.randrange(3000))) for _ in range(20)]
    commands = [rng.randbytes(rng.randrange(1500)) for _ in range(5)]
    stream = b"".join(map(push_record, media))
    waiting: dict[tuple[int, int], bytes] = {}
    for packet in itertools.chain(
        wire.camera.packets(Channel.MEDIA, stream),
        wire.camera.packets(Channel.COMMAND, b"".join(map(push_record, commands))),
    ):
        channel, sequence, _ = pull_drw(packet)
        waiting[channel, sequence] = packet
    transmission = wire.connection.send_command(bytes(3000), wire.now)
    events: list[Event] = []
    for _ in range(200):
        arrivals = []
        for packet in waiting.values():
            copies = 2 if rng.random() < duplicate else 1
            arrivals += [
                (rng.random() * jitter, packet) for _ in range(copies) if rng.random() >= loss
            ]
        if jitter:
            arrivals.sort()
        for _, packet in arrivals:
            events += wire.receive(packet)
        for packet in [*wire.sent(), *(packet for _, packet in wire.advance(0.2))]:
            if rng.random() < loss:
                continue
            kind, body = pull_packet(packet)
            if kind == PacketType.DRW_ACK:
                channel, sequences = pull_drw_ack(body)
                for sequence in sequences:
                    waiting.pop((channel, sequence), None)
            elif kind == PacketType.DRW and rng.random() >= loss:
                channel, sequence, _ = pull_drw(packet)
                events += wire.receive(push_drw_ack(channel, [sequence]))
        if not waiting and transmission.delivered:
            break
    assert [e.data for e in events if isinstance(e, MediaRecord)] == media
    assert [e.data for e in events if isinstance(e, CommandRecord)] == commands
    assert [e for e in events if isinstance(e, Delivered)] == [Delivered(transmission)]
    assert len(events) == len(media) + len(commands) + 1


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.02, 0.1, 0.3]))
def test_without_repetition_whole_records_or_a_gap(seed: int, loss: float) -> None:
    """What is lost for good: every record that comes out is whole, every hole is told."""
    rng = random.Random(seed)
    wire = Wire()
    records = [wire.camera.media_record(rng.randbytes(rng.randrange(4000))) for _ in range(30)]
    got: list[Event] = []
    for record in records:
        for packet in wire.camera.packets(Channel.MEDIA, push_record(record)):
            if rng.random() >= loss:
                got += wire.receive(packet)
        wire.advance(0.04)
        got += wire.events()
    wire.advance(1)
    got += wire.events()
    position = -1
    gap = False
    for event in got:
        if isinstance(event, MediaGap):
            gap = True
            continue
        assert isinstance(event, MediaRecord)
        index = records.index(event.data)
        assert index > position
        if index != position + 1:
            assert gap
        position, gap = index, False


def test_gap_waits_its_time_and_no_longer() -> None:
    wire = Wire()
    first, second, third = (wire.camera.media_record(bytes([n]) * 1500) for n in range(3))
    packets = [
        wire.camera.packets(Channel.MEDIA, push_record(record)) for record in (first, second, third)
    ]
    assert wire.receive(*packets[0]) == [MediaRecord(first)]
    assert wire.receive(packets[1][1], *packets[2]) == []
    wire.live(1.98)
    assert wire.events() == []
    wire.live(0.04)
    assert wire.events() == [MediaGap(), MediaRecord(third)]
    # Too late, but to be acknowledged, or it is sent for ever.
    assert wire.receive(packets[1][0]) == []
    assert wire.acknowledged(wire.sent()) == [2]
    assert wire.statistics.gaps == 1


def test_gap_that_closes_in_time() -> None:
    wire = Wire()
    record = wire.camera.media_record(bytes(1500))
    first, second = wire.camera.packets(Channel.MEDIA, push_record(record))
    wire.receive(second)
    wire.advance(0.39)
    assert wire.receive(first) == [MediaRecord(record)]
    wire.advance(1)
    assert wire.events() == []


def test_gap_with_too_much_behind_it_is_skipped_at_once() -> None:
    wire = Wire()
    wire.camera.media(b"lost")
    got: list[Event] = []
    record = wire.camera.media_record(bytes(60_000))
    for packet in wire.camera.packets(Channel.MEDIA, push_record(record) * 100, size=60_000):
        got += wire.receive(packet)
    assert got[0] == MediaGap()
    assert len(got) > 50


def test_gap_in_the_commands_breaks_the_connection() -> None:
    wire = Wire()
    wire.receive(push_drw(Channel.COMMAND, 1, b"x"))
    wire.live(2.9)
    assert wire.events() == []
    sent = wire.advance(0.2)
    assert isinstance(error_of(wire.events()), MissUnreachable)
    assert CLOSE in [packet for _, packet in sent]


def test_flood_behind_a_gap_in_the_commands() -> None:
    wire = Wire()
    sequence = 0
    events: list[Event] = []
    while not events:
        sequence += 1
        events = wire.receive(push_drw(Channel.COMMAND, sequence, bytes(60_000)))
    assert isinstance(error_of(events), MissUnreachable)
    assert sequence < 100


def test_stream_out_of_step_in_media_is_survived() -> None:
    wire = Wire()
    record = wire.camera.media_record(b"picture")
    stream = push_record(record) + b"\xff" * 50 + push_record(record)
    events = wire.receive(*wire.camera.packets(Channel.MEDIA, stream))
    assert events == [MediaRecord(record), MediaGap(), MediaRecord(record)]
    assert wire.statistics.malformed == 1


@pytest.mark.parametrize("stream", [False, True])
def test_oversized_command_breaks_the_connection(stream: bool) -> None:
    wire = Wire(stream=stream)
    events = wire.receive(*wire.camera.packets(Channel.COMMAND, b"\xff" * 4))
    assert isinstance(error_of(events), MissProtocolError)
    assert kinds(wire.sent())[-1] == PacketType.CLOSE


# -- life and death --------------------------------------------------------------------


def test_ping_is_answered() -> None:
    wire = Wire()
    wire.receive(PING)
    assert wire.sent() == [PONG]


@pytest.mark.parametrize("stream", [False, True])
def test_many_pings_at_once_get_one_answer(stream: bool) -> None:
    wire = Wire(stream=stream)
    for _ in range(2):
        if stream:
            wire.receive(push_stream_frame(PING) * 1000)
        else:
            wire.connection.receive_datagrams([PING] * 1000, wire.now)
        assert wire.sent() == [PONG]
        assert wire.sent() == []


def test_pings_over_udp_only_when_idle() -> None:
    wire = Wire()
    sent = wire.advance(11.9)
    assert sent == [(5.0, PING), (10.0, PING)]
    wire.receive(PONG)
    for _ in range(50):
        wire.receive(*wire.camera.media(b"picture"))
        assert PING not in wire.sent()
        assert PING not in [packet for _, packet in wire.advance(0.2)]


def test_pings_over_tcp_every_second() -> None:
    wire = Wire(stream=True)
    pings = 0
    for _ in range(50):
        wire.receive(*wire.camera.media(b"picture"))
        pings += [packet for _, packet in wire.advance(0.2)].count(PING)
    assert 9 <= pings <= 10


@pytest.mark.parametrize("stream", [False, True])
def test_silent_peer_is_given_up(stream: bool) -> None:
    wire = Wire(stream=stream)
    wire.advance(11.9)
    assert wire.events() == []
    sent = wire.advance(0.2)
    assert isinstance(error_of(wire.events()), MissUnreachable)
    assert sent[-1][1] == CLOSE
    assert wire.connection.next_timer is None
    assert wire.advance(100) == []


def test_pong_is_a_sign_of_life_and_rubbish_is_not() -> None:
    wire = Wire()
    wire.advance(11)
    wire.receive(b"rubbish", b"", b"\xf1", bytes.fromhex("f1d00004d1090000"))
    wire.receive(PONG)
    wire.advance(11)
    assert wire.events() == []
    wire.receive(b"rubbish", bytes.fromhex("f1d00004d1090000"))
    wire.advance(2)
    assert isinstance(error_of(wire.events()), MissUnreachable)
    assert wire.statistics.malformed == 6


def test_command_never_acknowledged() -> None:
    wire = Wire()
    wire.connection.send_command(b"hello", wire.now)
    [packet] = wire.sent()
    sent = []
    for _ in range(14):
        sent += wire.advance(0.5)
        wire.connection.receive_datagram(PONG, wire.now)
    assert isinstance(error_of(wire.events()), MissUnreachable)
    assert 5 < [data for _, data in sent].count(packet) < 30


def test_acknowledgement_of_another_channel_counts_for_nothing() -> None:
    wire = Wire()
    transmission = wire.connection.send_command(b"hello", wire.now)
    assert wire.receive(push_drw_ack(Channel.SPEAKER, [0]), push_drw_ack(Channel.MEDIA, [0])) == []
    assert not transmission.delivered
    assert wire.receive(push_drw_ack(Channel.COMMAND, [0])) == [Delivered(transmission)]


def test_camera_closes() -> None:
    wire = Wire()
    record = wire.camera.media_record(b"last picture")
    events = wire.receive(*wire.camera.packets(Channel.MEDIA, push_record(record)), CLOSE)
    assert events[0] == MediaRecord(record)
    assert isinstance(error_of(events[1:]), MissClosed)
    assert CLOSE_ACK in wire.sent()
    assert wire.receive(CLOSE, *wire.camera.media(b"after")) == []
    with pytest.raises(MissClosed):
        wire.connection.send_command(b"x", wire.now)
    wire.connection.fail(MissClosed("again"))
    assert wire.events() == []


def test_we_close() -> None:
    wire = Wire()
    wire.receive(*wire.camera.media(b"picture"))
    wire.connection.close(wire.now)
    assert kinds(wire.sent()) == [PacketType.DRW_ACK, PacketType.CLOSE]
    # Said again until it is answered; nothing is delivered meanwhile.
    assert wire.advance(0.25) == [(0.1, CLOSE), (0.2, CLOSE)]
    assert wire.receive(*wire.camera.media(b"more")) == []
    with pytest.raises(MissClosed):
        wire.connection.send_command(b"x", wire.now)
    assert wire.receive(CLOSE_ACK) == [ConnectionClosed(None)]
    assert wire.advance(10) == []
    assert wire.receive(CLOSE_ACK) == []
    wire.connection.close(wire.now)
    assert wire.sent() == []


def test_both_close() -> None:
    wire = Wire()
    wire.connection.close(wire.now)
    wire.connection.handle_timer(wire.now)
    assert wire.receive(CLOSE) == [ConnectionClosed(None)]
    wire.connection.handle_timer(wire.now)


def test_answer_to_a_goodbye_nobody_said() -> None:
    wire = Wire()
    assert wire.receive(CLOSE_ACK) == []
    assert wire.connection.next_timer is not None


def test_failure_drops_what_was_not_taken() -> None:
    wire = Wire()
    for packet in wire.camera.media(b"picture"):
        wire.connection.receive_datagram(packet, wire.now)
    error = MissProtocolError("enough")
    wire.connection.fail(error)
    assert wire.events() == [ConnectionClosed(error)]
    assert kinds(wire.sent()) == [PacketType.DRW_ACK, PacketType.CLOSE]


def test_stream_hangs_up() -> None:
    wire = Wire(stream=True)
    wire.connection.stream_ended(MissClosed("the camera hung up"))
    assert isinstance(error_of(wire.events()), MissClosed)
    wire = Wire(stream=True)
    wire.connection.close(wire.now)
    wire.connection.stream_ended(MissClosed("the camera hung up"))
    assert wire.events() == [ConnectionClosed(None)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        push_stream_frame(b"no packet"),
        push_stream_frame(push_drw(9, 0, b"")),
    ],
)
def test_stream_that_breaks_the_format_ends(data: bytes) -> None:
    wire = Wire(stream=True)
    assert isinstance(error_of(wire.receive(data)), MissProtocolError)
    assert wire.sent() == [CLOSE]


@given(st.lists(st.binary(max_size=60), max_size=20), st.booleans())
def test_hostile_bytes(pieces: list[bytes], stream: bool) -> None:
    wire = Wire(stream=stream)
    for piece in pieces:
        for start in (
            b"",
            b"\xf1",
            b"\xf1\xd0",
            b"\xf1\xd0\0\x10\xd1\x02",
            b"\xf1\xd1\0\x06\xd1\0",
        ):
            wire.receive(start + piece)
        wire.advance(0.5)
