"""What a display hears of segments, fragmented MP4 and transport streams."""

from __future__ import annotations

from fractions import Fraction
import io
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import pytest

from simulator.display.decoder import SegmentDecoder
from simulator.display.models import MODELS

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

RATE, FPS = 16_000, 10
HUB = MODELS["Google Nest Hub"]


def segment(number: int, *, hertz: float, codec: str = "aac", kind: str = "mp4") -> bytes:
    """Return a second of pictures and a tone, with the description before it."""
    out = io.BytesIO()
    flags = {"movflags": "empty_moov+frag_keyframe+default_base_moof", "use_editlist": "0"}
    with av.open(out, "w", format=kind, options=flags if kind == "mp4" else {}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"tune": "zerolatency"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        audio = cast("AudioStream", container.add_stream(codec, rate=RATE))
        audio.codec_context.layout = "mono"
        for index in range(FPS):
            picture = av.VideoFrame.from_ndarray(
                np.full((135, 160), 128, np.uint8), format="yuv420p"
            )
            picture.pts = number * FPS + index
            container.mux(video.encode(picture))
        container.mux(video.encode())
        size = audio.codec_context.frame_size or 1024
        at = np.arange(RATE // size * size) / RATE
        tone = (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
        for start in range(0, len(tone), size):
            frame = av.AudioFrame.from_ndarray(
                tone[None, start : start + size], format="fltp", layout="mono"
            )
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = number * RATE + start
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return out.getvalue()


@pytest.mark.parametrize("kind", ["mp4", "mpegts"])
def test_tones_and_seconds(kind: str) -> None:
    decoder = SegmentDecoder(HUB, fragmented=kind == "mp4")
    frames = decoder.decode(b"", segment(0, hertz=440, kind=kind), restart=False)
    assert len(frames) == FPS
    heard = decoder.sound
    assert heard.seconds == pytest.approx(1.0, abs=0.15)
    assert (heard.gaps, heard.damaged) == (0, 0)
    assert [round(one.hertz, -1) for one in heard.tones][1:] == [440] * (len(heard.tones) - 1)
    assert heard.tones[1].loudness == pytest.approx(0.5, abs=0.05)
    seconds = heard.seconds
    # Two seconds on: the sound between is missed.
    decoder.decode(b"", segment(3, hertz=0, kind=kind), restart=False)
    assert heard.seconds > seconds
    assert heard.gaps == 1
    assert heard.tones[-1].hertz == 0
    # A discontinuity that is told is none that is missed.
    decoder.decode(b"", segment(7, hertz=880, kind=kind), restart=True)
    assert heard.gaps == 1
    assert heard.tones[-1].hertz == pytest.approx(880, abs=4)
