"""Two hours of pictures and sound on simulated time: nothing is lost, nothing grows."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from functools import cached_property
import heapq
import itertools
from typing import TYPE_CHECKING

from nacl.bindings import crypto_box_beforenm, crypto_box_keypair

from custom_components.mi_camera.miss import (
    AudioFrame,
    Codec,
    MissKeys,
    MissRefused,
    Statistics,
    Timing,
    VideoFrame,
    new_client_key,
)
from custom_components.mi_camera.miss.commands import Command
from custom_components.mi_camera.miss.crypto import RecordCipher
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    pull_drw_ack,
    pull_packet,
    push_packet,
)
from custom_components.mi_camera.miss.media import MediaHeader, push_media_header
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import LoggedIn, MissSession, SessionClosed, State
from script.fuzzing.target import held

from .fake_camera import H264_DELTA, H264_KEY, FakeCamera

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0
FPS, GROUP, SOUND_MS = 15, 30, 40
TICK = SOUND_MS / 1000
RETRANSMIT = 0.2
SOUND = b"\xd5" * 80
LOST, DOUBLED, OVERTAKEN = 499, 997, 211
"""Each packet whose number divides by one of these, on its first way."""
SESSION_BYTES = 200_000

type Clock = Callable[[int], tuple[int, int]]
"""From true milliseconds to what the header says: milliseconds and seconds."""


def wrapping(true_ms: int) -> tuple[int, int]:
    """Count milliseconds in 32 bits, half an hour before they wrap."""
    stamp = (true_ms + (1 << 32) - 1_800_000) % (1 << 32)
    return stamp, stamp // 1000


def in_seconds(true_ms: int) -> tuple[int, int]:
    """State seconds where milliseconds belong."""
    return 1_700_000_000 + true_ms // 1000, 1_700_000_000 + true_ms // 1000


@dataclass
class LongCamera(FakeCamera):
    """A camera that streams, chats and pings, and repeats what is not acknowledged."""

    device_private: bytes = b""
    clock: Clock = wrapping
    refuses: bool = False
    streams: bool = False
    unacknowledged: dict[tuple[int, int], tuple[float, bytes]] = field(default_factory=dict)
    most_unacknowledged: int = 0
    count: int = 0
    wraps: int = 0
    pongs: int = 0
    chatter: int = 0
    pictures: int = 0
    sounds: int = 0
    _on_the_way: list[tuple[float, int, bytes]] = field(default_factory=list)

    @cached_property
    def cipher(self) -> RecordCipher:
        """Seals with this camera's own key."""
        return RecordCipher(crypto_box_beforenm(self.keys.client_public, self.device_private))

    def post(self, packets: list[bytes], now: float) -> None:
        """Send packets of ours over a network that now and then misbehaves."""
        for packet in packets:
            self.count += 1
            channel, sequence = packet[5], int.from_bytes(packet[6:8])
            self.wraps += channel == Channel.MEDIA and sequence == 0xFFFF
            self.unacknowledged[channel, sequence] = (now + RETRANSMIT, packet)
            late = 0.05 if self.count % OVERTAKEN == 0 else 0.0
            if self.count % LOST:
                self.carry(packet, now + late)
            if self.count % DOUBLED == 0:
                self.carry(packet, now + 0.03)
        self.most_unacknowledged = max(self.most_unacknowledged, len(self.unacknowledged))

    def carry(self, packet: bytes, at: float) -> None:
        """Let a packet arrive at a time."""
        heapq.heappush(self._on_the_way, (at, self.count, packet))

    def arriving(self, now: float) -> list[bytes]:
        """Return what arrives by now, repetitions included."""
        for key, (due, packet) in self.unacknowledged.items():
            if due <= now:
                self.unacknowledged[key] = (now + RETRANSMIT, packet)
                self.carry(packet, now)
        arrived = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            arrived.append(heapq.heappop(self._on_the_way)[2])
        return arrived

    def media_packets(self, data: bytes, codec: Codec, number: int, true_ms: int) -> list[bytes]:
        """Build the packets of a picture or a piece of sound."""
        stamp, seconds = self.clock(true_ms)
        sealed = self.cipher.encrypt(data)
        header = MediaHeader(len(sealed), codec, number, 0, stamp, seconds)
        return self.packets(Channel.MEDIA, push_record(push_media_header(header) + sealed))

    def take(self, sent: list[bytes], now: float) -> None:
        """Take what the client has sent."""
        for packet in sent:
            kind, body = pull_packet(packet)
            if kind == PacketType.DRW_ACK:
                channel, sequences = pull_drw_ack(body)
                for sequence in sequences:
                    self.unacknowledged.pop((channel, sequence), None)
            elif kind == PacketType.ALIVE:
                self.carry(push_packet(PacketType.ALIVE_ACK), now)
            elif kind == PacketType.ALIVE_ACK:
                self.pongs += 1
            elif kind == PacketType.DRW:
                commands, acks = self.read([packet])
                for ack in acks:
                    self.carry(ack, now)
                for command, _body in commands:
                    self._obey(command, now)

    def _obey(self, command: int, now: float) -> None:
        if command == Command.AUTH_REQ:
            result = b'{"result":"failed","code":3}' if self.refuses else b'{"result":"success"}'
            self.post(self.welcome(result), now)
        elif command == Command.VIDEO_START:
            self.streams = True


