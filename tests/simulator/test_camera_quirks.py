"""What the simulated camera gets wrong on purpose."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
from typing import TYPE_CHECKING

import av
import pytest

from .cameras import decoded, until
from .miss_peer import CLOSE

if TYPE_CHECKING:
    from .cameras import MakeCamera, MakePeer
    from .miss_peer import Media


def near_now(timestamp_ms: float) -> bool:
    return abs(time.time() * 1000 - timestamp_ms) < 3000


def start_of_key(pictures: list[Media]) -> int:
    return next(index for index, picture in enumerate(pictures) if picture.is_key)


async def test_seconds_where_milliseconds_belong(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.miss.timestamps_in_seconds = True
    peer = await peer_of(camera)
    await peer.start(1, audio=1)
    await peer.until(lambda: len(peer.pictures) > 3 and len(peer.sounds) > 3)
    assert all(near_now(media.timestamp_ms * 1000) for media in peer.media)
    assert all(media.timestamp_ms == media.timestamp_s for media in peer.media)


async def test_sound_without_time(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.miss.audio_timestamps_zero = True
    peer = await peer_of(camera)
    await peer.start(1, audio=1)
    await peer.until(lambda: len(peer.pictures) > 3 and len(peer.sounds) > 3)
    assert {(media.timestamp_ms, media.timestamp_s) for media in peer.sounds} == {(0, 0)}
    assert all(near_now(media.timestamp_ms) for media in peer.pictures)


@pytest.mark.parametrize("shift", [3_600_000, -3_600_000, -(10**15)])
async def test_times_that_jump(shift: int, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.start(1, audio=1)
    await peer.until(lambda: len(peer.pictures) > 3 and len(peer.sounds) > 3)
    assert all(near_now(media.timestamp_ms) for media in peer.media)
    camera.miss.timestamp_shift_ms = shift
    await asyncio.sleep(0.05)
    peer.media.clear()
    await peer.until(lambda: len(peer.pictures) > 3 and len(peer.sounds) > 3)
    if shift < -(10**14):
        assert {media.timestamp_ms for media in peer.media} == {0}
    else:
        assert all(near_now(media.timestamp_ms - shift) for media in peer.media)


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_other_parameter_sets_in_mid_stream(
    codec: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(codec=codec, gop_seconds=10)
    peer = await peer_of(camera)
    await peer.start(2)
    await peer.until(lambda: len(peer.pictures) > 2)
    assert not any(picture.is_key for picture in peer.pictures[2:])
    peer.media.clear()
    camera.miss.picture_size = (480, 270)
    await peer.until(lambda: any(picture.is_key for picture in peer.pictures), 8)
    await peer.until(lambda: len(peer.pictures) - start_of_key(peer.pictures) > 5)
    assert start_of_key(peer.pictures) < 6
    sequences = [picture.sequence for picture in peer.pictures]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    tags = decoded(peer.pictures)
    assert [b.counter - a.counter for a, b in itertools.pairwise(tags)] == [1] * (len(tags) - 1)
    decoder = av.CodecContext.create("h264" if codec == "h264" else "hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    key = peer.pictures[start_of_key(peer.pictures)]
    (frame,) = decoder.decode(av.Packet(key.data)) + decoder.decode(None)
    assert (frame.width, frame.height) == (480, 270)


@pytest.mark.parametrize("polite", [True, False])
async def test_a_place_stays_taken(polite: bool, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport="tcp", viewers=1)
    camera.miss.slot_seconds = 0.8
    first, second = await peer_of(camera), await peer_of(camera)
    await first.start(1)
    await until(lambda: camera.viewers == 1)
    if polite:
        first.raw(CLOSE)
    else:
        assert first._writer is not None
        first._writer.transport.abort()
    await until(lambda: camera.viewers == camera.media_connections == 0)
    await second.open()
    result = await second.authenticate()
    if polite:
        assert result["result"] == "success"
        return
    assert result == {"result": "failed", "code": 15}
    await asyncio.sleep(0.9)
    second.login.clear()
    assert (await second.authenticate())["result"] == "success"


async def test_noise_under_a_sound_header(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.miss.garbage_payload = 1.0
    peer = await peer_of(camera)
    await peer.start(1, audio=1)
    await peer.until(lambda: len(peer.sounds) > 5)
    assert not any(
        media.data.startswith((b"\0\0\1", b"\0\0\0\1")) for media in peer.media if media.is_video
    )
    assert [media.sequence for media in peer.sounds] == list(range(len(peer.sounds)))
    camera.miss.garbage_payload = 0.0
    await asyncio.sleep(0.1)
    peer.media.clear()
    await peer.until(lambda: len(peer.pictures) > 5)
    assert all(media.data.startswith((b"\0\0\1", b"\0\0\0\1")) for media in peer.pictures)


async def test_pictures_under_the_wrong_lens(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(lenses=2)
    camera.miss.lens_flags_missing = 3
    peer = await peer_of(camera)
    await peer.start(-1, videoquality2=1)
    await peer.until(lambda: len(peer.pictures) > 12)
    assert [picture.lens for picture in peer.pictures[:12]] == [0] * 3 + [1] * 9
    assert {tag.lens for tag in decoded(peer.pictures)} == {1}


async def test_one_lens_a_session(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(lenses=2, interleaves=False)
    peer = await peer_of(camera)
    await peer.start(1, videoquality2=1)
    await peer.until(lambda: len(peer.pictures) > 8)
    assert {picture.lens for picture in peer.pictures} == {0}
    peer.command(0x102, {"videoquality": -1, "videoquality2": 1, "enableaudio": 0})
    await asyncio.sleep(0.2)
    peer.media.clear()
    await peer.until(lambda: len(peer.pictures) > 4)
    assert {picture.lens for picture in peer.pictures} == {1}


async def test_datagrams_from_another_port(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.miss.foreign = 20
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: len(peer.pictures) > 15)
    foreign = [(data, source) for data, source in peer.datagrams if source != peer.camera]
    assert {source[0] for _, source in foreign} == {camera.spec.address}
    kinds = [data[1] for data, _ in foreign]
    assert kinds.count(0xF0) > 5
    assert {data[5] for data, _ in foreign if data[1] == 0xD0} == {0, 1, 2, 3}


@pytest.mark.parametrize("usual", ["udp", "tcp"])
@pytest.mark.parametrize("taken", [0x42, 0x43])
async def test_both_kinds_of_link(
    taken: int, usual: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(transport=usual)
    camera.miss.both_ready = True
    peer = await peer_of(camera)
    await peer.open(prefer=taken)
    await peer.until(lambda: len(peer.readies) == 2)
    kinds = [data[1] for data in peer.readies]
    assert kinds == ([0x42, 0x43] if usual == "udp" else [0x43, 0x42])
    assert (await peer.authenticate())["result"] == "success"
    assert camera.media_connections == camera.media_connections_total == 1
    peer.command(0x102, {"videoquality": 1, "enableaudio": 0})
    await peer.until(lambda: len(peer.pictures) > 3)


async def test_who_takes_neither_is_dropped(
    camera_at: MakeCamera, peer_of: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.camera.rendezvous.PATIENCE", 0.3)
    camera = await camera_at()
    camera.miss.both_ready = True
    peer = await peer_of(camera)
    await peer.search()
    peer.raw(struct.pack(">BBH", 0xF1, 0x41, 20) + peer.uid)
    await peer.until(lambda: len(peer.readies) == 2)
    assert camera.media_connections == 0
    await until(lambda: not camera.miss._clients)


async def test_the_address_in_tcp_ready(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport="tcp")
    camera.miss.ready_address = True
    peer = await peer_of(camera)
    await peer.open()
    (ready,) = peer.readies[:1]
    assert peer.camera is not None
    assert len(ready) == 4 + 20 + 16
    assert struct.unpack_from("<H", ready, 26)[0] == peer.camera[1]
    assert socket.inet_ntoa(ready[28:32][::-1]) == camera.spec.address
    assert (await peer.authenticate())["result"] == "success"
