"""Cast v2 on the wire: a u32 length (big-endian) and a CastMessage in protobuf.

The layout of CastMessage is public (Chromium's ``cast_channel.proto``, proto2): 1 protocol
version (0), 2 source, 3 destination, 4 namespace, 5 payload type (0 text, 1 binary), 6 text,
7 bytes. It is small enough to be read and written here, with bounds on everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

type Json = Mapping[str, object]
"""A JSON object: the payload of nearly every message."""

MAX_MESSAGE = 65_536
"""Largest CastMessage a receiver takes, bytes."""

_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The peer sent something that is not a Cast message."""


class Namespace(StrEnum):
    """Namespaces a display knows."""

    CONNECTION = "urn:x-cast:com.google.cast.tp.connection"
    HEARTBEAT = "urn:x-cast:com.google.cast.tp.heartbeat"
    DEVICE_AUTH = "urn:x-cast:com.google.cast.tp.deviceauth"
    RECEIVER = "urn:x-cast:com.google.cast.receiver"
    MEDIA = "urn:x-cast:com.google.cast.media"
    MULTIZONE = "urn:x-cast:com.google.cast.multizone"
    HOME_ASSISTANT = "urn:x-cast:com.nabucasa.hast"


class _Field(IntEnum):
    PROTOCOL_VERSION = 1
    SOURCE_ID = 2
    DESTINATION_ID = 3
    NAMESPACE = 4
    PAYLOAD_TYPE = 5
    PAYLOAD_UTF8 = 6
    PAYLOAD_BINARY = 7


class _WireType(IntEnum):
    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


_WIRE_TYPE: dict[int, int] = {
    _Field.PROTOCOL_VERSION: _WireType.VARINT,
    _Field.SOURCE_ID: _WireType.BYTES,
    _Field.DESTINATION_ID: _WireType.BYTES,
    _Field.NAMESPACE: _WireType.BYTES,
    _Field.PAYLOAD_TYPE: _WireType.VARINT,
    _Field.PAYLOAD_UTF8: _WireType.BYTES,
    _Field.PAYLOAD_BINARY: _WireType.BYTES,
}
_TEXT, _BINARY = 0, 1


@dataclass(frozen=True, slots=True)
class CastMessage:
    """One message between a sender and a receiver or an app on it."""

    source: str
    """Who speaks: ``sender-0``, ``receiver-0`` or an app's transport id."""
    destination: str
    """Who is spoken to; ``*`` is everybody."""
    namespace: str
    payload: str | bytes
    """JSON text in every namespace but device authentication."""


class Sender(Protocol):
    """A connection that somebody who casts has opened to the display."""

    def send(self, message: CastMessage) -> None:
        """Queue a message for it."""


def encode(message: CastMessage) -> bytes:
    """Return the message as it goes on the wire, its length first."""
    body = bytearray()
    _put_varint(body, _Field.PROTOCOL_VERSION, 0)
    _put_bytes(body, _Field.SOURCE_ID, message.source.encode())
    _put_bytes(body, _Field.DESTINATION_ID, message.destination.encode())
    _put_bytes(body, _Field.NAMESPACE, message.namespace.encode())
    if isinstance(message.payload, str):
        _put_varint(body, _Field.PAYLOAD_TYPE, _TEXT)
        _put_bytes(body, _Field.PAYLOAD_UTF8, message.payload.encode())
    else:
        _put_varint(body, _Field.PAYLOAD_TYPE, _BINARY)
        _put_bytes(body, _Field.PAYLOAD_BINARY, message.payload)
    return _LENGTH.pack(len(body)) + bytes(body)


def decode(body: bytes) -> CastMessage:
    """Return the message in a body without its length; WireError when there is none.

    Unknown fields are skipped and the last of a repeated field counts, as protobuf has it.
    """
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        field, wire_type = key >> 3, key & 7
        if field == 0 or _WIRE_TYPE.get(field, wire_type) != wire_type:
            raise WireError(f"field {field} cannot have wire type {wire_type}")
        if wire_type == _WireType.VARINT:
            numbers[field], at = _varint(body, at)
            continue
        if wire_type == _WireType.BYTES:
            size, at = _varint(body, at)
        elif wire_type == _WireType.FIXED64:
            size = 8
        elif wire_type == _WireType.FIXED32:
            size = 4
        else:
            raise WireError(f"wire type {wire_type}")
        if size > len(body) - at:
            raise WireError(f"field {field} is cut short")
        texts[field] = body[at : at + size]
        at += size
    return _message(numbers, texts)


async def read_message(reader: asyncio.StreamReader, limit: int = MAX_MESSAGE) -> CastMessage:
    """Read one message; WireError, or asyncio.IncompleteReadError when the peer has gone."""
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if size > limit:
        raise WireError(f"a message of {size} bytes")
    return decode(await reader.readexactly(size))


def _message(numbers: dict[int, int], texts: dict[int, bytes]) -> CastMessage:
    if numbers.get(_Field.PROTOCOL_VERSION) is None:
        raise WireError("no protocol version")
    kind = numbers.get(_Field.PAYLOAD_TYPE)
    try:
        payload: str | bytes
        if kind == _TEXT:
            payload = texts.get(_Field.PAYLOAD_UTF8, b"").decode()
        elif kind == _BINARY:
            payload = texts.get(_Field.PAYLOAD_BINARY, b"")
        else:
            raise WireError(f"payload type {kind}")
        return CastMessage(
            texts[_Field.SOURCE_ID].decode(),
            texts[_Field.DESTINATION_ID].decode(),
            texts[_Field.NAMESPACE].decode(),
            payload,
        )
    except KeyError as err:
        raise WireError(f"no field {err.args[0]}") from None
    except UnicodeDecodeError:
        raise WireError("text that is not UTF-8") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise WireError("a number is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise WireError("a number is too long")


def _put_varint(body: bytearray, field: _Field, value: int) -> None:
    body.append(field << 3 | _WireType.VARINT)
    _put_number(body, value)


def _put_bytes(body: bytearray, field: _Field, value: bytes) -> None:
    body.append(field << 3 | _WireType.BYTES)
    _put_number(body, len(value))
    body += value


def _put_number(body: bytearray, value: int) -> None:
    while value >= 0x80:
        body.append(value & 0x7F | 0x80)
        value >>= 7
    body.append(value)
