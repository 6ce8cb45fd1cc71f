"""One MISS session of a simulated camera: login, commands, media for one client.

Commands are numbers of the public protocol notes, and what go2rtc sends.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from nacl.bindings import crypto_box_beforenm
from nacl.exceptions import CryptoError, RuntimeError as NaclRuntimeError

from simulator.camera.cs2 import Channel
from simulator.camera.miss_wire import COMMAND, MEDIA, NONCE, SOUND_NAMES, STATUS, Command, Status
from simulator.camera.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.camera.link import Link
    from simulator.camera.quirks import Quirks
    from simulator.camera.speaker import Speaker
    from simulator.camera.spec import CameraSpec
    from simulator.camera.state import CameraState
    from simulator.camera.streams import CodedAudio, CodedPicture
    from simulator.keys import KeyBook

LOGIN_PATIENCE = 5.0
_KEY_SIZE = 32
_NOTICE = 0x1301  # any number no client asks for
_FIRMWARE = "4.1.6_0025"


class Camera(Protocol):
    """What a session needs of its server."""

    spec: CameraSpec
    state: CameraState
    keys: KeyBook
    frames_sent: int
    speaker: Speaker

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

    def __init__(self, camera: Camera, quirks: Quirks, link: Link) -> None:
        """Take over the link."""
        self.authenticated = False
        self._camera = camera
        self._quirks = quirks
        self._link = link
        self._key = b""
        self._opened = self._noticed = time.monotonic()
        self._outlet = Outlet(camera, quirks, link, self._encrypt)
        link.on_record = self._record
        link.on_tick = lambda _now: self._tick()

    @property
    def streaming(self) -> bool:
        """Whether the client is to get pictures."""
        return self._outlet.streaming

    @property
    def said_goodbye(self) -> bool:
        """Whether the client ended its link as it should."""
        return self._link.said_goodbye

    def close(self) -> None:
        """Stop all media. The link is the caller's."""
        self._outlet.stop_video()
        self._outlet.stop_audio()
        self._camera.speaker.stop(self)

    # --- records ------------------------------------------------------------

    def _record(self, channel: int, record: bytes) -> None:
        if channel == Channel.SPEAKER:
            self._speaker(record)
        elif channel == Channel.COMMAND and len(record) >= COMMAND.size:
            (command,) = COMMAND.unpack_from(record)
            body = record[COMMAND.size :]
            if command == Command.AUTH_REQUEST:
                self._authenticate(body)
            elif command == Command.ENCRYPTED and self.authenticated:
                plain = self._decrypt(body)
                if len(plain) >= COMMAND.size:
                    self._command(COMMAND.unpack_from(plain)[0], plain[COMMAND.size :])

    def _crypt(self, nonce: bytes, data: bytes) -> bytes:
        cipher = Cipher(ChaCha20(self._key, bytes(8) + nonce), mode=None)
        return cipher.encryptor().update(data)

    def _encrypt(self, data: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._crypt(nonce, data)

    def _decrypt(self, data: bytes) -> bytes:
        if len(data) < NONCE:
            return b""
        return self._crypt(data[:NONCE], data[NONCE:])

    def _reply(self, command: int, body: bytes) -> None:
        sealed = self._encrypt(COMMAND.pack(command) + body)
        self._link.send(Channel.COMMAND, COMMAND.pack(Command.ENCRYPTED) + sealed)

    # --- login --------------------------------------------------------------

    def _authenticate(self, body: bytes) -> None:
        status = self._login(_json(body))
        result: dict[str, object] = {"result": "success", "channel": 0, "link_status": 0}
        if status is not Status.OK:
            result = {"result": "failed", "code": int(status)}
        text = json.dumps(result, separators=(",", ":")).encode()
        self._link.send(Channel.COMMAND, COMMAND.pack(Command.AUTH_RESPONSE) + text)

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
        keys.ledger.note("session key", self._key)
        return Status.OK

    def _tick(self) -> None:
        now = time.monotonic()
        if not self.authenticated:
            if now - self._opened > LOGIN_PATIENCE:
                self._link.end()
            return
        if self._quirks.chatter > 0 and now - self._noticed >= 1 / self._quirks.chatter:
            self._noticed = now
            self._reply(_NOTICE, b'{"rssi":-47,"viewers":1}\0')

    # --- commands -----------------------------------------------------------

    def _command(self, command: int, body: bytes) -> None:
        spec = self._camera.spec
        match command:
            case Command.VIDEO_START:
                self._start(_json(body))
            case Command.VIDEO_STOP:
                self._outlet.stop_video()
            case Command.AUDIO_START:
                self._outlet.start_audio()
            case Command.AUDIO_STOP:
                self._outlet.stop_audio()
            case Command.SPEAKER_START_REQUEST:
                self._start_speaker()
            case Command.SPEAKER_STOP:
                self._camera.speaker.stop(self)
            case Command.STREAM_CONTROL_REQUEST:
                status = self._control(_number(_json(body), "videoquality", -1))
                self._reply(Command.STREAM_CONTROL_RESPONSE, STATUS.pack(status))
            case Command.AUDIO_FORMAT_REQUEST:
                self._reply(Command.AUDIO_FORMAT_RESPONSE, SOUND_NAMES[spec.audio])
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
                self._camera.state.motor.command(
                    _json(body), lambda answer: self._reply_json(Command.MOTOR_RESPONSE, answer)
                )
            case _:
                pass

    def _reply_json(self, command: int, fields: dict[str, object]) -> None:
        self._reply(command, json.dumps(fields, separators=(",", ":")).encode() + b"\0")

    # --- media --------------------------------------------------------------

    def _start(self, fields: dict[str, object]) -> None:
        first = _number(fields, "videoquality", -1)
        self._outlet.show(first, _number(fields, "videoquality2", -1))
        if _number(fields, "enableaudio", 0):
            self._outlet.start_audio()
        else:
            self._outlet.stop_audio()

    def _control(self, quality: int) -> Status:
        if quality not in self._camera.spec.qualities:
            return Status.UNSUPPORTED
        self._outlet.change_quality(quality)
        return Status.OK

    def _start_speaker(self) -> None:
        speaker = self._camera.speaker
        status = speaker.start(self)
        text = b"%d" % status if speaker.status_as_text else STATUS.pack(status)
        self._reply(Command.SPEAKER_START_RESPONSE, text)

    def _speaker(self, record: bytes) -> None:
        if not self.authenticated:
            return
        speaker = self._camera.speaker
        sealed = record[MEDIA.size :]
        if len(sealed) <= NONCE or MEDIA.unpack_from(record)[0] != len(sealed):
            speaker.refused["malformed"] += 1
            return
        _, codec, _, _, timestamp_ms, *_ = MEDIA.unpack_from(record)
        speaker.take(self, codec, timestamp_ms, self._decrypt(sealed))
