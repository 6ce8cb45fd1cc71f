"""Encoders of the simulated cameras: H.264 and H.265 pictures, and sound in five codecs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
import functools
from typing import TYPE_CHECKING, Literal, cast

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

type SoundCodec = Literal["pcma", "pcmu", "pcm", "opus", "aac"]
type Plane = NDArray[np.uint8]
type Planes = tuple[Plane, Plane, Plane]
"""Luma (height, width), and the two chroma planes at half that size."""

AUDIO_FRAME_MS = 40
"""Sound in one frame, AAC excepted."""
_BITS_PER_PIXEL = 1_500_000 / (1280 * 720 * 15)
_LOOP_FRAMES = 100  # four seconds of sound and more, encoded once and repeated
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


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How sound of one codec is coded by a simulated camera."""

    encoder: str
    """Name of the libavcodec encoder."""
    sample_format: str
    rate: int
    """Samples per second."""
    channels: int
    frame_samples: int
    """Samples per channel in one frame."""

    @property
    def frame_ms(self) -> int:
        """Sound in one frame."""
        return self.frame_samples * 1000 // self.rate


FORMATS: dict[SoundCodec, SoundFormat] = {
    "pcma": SoundFormat("pcm_alaw", "s16", 8000, 1, 320),
    "pcmu": SoundFormat("pcm_mulaw", "s16", 8000, 1, 320),
    "pcm": SoundFormat("pcm_s16le", "s16", 8000, 1, 320),
    "opus": SoundFormat("libopus", "s16", 48000, 2, 1920),
    "aac": SoundFormat("aac", "fltp", 16000, 1, 1024),
}
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def _tune(pitch: float, rate: int, count: int) -> NDArray[np.float64]:
    """Return `count` samples of a quiet tone with a slow swell, seamless when repeated."""
    time = np.arange(count) / rate
    seconds = count / rate
    pitch = round(pitch * seconds) / seconds
    swell = 0.6 + 0.4 * np.cos(2 * np.pi * time / seconds)
    return 0.2 * swell * (np.sin(2 * np.pi * pitch * time) + 0.3 * np.sin(4 * np.pi * pitch * time))


def adts(frame: bytes, rate: int, channels: int) -> bytes:
    """Put the seven-byte ADTS header before a raw AAC-LC frame (ISO/IEC 13818-7)."""
    length = len(frame) + 7
    head = 0xFFF1 << 40 | 1 << 38  # sync word, MPEG-4, no checksum; AAC-LC
    head |= _ADTS_RATES.index(rate) << 34 | channels << 30
    head |= length << 13 | 0x7FF << 2  # buffer fullness: variable rate
    return head.to_bytes(7) + frame


@functools.lru_cache(maxsize=16)
def sound(codec: SoundCodec, pitch: float) -> tuple[bytes, ...]:
    """Return the frames of a loop of sound: a tone of `pitch` Hz in the codec's `FORMATS`.

    ``pcma`` and ``pcmu``: 320 bytes each. ``pcm``: 640 bytes, little-endian. ``opus``: packets
    of 48 kHz stereo. ``aac``: ADTS frames of 64 ms.
    """
    form = FORMATS[codec]
    wave = _tune(pitch, form.rate, form.frame_samples * _LOOP_FRAMES)
    if codec == "pcm":
        return _cut((wave * 32767).astype("<i2").tobytes(), 2 * form.frame_samples)
    context = cast("av.AudioCodecContext", av.CodecContext.create(form.encoder, "w"))
    context.sample_rate = form.rate
    context.layout = layout = "mono" if form.channels == 1 else "stereo"
    context.format = form.sample_format
    if codec == "opus":
        context.bit_rate = 32000
        context.options = {"frame_duration": str(AUDIO_FRAME_MS), "application": "voip"}
    # AAC frames overlap: taken from the second of three rounds, the first and the last fit.
    rounds = 3 if codec == "aac" else 1
    coded: list[bytes] = []
    for index in range(rounds * _LOOP_FRAMES):
        start = index % _LOOP_FRAMES * form.frame_samples
        chunk = wave[start : start + form.frame_samples]
        if form.sample_format == "s16":
            samples = np.repeat((chunk * 32767).astype(np.int16), form.channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        else:
            planes = chunk.astype(np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(planes, format=form.sample_format, layout=layout)
        frame.sample_rate = form.rate
        frame.pts = index * form.frame_samples
        coded += [bytes(packet) for packet in context.encode(frame)]
    if codec == "aac":
        coded = coded[_LOOP_FRAMES : 2 * _LOOP_FRAMES]
        return tuple(adts(frame, form.rate, form.channels) for frame in coded)
    return tuple(coded)


def _cut(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[start : start + size] for start in range(0, len(data), size))
