"""FLV from a pipe: cut anywhere, damaged anyhow."""

from __future__ import annotations

import contextlib
from functools import cache
import io

import av
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.media.flv import MAX_TAG, FlvError, FlvReader
from custom_components.mi_camera.miss import Codec

from .pictures import coded


@cache
def flv() -> bytes:
    """Ten pictures as FFmpeg's muxer writes them."""
    with av.open(io.BytesIO(b"".join(coded(Codec.H264)[:10])), format="h264") as source:
        out = io.BytesIO()
        with av.open(out, "w", format="flv") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for number, packet in enumerate(source.demux(video=0)):
                if packet.size:
                    packet.stream = stream
                    packet.pts = packet.dts = number
                    packet.time_base = stream.time_base
                    target.mux(packet)
        return out.getvalue()


def read(data: bytes, step: int) -> list[tuple[int, bool, bytes]]:
    reader = FlvReader()
    return [
        (picture.at, picture.keyframe, picture.data)
        for start in range(0, len(data), step)
        for picture in reader.feed(data[start : start + step])
    ]


def test_pictures_come_out_as_they_went_in() -> None:
    pictures = read(flv(), 1 << 20)
    assert len(pictures) == 10
    assert [key for _, key, _ in pictures] == [True] + [False] * 9
    assert [at for at, _, _ in pictures] == sorted({at for at, _, _ in pictures})
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for _, _, data in pictures for frame in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    assert len(frames) == 10


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400))
def test_it_does_not_matter_how_the_bytes_come(step: int) -> None:
    assert read(flv(), step) == read(flv(), 1 << 20)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_nonsense_is_refused_or_passed_over(data: bytes, begun: bool) -> None:
    with contextlib.suppress(FlvError):
        read((b"FLV\1\1\0\0\0\x09\0\0\0\0" if begun else b"") + data, 64)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_is_refused_or_passed_over(data: st.DataObject) -> None:
    damaged = bytearray(flv())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FlvError):
        read(bytes(damaged), 1000)


def test_a_tag_without_end_is_not_waited_for() -> None:
    header = flv()[:13] + b"\x09" + (MAX_TAG + 1).to_bytes(3) + bytes(7)
    with pytest.raises(FlvError):
        read(header, 1000)
    with pytest.raises(FlvError):
        read(b"RIFF" + bytes(20), 1000)
