"""Decoding of media segments into tags, blocking: it belongs into a thread."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, cast

import av

from simulator.display.errors import MediaError, PlaybackError
from simulator.display.hearing import Hearing
from simulator.display.screen import DecodedFrame, Video, now_ms
from simulator.tag import read_frame

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from simulator.display.models import Model

MAX_FRAMES = 3600
"""Frames taken from one segment; a minute at 60 a second."""


class SegmentDecoder:
    """One decoder over consecutive segments, as a display has it.

    The codec context lives on from segment to segment: a segment that leans on pictures of the
    one before decodes, and one of another stream is not noticed, as on a real display.
    """

    def __init__(self, model: Model, *, fragmented: bool) -> None:
        """Decode what `model` can: fragmented MP4, or else MPEG transport streams."""
        self._model = model
        self._fragmented = fragmented
        self._context: VideoCodecContext | None = None
        self._init: bytes = b""
        self.sound = Hearing()
        """What was heard."""
        self._halted = threading.Event()

    def halt(self) -> None:
        """Give up at the next frame; for another thread to call."""
        self._halted.set()

    def decode(self, init: bytes, data: bytes, *, restart: bool) -> list[DecodedFrame]:
        """Return the frames of a segment in the order of presentation, or raise PlaybackError.

        `restart` says that the stream has a discontinuity before this segment. After `halt`
        the frames are fewer than there are.
        """
        if restart or init != self._init:
            self._context = None
            self._init = init
            self.sound.restart()
        try:
            with av.open(
                io.BytesIO(init + data), "r", format="mp4" if self._fragmented else "mpegts"
            ) as container:
                return self._decode(container)
        except av.FFmpegError as err:
            raise PlaybackError(
                MediaError.HLS_SEGMENT_PARSING,
                f"no {'fragmented MP4' if self._fragmented else 'transport stream'}"
                f" in a segment ({err.strerror})",
                final=True,
            ) from None

    def _decode(self, container: InputContainer) -> list[DecodedFrame]:
        if not container.streams.video:
            raise PlaybackError(MediaError.HLS_SEGMENT_PARSING, "no video in a segment", final=True)
        stream = container.streams.video[0]
        if self._context is None:
            self._context = self._open(stream)
        audio = container.streams.audio[0] if container.streams.audio else None
        if audio is not None and (
            why := self._model.refuses_sound(audio.codec_context.codec.canonical_name)
        ):
            raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, why, final=True)
        frames: list[DecodedFrame] = []
        packets = damaged = 0
        for packet in container.demux([stream] if audio is None else [stream, audio]):
            if self._halted.is_set() or len(frames) >= MAX_FRAMES:
                break
            if packet.size == 0:  # the demuxer's end mark; the decoder is to go on
                continue
            if audio is not None and packet.stream.index == audio.index:
                self.sound.hear(audio, cast("av.Packet[AudioStream]", packet))
                continue
            packets += 1
            try:
                pictures = self._context.decode(packet)
            except av.FFmpegError:
                damaged += 1
                continue
            for picture in pictures:
                if picture.pts is None or picture.time_base is None:
                    continue
                at = float(picture.pts * picture.time_base)
                video = Video(self._context.codec.canonical_name, picture.width, picture.height)
                frames.append(DecodedFrame(at, read_frame(picture), now_ms(), video))
        if self._halted.is_set():
            return frames
        if not packets:
            raise PlaybackError(MediaError.HLS_SEGMENT_PARSING, "nothing in a segment", final=True)
        if damaged and not frames:
            raise PlaybackError(MediaError.MEDIA_DECODE, "no picture in a segment can be decoded")
        return frames

    def _open(self, stream: VideoStream) -> VideoCodecContext:
        described = stream.codec_context
        codec = described.codec.canonical_name
        if why := self._model.refuses(
            codec, described.width, described.height, _level(codec, described.level or 0)
        ):
            raise PlaybackError(MediaError.MEDIA_SRC_NOT_SUPPORTED, why, final=True)
        context = av.CodecContext.create(described.codec.name, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.extradata = described.extradata
        context.thread_count = 1
        return context


def _level(codec: str, level: int) -> int:
    """Return ten times the level out of FFmpeg's; 0 when it is not known."""
    if codec == "hevc":
        level //= 3  # thirty times
    return max(0, level) if codec in {"h264", "hevc"} else 0
