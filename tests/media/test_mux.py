"""MPEG-TS that demuxers nobody here wrote read back as it went in."""

from __future__ import annotations

from collections import defaultdict
import io
import itertools
import tracemalloc

import av
from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.media import AccessUnit, Source, Tracks
from custom_components.mi_camera.media.mux import SoundPacket, TsMuxer
from custom_components.mi_camera.media.sound import SoundTrack
from custom_components.mi_camera.miss import Codec

from .pictures import GROUP, coded

NAMES = {Codec.H264: "h264", Codec.H265: "hevc"}


def unit(
    number: int, data: bytes, codec: Codec = Codec.H264, at: float | None = None
) -> AccessUnit:
    captured = number / 15 if at is None else at
    return AccessUnit(Source("1"), 1, 1, number, captured, codec, number % GROUP == 0, data)


def check_packets(data: bytes) -> dict[int, bytes]:
    """Check every packet's head; return the payloads by PID."""
    assert len(data) % 188 == 0
    counts: dict[int, int] = {}
    payloads: dict[int, bytes] = defaultdict(bytes)
    for at in range(0, len(data), 188):
        packet = data[at : at + 188]
        assert packet[0] == 0x47
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        assert packet[3] & 0x10
        count = packet[3] & 0xF
        assert count == (counts.get(pid, count - 1) + 1) & 0xF
        counts[pid] = count
        skip = 5 + packet[4] if packet[3] & 0x20 else 4
        assert skip <= 188
        payloads[pid] += packet[skip:]
    return payloads


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_pictures_and_times_come_out_as_they_went_in(codec: Codec) -> None:
    muxer = TsMuxer(codec, 0.0)
    data = b"".join(muxer.mux(unit(n, one, codec)) for n, one in enumerate(coded(codec)))
    check_packets(data)
    with av.open(io.BytesIO(data)) as container:
        assert [stream.codec_context.name for stream in container.streams] == [NAMES[codec]]
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.pts for packet in packets] == [int((n / 15 + 1) * 90_000) for n in range(20)]
    assert [packet.is_keyframe for packet in packets] == [n % GROUP == 0 for n in range(20)]
    for packet, original in zip(packets, coded(codec), strict=True):
        assert bytes(packet).endswith(original)
    with av.open(io.BytesIO(data)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


def test_a_delimiter_that_is_there_is_not_doubled() -> None:
    bare, delimiter = coded()[0], b"\0\0\0\1\x09\x10"
    chunks = [TsMuxer(Codec.H264, 0.0).mux(unit(0, data)) for data in (bare, delimiter + bare)]
    assert [b"".join(check_packets(chunk).values()).count(b"\0\0\0\1\x09") for chunk in chunks] == [
        1,
        1,
    ]


@given(st.lists(st.integers(1, 1200) | st.integers(60_000, 70_000), min_size=1, max_size=8))
def test_any_length_is_packed_whole(sizes: list[int]) -> None:
    muxer = TsMuxer(Codec.H264, 0.0)
    bodies = [b"\0\0\0\1\x41" + bytes([n % 250 + 1]) * size for n, size in enumerate(sizes)]
    data = b"".join(muxer.mux(unit(n, body)) for n, body in enumerate(bodies))
    picture_bytes = check_packets(data)[0x100]
    for body in bodies:
        length = int.from_bytes(picture_bytes[4:6])
        size = 14 + 6 + len(body)
        assert length == (size - 6 if size - 6 < 1 << 16 else 0)
        assert picture_bytes[:size].endswith(body)
        picture_bytes = picture_bytes[size:]
    assert picture_bytes == b""


def test_a_stream_of_more_than_a_day_goes_on() -> None:
    """33 bits of time last for 26.5 hours."""
    muxer = TsMuxer(Codec.H264, 0.0)
    wrap = (1 << 33) / 90_000
    data = b"".join(
        muxer.mux(unit(n, one, at=wrap - 1.5 + n / 15)) for n, one in enumerate(coded())
    )
    with av.open(io.BytesIO(data)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert all(4000 < later - one < 8000 for one, later in itertools.pairwise(stamps))


def test_times_never_run_backwards() -> None:
    muxer = TsMuxer(Codec.H264, 0.0)
    data = b"".join(muxer.mux(unit(n, one, at=5.0 - n)) for n, one in enumerate(coded()))
    with av.open(io.BytesIO(data)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize("tracks", [Tracks.PICTURES, Tracks.SOUND, Tracks.SOUND_AND_OPUS])
def test_the_map_names_the_tracks_in_their_order(tracks: Tracks) -> None:
    muxer = TsMuxer(Codec.H264, 0.0, tracks)
    data = muxer.mux(unit(0, coded()[0]))
    if tracks is not Tracks.PICTURES:
        track = SoundTrack(0.0, opus=tracks is Tracks.SOUND_AND_OPUS)
        data += b"".join(map(muxer.mux_sound, track.begin()))
    if tracks is not Tracks.SOUND_AND_OPUS:
        with pytest.raises(KeyError):
            muxer.mux_sound(SoundPacket(Codec.OPUS, 0.0, b"\xfc\xff\xfe"))
    # Less than this is taken for another format.
    data += b"".join(muxer.mux(unit(n, coded()[n])) for n in range(1, 6))
    check_packets(data)
    with av.open(io.BytesIO(data)) as container:
        names = [stream.codec_context.name for stream in container.streams]
    wanted = {Tracks.PICTURES: 1, Tracks.SOUND: 2, Tracks.SOUND_AND_OPUS: 3}[tracks]
    assert names == ["h264", "aac", "opus"][:wanted]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_who_joins_at_any_key_frame_finds_every_track_and_picture(codec: Codec) -> None:
    muxer = TsMuxer(codec, 0.0, Tracks.SOUND_AND_OPUS)
    track = SoundTrack(0.0, opus=True)
    track.begin()
    muxer.mux(unit(0, coded(codec)[0], codec))
    joined = b""
    for number in range(GROUP, 2 * GROUP):
        joined += muxer.mux(unit(number, coded(codec)[number], codec))
        joined += b"".join(map(muxer.mux_sound, track.advance(number / 15)))
    check_packets(joined)
    with av.open(io.BytesIO(joined)) as container:
        names = [stream.codec_context.name for stream in container.streams]
        assert names == [NAMES[codec], "aac", "opus"]
        assert sum(1 for _ in container.decode(video=0)) == GROUP


def test_a_piece_of_sound_is_not_kept_for_the_next() -> None:
    muxer = TsMuxer(Codec.H264, 0.0, Tracks.SOUND_AND_OPUS)
    pids = {Codec.AAC: 0x101, Codec.OPUS: 0x102}
    silence = SoundTrack(0.0, opus=True).begin()
    assert {packet.codec for packet in silence} == set(pids)
    for packet in silence:
        payloads = check_packets(muxer.mux_sound(packet))
        assert list(payloads) == [pids[packet.codec]]
        payload = payloads[pids[packet.codec]]
        assert payload.endswith(packet.data)
        assert int.from_bytes(payload[4:6]) == len(payload) - 6


def test_a_muxer_keeps_nothing_of_what_went_through() -> None:
    muxer = TsMuxer(Codec.H264, 0.0, Tracks.SOUND)
    picture, sound = coded()[1], SoundTrack(0.0, opus=False).begin()[0].data

    def run(count: int) -> None:
        for number in range(count):
            at = number / 15
            # Another length each time, as of real pictures.
            muxer.mux(unit(number, picture + bytes(number % 5000), at=at))
            muxer.mux_sound(SoundPacket(Codec.AAC, at, sound))

    run(100)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    run(3000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


@given(st.integers(0, 2000))
def test_opus_of_any_size_comes_out_whole(size: int) -> None:
    muxer = TsMuxer(Codec.H264, 0.0, Tracks.SOUND_AND_OPUS)
    data = bytes(range(256)) * 8
    packets = muxer.mux_sound(SoundPacket(Codec.OPUS, 0.0, data[:size]))
    payload = check_packets(packets)[0x102]
    assert payload[14:16] == b"\x7f\xe0"
    assert payload.endswith(data[:size])
    lacing = payload[16 : len(payload) - size]
    assert sum(lacing) == size
    assert all(byte == 255 for byte in lacing[:-1])
