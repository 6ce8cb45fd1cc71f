"""Sound to play and to listen to in tests."""

from __future__ import annotations

from fractions import Fraction
import io
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.audio.stream import AudioStream

type Samples = np.ndarray[Any, np.dtype[np.int16]]

# Container and codec by the ending of a file's name.
KINDS = {
    "wav": ("wav", "pcm_s16le", "s16"),
    "mp3": ("mp3", "libmp3lame", "s16p"),
    "m4a": ("mp4", "aac", "fltp"),
    "ogg": ("ogg", "libopus", "s16"),
    "flac": ("flac", "flac", "s16"),
}


def tone(
    kind: str = "wav",
    *,
    hertz: float = 1000,
    seconds: float = 1.0,
    rate: int = 48_000,
    channels: int = 2,
    amplitude: float = 0.5,
) -> bytes:
    """Return a file with a tone, the same in all channels."""
    container_name, codec, sample_format = KINDS[kind]
    times = np.arange(int(seconds * rate)) / rate
    samples = np.round(amplitude * 32767 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    layout = {1: "mono", 2: "stereo"}[channels]
    file = io.BytesIO()
    with av.open(file, "w", format=container_name) as container:
        stream = cast("AudioStream", container.add_stream(codec, rate=rate))
        stream.codec_context.layout = layout
        stream.codec_context.format = sample_format
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(
            np.repeat(samples, channels)[None, :], format="s16", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for piece in resampler.resample(frame) + resampler.resample(None):
            fifo.write(piece)
        size = stream.codec_context.frame_size or 1024
        for piece in fifo.read_many(size, partial=True):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def decoded(codec: str, frames: Iterable[bytes], rate: int) -> Samples:
    """Return the samples of a speaker's frames as another decoder hears them."""
    context = cast("av.AudioCodecContext", av.CodecContext.create(codec, "r"))
    context.sample_rate = rate
    context.layout = "mono"
    pieces = [
        piece.to_ndarray().reshape(-1)
        for frame in frames
        for decoded_frame in context.decode(av.Packet(frame))
        for piece in av.AudioResampler("s16", "mono", rate).resample(decoded_frame)
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def pitch(samples: Samples, rate: int) -> float:
    """Return the strongest frequency in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def loudness(samples: Samples) -> float:
    """Return the amplitude of a tone, 1 being as loud as can be."""
    return float(np.sqrt(2 * np.mean((samples / 32768.0) ** 2)))
