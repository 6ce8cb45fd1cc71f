"""Valid messages to begin with, all of one made-up camera; nothing here is random."""

from __future__ import annotations

from nacl.bindings import crypto_scalarmult_base

from custom_components.mi_camera.miss import Codec, MissKeys
from custom_components.mi_camera.miss.commands import Command, push_command
from custom_components.mi_camera.miss.crypto import RecordCipher, session_key
from custom_components.mi_camera.miss.cs2_packets import (
    PacketType,
    Uid,
    push_drw,
    push_drw_ack,
    push_packet,
    push_tcp_address,
    push_uid,
)
from custom_components.mi_camera.miss.media import MediaHeader, push_media_header

CAMERA = ("127.0.57.1", 40000)
UID = Uid("FUZZ", 57, "SEEDS")
NONCE = b"fuzznonc"

_PRIVATE = bytes(range(32))
KEYS = MissKeys(
    _PRIVATE,
    crypto_scalarmult_base(_PRIVATE),
    crypto_scalarmult_base(bytes(range(32, 64))),
    "c0ffee",
)
CIPHER = RecordCipher(session_key(KEYS))

_SPS, _PPS = b"\0\0\0\1\x67sps", b"\0\0\0\1\x68pps"
H264_KEY = _SPS + _PPS + b"\0\0\0\1\x06sei\0\0\1\x65idr"
H264_BARE_KEY = b"\0\0\0\1\x65idr"
H264_DELTA = b"\0\0\0\1\x41delta"
H265_SETS = b"\0\0\0\1\x40\x01vps\0\0\0\1\x42\x01sps\0\0\0\1\x44\x01pps"
H265_KEY = H265_SETS + b"\0\0\0\1\x4e\x01sei\0\0\0\1\x26\x01idr"
H265_DELTA = b"\0\0\0\1\x02\x01delta"
SECOND_LENS = 0x40 << 16

PICTURES = (
    (Codec.H264, H264_KEY),
    (Codec.H264, H264_DELTA),
    (Codec.H264, _SPS + _PPS),
    (Codec.H264, H264_BARE_KEY),
    (Codec.H265, H265_KEY),
    (Codec.H265, H265_DELTA),
    (Codec.H265, H265_SETS),
)
SOUNDS = (
    (Codec.PCMA, b"\xd5" * 320),
    (Codec.PCMU, b"\xff" * 320),
    (Codec.PCM, bytes(640)),
    (Codec.OPUS, b"\xfc" + bytes(60)),
    (Codec.AAC, b"\xff\xf1\x6c\x40\x08\x1f\xfc" + bytes(57)),
    (Codec.AAC, b"\x21" + bytes(60)),
)


def header(codec: int, size: int, *, sequence: int = 0, flags: int = 0, stamp: int = 0) -> bytes:
    """Return the header of a media record with a payload of `size` bytes, nonce included."""
    stamp = stamp or 1_700_000_000_000 + 66 * sequence
    return push_media_header(MediaHeader(size, codec, sequence, flags, stamp, stamp // 1000))


def sealed(plain: bytes) -> bytes:
    """Return nonce and cipher text."""
    return CIPHER.encrypt(plain, NONCE)


def media_record(codec: int, plain: bytes, *, sequence: int = 0, flags: int = 0) -> bytes:
    """Return a whole media record."""
    secret = sealed(plain)
    return header(codec, len(secret), sequence=sequence, flags=flags) + secret


def command_record(command: int, body: bytes = b"") -> bytes:
    """Return a sealed record of the command channel."""
    return push_command(Command.ENCODED, sealed(push_command(command, body)))


DATAGRAMS = (
    push_packet(PacketType.PUNCH_PKT, push_uid(UID)),
    push_packet(PacketType.P2P_RDY, push_uid(UID)),
    push_packet(PacketType.P2P_RDY_TCP, push_uid(UID)),
    push_packet(PacketType.P2P_RDY_TCP, push_uid(UID) + push_tcp_address(CAMERA[0], 50000)),
    push_packet(PacketType.ALIVE),
    push_packet(PacketType.ALIVE_ACK),
    push_packet(PacketType.CLOSE, push_uid(UID)),
    push_packet(PacketType.CLOSE_ACK),
    push_packet(PacketType.LAN_SEARCH),
    push_drw(0, 0, b"\0\0\0\4\0\0\1\1"),
    push_drw(2, 0, bytes(64)),
    push_drw(1, 7, b"files"),
    push_drw(3, 65535, b"sound"),
    push_drw_ack(0, [0, 1, 2]),
    push_drw_ack(3, list(range(256))),
)
"""One of every kind."""

REAL_KEYS = (
    (
        Codec.H264,
        bytes.fromhex(
            "000000016742c00cda05067e78400000030040000007a3c50aa80000000168ce0fc8"
            "0000016588843a267e4e4e4e4e4e4e4e4e4e4e4e4e4e4e"
        ),
    ),
    (
        Codec.H264,
        bytes.fromhex(
            "000000016742c028da01e0089f9610000003001000000301e8f1832a0000000168ce0fc8"
            "00000165001fe22210e899f939393939393939393939"
        ),
    ),
    (
        Codec.H265,
        bytes.fromhex(
            "0000000140010c01ffff01600000030090000003000003003cba0240"
            "00000001420101016000000300900000030000030"
            "03ca00a080c1f3e5ba4a4c2e680800000030080000007840"
            "00000014401c07183120000012801adcc49766580d05e60407b2824da88903dd834126d38"
        ),
    ),
    (
        Codec.H265,
        bytes.fromhex(
            "0000000140010c01ffff016000000300900000030000030078ba0240"
            "000000014201010160000003009000000300000300"
            "78a003c0801107cb96e92930b9a020000003002000000301e10"
            "00000014401c07183120000012801adc111738b56939c63083dce7b9ad6b5ad6b5ad6b5ad"
        ),
    ),
)
"""The beginnings of key frames as x264 and x265 code them, 320x180 and 1920x1080 each."""

REPLIES = (
    (Command.SPEAKER_START_RES, b"\0\0\0\0"),
    (Command.SPEAKER_START_RES, b"0\0"),
    (Command.STREAM_CTRL_RES, b"\x17\0\0\0"),
    (Command.GET_AUDIO_FORMAT_RES, b"g711a"),
    (Command.GET_AUDIO_FORMAT_RES, b'{"format":1027}\0'),
    (Command.DEVINFO_RES, b'{"did":"57","mac":"00:00:5E:00:53:57","version":"4.1","rssi":-47}\0'),
    (Command.MOTOR_RES, b'{"ret":0,"angle":51,"elevation":51}\0'),
    (Command.MOTOR_RES, b'{"ret":-5}\0'),
    (Command.PLAYBACK_RES, b'{"id":1,"status":"filenotfound","starttime":0,"duration":0}\0'),
    (Command.CRUISE_RES, b"1"),
)
"""Replies to commands, as (number, body)."""

LOGIN_REPLIES = (
    b'{"result":"success","channel":0,"link_status":0}\0',
    b'{"result":"failed","code":15}',
    b'{"result":"failed","code":3}\0\0',
    b'{"result":"too many sessions"}',
)


def with_length(packet: bytes) -> bytes:
    """Return a CS2 packet whose length field tells the truth."""
    if len(packet) < 4:
        return packet
    return packet[:2] + (len(packet) - 4 & 0xFFFF).to_bytes(2) + packet[4:]


def framed(packet: bytes) -> bytes:
    """Return a packet as it goes over TCP."""
    return len(packet).to_bytes(2) + b"\x68" + bytes(5) + packet
