"""What a camera says on the command channel, once it is decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.camera_info import pull_audio_format, pull_camera_info
from custom_components.mi_camera.miss.commands import (
    Command,
    check_auth_reply,
    load_json,
    load_status,
    pull_command,
)
from custom_components.mi_camera.miss.errors import (
    MissBusy,
    MissProtocolError,
    MissRefused,
    MissSpeakerRefused,
)
from custom_components.mi_camera.miss.motor import pull_motor_reply
from custom_components.mi_camera.miss.speaker import check_speaker_reply

from ..target import Target, ensure
from .wire import LOGIN_REPLIES, REPLIES, command_record

if TYPE_CHECKING:
    from ..target import Feed


def _command() -> Feed:
    def feed(data: bytes) -> None:
        command, body = pull_command(data)
        ensure(0 <= command < 1 << 32 and data[4:] == body, "a number and the rest")

    return feed


def _login() -> Feed:
    return check_auth_reply


def _status() -> Feed:
    def feed(data: bytes) -> None:
        ensure(-(1 << 31) <= load_status(data) < 1 << 31, "a status is a small number")

    return feed


def _speaker() -> Feed:
    def feed(data: bytes) -> None:
        try:
            check_speaker_reply(data)
        except MissSpeakerRefused as error:
            ensure(len(str(error)) < 200, "an error has a short text")

    return feed


def _motor() -> Feed:
    def feed(data: bytes) -> None:
        position = pull_motor_reply(data)
        if position is not None:
            for value in (position.angle, position.elevation):
                ensure(value is None or 1 <= value <= 101, "a position is in range")
            ensure(abs(position.status) < 1 << 33, "a status is a small number")

    return feed


def _info() -> Feed:
    def feed(data: bytes) -> None:
        pull_audio_format(data)
        info = pull_camera_info(data)
        for text in (info.did, info.mac, info.version):
            ensure(text is None or (text.isprintable() and len(text) <= 128), "a fit text")
        ensure(info.rssi is None or -127 <= info.rssi <= 0, "a possible strength")

    return feed


def _json() -> Feed:
    def feed(data: bytes) -> None:
        load_json(data)

    return feed


TARGETS = (
    Target(
        "command",
        lambda: [(command_record(number, body),) for number, body in REPLIES],
        _command,
        permits=(MissProtocolError,),
    ),
    Target(
        "login-reply",
        lambda: [(body,) for body in LOGIN_REPLIES],
        _login,
        permits=(MissBusy, MissRefused, MissProtocolError),
        json=True,
    ),
    Target(
        "status-reply",
        lambda: [(b"0\0",), (b"-5",), (b"\x17\0\0\0",), (b"1234567",)],
        _status,
        permits=(MissProtocolError,),
    ),
    Target(
        "speaker-reply",
        lambda: [(b"0\0",), (b"\x17\0\0\0",), (b"\0\0\0\0",)],
        _speaker,
    ),
    Target(
        "motor-reply",
        lambda: [(body,) for number, body in REPLIES if number == Command.MOTOR_RES],
        _motor,
        json=True,
    ),
    Target(
        "camera-info",
        lambda: [
            (body,)
            for number, body in REPLIES
            if number in {Command.DEVINFO_RES, Command.GET_AUDIO_FORMAT_RES}
        ],
        _info,
        permits=(MissProtocolError,),
        json=True,
    ),
    Target(
        "json-reply",
        lambda: [(body,) for _number, body in REPLIES],
        _json,
        permits=(MissProtocolError,),
        json=True,
    ),
)
