"""Our own MISS client beside a third party's, on the same camera: what it sees, decoded."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import av

from custom_components.mi_camera.miss.client import MissClient
from custom_components.mi_camera.miss.frames import AudioFrame, VideoFrame
from custom_components.mi_camera.miss.keys import MissKeys, new_client_key
from simulator.tag import Tag, read_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from custom_components.mi_camera.miss.errors import MissError
    from simulator.camera import SimCamera


class OwnClient:
    """Collects frames; pictures are decoded when asked for."""

    def __init__(self) -> None:
        self.pictures: dict[int, list[VideoFrame]] = {}
        self.sounds: list[AudioFrame] = []
        self.ends: list[MissError | None] = []

    def take(self, frame: VideoFrame | AudioFrame) -> None:
        if isinstance(frame, AudioFrame):
            self.sounds.append(frame)
        else:
            self.pictures.setdefault(frame.lens, []).append(frame)

    def tags(self, lens: int = 0) -> list[Tag]:
        """Decode all pictures of a lens; every one must be readable."""
        frames = self.pictures[lens]
        decoder = av.CodecContext.create("h264" if frames[0].codec.name == "H264" else "hevc", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoded = [image for frame in frames for image in decoder.decode(av.Packet(frame.data))]
        decoded += decoder.decode(None)
        tags = [read_frame(image) for image in decoded]
        assert None not in tags
        return [tag for tag in tags if tag is not None]


@asynccontextmanager
async def watching(
    camera: SimCamera, qualities: Mapping[int, int], *, audio: bool = False
) -> AsyncIterator[OwnClient]:
    """Watch lenses of a camera in the given qualities, all in one session."""
    own = OwnClient()
    private, public = new_client_key()
    did = camera.spec.did
    keys = MissKeys(private, public, camera.keys.device_public(did), camera.keys.sign(did, public))
    client = MissClient(camera.spec.address, keys, on_frame=own.take, on_closed=own.ends.append)
    await client.connect()
    try:
        for lens, quality in qualities.items():
            await client.start_video(quality=quality, lens=lens, audio=audio)
        yield own
    finally:
        await client.close()


def check_same(first: Sequence[Tag], second: Sequence[Tag], *, least: int = 8) -> None:
    """Check that both saw the same pictures: one count, one moment."""
    one = {tag.counter: tag for tag in first}
    both = [(one[tag.counter], tag) for tag in second if tag.counter in one]
    assert len(both) >= least
    assert all(a == b for a, b in both)
