"""Media: headers, payloads that decrypt to anything, NAL units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.mi_camera.media.opus_track import OpusTrack, opus_duration
from custom_components.mi_camera.media.parameter_sets import parameter_sets
from custom_components.mi_camera.media.picture_size import MAX_SIDE, picture_size
from custom_components.mi_camera.miss import Codec
from custom_components.mi_camera.miss.errors import MissProtocolError, MissWrongKey
from custom_components.mi_camera.miss.frames import VideoFrame
from custom_components.mi_camera.miss.limits import Statistics
from custom_components.mi_camera.miss.media import (
    HEADER_BYTES,
    pull_media_header,
    push_media_header,
)
from custom_components.mi_camera.miss.nal import inspect
from custom_components.mi_camera.miss.sound import inspect_sound
from custom_components.mi_camera.miss.streams import MediaStreams

from ..target import Target, bounded, ensure
from .wire import CIPHER, PICTURES, REAL_KEYS, SECOND_LENS, SOUNDS, header, sealed

if TYPE_CHECKING:
    from ..case import Case
    from ..target import Feed

_STREAMS_BYTES = 2 * (64 + 16 + 1) * 1024 + 20_000
"""Two lenses, each with leading bytes and parameter sets."""


def _header() -> Feed:
    def feed(data: bytes) -> None:
        one = pull_media_header(data)
        ensure(one.lens in {0, 1} and one.channels in {1, 2}, "small numbers")
        ensure(8000 <= one.sample_rate <= 48000, "a known sample rate")
        ensure(push_media_header(one)[:28] == data[:28], "the same again")

    return feed


def _streams() -> Feed:
    """Take inputs of a header and the plain text that is to come out of its payload."""
    streams = MediaStreams(CIPHER, Statistics())
    streams.audio = True
    streams.want(0, 2, 0.0)
    streams.want(1, 2, 0.0)
    now = 100.0
    last: dict[int, int] = {}
    begun: set[int] = set()
    unsure: set[int] = set()
    numbers: set[int] = set()

    def feed(data: bytes) -> None:
        nonlocal now
        now += 0.066
        if len(data) < HEADER_BYTES:
            streams.lose()
            unsure.update((0, 1))
            record = data
        else:
            numbers.add(int.from_bytes(data[8:12], "little"))
            record = data[:HEADER_BYTES] + sealed(data[HEADER_BYTES:])
        frame = streams.receive(record, now)
        bounded(streams, _STREAMS_BYTES)
        if not isinstance(frame, VideoFrame):
            return
        ensure(frame.keyframe or frame.lens in begun, "a stream begins with a key frame")
        begun.add(frame.lens)
        if frame.lens in unsure and not frame.keyframe:
            ensure((frame.sequence - 1) & 0xFFFFFFFF in numbers, "no picture is missing before it")
        unsure.discard(frame.lens)
        ensure(inspect(frame.codec, frame.data) is not None, "a frame is an access unit")
        ensure(frame.timestamp_ms >= last.get(frame.lens, -(1 << 64)), "time goes forward")
        last[frame.lens] = frame.timestamp_ms

    return feed


def _nal() -> Feed:
    """Take inputs of a codec bit and an access unit."""

    def feed(data: bytes) -> None:
        codec = Codec.H265 if data[:1] > b"\x7f" else Codec.H264
        unit = data[1:]
        info = inspect(codec, unit)
        if info is not None:
            ensure(len(info.parameter_sets) <= 16 * 1024 + 64, "parameter sets are small")
            ensure(info.has_picture or not info.random_access, "only a picture starts a stream")

    return feed


def _parameter_sets() -> Feed:
    """Take inputs of a codec bit and an access unit."""

    def feed(data: bytes) -> None:
        codec = Codec.H265 if data[:1] > b"\x7f" else Codec.H264
        unit = data[1:]
        sets = parameter_sets(codec, unit)
        ensure(len(sets) <= len(unit), "found in what was given")
        ensure(
            all(one in unit for one in sets.split(b"\0\0\1")), "each is a part of what was given"
        )
        ensure(parameter_sets(codec, b"\0\0\1" + sets) == sets, "all of them are found again")

    return feed


def _picture_size() -> Feed:
    """Take inputs of a codec bit and a key frame."""

    def feed(data: bytes) -> None:
        codec = Codec.H265 if data[:1] > b"\x7f" else Codec.H264
        size = picture_size(codec, data[1:])
        if size is not None:
            width, height = size
            ensure(0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE, "a possible size")
            ensure(picture_size(codec, data[1:]) == size, "the same at every look")

    return feed


def _opus() -> Feed:
    """Take inputs of how late a packet is, in tens of milliseconds, and the packet."""
    track = OpusTrack(0.0)
    now = 0.0

    def feed(data: bytes) -> None:
        nonlocal now
        packet = data[1:]
        duration = opus_duration(packet)
        ensure(0 <= duration <= 63 * 0.06, "as much as a packet can say")
        late = int.from_bytes(data[:1], signed=True)
        now += duration
        end = track.end
        out = track.add(packet, now + late / 100, follows=not late)
        ensure(bool(duration) or not out, "what is no packet adds nothing")
        ensure(len(out) <= 501, "bounded silence")
        for one in out:
            ensure(one.at >= end - 0.001, "time goes forward")
            end = one.at
        ensure(track.end >= end - 0.001, "time goes forward")
        bounded(track, 1024)

    return feed


def _sound() -> Feed:
    """Take inputs of a codec's number among the sounds and a piece of sound."""

    def feed(data: bytes) -> None:
        codec = SOUNDS[data[0] % len(SOUNDS)][0] if data else Codec.PCM
        info = inspect_sound(codec, data[1:], 8000, 1)
        if info is not None:
            rate, channels = info
            ensure(7350 <= rate <= 96000 and 1 <= channels <= 8, "possible sound")

    return feed


