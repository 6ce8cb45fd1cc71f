"""What Home Assistant's stream worker makes of the relay, by its own functions."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from homeassistant.components.stream.const import AUDIO_CODECS
from homeassistant.components.stream.worker import (
    PeekIterator,
    TimestampValidator,
    get_audio_bitstream_filter,
    try_open_stream,
)
import pytest

from custom_components.mi_camera.media import AccessUnit, Feed, Relay

from .test_upstream import House

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.gate import Permit
    from custom_components.mi_camera.media import SoundUnit, Upstream


def work(url: str) -> tuple[list[str], str | None, float, float]:
    """Open as the worker does; return tracks, filter, seconds to open, and sound's lag."""
    began = time.monotonic()
    container = try_open_stream(url, {})
    with container:
        tracks = [stream.codec_context.name for stream in container.streams]
        video = container.streams.video[0]
        audio = container.streams.audio[0] if container.streams.audio else None
        seconds = time.monotonic() - began
        assert audio is None or (audio.name in AUDIO_CODECS and audio.profile is not None)
        valid = TimestampValidator(90_000, 90_000 if audio else 1).is_valid
        packets = PeekIterator(filter(valid, container.demux([s for s in (video, audio) if s])))
        bitstream_filter = get_audio_bitstream_filter(packets.peek(), audio)
        first = next(packet for packet in packets if packet.stream == video)
        assert first.is_keyframe
        last = {video: first.pts}
        for packet in itertools.islice(packets, 60):
            last[packet.stream] = packet.pts
    lag = (last[video] - last[audio]) / 90_000 if audio else 0.0
    return tracks, bitstream_filter, seconds, lag


@pytest.mark.parametrize("kind", ["off", "pcma", "opus", "mute"])
async def test_the_worker_opens_without_delay_and_takes_the_aac(kind: str) -> None:
    """A microphone that is silent from the start costs no time: silence is sound as well."""
    house = await House.start(audio="opus" if kind == "opus" else "pcma", address="127.0.51.3")
    relay = Relay()
    await relay.start()
    upstream = house.upstream(sound=lambda: kind != "off")

    async def connect(
        permit: Permit,
        on_unit: Callable[[AccessUnit | SoundUnit], None],
        on_closed: Callable[[], None],
    ) -> Upstream:
        def pictures_only(unit: AccessUnit | SoundUnit) -> None:
            if kind != "mute" or isinstance(unit, AccessUnit):
                on_unit(unit)

        return await upstream.connect(permit, pictures_only, on_closed)

    feed = Feed(upstream.source, connect)
    url = relay.grant(feed, house.gate.require())
    try:
        tracks, bitstream_filter, seconds, lag = await asyncio.to_thread(work, url)
    finally:
        await feed.close()
        await relay.stop()
        await house.stop()
    wanted = {"off": ["h264"], "opus": ["h264", "aac", "opus"]}.get(kind, ["h264", "aac"])
    assert tracks == wanted
    assert bitstream_filter == (None if kind == "off" else "aac_adtstoasc")
    assert seconds < 4
    assert -0.1 < lag < 0.6
