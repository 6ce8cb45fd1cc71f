"""Which bytes can be sound."""

from __future__ import annotations

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.miss import AudioFrame, Codec
from custom_components.mi_camera.miss.sound import MAX_SOUND_BYTES, inspect_sound

from .fake import H264_KEY, Bench


def adts(payload: bytes = bytes(50), *, rate: int = 8, channels: int = 1, extra: int = 0) -> bytes:
    length = 7 + len(payload) + extra
    return (
        bytes(
            [
                0xFF,
                0xF1,
                0x40 | rate << 2 | channels >> 2,
                (channels & 3) << 6 | length >> 11,
                length >> 3 & 0xFF,
                (length & 7) << 5 | 0x1F,
                0xFC,
            ]
        )
        + payload
    )


@pytest.mark.parametrize(
    ("codec", "data", "told"),
    [
        (Codec.PCMA, b"\xd5" * 320, (8000, 1)),
        (Codec.PCMU, b"\xff" * 321, (8000, 1)),
        (Codec.PCM, bytes(640), (8000, 1)),
        (Codec.PCM, bytes(641), None),
        (Codec.PCMA, b"", None),
        (Codec.PCMA, bytes(MAX_SOUND_BYTES + 1), None),
        # AAC which says itself what it is, one frame or several
        (Codec.AAC, adts(), (16000, 1)),
        (Codec.AAC, adts(rate=3, channels=2) + adts(rate=3, channels=2), (48000, 2)),
        (Codec.AAC, adts(extra=1), None),
        (Codec.AAC, adts() + b"\xff", None),
        (Codec.AAC, adts() + b"noise that is no frame", None),
        (Codec.AAC, adts(b""), None),
        (Codec.AAC, adts(rate=13), None),
        (Codec.AAC, adts(channels=0), None),
        (Codec.AAC, b"\xff\xf3" + adts()[2:], None),
        (Codec.AAC, b"\xff\xf1", None),
        # raw AAC: a single channel element, an end where nothing was, too much
        (Codec.AAC, b"\x01\x40" + bytes(100), (8000, 1)),
        (Codec.AAC, b"\xe0" + bytes(100), None),
        (Codec.AAC, b"\x01" + bytes(5000), None),
        # Opus: one frame, two equal ones, two that say their length, many
        (Codec.OPUS, b"\x08" + bytes(80), (48000, 1)),
        (Codec.OPUS, b"\x0c" + bytes(80), (48000, 2)),
        (Codec.OPUS, b"\x08" + bytes(1276), None),
        (Codec.OPUS, b"\x09" + bytes(80), (48000, 1)),
        (Codec.OPUS, b"\x09" + bytes(81), None),
        (Codec.OPUS, b"\x0a" + bytes(81), (48000, 1)),
        (Codec.OPUS, b"\x0a", None),
        (Codec.OPUS, b"\x0b\x06" + bytes(80), (48000, 1)),
        (Codec.OPUS, b"\x0b\x07" + bytes(80), None),
        (Codec.OPUS, b"\x63\x06" + bytes(80), (48000, 1)),
        (Codec.OPUS, b"\x83\x30" + bytes(80), (48000, 1)),
        (Codec.OPUS, b"\x0b\x00" + bytes(80), None),
        (Codec.OPUS, b"\x0b", None),
    ],
)
def test_sound(codec: Codec, data: bytes, told: tuple[int, int] | None) -> None:
    rate = 48000 if codec is Codec.OPUS else 8000
    assert inspect_sound(codec, data, rate, 1) == told


@given(st.sampled_from([codec for codec in Codec if not codec.is_video]), st.binary(max_size=100))
def test_hostile(codec: Codec, data: bytes) -> None:
    told = inspect_sound(codec, data, 8000, 1)
    assert told is None or (7350 <= told[0] <= 96000 and 1 <= told[1] <= 7)


def test_noise_does_not_pass_for_sound() -> None:
    """Nor does it end the session: only pictures can prove a key wrong."""
    bench = Bench()
    bench.start(audio=True)
    bench.feed(bench.camera.media(H264_KEY))
    for _ in range(20):
        assert bench.feed(bench.camera.media(b"\xff\x00rubbish", Codec.AAC)) == []
    assert bench.statistics.integrity_errors == 20
    [frame] = bench.feed(bench.camera.media(adts(rate=4, channels=2), Codec.AAC))
    assert isinstance(frame, AudioFrame)
    assert (frame.codec, frame.sample_rate, frame.channels) == (Codec.AAC, 44100, 2)
    # Kinds of sound nobody here can decode are no fault of anybody's.
    for codec in (0x401, 0x404):
        assert bench.feed(bench.camera.media(b"sound", codec)) == []
    assert bench.statistics.unsupported == 2
