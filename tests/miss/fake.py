"""The other end, in miniature: what a camera says, byte for byte, for the sans-IO tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nacl.bindings import crypto_box_beforenm, crypto_box_keypair

from custom_components.mi_camera.miss import Codec, MissKeys, Statistics, Timing, new_client_key
from custom_components.mi_camera.miss.channels import ReceiveChannel
from custom_components.mi_camera.miss.commands import Command, pull_command, push_command
from custom_components.mi_camera.miss.crypto import RecordCipher
from custom_components.mi_camera.miss.cs2 import Cs2Connection
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    pull_drw,
    pull_packet,
    push_drw,
    push_drw_ack,
    push_packet,
    push_stream_frame,
)
from custom_components.mi_camera.miss.media import (
    HEADER_BYTES,
    MediaHeader,
    pull_media_header,
    push_media_header,
)
from custom_components.mi_camera.miss.records import RecordAssembler, push_record
from custom_components.mi_camera.miss.session import MissSession

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.session import Event

DEVICE_PUBLIC, DEVICE_PRIVATE = crypto_box_keypair()

SPS, PPS = b"\0\0\0\1\x67sps", b"\0\0\0\1\x68pps"
H264_KEY = SPS + PPS + b"\0\0\0\1\x65idr"
H264_BARE_KEY = b"\0\0\0\1\x65idr"
H264_DELTA = b"\0\0\0\1\x41delta"
H265_KEY = b"\0\0\0\1\x40\x01vps\0\0\0\1\x42\x01sps\0\0\0\1\x44\x01pps\0\0\0\1\x4e\x01sei\0\0\0\1\x26\x01idr"
H265_DELTA = b"\0\0\0\1\x02\x01delta"
LENS_1 = 0x40 << 16


def make_keys(device_public: bytes = DEVICE_PUBLIC) -> MissKeys:
    private, public = new_client_key()
    return MissKeys(private, public, device_public, "c0ffee")


@dataclass
class FakeCamera:
    """Builds a camera's side of one session; keeps its sequence numbers."""

    keys: MissKeys
    stream: bool = False
    sequences: dict[int, int] = field(default_factory=dict)
    media_sequence: int = 0
    deframer: StreamDeframer = field(default_factory=StreamDeframer)
    assembler: RecordAssembler = field(default_factory=RecordAssembler)
    speaker: ReceiveChannel = field(
        default_factory=lambda: ReceiveChannel(60.0, 60.0, Statistics())
    )
    speaker_assembler: RecordAssembler = field(default_factory=RecordAssembler)
    heard: list[tuple[MediaHeader, bytes]] = field(default_factory=list)
    """What was said to the speaker: header and decrypted sound."""

    @property
    def cipher(self) -> RecordCipher:
        return RecordCipher(crypto_box_beforenm(self.keys.client_public, DEVICE_PRIVATE))

    def packets(self, channel: int, data: bytes, size: int = 1024) -> list[bytes]:
        """Cut stream bytes into packets ready for the wire."""
        packets = []
        for at in range(0, len(data), size):
            sequence = self.sequences.get(channel, 0)
            self.sequences[channel] = (sequence + 1) % 0x10000
            packet = push_drw(channel, sequence, data[at : at + size])
            packets.append(push_stream_frame(packet) if self.stream else packet)
        return packets

    def media_record(
        self,
        data: bytes,
        codec: int = Codec.H264,
        *,
        flags: int = 0,
        stamp: int | None = None,
        sequence: int | None = None,
    ) -> bytes:
        if sequence is None:
            sequence = self.media_sequence
            self.media_sequence += 1
        stamp = 1_700_000_000_000 + 40 * sequence if stamp is None else stamp
        sealed = self.cipher.encrypt(data)
        header = MediaHeader(len(sealed), codec, sequence, flags, stamp, stamp // 1000)
        return push_media_header(header) + sealed

    def media(self, data: bytes, codec: int = Codec.H264, **fields: int) -> list[bytes]:
        record = self.media_record(data, codec, **fields)
        return self.packets(Channel.MEDIA, push_record(record))

    def command(self, command: int, body: bytes = b"", *, sealed: bool = True) -> list[bytes]:
        record = push_command(command, body)
        if sealed:
            record = push_command(Command.ENCODED, self.cipher.encrypt(record))
        return self.packets(Channel.COMMAND, push_record(record))

    def welcome(self, body: bytes = b'{"result":"success"}\0') -> list[bytes]:
        return self.command(Command.AUTH_RES, body, sealed=False)

    def read(self, sent: list[bytes]) -> tuple[list[tuple[int, bytes]], list[bytes]]:
        """Return the client's commands, opened, and the acknowledgements they deserve."""
        commands, acks = [], []
        for piece in sent:
            for packet in self.deframer.push(piece) if self.stream else (piece,):
                if pull_packet(packet)[0] != PacketType.DRW:
                    continue
                channel, sequence, data = pull_drw(packet)
                acks.append(push_drw_ack(channel, [sequence]))
                if channel == Channel.SPEAKER:
                    self.hear(sequence, data)
                    continue
                for record in self.assembler.push(data):
                    command, body = pull_command(record)
                    if command == Command.ENCODED:
                        command, body = pull_command(self.cipher.decrypt(body))
                    commands.append((command, body))
        return commands, acks

    def hear(self, sequence: int, data: bytes) -> None:
        """Put the packets of the speaker's channel in order, and open its records."""
        assert len(data) <= 1024
        for chunk in self.speaker.receive(sequence, data, 0.0) or ():
            for record in self.speaker_assembler.push(chunk):
                self.heard.append(
                    (pull_media_header(record), self.cipher.decrypt(record[HEADER_BYTES:]))
                )


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