class Household:
    """The clock, the camera, our side, and what came out of it."""

    def __init__(self) -> None:
        """Begin at some time, without a session."""
        self.now = 5000.0
        self.timing, self.statistics = Timing(), Statistics()
        self.frames: Counter[str] = Counter()
        self.ends: list[SessionClosed] = []
        self.most_held = 0
        self.session: MissSession
        self.connection: Cs2Connection
        self.camera: LongCamera
        self._awaited: deque[tuple[int, float]] = deque()
        self._last = {True: -1, False: -1}
        self._begun = False
        self._stamps: dict[bool, int] = {}
        self._ticks = itertools.count()

    def meet(self, keys: MissKeys, camera: LongCamera) -> None:
        """Open a session between keys of ours and a camera."""
        self.camera = camera
        self.connection = Cs2Connection(
            stream=False, now=self.now, timing=self.timing, statistics=self.statistics
        )
        self.session = MissSession(
            self.connection, keys, timing=self.timing, statistics=self.statistics
        )
        self._begun = False
        self._last = {True: -1, False: -1}
        self._stamps.clear()
        self.session.login(self.now)

    def live(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            number = next(self._ticks)
            self.now += TICK
            camera, connection, session = self.camera, self.connection, self.session
            if session.state is State.CLOSED:
                return
            if camera.streams:
                self._shoot(number)
            due = session.next_timer
            if due is not None and due <= self.now:
                session.handle_timer(self.now)
            for packet in camera.arriving(self.now):
                connection.receive_datagram(packet, self.now)
            session.process(self.now)
            while (event := session.next_event()) is not None:
                if isinstance(event, (VideoFrame, AudioFrame)):
                    self._check(event)
                elif isinstance(event, LoggedIn):
                    session.start_video(quality=2, lens=0, audio=True, now=self.now)
                elif isinstance(event, SessionClosed):
                    self.ends.append(event)
            camera.take(connection.packets_to_send(self.now), self.now)
            if number % 1500 == 0:
                self.most_held = max(self.most_held, held(session))

    def _shoot(self, number: int) -> None:
        camera = self.camera
        true_ms = number * SOUND_MS
        pictures = (number + 1) * SOUND_MS * FPS // 1000 - number * SOUND_MS * FPS // 1000
        packets = []
        for _ in range(pictures):
            data = H264_DELTA if camera.pictures % GROUP else H264_KEY
            packets += camera.media_packets(data, Codec.H264, camera.pictures, true_ms)
            camera.pictures += 1
        packets += camera.media_packets(SOUND, Codec.PCMA, camera.sounds, true_ms)
        camera.sounds += 1
        if number % 5 == 0:
            packets += camera.command(0x1301, b'{"rssi":-47}\0')
            camera.chatter += 1
        if number % 25 == 0:
            camera.carry(push_packet(PacketType.ALIVE), self.now)
        camera.post(packets, self.now)

    def _check(self, frame: VideoFrame | AudioFrame) -> None:
        video = isinstance(frame, VideoFrame)
        self._begun = self._begun or video
        last = self._last[video]
        if video or last >= 0:
            assert frame.sequence == last + 1, "every one, in order"
        self._last[video] = frame.sequence
        self.frames["video" if video else "sound"] += 1
        if isinstance(frame, VideoFrame):
            assert frame.keyframe == (frame.sequence % GROUP == 0)
        before = self._stamps.get(video, 0)
        assert frame.timestamp_ms >= before
        self._stamps[video] = frame.timestamp_ms
        if len(self._stamps) == 2:
            apart = self._stamps[True] - self._stamps[False]
            assert abs(apart) < 1000 / FPS + SOUND_MS + 250, "pictures and sound on one time line"


@dataclass(frozen=True, slots=True)
class TwoHours:
    """What came of two hours with a restart of the camera after a quarter of them."""

    house: Household
    cameras: tuple[LongCamera, LongCamera]
    """Before the restart and after it."""

    @property
    def pictures(self) -> int:
        """How many pictures the cameras took."""
        return sum(camera.pictures for camera in self.cameras)

    @property
    def sounds(self) -> int:
        """How many pieces of sound they recorded."""
        return sum(camera.sounds for camera in self.cameras)

    @property
    def missing_pictures(self) -> int:
        """How many pictures did not come out."""
        return self.pictures - self.house.frames["video"]

    @property
    def missing_sounds(self) -> int:
        """How many sounds did not; what is before a session's first picture may not."""
        return self.sounds - self.house.frames["sound"]


def two_hours() -> TwoHours:
    """Run for two hours; an order or a time that is wrong is an `AssertionError`."""
    public, private = crypto_box_keypair()
    client_private, client_public = new_client_key()
    keys = MissKeys(client_private, client_public, public, "c0ffee")
    house = Household()
    house.meet(keys, LongCamera(keys, device_private=private, clock=in_seconds))
    house.live(HOUR / 2)
    first = house.camera

    # The camera restarts, and has another key pair from then on.
    first.streams = False
    house.live(1)
    first.carry(push_packet(PacketType.CLOSE), house.now)
    house.live(1)
    assert house.session.state is State.CLOSED
    public, private = crypto_box_keypair()
    house.meet(keys, LongCamera(keys, device_private=private, refuses=True))
    house.live(1)
    assert isinstance(house.ends[-1].error, MissRefused)
    client_private, client_public = new_client_key()
    keys = MissKeys(client_private, client_public, public, "c0ffee")
    house.meet(keys, LongCamera(keys, device_private=private, clock=wrapping))
    house.live(1.5 * HOUR)
    second = house.camera
    second.streams = False
    house.live(1)
    return TwoHours(house, (first, second))
