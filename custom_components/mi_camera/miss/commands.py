"""Commands of a MISS session, what they carry and what answers them.

A record on the command channel is ``command u32 BE | body``. After the login each is
encrypted and wrapped in `Command.ENCODED`. Names and numbers are from public protocol notes.
"""

from __future__ import annotations

from enum import IntEnum
import json
from typing import TYPE_CHECKING

from .errors import MissBusy, MissProtocolError, MissRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .keys import MissKeys

COMMAND_BYTES = 4
MAX_LENS = 1
MAX_QUALITY = 15

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


class Command(IntEnum):
    """Commands and the replies to them."""

    AUTH_REQ = 0x100
    AUTH_RES = 0x101
    VIDEO_START = 0x102
    VIDEO_STOP = 0x103
    AUDIO_START = 0x104
    AUDIO_STOP = 0x105
    SPEAKER_START_REQ = 0x106
    SPEAKER_START_RES = 0x107
    SPEAKER_STOP = 0x108
    STREAM_CTRL_REQ = 0x109
    STREAM_CTRL_RES = 0x10A
    GET_AUDIO_FORMAT_REQ = 0x10B
    GET_AUDIO_FORMAT_RES = 0x10C
    PLAYBACK_REQ = 0x10D
    PLAYBACK_RES = 0x10E
    PLAYBACK_SET_SPEED = 0x10F
    DEVINFO_REQ = 0x110
    DEVINFO_RES = 0x111
    MOTOR_REQ = 0x112
    MOTOR_RES = 0x113
    CRUISE_REQ = 0x200
    CRUISE_RES = 0x201
    CALL_STATUS = 0x301
    ENCODED = 0x1001


_NUMBERS = frozenset(int(command) for command in Command)

REPLY_TO: Mapping[Command, Command] = {
    Command.SPEAKER_START_REQ: Command.SPEAKER_START_RES,
    Command.STREAM_CTRL_REQ: Command.STREAM_CTRL_RES,
    Command.GET_AUDIO_FORMAT_REQ: Command.GET_AUDIO_FORMAT_RES,
    Command.PLAYBACK_REQ: Command.PLAYBACK_RES,
    Command.DEVINFO_REQ: Command.DEVINFO_RES,
    Command.MOTOR_REQ: Command.MOTOR_RES,
    Command.CRUISE_REQ: Command.CRUISE_RES,
}
"""Which command answers which. The others are not answered."""


class MissStatus(IntEnum):
    """Status numbers in replies."""

    OK = 0
    CLOSED_LOCALLY = 1
    CLOSED_REMOTELY = 2
    AUTH = 3
    TIMEOUT = 4
    VENDOR_LIB = 5
    ABORTED = 8
    TOO_MANY_SESSIONS = 15
    INVALID = 22
    UNSUPPORTED = 23
    NO_RESPONSE = 25
    NO_BUFFER = 26
    DECRYPT = 29
    ENCRYPT = 30
    SLEEPING = 32
    OFFLINE = 33
    SERVER_UNREACHABLE = 34


def push_command(command: int, body: bytes = b"") -> bytes:
    """Build a record of the command channel."""
    return command.to_bytes(COMMAND_BYTES) + body


def pull_command(record: bytes) -> tuple[int, bytes]:
    """Return (command, body).

    Raises:
        MissProtocolError: too short for a command.
    """
    if len(record) < COMMAND_BYTES:
        raise MissProtocolError("a command is shorter than its number")
    command = int.from_bytes(record[:COMMAND_BYTES])
    if command not in _NUMBERS:
        # One independent client reads the numbers of replies in the other byte order.
        swapped = int.from_bytes(record[:COMMAND_BYTES], "little")
        command = swapped if swapped in _NUMBERS else command
    return command, record[COMMAND_BYTES:]


def auth_request(keys: MissKeys) -> bytes:
    """Build the body of the login. It holds the signature: not for logs."""
    return dump_json(
        {
            "public_key": keys.client_public.hex(),
            "sign": keys.sign,
            "uuid": "",
            "support_encrypt": 0,
        }
    )


def check_auth_reply(body: bytes) -> None:
    """Return when the camera accepts the login.

    Raises:
        MissBusy: it has too many viewers.
        MissRefused: it does not accept the keys.
        MissProtocolError: that is no reply.
    """
    reply = load_json(body)
    if not isinstance(reply, dict):
        raise MissProtocolError("the reply to the login is no JSON object")
    result = reply.get("result")
    if result == "success":
        return
    # How real cameras word a refusal is not known beyond the status numbers.
    if MissStatus.TOO_MANY_SESSIONS in _numbers(reply) or "session" in str(result).lower():
        raise MissBusy("the camera has as many viewers as it takes")
    raise MissRefused("the camera did not accept the login")


def video_start(qualities: Mapping[int, int], *, audio: bool) -> bytes:
    """Build the body of `Command.VIDEO_START`.

    Args:
        qualities: the `videoquality` to send by lens (0, 1), at least one.
        audio: whether to send sound too.
    """
    body: dict[str, Json] = {"videoquality": qualities.get(0, -1)}
    if 1 in qualities:
        body["videoquality2"] = qualities[1]
    body["enableaudio"] = int(audio)
    return dump_json(body)


def dump_json(body: Mapping[str, Json]) -> bytes:
    """Build a JSON body, without spaces."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def load_json(body: bytes) -> Json:
    """Parse a JSON body; the NULs that firmware puts after it are ignored.

    Raises:
        MissProtocolError: no JSON.
    """
    try:
        value: Json = json.loads(body.rstrip(b"\0"))
    except ValueError, RecursionError:
        raise MissProtocolError("a reply is not JSON") from None
    return value


def load_status(body: bytes) -> int:
    """Read a status reply: i32 little-endian, or a number as text (firmware does both).

    Raises:
        MissProtocolError: neither.
    """
    text = body.rstrip(b"\0")
    if text.removeprefix(b"-").isdigit() and len(text) < 8:
        return int(text)
    if len(body) >= 4:
        return int.from_bytes(body[:4], "little", signed=True)
    raise MissProtocolError("a status reply is too short")


def _numbers(reply: Mapping[str, Json]) -> set[int]:
    return {value for value in reply.values() if type(value) is int}
