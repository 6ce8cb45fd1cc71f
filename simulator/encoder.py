"""Live encoders of the simulated cameras: H.264 and H.265 pictures, A-law and Opus sound."""

from __future__ import annotations

from fractions import Fraction
import functools
from typing import TYPE_CHECKING, Literal, cast

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

type Plane = NDArray[np.uint8]
type Planes = tuple[Plane, Plane, Plane]
"""Luma (height, width), and the two chroma planes at half that size."""

AUDIO_FRAME_MS = 40
_BITS_PER_PIXEL = 1_500_000 / (1280 * 720 * 15)
_LOOP_FRAMES = 100  # four seconds of sound, encoded once and repeated
_BT709 = 1
_TV_RANGE = 1
_ENCODERS = {"h264": "libx264", "h265": "libx265"}
_OPTIONS = {
    "h264": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x264-params": "scenecut=0:repeat-headers=1:annexb=1:threads=1:sliced-threads=0",
    },
    "h265": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": (
            "log-level=none:repeat-headers=1:annexb=1:scenecut=0:bframes=0:"
            "pools=none:frame-threads=1:wpp=0:info=0:open-gop=0"
        ),
    },
}


class PictureEncoder:
    """Encodes pictures drawn into its own three planes (YUV 4:2:0, BT.709, TV range).

    One access unit comes out per picture, in Annex B form; key frames carry their parameter
    sets. Not thread-safe: one call at a time.
    """

    def __init__(self, codec: Literal["h264", "h265"], width: int, height: int, fps: int) -> None:
        """Make an encoder that sends a key frame only when told."""
        context = cast("av.VideoCodecContext", av.CodecContext.create(_ENCODERS[codec], "w"))
        self.context = context
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(fps)
        context.time_base = Fraction(1, fps)
        context.thread_count = 1
        context.color_range = _TV_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.gop_size = 1 << 20
        context.max_b_frames = 0
        rate = int(_BITS_PER_PIXEL * width * height * fps)
        context.bit_rate = rate
        context.options = _OPTIONS[codec] | {"maxrate": str(rate), "bufsize": str(rate)}
        self._frame = av.VideoFrame(width, height, "yuv420p")
        y, u, v = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
                :, : plane.width
            ]
            for plane in self._frame.planes
        )
        self.planes: Planes = (y, u, v)
        self._count = 0

    def encode(self, *, key: bool) -> bytes:
        """Encode what the planes show now."""
        frame = self._frame
        frame.pts = self._count
        self._count += 1
        kind = av.video.frame.PictureType
        frame.pict_type = kind.I if key else kind.NONE
        return b"".join(bytes(packet) for packet in self.context.encode(frame))


def _tune(pitch: float, rate: int) -> NDArray[np.float64]:
    """Return four seconds of a quiet tone with a slow swell, seamless when repeated."""
    count = rate * AUDIO_FRAME_MS // 1000 * _LOOP_FRAMES
    time = np.arange(count) / rate
    seconds = count / rate
    pitch = round(pitch * seconds) / seconds
    swell = 0.6 + 0.4 * np.cos(2 * np.pi * time / seconds)
    return 0.2 * swell * (np.sin(2 * np.pi * pitch * time) + 0.3 * np.sin(4 * np.pi * pitch * time))


@functools.lru_cache(maxsize=16)
def sound(codec: Literal["pcma", "opus"], pitch: float) -> tuple[bytes, ...]:
    """Return the frames, 40 ms each, of a loop of sound: a tone of `pitch` Hz.

    ``pcma``: 320 bytes each, 8 kHz. ``opus``: packets of 48 kHz stereo.
    """
    rate = 8000 if codec == "pcma" else 48000
    wave = (_tune(pitch, rate) * 32767).astype(np.int16)
    samples = rate * AUDIO_FRAME_MS // 1000
    layout = "mono" if codec == "pcma" else "stereo"
    name = "pcm_alaw" if codec == "pcma" else "libopus"
    context = cast("av.AudioCodecContext", av.CodecContext.create(name, "w"))
    context.sample_rate = rate
    context.layout = layout
    context.format = "s16"
    if codec == "opus":
        context.bit_rate = 32000
        context.options = {"frame_duration": str(AUDIO_FRAME_MS), "application": "voip"}
        wave = np.repeat(wave, 2)
        samples *= 2
    coded: list[bytes] = []
    for index, start in enumerate(range(0, len(wave), samples)):
        chunk = wave[start : start + samples].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(chunk, format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = index * (rate * AUDIO_FRAME_MS // 1000)
        coded += [bytes(packet) for packet in context.encode(frame)]
    return tuple(coded)
