"""Whatever sound libav can read, as frames for a camera's speaker.

Everything here blocks and belongs in a worker thread. The media is hostile until proven
otherwise: libav gets a short list of protocols, containers and codecs, each wait has an end,
and no more than some hundred milliseconds of sound are ever decoded ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import io
import threading
from typing import TYPE_CHECKING, Any

import av
from av.audio.codeccontext import AudioCodecContext
import numpy as np

from .miss.frames import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av.container import InputContainer

FRAME_MS = 40
"""Length of one frame to a speaker in milliseconds."""
CHUNK_FRAMES = 5
"""How many frames one read gives."""
MAX_SECONDS = 600
"""Longest sound; what is beyond is not played."""

# Speech that is only being made sends its first byte late.
OPEN_TIMEOUT = 20.0
READ_TIMEOUT = 10.0
MAX_PACKET = 4 << 20
MAX_DAMAGED = 20
RATES = range(4_000, 400_000)
MAX_CHANNELS = 8

_PROTOCOLS = "http,https,tcp,tls"
_PLAYLISTS = "hls"
_CONTAINERS = "aac,aiff,au,caf,flac,matroska,mov,mp3,mpegts,ogg,wav"
_CODECS = frozenset({"aac", "aac_latm", "alac", "flac", "mp2", "mp2float", "mp3", "mp3float"})
_CODECS |= {"adpcm_ima_wav", "adpcm_ms", "libopus", "libvorbis", "opus", "vorbis"}
_PLAIN = "pcm_"
_ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    Codec.PCM: ("pcm_s16le", {}),
    Codec.PCMU: ("pcm_mulaw", {}),
    Codec.PCMA: ("pcm_alaw", {}),
    # Music keeps each packet to two 20-ms frames joined, as the cameras expect; "voip" may
    # choose one frame of 40 ms.
    Codec.OPUS: ("libopus", {"application": "audio", "frame_duration": "40"}),
}


class SoundError(Exception):
    """Here is no sound that can be played. The text says why and never where it was from."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where a sound is to be had."""

    url: str | None = field(default=None, repr=False)
    """An http or https address; it may be signed, so it is never shown."""
    path: Path | None = field(default=None, repr=False)
    """A file that Home Assistant itself has chosen; goes before the address."""
    data: bytes | None = field(default=None, repr=False)
    """The sound itself; goes before both."""


