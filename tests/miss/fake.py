"""The other end, in miniature: what a camera says, byte for byte, for the sans-IO tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from custom_components.mi_camera.miss import MissKeys, Statistics, Timing, new_client_key
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.cs2_packets import (
    PacketType,
    pull_packet,
    push_packet,
    push_stream_frame,
)
from custom_components.mi_camera.miss.session import MissSession
from script.network_runs.fake_camera import (
    DEVICE_PRIVATE,
    DEVICE_PUBLIC,
    H264_DELTA,
    H264_KEY,
    PPS,
    SPS,
    FakeCamera,
)

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.session import Event

__all__ = [
    "DEVICE_PRIVATE",
    "DEVICE_PUBLIC",
    "H264_BARE_KEY",
    "H264_DELTA",
    "H264_KEY",
    "H265_DELTA",
    "H265_KEY",
    "LENS_1",
    "PPS",
    "SPS",
    "Bench",
    "FakeCamera",
    "kinds",
    "make_keys",
]

H264_BARE_KEY = b"\0\0\0\1\x65idr"
H265_KEY = b"\0\0\0\1\x40\x01vps\0\0\0\1\x42\x01sps\0\0\0\1\x44\x01pps\0\0\0\1\x4e\x01sei\0\0\0\1\x26\x01idr"
H265_DELTA = b"\0\0\0\1\x02\x01delta"
LENS_1 = 0x40 << 16


def make_keys(device_public: bytes = DEVICE_PUBLIC) -> MissKeys:
    private, public = new_client_key()
    return MissKeys(private, public, device_public, "c0ffee")


def kinds(packets: list[bytes]) -> list[int]:
    """Return the packet types of datagrams."""
    return [pull_packet(packet)[0] for packet in packets]


@dataclass
class Bench:
    """A session core with a fake camera and a fake clock."""

    stream: bool = False
    timing: Timing = field(default_factory=Timing)
    keys: MissKeys = field(default_factory=make_keys)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.statistics = Statistics()
        self.connection = Cs2Connection(
            stream=self.stream, now=self.now, timing=self.timing, statistics=self.statistics
        )
        self.session = MissSession(
            self.connection, self.keys, timing=self.timing, statistics=self.statistics
        )
        self.camera = FakeCamera(self.keys, self.stream)

    def feed(self, packets: list[bytes]) -> list[Event]:
        for packet in packets:
            if self.stream:
                self.connection.receive_stream(packet, self.now)
            else:
                self.connection.receive_datagram(packet, self.now)
        self.session.process(self.now)
        return self.events()

    def events(self) -> list[Event]:
        return list(iter(self.session.next_event, None))

    def sent(self) -> list[bytes]:
        return self.connection.packets_to_send(self.now)

    def commands(self) -> list[tuple[int, bytes]]:
        """Take what was sent, acknowledge it, return the commands in it."""
        commands, acks = self.camera.read(self.sent())
        if not self.stream:
            self.feed(acks)
        return commands

    def advance(self, seconds: float) -> list[Event]:
        """Let time pass, with every timer called when it asked for it."""
        end = self.now + seconds
        while (due := self.session.next_timer) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
        self.now = end
        return self.events()

    def live(self, seconds: float) -> list[Event]:
        """Let time pass with a camera that is heard meanwhile."""
        pong = push_packet(PacketType.ALIVE_ACK)
        events, end = [], self.now + seconds
        while self.now < end:
            events += self.advance(min(0.5, end - self.now))
            events += self.feed([push_stream_frame(pong) if self.stream else pong])
        return events

    def log_in(self) -> None:
        self.session.login(self.now)
        self.commands()
        self.feed(self.camera.welcome())
        self.sent()

    def start(self, quality: int = 2, lens: int = 0, *, audio: bool = False) -> None:
        self.log_in()
        self.session.start_video(quality=quality, lens=lens, audio=audio, now=self.now)
        self.commands()
