"""Records out of a channel's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.miss.errors import MissProtocolError
from custom_components.mi_camera.miss.limits import MAX_COMMAND, MAX_RECORD
from custom_components.mi_camera.miss.records import MediaAssembler, RecordAssembler, push_record

from ..target import Target, bounded, ensure
from .wire import PICTURES, SOUNDS, command_record, media_record

if TYPE_CHECKING:
    from ..target import Feed

_SMALL = 4096
_LOST = 0xFF
"""An input that is only this byte stands for a loss."""


def _commands() -> Feed:
    assembler = RecordAssembler()

    def feed(data: bytes) -> None:
        for record in assembler.push(data):
            ensure(len(record) <= MAX_COMMAND, "a command is no larger than allowed")
        bounded(assembler, MAX_COMMAND + _SMALL)

    return feed


def _media() -> Feed:
    assembler = MediaAssembler()

    def feed(data: bytes) -> None:
        if data == bytes([_LOST]):
            assembler.lose()
        for record in assembler.push(data):
            if record is not None:
                ensure(32 <= len(record) <= MAX_RECORD, "a record has a header and a bound")
        bounded(assembler, MAX_RECORD + _SMALL)

    return feed


def _media_size(data: bytes) -> bytes:
    """Make the two lengths of a record agree with what is there."""
    if len(data) < 36:
        return data
    size = len(data) - 4
    return size.to_bytes(4) + (size - 32).to_bytes(4, "little") + data[8:]


def _size(data: bytes) -> bytes:
    return push_record(data[4:])


_RECORDS = tuple(
    push_record(media_record(codec, plain, sequence=number))
    for number, (codec, plain) in enumerate((*PICTURES, *SOUNDS))
)
_ALL = b"".join(_RECORDS)

TARGETS = (
    Target(
        "command-records",
        lambda: [
            (push_record(command_record(0x111, b"{}")),),
            tuple(push_record(bytes(size)) for size in (0, 1, 4, 1000, 65536)),
            (b"\0\1\0\0", bytes(40000)),
        ],
        _commands,
        permits=(MissProtocolError,),
        repair=_size,
    ),
    Target(
        "media-records",
        lambda: [
            _RECORDS,
            tuple(_ALL[at : at + 100] for at in range(0, len(_ALL), 100)),
            (_RECORDS[0], _RECORDS[1][:20], bytes([_LOST]), *_RECORDS[2:]),
            (b"\0\x20\0\0\xe0\xff\x1f\0\4\0\0\0", *([bytes(50000)] * 8)),
        ],
        _media,
        repair=_media_size,
    ),
)
