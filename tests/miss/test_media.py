"""The media header."""

from __future__ import annotations

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import Codec, MissProtocolError
from custom_components.mi_camera.miss.media import (
    MediaHeader,
    opus_channels,
    pull_media_header,
    push_media_header,
)

u32 = st.integers(0, 2**32 - 1)


@given(u32, u32, u32, u32, st.integers(0, 2**64 - 1), u32)
def test_header(length: int, codec: int, sequence: int, flags: int, ms: int, s: int) -> None:
    header = MediaHeader(length, codec, sequence, flags, ms, s)
    data = push_media_header(header)
    assert len(data) == 32
    assert pull_media_header(data + b"payload") == header


def test_known_bytes() -> None:
    header = pull_media_header(
        bytes.fromhex("10000000 03040000 05000000 99200000 0807060504030201 64000000 00000000")
    )
    assert header == MediaHeader(16, Codec.PCMA, 5, 0x2099, 0x0102030405060708, 100)
    assert header.sample_rate == 16000
    assert header.channels == 1
    assert header.lens == 0


@pytest.mark.parametrize(
    ("flags", "lens"),
    [(0, 0), (0x40 << 16, 1), (0x100 << 16, 1), (0x140 << 16, 1), (0xBF << 16, 0), (0xFFFF, 0)],
)
def test_lens(flags: int, lens: int) -> None:
    assert MediaHeader(0, Codec.H264, 0, flags, 0, 0).lens == lens


@pytest.mark.parametrize(("flags", "resolution"), [(4 << 17, 4), (1 << 16, 0), (0x140 << 16, 0)])
def test_resolution(flags: int, resolution: int) -> None:
    assert MediaHeader(0, Codec.H264, 0, flags, 0, 0).resolution == resolution


@pytest.mark.parametrize(
    ("codec", "flags", "rate", "channels"),
    [
        (Codec.PCMA, 0, 8000, 1),
        (Codec.PCM, 3 << 3 | 1 << 9, 16000, 2),
        (Codec.AAC, 8 << 3, 48000, 1),
        (Codec.PCMA, 15 << 3, 8000, 1),
        (Codec.OPUS, 0, 48000, 1),
    ],
)
def test_sound(codec: Codec, flags: int, rate: int, channels: int) -> None:
    header = MediaHeader(0, codec, 0, flags, 0, 0)
    assert (header.sample_rate, header.channels) == (rate, channels)


def test_opus_says_itself() -> None:
    assert opus_channels(b"\x08") == 1
    assert opus_channels(b"\x0c") == 2


@given(st.binary(max_size=31))
def test_too_short(record: bytes) -> None:
    with pytest.raises(MissProtocolError):
        pull_media_header(record)


def test_only_pictures_are_video() -> None:
    assert [codec for codec in Codec if codec.is_video] == [Codec.H264, Codec.H265]
