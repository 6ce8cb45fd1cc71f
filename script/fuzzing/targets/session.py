"""A MISS session: records of a hostile camera that has the right key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss import Codec
from custom_components.mi_camera.miss.commands import Command, push_command
from custom_components.mi_camera.miss.errors import MissError
from custom_components.mi_camera.miss.limits import Statistics, Timing
from custom_components.mi_camera.miss.media import HEADER_BYTES
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import MissSession

from ..target import Target, bounded, ensure
from .connection import CONNECTION_BYTES, Driver
from .wire import KEYS, LOGIN_REPLIES, PICTURES, REPLIES, SOUNDS, header, sealed

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

PLAIN, SEALED, MEDIA, SPEAK, TIME, VIDEO, REQUEST, LOSS = range(0, 0x100, 0x20)
"""First bytes of an input: what the rest of it is."""

_REQUESTS = (
    Command.SPEAKER_START_REQ,
    Command.STREAM_CTRL_REQ,
    Command.GET_AUDIO_FORMAT_REQ,
    Command.DEVINFO_REQ,
    Command.MOTOR_REQ,
)


class _Session(Driver):
    """A session on its connection."""

    def __init__(self) -> None:
        super().__init__(stream=False)
        self.session = MissSession(self.connection, KEYS, timing=Timing(), statistics=Statistics())
        self.session.login(self.now)
        self.settle()

    def operate(self, data: bytes) -> None:
        kind = data[0] & 0xE0 if data else TIME
        rest = data[1:]
        padded = rest.ljust(4, b"\0")
        if kind == PLAIN:
            self.in_order(0, push_record(rest))
        elif kind == SEALED:
            self.in_order(0, push_record(push_command(Command.ENCODED, sealed(rest))))
        elif kind == MEDIA:
            record = rest[:HEADER_BYTES] + sealed(rest[HEADER_BYTES:])
            self.in_order(2, push_record(record))
        elif kind == SPEAK:
            self._speak(rest)
        elif kind == LOSS:
            self.in_order(2, rest[1:], ahead=padded[0] & 0x3F)
        elif kind == VIDEO:
            self._video(padded)
        elif kind == REQUEST:
            self._request(padded)
        else:
            self.pass_time(padded[0] / 20)

    def _video(self, numbers: bytes) -> None:
        try:
            if numbers[0] == 0xFF:
                self.session.stop_video(self.now)
            else:
                self.session.start_video(
                    quality=numbers[0] & 15,
                    lens=numbers[1] & 1,
                    audio=bool(numbers[2] & 1),
                    now=self.now,
                )
        except MissError:
            return

    def _request(self, numbers: bytes) -> None:
        command = _REQUESTS[numbers[0] % len(_REQUESTS)]
        try:
            question = self.session.request(command, b"", self.now)
        except MissError:
            return
        if numbers[1] & 1:
            self.session.forget(question.reply)

    def _speak(self, data: bytes) -> None:
        try:
            if data[:1] == b"\xff":
                self.session.stop_speaker(self.now)
            elif data[:1] < b"\x10":
                self.session.start_speaker(self.now)
            else:
                self.session.speaker_answered(data[1:])
                self.session.speak(Codec.PCMA, bytes(320), 40, self.now)
        except MissError:
            return

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        calls = 0
        while (due := self.session.next_timer) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            self.settle()
            calls += 1
            ensure(calls < 2000, "timers come to an end")
        self.now = end

    def settle(self) -> None:
        self.session.process(self.now)
        while (event := self.session.next_event()) is not None:
            ensure(not self.closed, "nothing comes after the end")
            self.closed = type(event).__name__ == "SessionClosed"
        self.connection.packets_to_send(self.now)
        ensure((self.session.next_timer is None) == self.closed, "a timer until the end")


def _open() -> Feed:
    driver = _Session()

    def feed(data: bytes) -> None:
        driver.operate(data)
        driver.settle()
        bounded(driver.session, CONNECTION_BYTES + (1 << 20))

    return feed


def _seeds() -> list[Case]:
    welcome = bytes([PLAIN]) + push_command(Command.AUTH_RES, LOGIN_REPLIES[0])
    start = bytes([VIDEO, 2, 0, 1])
    media = [
        bytes([MEDIA]) + header(codec, len(data) + 8, sequence=number) + data
        for number, (codec, data) in enumerate((*PICTURES, *SOUNDS))
    ]
    replies = [bytes([SEALED]) + push_command(number, body) for number, body in REPLIES]
    speak = [bytes([SPEAK, 0]), *(bytes([SPEAK, 16]) + bytes(4) for _ in range(4))]
    requests = [bytes([REQUEST, number, 0]) for number in range(len(_REQUESTS))]
    return [
        (welcome, start, *media),
        (welcome, *requests, *replies),
        (welcome, start, media[0], bytes([LOSS, 3]) + media[1], bytes([TIME, 20]), *media),
        (welcome, start, bytes([VIDEO, 1, 1, 0]), *media[:4], bytes([VIDEO, 255])),
        (welcome, start, bytes([TIME, 110]), bytes([TIME, 110])),
        (welcome, start, bytes([LOSS, 0]) + bytes(200), media[0], media[1]),
        (welcome, *speak, bytes([TIME, 60]), *speak, bytes([SPEAK, 255])),
        *((bytes([PLAIN]) + push_command(Command.AUTH_RES, body), start) for body in LOGIN_REPLIES),
    ]


TARGETS = (Target("session", _seeds, _open, json=True, weight=4),)
