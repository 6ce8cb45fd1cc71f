"""Ordering of what comes, repetition of what goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import MissUnreachable, Statistics, Timing
from custom_components.mi_camera.miss.channels import WINDOW, ReceiveChannel, SendChannel
from custom_components.mi_camera.miss.cs2_packets import pull_drw
from custom_components.mi_camera.miss.limits import MAX_BUFFERED, MAX_IN_FLIGHT

if TYPE_CHECKING:
    import random


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def receiver(statistics: Statistics) -> ReceiveChannel:
    return ReceiveChannel(0.4, 12.0, statistics)


@given(st.lists(st.integers(0, 29), min_size=30, max_size=90), st.randoms(use_true_random=False))
def test_any_order_with_duplicates(extra: list[int], rng: random.Random) -> None:
    """Whatever the order and repetition: out comes each once, in order, all acknowledged."""
    arrivals = [*range(30), *extra]
    rng.shuffle(arrivals)
    statistics = Statistics()
    receiver = ReceiveChannel(0.4, 12.0, statistics)
    got: list[bytes] = []
    for sequence in arrivals:
        chunks = receiver.receive(sequence, b"%d" % sequence, 0.0)
        assert chunks is not None
        got += chunks
    assert got == [b"%d" % sequence for sequence in range(30)]
    assert statistics.duplicates == len(extra)
    assert receiver.gap_deadline(0.0) is None


def test_wraps(receiver: ReceiveChannel) -> None:
    """Numbers begin anew after 65535, also out of order across the seam."""
    count = 0
    for number in range(0, 70_000, 2):
        for sequence in (number + 1, number):
            chunks = receiver.receive(sequence % 0x10000, b"%d" % sequence, 0.0)
            assert chunks is not None
            for chunk in chunks:
                assert chunk == b"%d" % count
                count += 1
    assert count == 70_000


def test_late_repetition_is_a_duplicate(receiver: ReceiveChannel, statistics: Statistics) -> None:
    for sequence in range(10):
        receiver.receive(sequence, b"", 0.0)
    assert receiver.receive(3, b"", 1.0) == []
    assert receiver.receive((10 - 0x8000) % 0x10000, b"", 1.0) == []
    assert statistics.duplicates == 2


def test_out_of_window_is_not_taken(receiver: ReceiveChannel, statistics: Statistics) -> None:
    assert receiver.receive(WINDOW - 1, b"", 0.0) == []
    assert receiver.receive(WINDOW, b"", 0.0) is None
    assert receiver.receive(0x7FFF, b"", 0.0) is None
    assert statistics.out_of_window == 2


def test_gap_is_as_old_as_its_oldest_sign(receiver: ReceiveChannel) -> None:
    receiver.receive(0, b"0", 0.0)
    assert receiver.gap_deadline(0.0) is None
    receiver.receive(3, b"3", 1.0)
    receiver.receive(2, b"2", 1.2)
    receiver.receive(6, b"6", 1.3)
    assert receiver.gap_deadline(0.0) == pytest.approx(1.4)
    assert receiver.skip_gap() == [b"2", b"3"]
    # The next hole has shown when 6 came.
    assert receiver.gap_deadline(0.0) == pytest.approx(1.7)
    assert receiver.receive(1, b"1", 1.5) == []  # too late
    assert receiver.receive(4, b"4", 1.5) == [b"4"]
    assert receiver.receive(5, b"5", 1.5) == [b"5", b"6"]
    assert receiver.gap_deadline(0.0) is None


def test_gap_across_the_wrap(receiver: ReceiveChannel) -> None:
    for sequence in range(0xFFFE):
        receiver.receive(sequence, b"", 0.0)
    receiver.receive(1, b"b", 0.0)
    receiver.receive(0xFFFF, b"a", 0.0)
    assert receiver.skip_gap() == [b"a"]
    assert receiver.skip_gap() == [b"b"]


def test_overfull(receiver: ReceiveChannel) -> None:
    data = bytes(65000)
    sequence = 0
    while not receiver.overfull:
        sequence += 1
        assert receiver.receive(sequence, data, 0.0) == []
    assert MAX_BUFFERED < sequence * len(data) < MAX_BUFFERED + 2 * len(data)
    receiver.skip_gap()
    assert not receiver.overfull


def make_sender(statistics: Statistics, *, reliable: bool = False) -> SendChannel:
    return SendChannel(0, Timing(), statistics, reliable=reliable)


def test_cut_and_numbered(statistics: Statistics) -> None:
    sender = make_sender(statistics)
    data = bytes(range(256)) * 10
    transmission, packets = sender.send(data, 0.0)
    parts = [pull_drw(packet) for packet in packets]
    assert [(channel, sequence, len(part)) for channel, sequence, part in parts] == [
        (0, 0, 1024),
        (0, 1, 1024),
        (0, 2, 512),
    ]
    assert b"".join(part for _, _, part in parts) == data
    assert not transmission.delivered
    assert sender.acknowledge([2, 0, 9]) == []
    assert sender.acknowledge([1, 1]) == [transmission]
    assert transmission.delivered
    assert sender.next_timer is None


def test_repeated_until_acknowledged(statistics: Statistics) -> None:
    sender = make_sender(statistics)
    _, [first] = sender.send(b"first", 0.0)
    assert sender.next_timer == pytest.approx(0.05)
    assert sender.due(0.04, 0.0) == []
    assert sender.due(0.05, 0.0) == [first]
    assert sender.next_timer == pytest.approx(0.15)
    assert sender.due(0.16, 0.0) == [first]
    assert sender.next_timer == pytest.approx(0.36)
    _, [second] = sender.send(b"second", 0.3)
    sender.acknowledge([0])
    assert sender.due(0.36, 0.0) == [second]
    assert statistics.retransmits == 3


def test_sound_is_repeated_less_hastily(statistics: Statistics) -> None:
    sender = SendChannel(3, Timing(), statistics, reliable=False, essential=False)
    _, [first] = sender.send(b"first", 0.0)
    assert sender.due(0.19, 0.0) == []
    assert sender.due(0.2, 0.0) == [first]
    assert sender.next_timer == pytest.approx(0.6)
    assert sender.due(0.61, 0.0) == [first]
    assert sender.next_timer == pytest.approx(1.41)


def test_gives_up(statistics: Statistics) -> None:
    sender = make_sender(statistics)
    sender.send(b"x", 0.0)
    now, repetitions = 0.0, 0
    with pytest.raises(MissUnreachable):
        while now < 10:
            due = sender.next_timer
            assert due is not None
            now = due
            repetitions += len(sender.due(now, 0.0))
    assert 5 <= now < 6
    assert repetitions < 30


def test_in_flight_is_bounded(statistics: Statistics) -> None:
    sender = make_sender(statistics)
    for _ in range(MAX_IN_FLIGHT):
        sender.send(b"x", 0.0)
    with pytest.raises(MissUnreachable):
        sender.send(b"x", 0.0)


def test_reliable_needs_no_acknowledgement(statistics: Statistics) -> None:
    sender = make_sender(statistics, reliable=True)
    for _ in range(MAX_IN_FLIGHT + 1):
        transmission, [_packet] = sender.send(b"x", 0.0)
        assert transmission.delivered
    assert sender.next_timer is None


def test_numbers_wrap(statistics: Statistics) -> None:
    sender = make_sender(statistics, reliable=True)
    for _ in range(0x10000):
        sender.send(b"x", 0.0)
    _, [packet] = sender.send(b"x", 0.0)
    assert pull_drw(packet)[1] == 0
