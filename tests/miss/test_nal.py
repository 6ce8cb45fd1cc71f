"""What an access unit is told to be."""

from __future__ import annotations

from fractions import Fraction

import av
from hypothesis import given, strategies as st
import numpy as np
import pytest

from custom_components.mi_camera.miss import Codec
from custom_components.mi_camera.miss.nal import inspect

from .fake import H264_BARE_KEY, H264_DELTA, H264_KEY, H265_DELTA, H265_KEY, PPS, SPS


@pytest.mark.parametrize(
    ("codec", "data", "picture", "random_access", "sets"),
    [
        (Codec.H264, H264_KEY, True, True, SPS + PPS),
        (Codec.H264, b"\0\0\0\1\x09\xf0" + H264_KEY, True, True, SPS + PPS),
        (Codec.H264, H264_BARE_KEY, True, True, b""),
        (Codec.H264, SPS + H264_BARE_KEY, True, True, b""),
        (Codec.H264, H264_DELTA, True, False, b""),
        (Codec.H264, b"\0\0\1\x41x", True, False, b""),
        (Codec.H264, b"\0\0\1\x06sei\0\0\1\x01x", True, False, b""),
        (Codec.H264, SPS + PPS, False, False, b""),
        (Codec.H265, H265_KEY, True, True, H265_KEY[: H265_KEY.index(b"\0\0\0\1\x4e")]),
        (Codec.H265, H265_DELTA, True, False, b""),
        (Codec.H265, b"\0\0\0\1\x2a\x01cra", True, True, b""),
        (Codec.H265, b"\0\0\0\1\x40\x01vps", False, False, b""),
    ],
)
def test_told_apart(
    codec: Codec, data: bytes, picture: bool, random_access: bool, sets: bytes
) -> None:
    info = inspect(codec, data)
    assert info is not None
    assert (info.has_picture, info.random_access) == (picture, random_access)
    assert info.parameter_sets == sets


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (Codec.H264, b""),
        (Codec.H264, b"\0\0\0\1"),
        (Codec.H264, b"\0\0\1"),
        (Codec.H264, b"\x65idr"),
        (Codec.H264, b"x" + H264_KEY),
        (Codec.H264, b"\0\0\0\1\xe5forbidden bit"),
        (Codec.H264, b"\0\0\0\1\x60type 0"),
        (Codec.H264, b"\0\0\0\1\x7ftype 31"),
        (Codec.H264, b"\0\0\0\1\x05an IDR nothing refers to"),
        (Codec.H264, SPS + b"\0\0\0\1"),
        (Codec.H264, b"\0\0\1\x06" * 40 + H264_DELTA),
        (Codec.H264, b"\0\0\1\x67" + bytes([255]) * 20_000 + PPS + H264_BARE_KEY),
        (Codec.H265, b"\0\0\0\1\x26"),
        (Codec.H265, b"\0\0\0\1\x26\x00no temporal id"),
        (Codec.H265, b"\0\0\0\1\x26\x09layer 1"),
        (Codec.H265, b"\0\0\0\1\x27\x01layer 32"),
        (Codec.H265, b"\0\0\0\1\x14\x01reserved"),
        (Codec.H265, b"\0\0\0\1\x52\x01reserved"),
        (Codec.H265, b"\0\0\0\1\x80\x01forbidden bit"),
    ],
)
def test_implausible(codec: Codec, data: bytes) -> None:
    assert inspect(codec, data) is None


@given(st.sampled_from([Codec.H264, Codec.H265]), st.binary(max_size=200))
def test_hostile_bytes(codec: Codec, tail: bytes) -> None:
    inspect(codec, tail)
    for start in (b"\0\0\0\1", b"\0\0\1", b"\0\0\0\1\x67", b"\0\0\0\1\x40\x01"):
        inspect(codec, start + tail)


@given(st.binary(min_size=16, max_size=200))
def test_noise_is_never_a_start(noise: bytes) -> None:
    """What another key decrypts to does not begin a stream."""
    for codec in (Codec.H264, Codec.H265):
        info = inspect(codec, noise)
        assert info is None or not info.parameter_sets


@pytest.mark.parametrize(("codec", "name"), [(Codec.H264, "libx264"), (Codec.H265, "libx265")])
def test_agrees_with_a_real_encoder(codec: Codec, name: str) -> None:
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    if codec is Codec.H264:
        encoder.options |= {"g": "5"}
    else:
        encoder.options |= {"x265-params": "keyint=5:min-keyint=5:log-level=none:repeat-headers=1"}
    packets = []
    for index in range(15):
        picture = np.full((180, 320, 3), index * 16, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    assert len(packets) == 15
    keyframes = 0
    for packet in packets:
        info = inspect(codec, bytes(packet))
        assert info is not None
        assert info.has_picture
        assert info.random_access == packet.is_keyframe
        assert bool(info.parameter_sets) == packet.is_keyframe
        keyframes += info.random_access
    assert keyframes == 3
