"""miio: datagrams of a device, sealed with the right token and not, and what replies hold."""

from __future__ import annotations

from functools import partial
import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from custom_components.mi_camera.device.camera import CameraDevice
from custom_components.mi_camera.device.endpoint import ungated
from custom_components.mi_camera.device.errors import MiioError
from custom_components.mi_camera.device.library import import_library
from custom_components.mi_camera.device.packet import MAX_REPLY, PacketCodec, read_hello

from ..target import Target, ensure

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from custom_components.mi_camera.device.endpoint import MiioEndpoint

    from ..target import Feed

_TOKEN = bytes(range(16))
_KEY = hashlib.md5(_TOKEN, usedforsecurity=False).digest()
_IV = hashlib.md5(_KEY + _TOKEN, usedforsecurity=False).digest()
_HEAD = struct.Struct(">HHIII")
_HELLO = _HEAD.pack(0x2131, 32, 0, 57, 1000) + b"\xff" * 16

_STATUS = {
    "id": 1,
    "result": [
        {"did": "camera-control:on", "siid": 2, "piid": number, "code": 0, "value": True}
        for number in range(1, 8)
    ],
}
_INFO = {
    "id": 1,
    "result": {
        "model": "isa.camera.hlc7",
        "fw_ver": "4.1.6",
        "hw_ver": "Linux",
        "mac": "00:00:5E:00:53:57",
        "token": "00" * 16,
        "life": 5,
    },
}
_ERROR = {"id": 1, "error": {"code": -9999, "message": "user ack timeout"}}
_REPLIES = tuple(json.dumps(one).encode() for one in (_STATUS, _INFO, _ERROR))


def seal(plain: bytes) -> bytes:
    """Return a datagram as a device with the token would send it, whatever it says."""
    padding = 16 - len(plain) % 16
    encryptor = Cipher(AES(_KEY), CBC(_IV)).encryptor()
    secret = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    head = _HEAD.pack(0x2131, 32 + len(secret) & 0xFFFF, 0, 57, 1001)
    checksum = hashlib.md5(head + _TOKEN + secret, usedforsecurity=False).digest()
    return head + checksum + secret


def _raw() -> Feed:
    codec = PacketCodec(import_library())

    def feed(data: bytes) -> None:
        if len(data) == 32:
            ensure(0 <= read_hello(data).did < 1 << 32, "the low half of a did")
        codec.open(_TOKEN, data)

    return feed


def _sealed() -> Feed:
    codec = PacketCodec(import_library())

    def feed(data: bytes) -> None:
        stamp, reply = codec.open(_TOKEN, seal(data[:MAX_REPLY]))
        ensure(stamp == 1001 and isinstance(reply, dict), "an object")

    return feed


class _Endpoint:
    """Answers every request of a camera at once, with one reply."""

    def __init__(self, result: object) -> None:
        self._result = result

    async def request(self, *_: object, **__: object) -> object:
        return self._result


def _properties() -> Feed:
    """Take inputs of a JSON reply; give it to the MIoT calls of a camera."""

    def feed(data: bytes) -> None:
        try:
            reply = json.loads(data)
        except ValueError, RecursionError:
            return
        result = reply.get("result") if isinstance(reply, dict) else reply
        endpoint = cast("MiioEndpoint", _Endpoint(result))
        camera = CameraDevice(endpoint, "127.0.57.1", _TOKEN, "isa.camera.hlc7", did=57)
        for call in (camera.info, camera.status, partial(camera.set_power, True)):
            try:
                drive(call(allowed=ungated))
            except MiioError as error:
                ensure(len(str(error)) < 400, "an error has a short text")

    return feed


def drive[T](call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits for anything."""
    try:
        call.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    call.close()
    raise RuntimeError("it waits")


TARGETS = (
    Target(
        "miio-datagram",
        lambda: [(_HELLO,), *((seal(reply),) for reply in _REPLIES)],
        _raw,
        permits=(MiioError,),
    ),
    Target(
        "miio-reply",
        lambda: [*((reply,) for reply in _REPLIES), (_REPLIES[2] + b"\0",), (b'{"id":1,,}',)],
        _sealed,
        permits=(MiioError,),
        json=True,
    ),
    Target("miio-properties", lambda: [(reply,) for reply in _REPLIES], _properties, json=True),
)