class SoundReader:
    """Reads a sound and gives it coded for a speaker, some frames at a time.

    libav fetches addresses itself, by http and https and what lies below these alone. So a
    hostile playlist or redirection can make Home Assistant's machine ask other web servers,
    as every media player in the house can be made to, but cannot read its files or speak
    another protocol. Of a file, which is opened here, and of data libav gets the bytes only: it
    can open nothing beside them.
    """

    def __init__(
        self, sound: Sound, codec: Codec, rate: int, gain: Callable[[], float] = lambda: 1.0
    ) -> None:
        """Prepare; nothing is opened before the first read.

        Args:
            sound: what to read.
            codec: the speaker's.
            rate: samples per second at the speaker.
            gain: what samples are multiplied with, asked again for each frame.

        Raises:
            ValueError: there is no encoder for this codec.
        """
        self._sound = sound
        self._encoder = SpeakerEncoder(codec, rate, gain)
        # Held while libav is at work, so that nothing is closed under it.
        self._lock = threading.Lock()
        self._closed = False
        self._file: io.BufferedReader | None = None
        self._container: InputContainer | None = None
        self._frames: Iterator[bytes] | None = None
        self._given = 0

    def read(self) -> list[bytes]:
        """Return the next frames, `CHUNK_FRAMES` at most; none when the sound is over.

        Blocks for as long as opening or fetching takes, within the time-outs.

        Raises:
            SoundError: it cannot be read or is no sound.
        """
        try:
            with self._lock:
                return self._read()
        except SoundError:
            self._closed = True
            raise
        finally:
            if self._closed:
                self.close()

    def close(self) -> None:
        """Let go of the media, from any thread; a read under way does so when it returns."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._lock.release()

    def _release(self) -> None:
        self._frames = None
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> list[bytes]:
        if self._closed:
            return []
        chunk: list[bytes] = []
        wanted = min(CHUNK_FRAMES, MAX_SECONDS * 1000 // FRAME_MS - self._given)
        try:
            if self._frames is None:
                self._frames = self._decode(self._open())
            while len(chunk) < wanted and (frame := next(self._frames, None)) is not None:
                chunk.append(frame)
        except av.ExitError:
            raise SoundError("it took too long") from None
        # What libav and the file system say names the address.
        except (av.FFmpegError, OSError) as err:
            raise SoundError(f"{type(err).__name__}, {err.errno}") from None
        except ValueError as err:
            raise SoundError(type(err).__name__) from None
        self._given += len(chunk)
        return chunk

    def _open(self) -> InputContainer:
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
        source: Any = self._sound.url
        if self._sound.data is not None:
            source = io.BytesIO(self._sound.data)
        elif self._sound.path is not None:
            if not self._sound.path.is_file():
                raise SoundError("there is no such file")
            source = self._file = self._sound.path.open("rb")
        elif source is None or not source.lower().startswith(("http://", "https://")):
            raise SoundError("it is no address of the web")
        else:
            options = {
                "format_whitelist": f"{_CONTAINERS},{_PLAYLISTS}",
                "protocol_whitelist": _PROTOCOLS,
            }
        self._container = av.open(
            source,
            options=options,
            timeout=(OPEN_TIMEOUT, READ_TIMEOUT),
        )
        return self._container

    def _decode(self, container: InputContainer) -> Iterator[bytes]:
        if not container.streams.audio:
            raise SoundError("there is no sound in it")
        stream = container.streams.audio[0]
        name = stream.codec_context.name
        if name not in _CODECS and not name.startswith(_PLAIN):
            raise SoundError("its codec is not supported")
        damaged = 0
        for packet in container.demux(stream):
            if packet.size > MAX_PACKET:
                raise SoundError("its packets are too large")
            try:
                frames = stream.decode(packet)
            except av.InvalidDataError:
                damaged += 1
                if damaged > MAX_DAMAGED:
                    raise
                continue
            for frame in frames:
                damaged = 0
                yield from self._encoder.encode(frame)
        yield from self._encoder.finish()


class SpeakerEncoder:
    """Makes frames of 40 ms in a speaker's codec from sound of any rate and layout."""

    def __init__(self, codec: Codec, rate: int, gain: Callable[[], float] = lambda: 1.0) -> None:
        """Make an encoder of one channel.

        Raises:
            ValueError: there is none for this codec.
        """
        if codec not in _ENCODERS:
            raise ValueError(f"no encoder for codec {codec:#x}")
        name, options = _ENCODERS[codec]
        self._gain = gain
        self._rate = rate
        self._samples = rate * FRAME_MS // 1000
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, AudioCodecContext)
        self._context = context
        self._context.sample_rate = rate
        self._context.layout = "mono"
        self._context.format = "s16"
        self._context.options = options
        self._fifo = av.AudioFifo()
        self._resampler: av.AudioResampler | None = None
        self._from: tuple[int, str, str] | None = None
        self._count = 0

    def encode(self, frame: av.AudioFrame) -> Iterator[bytes]:
        """Yield what frames are full with this piece of sound.

        Raises:
            SoundError: a rate or number of channels that no sound has.
        """
        if frame.sample_rate not in RATES or not 0 < frame.layout.nb_channels <= MAX_CHANNELS:
            raise SoundError("its rate or channels are out of bounds")
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != self._from:
            # Streams may change what they carry midway.
            self._drain()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
            self._from = kind
        assert self._resampler is not None
        frame.pts = None
        for piece in self._resampler.resample(frame):
            self._put(piece)
        while (piece_40_ms := self._fifo.read(self._samples)) is not None:
            yield from self._coded(piece_40_ms.to_ndarray())

    def finish(self) -> Iterator[bytes]:
        """Yield the rest, filled up with silence."""
        self._drain()
        while (piece := self._fifo.read(self._samples, partial=True)) is not None:
            samples = piece.to_ndarray()
            missing = self._samples - samples.shape[1]
            yield from self._coded(np.pad(samples, ((0, 0), (0, missing))))
        if self._context.is_open:
            yield from (bytes(packet) for packet in self._context.encode(None))

    def _drain(self) -> None:
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._put(piece)
            self._resampler = None

    def _put(self, piece: av.AudioFrame) -> None:
        piece.pts = None
        self._fifo.write(piece)

    def _coded(self, samples: np.ndarray[Any, Any]) -> Iterator[bytes]:
        if (gain := self._gain()) != 1.0:
            samples = np.clip(samples * gain, -32768, 32767)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        frame.pts = self._count
        self._count += self._samples
        yield from (bytes(packet) for packet in self._context.encode(frame))
