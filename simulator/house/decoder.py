"""Decoding what a viewer was sent into tags, blocking: it belongs into a thread."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av

from simulator.tag import Tag, read_frame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext

MAX_FRAMES = 1200
"""Pictures taken from one piece of a stream: more than a segment of 20 s at 60 a second."""


class TagDecoder:
    """One video decoder over consecutive fragments, as a player has it.

    The codec context outlives a fragment: a part that leans on the part before decodes, and a
    part of another camera's stream would not be noticed by the decoder, as in a real player.
    """

    def __init__(self) -> None:
        """Prepare; the codec is opened by the first fragment."""
        self._context: VideoCodecContext | None = None
        self._init = b""
        self.damaged = 0
        """Packets that could not be decoded, so far."""

    def reset(self) -> None:
        """Forget the stream so far: what follows begins anew."""
        self._context = None

    def decode(self, init: bytes, data: bytes) -> list[Tag | None]:
        """Return the tag of each picture in a fragment of MP4; None for an unreadable one.

        Bytes that are no MP4 give no picture and count as damaged.
        """
        if init != self._init:
            self._init = init
            self._context = None
        try:
            with av.open(io.BytesIO(init + data), "r", format="mp4") as container:
                return self._decode(container)
        except av.FFmpegError:
            self.damaged += 1
            return []

    def _decode(self, container: InputContainer) -> list[Tag | None]:
        if not container.streams.video:
            return []
        stream = container.streams.video[0]
        if self._context is None:
            context = av.CodecContext.create(stream.codec_context.codec.name, "r")
            assert isinstance(context, av.VideoCodecContext)
            context.extradata = stream.codec_context.extradata
            context.thread_count = 1  # frame threads would hold pictures back
            self._context = context
        tags: list[Tag | None] = []
        for packet in container.demux(stream):
            if packet.size == 0:  # the demuxer's end mark; the stream goes on
                continue
            try:
                tags.extend(read_frame(picture) for picture in self._context.decode(packet))
            except av.FFmpegError:
                self.damaged += 1
            if len(tags) >= MAX_FRAMES:
                break
        return tags
