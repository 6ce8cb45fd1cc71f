"""One MISS session of a simulated camera: login, commands, media for one client.

Commands are numbers of the public protocol notes, and what go2rtc sends.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
import json
import os
import struct
import time
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from nacl.bindings import crypto_box_beforenm
from nacl.exceptions import CryptoError, RuntimeError as NaclRuntimeError

from simulator.camera.cs2 import Channel
from simulator.camera.link import MAX_BACKLOG

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from simulator.camera.link import Chaos, Link
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState
    from simulator.camera.streams import CodedAudio, CodedPicture
    from simulator.keys import KeyBook

LOGIN_PATIENCE = 5.0
_COMMAND = struct.Struct(">I")
_STATUS = struct.Struct("<i")
_MEDIA = struct.Struct("<IIIIQII")
_NONCE = 8
_KEY_SIZE = 32
_NOTICE = 0x1301  # any number no client asks for
_FIRMWARE = "4.1.6_0025"


class Command(IntEnum):
    """Commands of channel 0."""

    AUTH_REQUEST = 0x100
    AUTH_RESPONSE = 0x101
    VIDEO_START = 0x102
    VIDEO_STOP = 0x103
    AUDIO_START = 0x104
    AUDIO_STOP = 0x105
    SPEAKER_START_REQUEST = 0x106
    SPEAKER_START_RESPONSE = 0x107
    SPEAKER_STOP = 0x108
    STREAM_CONTROL_REQUEST = 0x109
    STREAM_CONTROL_RESPONSE = 0x10A
    AUDIO_FORMAT_REQUEST = 0x10B
    AUDIO_FORMAT_RESPONSE = 0x10C
    PLAYBACK_REQUEST = 0x10D
    PLAYBACK_RESPONSE = 0x10E
    DEVICE_INFO_REQUEST = 0x110
    DEVICE_INFO_RESPONSE = 0x111
    MOTOR_REQUEST = 0x112
    MOTOR_RESPONSE = 0x113
    ENCRYPTED = 0x1001


class Status(IntEnum):
    """MISS status numbers."""

    OK = 0
    AUTH = 3
    TOO_MANY_SESSIONS = 15
    UNSUPPORTED = 23


class Codec(IntEnum):
    """Codec numbers of media records."""

    H264 = 4
    H265 = 5
    PCMA = 0x403
    OPUS = 0x408


class Flags(IntFlag):
    """Flags of media records, as far as they are known."""

    I_FRAME = 1
    RATE_48K = 8 << 3
    WIDTH_16 = 1 << 7
    STEREO = 1 << 9
    WATERMARK_TIME = 1 << 13
    SIZE_1080P = 1 << 17
    SIZE_720P = 2 << 17
    SIZE_360P = 3 << 17
    SIZE_1296P = 4 << 17
    SECOND_LENS = 0x40 << 16


_SIZES = {
    360: Flags.SIZE_360P,
    720: Flags.SIZE_720P,
    1080: Flags.SIZE_1080P,
    1296: Flags.SIZE_1296P,
}


class Camera(Protocol):
    """What a session needs of its server."""

    spec: CameraSpec
    state: CameraState
    keys: KeyBook
    frames_sent: int
    speaker_frames: deque[tuple[int, bytes]]

    def admit(self) -> bool:
        """Return whether one more authenticated session is allowed."""

    def watch(
        self, lens: int, quality: int, sink: Callable[[CodedPicture], None]
    ) -> Callable[[], None]:
        """Send pictures to `sink` until the returned function is called."""

    def listen(self, sink: Callable[[CodedAudio], None]) -> Callable[[], None]:
        """Send sound to `sink` until the returned function is called."""


def _json(body: bytes) -> dict[str, object]:
    """Return a JSON object, empty when there is none."""
    try:
        value = json.loads(body.rstrip(b"\0"))
    except ValueError, RecursionError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(fields: dict[str, object], name: str, default: int) -> int:
    value = fields.get(name, default)
    return value if isinstance(value, int) else default


class MissSession:
    """One client's session, from the open link to its end."""

    def __init__(self, camera: Camera, chaos: Chaos, link: Link) -> None:
        """Take over the link."""
        self.authenticated = False
        self._camera = camera
        self._chaos = chaos
        self._link = link
        self._key = b""
        self._opened = self._noticed = time.monotonic()
        self._watching: dict[int, tuple[int, Callable[[], None]]] = {}
        self._sequences = [0, 0]
        self._await_key = [False, False]
        self._listening: Callable[[], None] | None = None
        self._audio_sequence = 0
        self._speaking = False
        link.on_record = self._record
        link.on_tick = lambda _now: self._tick()

    @property
    def streaming(self) -> bool:
        """Whether the client is to get pictures."""
        return bool(self._watching)

    def close(self) -> None:
        """Stop all media. The link is the caller's."""
        self._stop_video()
        self._stop_audio()

    # --- records ------------------------------------------------------------

    def _record(self, channel: int, record: bytes) -> None:
        if channel == Channel.SPEAKER:
            self._speaker(record)
        elif channel == Channel.COMMAND and len(record) >= _COMMAND.size:
            (command,) = _COMMAND.unpack_from(record)
            body = record[_COMMAND.size :]
            if command == Command.AUTH_REQUEST:
                self._authenticate(body)
            elif command == Command.ENCRYPTED and self.authenticated:
                plain = self._decrypt(body)
                if len(plain) >= _COMMAND.size:
                    self._command(_COMMAND.unpack_from(plain)[0], plain[_COMMAND.size :])

    def _crypt(self, nonce: bytes, data: bytes) -> bytes:
        cipher = Cipher(ChaCha20(self._key, bytes(8) + nonce), mode=None)
        return cipher.encryptor().update(data)

    def _encrypt(self, data: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._crypt(nonce, data)

    def _decrypt(self, data: bytes) -> bytes:
        if len(data) < _NONCE:
            return b""
        return self._crypt(data[:_NONCE], data[_NONCE:])

    def _reply(self, command: int, body: bytes) -> None:
        sealed = self._encrypt(_COMMAND.pack(command) + body)
        self._link.send(Channel.COMMAND, _COMMAND.pack(Command.ENCRYPTED) + sealed)

    # --- login --------------------------------------------------------------

    def _authenticate(self, body: bytes) -> None:
        status = self._login(_json(body))
        result: dict[str, object] = {"result": "success", "channel": 0, "link_status": 0}
        if status is not Status.OK:
            result = {"result": "failed", "code": int(status)}
        text = json.dumps(result, separators=(",", ":")).encode()
        self._link.send(Channel.COMMAND, _COMMAND.pack(Command.AUTH_RESPONSE) + text)

    def _login(self, fields: dict[str, object]) -> Status:
        if self.authenticated:
            return Status.OK
        public, sign = fields.get("public_key"), fields.get("sign")
        if not isinstance(public, str) or not isinstance(sign, str):
            return Status.AUTH
        did, keys = self._camera.spec.did, self._camera.keys
        try:
            client = bytes.fromhex(public)
            if len(client) != _KEY_SIZE or not keys.check(did, client, sign):
                return Status.AUTH
            self._key = crypto_box_beforenm(client, keys.device_private(did))
        except ValueError, CryptoError, NaclRuntimeError:
            return Status.AUTH
        if not self._camera.admit():
            return Status.TOO_MANY_SESSIONS
        self.authenticated = True
        return Status.OK

    def _tick(self) -> None:
        now = time.monotonic()
        if not self.authenticated:
            if now - self._opened > LOGIN_PATIENCE:
                self._link.end()
            return
        if self._chaos.chatter > 0 and now - self._noticed >= 1 / self._chaos.chatter:
            self._noticed = now
            self._reply(_NOTICE, b'{"rssi":-47,"viewers":1}\0')

    # --- commands -----------------------------------------------------------

    def _command(self, command: int, body: bytes) -> None:
        spec = self._camera.spec
        match command:
            case Command.VIDEO_START:
                self._start(_json(body))
            case Command.VIDEO_STOP:
                self._stop_video()
            case Command.AUDIO_START:
                self._start_audio()
            case Command.AUDIO_STOP:
                self._stop_audio()
            case Command.SPEAKER_START_REQUEST:
                self._speaking = True
                self._reply(Command.SPEAKER_START_RESPONSE, _STATUS.pack(Status.OK))
            case Command.SPEAKER_STOP:
                self._speaking = False
            case Command.STREAM_CONTROL_REQUEST:
                status = self._control(_number(_json(body), "videoquality", -1))
                self._reply(Command.STREAM_CONTROL_RESPONSE, _STATUS.pack(status))
            case Command.AUDIO_FORMAT_REQUEST:
                text = b"g711a" if spec.audio == "pcma" else b"opus"
                self._reply(Command.AUDIO_FORMAT_RESPONSE, text)
            case Command.PLAYBACK_REQUEST:
                fields = _json(body)
                self._reply_json(
                    Command.PLAYBACK_RESPONSE,
                    {
                        "id": _number(fields, "sessionid", 0),
                        "status": "filenotfound",
                        "starttime": _number(fields, "starttime", 0),
                        "duration": 0,
                    },
                )
            case Command.DEVICE_INFO_REQUEST:
                self._reply_json(
                    Command.DEVICE_INFO_RESPONSE,
                    {"did": str(spec.did), "mac": spec.mac, "version": _FIRMWARE, "rssi": -47},
                )
            case Command.MOTOR_REQUEST:
                self._motor(_json(body))
            case _:
                pass

    def _reply_json(self, command: int, fields: dict[str, object]) -> None:
        self._reply(command, json.dumps(fields, separators=(",", ":")).encode() + b"\0")

    def _motor(self, fields: dict[str, object]) -> None:
        state = self._camera.state
        operation = _number(fields, "operation", 0)
        if operation == 13:
            ret = state.point(_number(fields, "angle", 51), _number(fields, "elevation", 51))
        elif operation in range(1, 7):
            ret = state.move(operation)
        else:
            return
        answer: dict[str, object] = {"angle": state.angle, "elevation": state.elevation}
        self._reply_json(Command.MOTOR_RESPONSE, {**answer, "ret": ret})

    # --- media --------------------------------------------------------------

    def _start(self, fields: dict[str, object]) -> None:
        wanted = {0: _number(fields, "videoquality", -1)}
        if self._camera.spec.lenses > 1:
            wanted[1] = _number(fields, "videoquality2", -1)
        for lens, quality in wanted.items():
            self._watch(lens, quality)
        if _number(fields, "enableaudio", 0):
            self._start_audio()
        else:
            self._stop_audio()

    def _watch(self, lens: int, quality: int) -> None:
        current = self._watching.get(lens)
        if current is not None:
            if current[0] == quality:
                return
            del self._watching[lens]
            current[1]()
        if quality in self._camera.spec.qualities:
            unsubscribe = self._camera.watch(lens, quality, self._picture)
            self._watching[lens] = (quality, unsubscribe)

    def _control(self, quality: int) -> Status:
        if quality not in self._camera.spec.qualities:
            return Status.UNSUPPORTED
        for lens in tuple(self._watching):
            self._watch(lens, quality)
        return Status.OK

    def _stop_video(self) -> None:
        for _, unsubscribe in self._watching.values():
            unsubscribe()
        self._watching.clear()

    def _start_audio(self) -> None:
        if self._listening is None:
            self._listening = self._camera.listen(self._sound)

    def _stop_audio(self) -> None:
        if self._listening is not None:
            self._listening()
            self._listening = None

    def _media(self, codec: Codec, sequence: int, flags: int, at_ms: int, data: bytes) -> None:
        sealed = self._encrypt(data)
        head = _MEDIA.pack(len(sealed), codec, sequence, flags, at_ms, at_ms // 1000, 0)
        self._link.send(Channel.MEDIA, head + sealed)

    def _picture(self, picture: CodedPicture) -> None:
        lens = picture.lens
        sequence = self._sequences[lens]
        self._sequences[lens] = (sequence + 1) & 0xFFFFFFFF
        if self._link.backlog > MAX_BACKLOG:
            self._await_key[lens] = True
        if self._await_key[lens] and not picture.keyframe:
            return
        self._await_key[lens] = False
        flags = Flags.WATERMARK_TIME | _SIZES.get(picture.height, Flags(0))
        if picture.keyframe:
            flags |= Flags.I_FRAME
        if lens:
            flags |= Flags.SECOND_LENS
        codec = Codec.H264 if self._camera.spec.codec == "h264" else Codec.H265
        self._camera.frames_sent += 1
        self._media(codec, sequence, flags, picture.captured_ms, picture.data)

    def _sound(self, audio: CodedAudio) -> None:
        sequence = self._audio_sequence
        self._audio_sequence = (sequence + 1) & 0xFFFFFFFF
        if self._link.backlog > MAX_BACKLOG:
            return
        flags = Flags.WATERMARK_TIME | Flags.WIDTH_16
        codec = Codec.PCMA
        if self._camera.spec.audio == "opus":
            codec = Codec.OPUS
            flags |= Flags.RATE_48K | Flags.STEREO
        self._media(codec, sequence, flags, audio.captured_ms, audio.data)

    def _speaker(self, record: bytes) -> None:
        if not self.authenticated or not self._speaking or len(record) < _MEDIA.size:
            return
        size, codec, *_ = _MEDIA.unpack_from(record)
        sealed = record[_MEDIA.size :]
        if size == len(sealed) > _NONCE:
            self._camera.speaker_frames.append((codec, self._decrypt(sealed)))