def _plain(codec: int, data: bytes, number: int = 0, flags: int = 0) -> bytes:
    return header(codec, len(data) + 8, sequence=number, flags=flags) + data


def _video() -> list[Case]:
    both = (*PICTURES, *SOUNDS)
    return [
        tuple(_plain(codec, data, number) for number, (codec, data) in enumerate(PICTURES[:4])),
        tuple(_plain(codec, data, number) for number, (codec, data) in enumerate(PICTURES[4:])),
        tuple(_plain(codec, data, number) for number, (codec, data) in enumerate(both)),
        tuple(
            _plain(codec, data, number, SECOND_LENS * (number % 2))
            for number, (codec, data) in enumerate(both)
        ),
        (_plain(4, PICTURES[0][1]), b"", _plain(4, PICTURES[1][1]), _plain(4, PICTURES[0][1])),
    ]


def _plain_length(data: bytes) -> bytes:
    if len(data) < HEADER_BYTES:
        return data
    return (len(data) - HEADER_BYTES + 8).to_bytes(4, "little") + data[4:]


_OPUS = tuple(
    bytes((late,)) + packet
    for late, packet in (
        (0, b"\xfc\xff\xfe"),
        (0, b"\xfb\x02" + bytes(40)),
        (3, b"\x20" + bytes(20)),
        (0, b"\x4a" + bytes(20)),
        (100, b"\x83\x3f"),
        (0xF0, b"\xfd" + bytes(20)),
        (0, b""),
    )
)

TARGETS = (
    Target(
        "media-header",
        lambda: [(_plain(codec, data),) for codec, data in (*PICTURES, *SOUNDS)],
        _header,
        permits=(MissProtocolError,),
    ),
    Target(
        "media-streams", _video, _streams, permits=(MissWrongKey,), repair=_plain_length, weight=3
    ),
    Target(
        "sound",
        lambda: [(bytes([at]) + data,) for at, (_codec, data) in enumerate(SOUNDS)],
        _sound,
    ),
    Target(
        "nal-units",
        lambda: [((b"\0" if codec is Codec.H264 else b"\xff") + data,) for codec, data in PICTURES],
        _nal,
    ),
    Target(
        "parameter-sets",
        lambda: [((b"\0" if codec is Codec.H264 else b"\xff") + data,) for codec, data in PICTURES],
        _parameter_sets,
    ),
    Target(
        "picture-size",
        lambda: [
            ((b"\0" if codec is Codec.H264 else b"\xff") + data,)
            for codec, data in (*REAL_KEYS, *PICTURES)
        ],
        _picture_size,
    ),
    Target("opus", lambda: [_OPUS, (*_OPUS, *_OPUS)], _opus),
)
