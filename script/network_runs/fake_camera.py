"""A camera's side of one session in miniature: what it says, byte for byte, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field

from nacl.bindings import crypto_box_beforenm, crypto_box_keypair

from custom_components.mi_camera.miss import Codec, MissKeys, Statistics
from custom_components.mi_camera.miss.channels import ReceiveChannel
from custom_components.mi_camera.miss.commands import Command, pull_command, push_command
from custom_components.mi_camera.miss.crypto import RecordCipher
from custom_components.mi_camera.miss.cs2_packets import (
    Channel,
    PacketType,
    StreamDeframer,
    pull_drw,
    pull_packet,
    push_drw,
    push_drw_ack,
    push_stream_frame,
)
from custom_components.mi_camera.miss.media import (
    HEADER_BYTES,
    MediaHeader,
    pull_media_header,
    push_media_header,
)
from custom_components.mi_camera.miss.records import RecordAssembler, push_record

DEVICE_PUBLIC, DEVICE_PRIVATE = crypto_box_keypair()

SPS, PPS = b"\0\0\0\1\x67sps", b"\0\0\0\1\x68pps"
H264_KEY = SPS + PPS + b"\0\0\0\1\x65idr"
H264_DELTA = b"\0\0\0\1\x41delta"


@dataclass
class FakeCamera:
    """Builds a camera's side of one session; keeps its sequence numbers."""

    keys: MissKeys
    stream: bool = False
    sequences: dict[int, int] = field(default_factory=dict)
    media_sequence: int = 0
    deframer: StreamDeframer = field(default_factory=StreamDeframer)
    assembler: RecordAssembler = field(default_factory=RecordAssembler)
    taken: set[int] = field(default_factory=set)
    """Numbers of the client's command packets: one that is repeated counts once."""
    speaker: ReceiveChannel = field(
        default_factory=lambda: ReceiveChannel(60.0, 60.0, Statistics())
    )
    speaker_assembler: RecordAssembler = field(default_factory=RecordAssembler)
    heard: list[tuple[MediaHeader, bytes]] = field(default_factory=list)
    """What was said to the speaker: header and decrypted sound."""

    @property
    def cipher(self) -> RecordCipher:
        """Seals and opens with the session's key."""
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
        """Build a media record: header and sealed data."""
        if sequence is None:
            sequence = self.media_sequence
            self.media_sequence += 1
        stamp = 1_700_000_000_000 + 40 * sequence if stamp is None else stamp
        sealed = self.cipher.encrypt(data)
        header = MediaHeader(len(sealed), codec, sequence, flags, stamp, stamp // 1000)
        return push_media_header(header) + sealed

    def media(self, data: bytes, codec: int = Codec.H264, **fields: int) -> list[bytes]:
        """Build the packets of a media record."""
        record = self.media_record(data, codec, **fields)
        return self.packets(Channel.MEDIA, push_record(record))

    def command(self, command: int, body: bytes = b"", *, sealed: bool = True) -> list[bytes]:
        """Build the packets of a command."""
        record = push_command(command, body)
        if sealed:
            record = push_command(Command.ENCODED, self.cipher.encrypt(record))
        return self.packets(Channel.COMMAND, push_record(record))

    def welcome(self, body: bytes = b'{"result":"success"}\0') -> list[bytes]:
        """Build the packets of the answer to a login."""
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
                if sequence in self.taken:
                    continue
                self.taken.add(sequence)
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
