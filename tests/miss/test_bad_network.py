"""A stream over a bad wireless network: what of it can be decoded, and how soon it is back."""

from __future__ import annotations

from dataclasses import dataclass, field
import heapq
import itertools
import random
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.miss import Command, MissUnreachable, VideoFrame
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    pull_drw,
    pull_drw_ack,
    pull_packet,
    push_drw_ack,
    push_packet,
)
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import SessionClosed

from .fake import H264_DELTA, H264_KEY, Bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.miss.session import Event
    from custom_components.mi_camera.miss.transport import Transmission

FPS = 25
PONG = push_packet(PacketType.ALIVE_ACK)


@dataclass
class Air:
    """A camera that repeats what is not acknowledged, behind air that loses and delays."""

    loss: float = 0.1
    jitter: float = 0.1
    repeat: float = 0.2
    """After how many seconds the camera sends a packet again, and again."""
    window: int = 4096
    """How many packets it sends ahead of the oldest that is not acknowledged."""
    memory: float = 60.0
    """For how many seconds it repeats a packet."""
    group: int = 50
    """Pictures from key frame to key frame."""
    seed: int = 1
    blackout: tuple[float, float] = (0.0, 0.0)
    bench: Bench = field(default_factory=Bench)

    def __post_init__(self) -> None:
        self.bench.start()
        self.begin = self.bench.now
        self.rng = random.Random(self.seed)
        self.ticket = itertools.count()
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.queue: list[tuple[int, bytes]] = []
        self.waiting: dict[int, tuple[float, bytes]] = {}
        self.pictures: list[tuple[float, VideoFrame]] = []
        self.end: SessionClosed | None = None
        self.sent_packets = 0
        self.asked: Transmission | None = None

    @property
    def time(self) -> float:
        return self.bench.now - self.begin

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (when, next(self.ticket), what))

    def through(self, what: Callable[[], None]) -> None:
        """Do something at the other end of the air, if it gets there."""
        begin, end = self.blackout
        if not begin <= self.time < end and self.rng.random() >= self.loss:
            self.at(self.time + 0.002 + self.rng.random() * self.jitter, what)

    def run(self, seconds: float) -> None:
        for number in range(round(seconds * FPS)):
            self.at(number / FPS, lambda number=number: self.picture(number))  # type: ignore[misc]
        self.settle()
        while self.agenda and self.agenda[0][0] <= seconds + 3 and self.end is None:
            when, _, what = heapq.heappop(self.agenda)
            self.take(self.bench.advance(max(0.0, when - self.time)))
            what()
            self.settle()

    def settle(self) -> None:
        """Let the client send what it has to, and come back when it has a timer."""
        for packet in self.bench.sent():
            self.through(lambda packet=packet: self.heard(packet))  # type: ignore[misc]
        due = self.bench.session.next_timer
        if due is not None and (not self.agenda or due - self.begin < self.agenda[0][0]):
            self.at(due - self.begin, lambda: None)

    def take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, VideoFrame):
                self.pictures.append((self.time, event))
            elif isinstance(event, SessionClosed):
                self.end = event

    def arrive(self, packet: bytes) -> None:
        self.take(self.bench.feed([packet]))

    # -- the camera -----------------------------------------------------------------

    def picture(self, number: int) -> None:
        key = number % self.group == 0
        data = H264_KEY + bytes([17]) * 40_000 if key else H264_DELTA + bytes([17]) * 9_000
        record = self.bench.camera.media_record(data, sequence=number)
        for packet in self.bench.camera.packets(Channel.MEDIA, push_record(record)):
            self.queue.append((pull_drw(packet)[1], packet))
        self.fill()

    def fill(self) -> None:
        while self.queue and len(self.waiting) < self.window:
            sequence, packet = self.queue.pop(0)
            self.waiting[sequence] = (self.time, packet)
            self.send(sequence)

    def send(self, sequence: int) -> None:
        if (entry := self.waiting.get(sequence)) is None:
            return
        first, packet = entry
        if self.time - first > self.memory:
            del self.waiting[sequence]
            return
        self.sent_packets += 1
        self.through(lambda: self.arrive(packet))
        self.at(self.time + self.repeat, lambda: self.send(sequence))

    def ask(self) -> None:
        self.asked = self.bench.session.request(
            Command.MOTOR_REQ, b"{}", self.bench.now
        ).transmission

    def heard(self, packet: bytes) -> None:
        kind, body = pull_packet(packet)
        if kind == PacketType.DRW_ACK:
            channel, sequences = pull_drw_ack(body)
            for sequence in sequences if channel == Channel.MEDIA else ():
                self.waiting.pop(sequence, None)
            self.fill()
        elif kind == PacketType.ALIVE:
            self.through(lambda: self.arrive(PONG))
        elif kind == PacketType.DRW:
            ack = push_drw_ack(*((drw := pull_drw(packet))[0], [drw[1]]))
            self.through(lambda: self.arrive(ack))


@pytest.mark.parametrize(
    ("loss", "repeat", "window"),
    [(0.1, 0.2, 4096), (0.1, 0.4, 4096), (0.1, 0.2, 32), (0.2, 0.2, 4096)],
    ids=["repeats soon", "repeats late", "small window", "a fifth lost"],
)
def test_a_tenth_lost_each_way_and_disorder_cost_no_picture(
    loss: float, repeat: float, window: int
) -> None:
    air = Air(loss=loss, repeat=repeat, window=window)
    air.run(40)
    assert air.end is None
    assert len(air.pictures) >= 0.99 * 40 * FPS
    sequences = [frame.sequence for _, frame in air.pictures]
    assert sequences == sorted(set(sequences))
    lags = sorted(when - frame.sequence / FPS for when, frame in air.pictures)
    assert lags[len(lags) // 2] < 1
    assert lags[-1] < 3


def test_lost_acknowledgements_cause_few_repetitions() -> None:
    """As few as the loss itself does: about one in nine, not one in four."""
    air = Air()
    air.run(40)
    needed = sum(-(-(len(frame.data) + 44) // 1024) for _, frame in air.pictures)
    assert air.sent_packets < 1.2 * needed


@pytest.mark.parametrize("memory", [60.0, 5.0, 1.0], ids=["all", "five seconds", "one second"])
@pytest.mark.parametrize("group", [50, 100])
def test_ten_seconds_without_network(memory: float, group: int) -> None:
    """The session goes on, however much of what was lost the camera remembers."""
    air = Air(blackout=(8.0, 18.0), memory=memory, group=group)
    air.run(26)
    assert air.end is None
    fresh = [when for when, frame in air.pictures if when > 18 and when - frame.sequence / FPS < 1]
    assert fresh[0] - 18 < 3
    if memory == 60:
        assert len(air.pictures) == 26 * FPS


def test_hole_open_when_the_network_goes_closes_when_it_is_back() -> None:
    """No limit but that for a dead camera runs while nothing is heard."""
    air = Air(blackout=(8.0, 18.0), jitter=0.0, seed=9)
    air.at(8.0, air.ask)
    air.run(22)
    assert air.end is None
    assert air.bench.statistics.gaps == 0
    assert air.asked is not None
    assert air.asked.delivered


def test_camera_that_forgot_us_is_known_to_be_gone_soon_after() -> None:
    air = Air(blackout=(8.0, 60.0))
    air.run(30)
    assert air.end is not None
    assert isinstance(air.end.error, MissUnreachable)
    assert air.time < 20.5


def test_camera_that_forgot_us_over_tcp() -> None:
    bench = Bench(stream=True)
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    events = bench.advance(12.1)
    assert isinstance(events[-1], SessionClosed)
