"""What a camera says of itself."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import CameraInfo, Codec, MissProtocolError
from custom_components.mi_camera.miss.camera_info import pull_audio_format, pull_camera_info


def test_information() -> None:
    body = b'{"did":"1001","mac":"00:00:5e:00:53:ab","version":"4.3.4_0301","rssi":-47}\0'
    assert pull_camera_info(body) == CameraInfo("1001", "00:00:5E:00:53:AB", "4.3.4_0301", -47)
    body = b'{"did":1001,"mac":"00005e0053ab"}'
    assert pull_camera_info(body) == CameraInfo("1001", "00:00:5E:00:53:AB", None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"did": -1, "mac": "00:00:5e:00:53", "version": "", "rssi": 3},
        {"did": "x" * 65, "mac": "zz:00:5e:00:53:ab", "version": "\x1b[2J", "rssi": -128},
        {"did": True, "mac": 5, "version": ["1"], "rssi": False},
        {"did": "", "mac": ":" * 5000, "version": "né", "rssi": 1.5},
        {"did": {"a": 1}, "rssi": "-40"},
    ],
)
def test_what_cannot_be_is_left_out(fields: dict[str, object]) -> None:
    assert pull_camera_info(json.dumps(fields).encode()) == CameraInfo(None, None, None, None)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"\0", b"{", b"[" * 60_000])
def test_what_is_no_information(body: bytes) -> None:
    with pytest.raises(MissProtocolError):
        pull_camera_info(body)


@pytest.mark.parametrize(
    ("body", "codec"),
    [
        (b"g711a", Codec.PCMA),
        (b"g711u\0\0\0", Codec.PCMU),
        (b"PCM\n", Codec.PCM),
        (b'"aac"', Codec.AAC),
        (b"opus", Codec.OPUS),
        (b"mp3", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"g711a" + bytes(10_000), None),
    ],
)
def test_audio_format(body: bytes, codec: Codec | None) -> None:
    assert pull_audio_format(body) is codec


@given(st.binary(max_size=100))
def test_hostile(body: bytes) -> None:
    pull_audio_format(body)
    try:
        pull_camera_info(body)
    except MissProtocolError:
        return
