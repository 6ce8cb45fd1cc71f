"""The MISS server of the simulated camera, examined over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import struct
import time
from typing import TYPE_CHECKING

import av
import pytest

from simulator.camera import SimCamera

from .cameras import decoded, until
from .miss_peer import CLOSE, LAN_SEARCH, PING

if TYPE_CHECKING:
    from .cameras import MakeCamera, MakePeer

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


# --- finding and logging in ---------------------------------------------------------


@TRANSPORTS
async def test_the_way_in_byte_by_byte(
    transport: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(transport=transport)
    peer = await peer_of(camera)
    await peer.search()
    punch, (host, port) = peer.datagrams[0]
    assert punch[:4] == bytes.fromhex("f1410014")
    assert len(punch) == 24
    assert host == camera.spec.address
    assert port != 32108
    assert camera.media_connections == 0

    peer.raw(punch)
    await peer.until(lambda: peer.ready != 0)
    answer, source = peer.datagrams[-1]
    assert answer == (b"\xf1\x42" if transport == "udp" else b"\xf1\x43") + punch[2:]
    assert source == (host, port)
    assert camera.media_connections == camera.media_connections_total == (transport == "udp")
    if transport == "tcp":
        _, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.1", 0))
        await until(lambda: camera.media_connections == 1)
        with pytest.raises(OSError, match=r"."):
            await asyncio.open_connection(host, port)
        writer.close()
        await until(lambda: camera.media_connections == 0)


async def test_every_client_gets_a_port_of_its_own(
    camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    first, second = await peer_of(camera), await peer_of(camera)
    await first.search()
    await second.search()
    assert first.camera != second.camera
    for _ in range(3):  # asking again gives no other port
        first.raw(LAN_SEARCH, (camera.spec.address, 32108))
    await asyncio.sleep(0.1)
    assert {address for _, address in first.datagrams} == {first.camera}


async def test_a_tcp_port_takes_only_the_client_that_searched(
    camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(transport="tcp")
    peer = await peer_of(camera)
    await peer.search()
    peer.raw(b"\xf1\x41\0\x14" + peer.uid)
    await peer.until(lambda: peer.ready == 0x43)
    assert peer.camera is not None
    reader, writer = await asyncio.open_connection(*peer.camera, local_addr=("127.0.40.9", 0))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    await peer.open()
    assert (await peer.authenticate())["result"] == "success"


@TRANSPORTS
async def test_login(transport: str, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport=transport)
    for changes in (
        {"sign": "00" * 32},
        {"sign": 5},
        {"public_key": "zz"},
        {"public_key": (bytes(31) + b"\1").hex()},
        {"public_key": None},
    ):
        peer = await peer_of(camera)
        await peer.open()
        assert await peer.authenticate(**changes) == {"result": "failed", "code": 3}
        peer.command(0x110)
        peer.command(0x102, {"videoquality": 1, "enableaudio": 1})
    peer = await peer_of(camera)
    await peer.open()
    assert (await peer.authenticate())["result"] == "success"
    peer.command(0x110)
    assert json.loads((await peer.answer(0x111)).rstrip(b"\0"))["did"] == "1001001001"
    assert camera.viewers == camera.frames_sent == camera.media_bytes_sent == 0


async def test_a_signature_of_old_keys_is_refused(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    camera.keys.rotate(camera.spec.did)
    await peer.open()
    assert (await peer.authenticate())["code"] == 3


@TRANSPORTS
async def test_viewer_limit(transport: str, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport=transport, viewers=2)
    first, second, third = [await peer_of(camera) for _ in range(3)]
    for peer in (first, second):
        await peer.start(1)
    await until(lambda: camera.viewers == 2)
    await third.open()
    assert await third.authenticate() == {"result": "failed", "code": 15}
    assert camera.media_connections == 3
    first.raw(CLOSE)
    await until(lambda: camera.viewers == 1)
    third.login.clear()
    assert (await third.authenticate())["result"] == "success"


# --- pictures and sound -------------------------------------------------------------


@TRANSPORTS
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_pictures(
    transport: str, codec: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(transport=transport, codec=codec)
    peer = await peer_of(camera)
    await peer.start(2)
    await peer.until(lambda: len(peer.pictures) >= 20)
    pictures = peer.pictures[:20]
    assert not pictures[0].is_key, "a viewer arrives within a group of pictures"
    assert [picture.sequence for picture in pictures] == list(range(20))
    assert all(picture.is_key == bool(picture.flags & 1) for picture in pictures)
    keys = [index for index, picture in enumerate(pictures) if picture.is_key]
    assert keys[0] < 8
    assert keys[1] - keys[0] == 8
    assert {picture.codec for picture in pictures} == {4 if codec == "h264" else 5}
    assert {picture.flags >> 17 & 7 for picture in pictures} == {3}
    tags = decoded(pictures)
    assert {(tag.did, tag.lens) for tag in tags} == {(1001001001, 0)}
    counters = [tag.counter for tag in tags]
    assert counters == list(range(counters[0], counters[0] + len(tags)))
    for tag, picture in zip(tags, pictures[keys[0] :], strict=True):
        assert picture.timestamp_ms == tag.captured_ms
        assert picture.timestamp_s == tag.captured_ms // 1000
    steps = [b.captured_ms - a.captured_ms for a, b in itertools.pairwise(tags)]
    assert 50 < sum(steps) / len(steps) < 85
    assert abs(time.time() * 1000 - tags[-1].captured_ms) < 3000
    assert camera.media_connections == camera.viewers == 1
    assert camera.frames_sent >= 20
    assert camera.media_bytes_sent > sum(len(picture.data) for picture in pictures)


async def test_one_encoder_for_all_viewers(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    first, second = await peer_of(camera), await peer_of(camera)
    await first.start(1)
    await first.until(lambda: len(first.pictures) >= 3)
    await second.start(1)
    await second.until(lambda: len(second.pictures) >= 12)
    assert {p.data for p in second.pictures[:10]} <= {p.data for p in first.pictures}
    counters = [tag.counter for tag in decoded(first.pictures)]
    assert counters == list(range(counters[0], counters[0] + len(counters)))


async def test_nothing_is_drawn_for_nobody(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    first = await peer_of(camera)
    await first.start(1)
    await first.until(lambda: sum(p.is_key for p in first.pictures) == 1)
    first.command(0x103)
    await until(lambda: camera.viewers == 0)
    sent, size = camera.frames_sent, camera.media_bytes_sent
    await asyncio.sleep(1)
    assert (camera.frames_sent, camera.media_bytes_sent) == (sent, size)
    before = decoded(first.pictures)[-1].counter
    second = await peer_of(camera)
    await second.start(1)
    await second.until(lambda: sum(p.is_key for p in second.pictures) == 1)
    after = decoded(second.pictures)[0].counter
    assert before < after <= before + 12


@pytest.mark.parametrize("quality", [0, 3, 99, -1])
async def test_a_quality_it_does_not_have_is_silence(
    quality: int, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.start(quality)
    await asyncio.sleep(0.6)
    assert not peer.media
    assert camera.viewers == 0
    peer.command(0x102, {"videoquality": 1, "enableaudio": 0})
    await peer.until(lambda: bool(peer.pictures))


async def test_changing_quality(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: bool(peer.pictures))
    peer.command(0x109, {"videoquality": 7})
    assert await peer.answer(0x10A) == struct.pack("<i", 23)
    peer.answers.clear()
    peer.command(0x109, {"videoquality": 2})
    assert await peer.answer(0x10A) == bytes(4)
    peer.media.clear()
    await peer.until(lambda: sum(p.is_key for p in peer.pictures) == 1)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    (frame,) = decoder.decode(av.Packet(peer.pictures[-1].data)) + decoder.decode(None)
    assert (frame.width, frame.height) == (640, 360)
    assert camera.viewers == 1


async def test_a_codec_of_its_own_for_a_quality(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    """Both at once, and one after the other in one session."""
    camera = await camera_at(codec="h265", codecs={1: "h264"})
    small, large = await peer_of(camera), await peer_of(camera)
    await small.start(1)
    await large.start(2)
    for peer, codec in ((small, 4), (large, 5)):
        await peer.until(lambda: sum(p.is_key for p in peer.pictures) == 2)  # noqa: B023
        assert {picture.codec for picture in peer.pictures} == {codec}
        assert {tag.did for tag in decoded(peer.pictures)} == {camera.spec.did}
    small.command(0x109, {"videoquality": 2})
    assert await small.answer(0x10A) == bytes(4)
    small.media.clear()
    await small.until(lambda: sum(p.is_key for p in small.pictures) == 1)
    assert small.pictures[-1].codec == 5


async def test_asleep_a_session_opens_and_no_picture_comes(
    camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    camera.power = False
    peer = await peer_of(camera)
    await peer.start(1, audio=1)
    await asyncio.sleep(0.6)
    assert not peer.media
    assert camera.media_connections == camera.viewers == 1
    camera.power = True
    await peer.until(lambda: len(peer.pictures) > 8)
    camera.power = False
    await asyncio.sleep(0.1)
    seen = len(peer.media)
    await asyncio.sleep(0.4)
    assert len(peer.media) == seen
    camera.power = True
    await peer.until(lambda: len(peer.media) > seen)


async def test_two_lenses(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(lenses=2)
    second, both = await peer_of(camera), await peer_of(camera)
    await second.start(-1, videoquality2=1)
    await second.until(lambda: len(second.pictures) > 12)
    assert {picture.lens for picture in second.pictures} == {1}
    assert {tag.lens for tag in decoded(second.pictures)} == {1}
    await both.start(1, videoquality2=2)
    await both.until(lambda: len(both.pictures) > 24)
    for lens in (0, 1):
        pictures = [picture for picture in both.pictures if picture.lens == lens]
        assert [picture.sequence for picture in pictures] == list(range(len(pictures)))
        assert {(tag.did, tag.lens) for tag in decoded(pictures)} == {(1001001001, lens)}


@pytest.mark.parametrize(
    ("audio", "codec", "rate", "name"),
    [
        ("pcma", 0x403, 0, b"g711a"),
        ("pcmu", 0x402, 0, b"g711u"),
        ("pcm", 0x400, 0, b"pcm"),
        ("opus", 0x408, 8, b"opus"),
        ("aac", 0x406, 3, b"aac"),
    ],
)
async def test_sound(
    audio: str, codec: int, rate: int, name: bytes, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(audio=audio)
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: len(peer.pictures) > 2)
    assert len(peer.media) == len(peer.pictures)
    peer.command(0x104)
    await peer.until(lambda: len(peer.media) - len(peer.pictures) >= 15)
    sound = [media for media in peer.media if not media.is_video]
    assert {media.codec for media in sound} == {codec}
    assert [media.sequence for media in sound] == list(range(len(sound)))
    spans = [b.timestamp_ms - a.timestamp_ms for a, b in itertools.pairwise(sound)]
    period = 64 if audio == "aac" else 40
    assert period - 10 < sum(spans) / len(spans) < period + 10
    assert {media.flags >> 3 & 15 for media in sound} == {rate}
    if audio in {"pcma", "pcmu"}:
        assert {len(media.data) for media in sound} == {320}
    elif audio == "pcm":
        assert {len(media.data) for media in sound} == {640}
    elif audio == "aac":
        assert {media.data[:2] for media in sound} == {b"\xff\xf1"}
    assert await peer.ask(0x10B) == name
    peer.command(0x105)
    await asyncio.sleep(0.2)
    count = len(peer.media) - len(peer.pictures)
    await asyncio.sleep(0.2)
    assert len(peer.media) - len(peer.pictures) == count


# --- other commands -----------------------------------------------------------------


async def test_other_commands(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.open()
    await peer.authenticate()
    for command, body in ((0x10F, b"{}"), (0x200, b""), (0x7FFFFFFF, b"00ff"), (0x112, b"[1]")):
        peer.command(command, body)
    peer.command(0x10B)
    assert await peer.answer(0x10C) == b"g711a"
    peer.command(0x112, {"operation": 2})
    moved = json.loads((await peer.answer(0x113)).rstrip(b"\0"))
    assert moved == {"angle": 61, "elevation": 51, "ret": 0}
    assert (camera.state.angle, camera.state.elevation) == (61, 51)
    peer.answers.clear()
    peer.command(0x112, {"operation": 13, "angle": 200, "elevation": 1})
    moved = json.loads((await peer.answer(0x113)).rstrip(b"\0"))
    assert moved == {"angle": 101, "elevation": 1, "ret": -5}
    peer.command(0x10D, {"sessionid": 4, "starttime": 99, "endtime": 100})
    answer = json.loads((await peer.answer(0x10E)).rstrip(b"\0"))
    assert answer == {"id": 4, "status": "filenotfound", "starttime": 99, "duration": 0}
    assert camera.media_connections == 1


async def test_chatter(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    camera.miss.chatter = 10
    peer = await peer_of(camera)
    await peer.open()
    await asyncio.sleep(0.3)
    assert not peer.answers, "an unknown client is told nothing"
    await peer.authenticate()
    await peer.until(lambda: len(peer.answers) >= 5)


# --- links --------------------------------------------------------------------------


async def test_unacknowledged_messages_are_repeated(
    camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    peer = await peer_of(camera, acknowledge=False)
    await peer.open()
    peer.send_record(0, struct.pack(">I", 0x100) + b"{}")
    began = time.monotonic()
    await peer.until(lambda: peer.drw.count((0, 0)) >= 4)
    assert 0.5 < time.monotonic() - began < 1.2
    peer.acknowledge = True
    await peer.until(lambda: bool(peer.login))
    await asyncio.sleep(0.1)
    count = len(peer.drw)
    await asyncio.sleep(0.5)
    assert len(peer.drw) == count


async def test_what_is_under_way_is_bounded(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(fps=25, audio="opus")
    peer = await peer_of(camera)
    await peer.start(2, audio=1)
    await peer.until(lambda: bool(peer.pictures))
    peer.acknowledge = False
    peer.drw.clear()
    await asyncio.sleep(1.5)
    media = {number for channel, number in peer.drw if channel == 2}
    assert 0 < len(media) <= 65
    peer.acknowledge = True
    await peer.until(lambda: len(peer.pictures) > 45, 8)
    tags = decoded(peer.pictures)
    assert [b.counter - a.counter for a, b in itertools.pairwise(tags)] == [1] * (len(tags) - 1)


async def test_a_slow_viewer_loses_whole_groups(
    camera_at: MakeCamera, peer_of: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.camera.outlet.MAX_BACKLOG", 100_000)
    camera = await camera_at(fps=30)
    peer = await peer_of(camera)
    await peer.start(2)
    await peer.until(lambda: bool(peer.pictures))
    peer.acknowledge = False
    await asyncio.sleep(2.5)
    peer.acknowledge = True
    peer.media.clear()
    await peer.until(lambda: len(peer.pictures) > 60, 8)
    steps = [(a.sequence, b) for a, b in itertools.pairwise(peer.pictures)]
    gaps = [b for before, b in steps if b.sequence != before + 1]
    assert gaps
    assert all(picture.is_key for picture in gaps)


@pytest.mark.parametrize("knob", ["loss", "duplicate", "delay"])
async def test_a_bad_network_loses_no_picture(
    knob: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    camera.miss.random = random.Random(1)
    peer = await peer_of(camera)
    await peer.start(2)
    await peer.until(lambda: bool(peer.pictures))
    setattr(camera.miss, knob, 0.15)
    peer.drw.clear()
    await peer.until(lambda: len(peer.pictures) > 25, 8)
    assert [picture.sequence for picture in peer.pictures] == list(range(len(peer.pictures)))
    tags = decoded(peer.pictures)
    assert [b.counter - a.counter for a, b in itertools.pairwise(tags)] == [1] * (len(tags) - 1)
    arrived = [number for channel, number in peer.drw if channel == 2]
    assert arrived != sorted(set(arrived)), f"{knob} did nothing"


async def test_tcp_can_be_late(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport="tcp")
    camera.miss.delay = 0.3
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: len(peer.pictures) > 10)
    assert [picture.sequence for picture in peer.pictures] == list(range(len(peer.pictures)))
    assert time.time() * 1000 - peer.pictures[-1].timestamp_ms >= 290


@TRANSPORTS
async def test_ping_and_close(transport: str, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport=transport)
    peer = await peer_of(camera)
    kinds: list[int] = []
    take = peer.message
    peer.message = lambda data: (kinds.append(data[1]), take(data))[1]  # type: ignore[method-assign]
    await peer.start(1)
    await peer.until(lambda: bool(peer.pictures))
    peer.raw(PING)
    await peer.until(lambda: 0xE1 in kinds)
    await peer.until(lambda: 0xE0 in kinds)
    peer.raw(CLOSE)
    await peer.until(lambda: 0xF1 in kinds or peer.closed.is_set())
    await until(lambda: camera.media_connections == 0)
    assert camera.viewers == 0
    size = camera.media_bytes_sent
    await asyncio.sleep(0.3)
    assert camera.media_bytes_sent == size
    assert camera.media_connections_total == 1


@TRANSPORTS
async def test_a_client_that_vanished_is_dropped(
    transport: str, camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at(transport=transport)
    camera.miss.silence_timeout = 0.8
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: len(peer.pictures) > 3)
    peer.acknowledge = False
    peer.raw = lambda _data, _to=None: None  # type: ignore[method-assign, assignment]
    await asyncio.sleep(0.4)
    assert camera.media_connections == 1
    await until(lambda: camera.media_connections == 0)
    assert camera.viewers == 0


async def test_who_does_not_log_in_is_dropped(
    camera_at: MakeCamera, peer_of: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.camera.session.LOGIN_PATIENCE", 0.3)
    monkeypatch.setattr("simulator.camera.rendezvous.PATIENCE", 0.3)
    camera = await camera_at()
    searching, idle = await peer_of(camera), await peer_of(camera)
    await searching.search()
    await idle.open()
    assert len(camera.miss._clients) == 2
    await until(lambda: not camera.miss._clients)


async def test_strangers_are_not_heard(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer, stranger = await peer_of(camera), await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: bool(peer.pictures))
    for data in (CLOSE, PING, b"\xf1\x41\0\x14" + peer.uid, os.urandom(40)):
        stranger.raw(data, peer.camera)
    await asyncio.sleep(0.2)
    assert not stranger.datagrams
    assert camera.media_connections == camera.viewers == 1


async def test_rubbish_harms_nobody(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.start(1)
    chaos = random.Random(3)
    for kind in (0x30, 0x41, 0xD0, 0xD1, 0xE0, 0xE1, 0x99):
        for size in (0, 1, 4, 9, 100):
            body = chaos.randbytes(size)
            for length in (size, size + 1, 65535):
                peer.raw(struct.pack(">BBH", 0xF1, kind, length) + body)
                peer.raw(
                    struct.pack(">BBH", 0xF1, kind, length) + body, (camera.spec.address, 32108)
                )
        peer.raw(b"")
        peer.raw(chaos.randbytes(50))
    for body in (b"{", b"[[[[" * 9000, b"\xff\xfe", b"null", b'{"videoquality":"x"}', b"NaN"):
        peer.command(0x109, body)
        peer.command(0x112, body)
    peer.send_record(0, b"")
    peer.send_record(0, b"\0\0\x10\1" + b"short")
    peer.send_record(1, b"anything")
    peer.media.clear()
    await peer.until(lambda: len(peer.pictures) > 5)
    assert camera.media_connections == 1


async def test_an_endless_record_ends_the_link(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    for transport in ("udp", "tcp"):
        camera = await camera_at(transport=transport)
        peer = await peer_of(camera)
        await peer.open()
        await until(lambda camera=camera: camera.media_connections == 1)
        peer.raw(bytes.fromhex("f1d00008d1000000ffffffff"))
        await until(lambda camera=camera: camera.media_connections == 0)


async def test_tcp_without_frames_ends_the_link(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport="tcp")
    peer = await peer_of(camera)
    await peer.open()
    assert peer._writer is not None
    peer._writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await asyncio.wait_for(peer.closed.wait(), 5)
    await until(lambda: camera.media_connections == 0)


async def test_garbage_and_silence(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    camera.miss.silent = True
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.search(), 0.5)
    assert not peer.datagrams
    camera.miss.silent = False
    camera.miss.garbage = True
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.search(), 0.5)
    assert peer.datagrams
    camera.miss.garbage = False
    late = await peer_of(camera)
    await late.start(1)
    await late.until(lambda: bool(late.pictures))
    camera.miss.silent = True
    await asyncio.sleep(0.1)
    size, count = camera.media_bytes_sent, len(late.datagrams)
    await asyncio.sleep(0.3)
    assert (camera.media_bytes_sent, len(late.datagrams)) == (size, count)


# --- the camera as a whole ----------------------------------------------------------


@TRANSPORTS
async def test_stop_says_good_bye(transport: str, camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at(transport=transport)
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: bool(peer.pictures))
    await camera.stop()
    await asyncio.wait_for(peer.closed.wait(), 2)
    assert camera.media_connections == camera.viewers == 0
    await camera.start()
    again = await peer_of(camera)
    await again.start(1)
    await again.until(lambda: bool(again.pictures))


async def test_reboot(camera_at: MakeCamera, peer_of: MakePeer) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    await peer.start(1)
    await peer.until(lambda: sum(p.is_key for p in peer.pictures) == 1)
    before = decoded(peer.pictures)[-1].counter
    await camera.reboot()
    assert camera.media_connections == 0
    count = len(peer.datagrams)
    await asyncio.sleep(0.3)
    assert len(peer.datagrams) == count
    assert not peer.closed.is_set(), "a camera that lost power says nothing"
    old = await peer_of(camera)
    old.public, old.sign = peer.public, peer.sign
    await old.open()
    assert (await old.authenticate())["code"] == 3
    new = await peer_of(camera)
    await new.start(1)
    await new.until(lambda: sum(p.is_key for p in new.pictures) == 1)
    assert decoded(new.pictures)[0].counter > before


async def test_reboot_with_downtime_keeps_keys_if_told(
    camera_at: MakeCamera, peer_of: MakePeer
) -> None:
    camera = await camera_at()
    peer = await peer_of(camera)
    reboot = asyncio.create_task(camera.reboot(downtime=0.4, new_keys=False))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.search(), 0.3)
    await reboot
    await peer.open()
    assert (await peer.authenticate())["result"] == "success"


async def test_an_address_in_use_is_an_error(camera_at: MakeCamera) -> None:
    camera = await camera_at()
    twin = SimCamera(camera.spec)
    with pytest.raises(OSError, match="in use"):
        await twin.start()
