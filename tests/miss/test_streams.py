"""From media records to frames, through a session with a fake camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera.miss import AudioFrame, Codec, MissWrongKey, Statistics, VideoFrame
from custom_components.mi_camera.miss.cs2_packets import Channel, PacketType, push_packet
from custom_components.mi_camera.miss.records import push_record
from custom_components.mi_camera.miss.session import SessionClosed, State
from custom_components.mi_camera.miss.streams import MediaStreams

from .fake import (
    H264_BARE_KEY,
    H264_DELTA,
    H264_KEY,
    H265_DELTA,
    H265_KEY,
    LENS_1,
    PPS,
    SPS,
    Bench,
    FakeCamera,
    make_keys,
)

if TYPE_CHECKING:
    from custom_components.mi_camera.miss.session import Event

SILENCE = bytes([0xD5]) * 320


@pytest.fixture(params=[False, True], ids=["udp", "tcp"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(stream=request.param)


def pictures(events: list[Event]) -> list[VideoFrame]:
    return [event for event in events if isinstance(event, VideoFrame)]


def sounds(events: list[Event]) -> list[AudioFrame]:
    return [event for event in events if isinstance(event, AudioFrame)]


def end_of(events: list[Event]) -> Exception | None:
    last = events[-1]
    assert isinstance(last, SessionClosed)
    return last.error


# -- pictures --------------------------------------------------------------------------


def test_pictures_come_as_they_were_sent(bench: Bench) -> None:
    bench.start()
    events = bench.feed(bench.camera.media(H264_KEY, stamp=1_700_000_000_123, sequence=77))
    events += bench.feed(bench.camera.media(H264_DELTA, stamp=1_700_000_000_163, sequence=78))
    assert events == [
        VideoFrame(0, 77, 1_700_000_000_123, Codec.H264, True, H264_KEY),
        VideoFrame(0, 78, 1_700_000_000_163, Codec.H264, False, H264_DELTA),
    ]


def test_h265(bench: Bench) -> None:
    bench.start()
    events = [
        event
        for data in (H265_DELTA, H265_KEY, H265_DELTA)
        for event in bench.feed(bench.camera.media(data, Codec.H265))
    ]
    assert [(frame.keyframe, frame.data) for frame in pictures(events)] == [
        (True, H265_KEY),
        (False, H265_DELTA),
    ]
    assert bench.statistics.skipped == 1


def test_nothing_before_a_key_frame_whatever_the_flags_say(bench: Bench) -> None:
    bench.start()
    assert bench.feed(bench.camera.media(H264_DELTA, flags=1)) == []
    assert bench.feed(bench.camera.media(H264_BARE_KEY, flags=1)) == []
    [frame] = pictures(bench.feed(bench.camera.media(H264_KEY, flags=0)))
    assert frame.keyframe


def test_key_frame_without_parameter_sets_gets_the_last_ones(bench: Bench) -> None:
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    [frame] = pictures(bench.feed(bench.camera.media(H264_BARE_KEY)))
    assert frame.keyframe
    assert frame.data == SPS + PPS + H264_BARE_KEY


def test_parameter_sets_in_records_of_their_own(bench: Bench) -> None:
    bench.start()
    assert bench.feed(bench.camera.media(SPS)) == []
    assert bench.feed(bench.camera.media(PPS)) == []
    [frame] = pictures(bench.feed(bench.camera.media(H264_BARE_KEY)))
    assert frame.keyframe
    assert frame.data == H264_KEY
    [frame] = pictures(bench.feed(bench.camera.media(H264_DELTA)))
    assert frame.data == H264_DELTA


def test_parameter_sets_on_their_own_are_bounded(bench: Bench) -> None:
    bench.start()
    filler = b"\0\0\0\1\x0c" + b"\xff" * 40_000
    for _ in range(10):
        assert bench.feed(bench.camera.media(filler)) == []
    [frame] = pictures(bench.feed(bench.camera.media(H264_KEY)))
    assert len(frame.data) < 50_000


def test_another_codec_begins_with_a_key_frame(bench: Bench) -> None:
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    assert bench.feed(bench.camera.media(H265_DELTA, Codec.H265)) == []
    bare = b"\0\0\0\1\x26\x01idr"
    assert bench.feed(bench.camera.media(bare, Codec.H265)) == []
    assert len(bench.feed(bench.camera.media(H265_KEY, Codec.H265))) == 1


def test_change_of_quality_begins_with_a_key_frame(bench: Bench) -> None:
    """Whatever of both streams comes in between."""
    small, large = 3 << 17, 2 << 17
    bench.start(quality=1)
    bench.feed(bench.camera.media(H264_KEY, flags=small))
    # The same quality again changes nothing.
    bench.session.start_video(quality=1, lens=0, audio=True, now=bench.now)
    assert len(bench.feed(bench.camera.media(H264_DELTA, flags=small))) == 1
    bench.session.start_video(quality=2, lens=0, audio=False, now=bench.now)
    assert bench.feed(bench.camera.media(H264_DELTA, flags=small)) == []
    assert len(bench.feed(bench.camera.media(H264_KEY, flags=small))) == 1
    assert len(bench.feed(bench.camera.media(H264_DELTA, flags=small))) == 1
    assert bench.feed(bench.camera.media(H264_DELTA, flags=large)) == []
    assert len(bench.feed(bench.camera.media(H264_KEY, flags=large))) == 1
    assert len(bench.feed(bench.camera.media(H264_DELTA, flags=large))) == 1
    # Later on the header's word is not enough to withhold a picture.
    bench.advance(4)
    assert len(pictures(bench.feed(bench.camera.media(H264_DELTA, flags=small)))) == 1


def test_lenses_are_kept_apart(bench: Bench) -> None:
    bench.start(lens=1)
    assert bench.feed(bench.camera.media(H264_KEY)) == []
    assert bench.statistics.unwanted == 1
    [frame] = pictures(bench.feed(bench.camera.media(H264_KEY, flags=LENS_1)))
    assert frame.lens == 1
    bench.session.start_video(quality=2, lens=0, audio=False, now=bench.now)
    # The other lens's key frame does not help this one.
    assert bench.feed(bench.camera.media(H264_DELTA)) == []
    assert [f.lens for f in pictures(bench.feed(bench.camera.media(H264_KEY)))] == [0]
    assert [f.lens for f in pictures(bench.feed(bench.camera.media(H264_DELTA, flags=LENS_1)))] == [
        1
    ]


def test_nothing_unasked_and_nothing_after_stop(bench: Bench) -> None:
    bench.log_in()
    assert bench.feed(bench.camera.media(H264_KEY)) == []
    bench.session.start_video(quality=2, lens=0, audio=True, now=bench.now)
    assert len(bench.feed(bench.camera.media(H264_KEY))) == 1
    bench.session.stop_video(bench.now)
    assert bench.feed(bench.camera.media(H264_DELTA)) == []
    assert bench.feed(bench.camera.media(SILENCE, Codec.PCMA)) == []
    assert bench.statistics.unwanted == 3
    bench.session.start_video(quality=2, lens=0, audio=False, now=bench.now)
    assert bench.feed(bench.camera.media(H264_DELTA)) == []
    assert len(bench.feed(bench.camera.media(H264_KEY))) == 1


def test_after_a_loss_nothing_before_the_next_key_frame() -> None:
    bench = Bench()
    bench.start(audio=True)
    camera = bench.camera
    assert len(bench.feed(camera.media(H264_KEY))) == 1
    camera.media(H264_DELTA)  # lost for good
    events = bench.feed(camera.media(H264_DELTA) + camera.media(SILENCE, Codec.PCMA))
    assert events == []
    events = bench.live(2.1)
    assert pictures(events) == []
    assert len(sounds(events)) == 1
    assert pictures(bench.feed(camera.media(H264_DELTA))) == []
    assert len(pictures(bench.feed(camera.media(H264_KEY)))) == 1
    assert len(pictures(bench.feed(camera.media(H264_DELTA)))) == 1
    assert bench.statistics.skipped == 2


def test_loss_of_sound_costs_no_picture() -> None:
    """The camera numbers pictures and sound of each lens by themselves: it can be told."""
    bench = Bench()
    bench.start(audio=True)
    bench.session.start_video(quality=2, lens=1, audio=True, now=bench.now)
    camera = bench.camera
    for number in range(10, 12):
        bench.feed(camera.media(H264_KEY, sequence=number))
        bench.feed(camera.media(H264_KEY, flags=LENS_1, sequence=number))
    camera.media(SILENCE, Codec.PCMA, sequence=7)  # lost for good
    camera.media(H264_DELTA, flags=LENS_1, sequence=12)  # this too
    bench.feed(camera.media(H264_DELTA, sequence=12))
    bench.feed(camera.media(H264_DELTA, flags=LENS_1, sequence=13))
    bench.feed(camera.media(H264_DELTA, sequence=13))
    assert [frame.lens for frame in pictures(bench.live(2.1))] == [0, 0]
    assert bench.statistics.gaps == 1
    assert bench.statistics.skipped == 1
    # Numbers that do not count say nothing.
    bench.feed(camera.media(H264_KEY, sequence=0))
    camera.media(SILENCE, Codec.PCMA, sequence=8)
    bench.feed(camera.media(H264_DELTA, sequence=1))
    assert pictures(bench.live(2.1)) == []


def test_large_picture_with_a_hole_never_comes_in_part() -> None:
    bench = Bench()
    bench.start()
    large = H264_KEY + b"\x11" * 20_000
    packets = bench.camera.media(large)
    del packets[5]
    assert bench.feed(packets) == []
    assert bench.live(2.1) == []
    [frame] = pictures(bench.feed(bench.camera.media(large)))
    assert frame.data == large


def test_one_implausible_picture_costs_the_rest_of_the_group(bench: Bench) -> None:
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    assert bench.feed(bench.camera.media(b"rubbish that is no access unit")) == []
    assert bench.feed(bench.camera.media(H264_DELTA)) == []
    assert len(bench.feed(bench.camera.media(H264_KEY))) == 1
    assert bench.statistics.integrity_errors == 1
    for _ in range(20):
        bench.feed(bench.camera.media(b"rubbish") + bench.camera.media(H264_KEY))
    assert bench.session.state is State.READY


def test_wrong_key_is_found_out_and_nothing_comes_of_it(bench: Bench) -> None:
    bench.start(audio=True)
    bench.camera.keys = make_keys()  # the camera has agreed on a key with somebody else
    events: list[Event] = []
    for _ in range(4):
        events += bench.feed(bench.camera.media(SILENCE, Codec.PCMA))
        events += bench.feed(bench.camera.media(H264_KEY))
    assert events == []
    # What is behind the one too many is not even looked at.
    events = bench.feed(bench.camera.media(H264_KEY) + bench.camera.media(H264_KEY))
    assert isinstance(end_of(events), MissWrongKey)
    assert len(events) == 1
    assert bench.statistics.integrity_errors == 5
    sent = bench.sent()
    assert sent[-1].endswith(push_packet(PacketType.CLOSE))


@pytest.mark.parametrize(
    "record",
    [
        (40).to_bytes(4, "little") + bytes(28),
        (3).to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(24) + b"abc",
        (0).to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(24),
    ],
    ids=["lengths", "shorter than a nonce", "empty"],
)
def test_bad_media_records(bench: Bench, record: bytes) -> None:
    bench.start()
    packets = bench.camera.packets(Channel.MEDIA, push_record(record))
    assert bench.feed(packets) == []
    assert bench.statistics.malformed == 1
    assert len(pictures(bench.feed(bench.camera.media(H264_KEY)))) == 1


def test_payload_is_as_long_as_its_header_says() -> None:
    """Whatever transport the records come by: that of CS2 looks at it itself."""
    camera, statistics = FakeCamera(make_keys()), Statistics()
    streams = MediaStreams(camera.cipher, statistics)
    streams.want(0, 2, 0.0)
    padded = streams.receive(camera.media_record(H264_KEY) + b"padding" * 9, 1.0)
    assert isinstance(padded, VideoFrame)
    assert padded.data == H264_KEY
    assert streams.receive(camera.media_record(H264_DELTA)[:-1], 1.0) is None
    assert statistics.malformed == 1
    # A picture is missing now: it goes on with a key frame.
    assert streams.receive(camera.media_record(H264_DELTA), 1.0) is None
    assert statistics.skipped == 1
    assert streams.receive(camera.media_record(H264_KEY), 1.0) is not None
    assert statistics.malformed == 1
    assert statistics.integrity_errors == 0


def test_codecs_we_do_not_know(bench: Bench) -> None:
    bench.start(audio=True)
    for codec in (0, 3, 0x401, 0x404, 0xFFFFFFFF):
        assert bench.feed(bench.camera.media(H264_KEY, codec)) == []
    assert bench.statistics.unsupported == 5


# -- sound -----------------------------------------------------------------------------


def test_sound(bench: Bench) -> None:
    bench.start(audio=True)
    # Only a picture proves the key.
    assert bench.feed(bench.camera.media(SILENCE, Codec.PCMA)) == []
    bench.feed(bench.camera.media(H264_KEY, stamp=1_700_000_000_000))
    [frame] = bench.feed(
        bench.camera.media(SILENCE, Codec.PCMA, sequence=3, stamp=1_700_000_000_005, flags=3 << 3)
    )
    assert frame == AudioFrame(0, 3, 1_700_000_000_005, Codec.PCMA, 16000, 1, SILENCE)
    [frame] = bench.feed(bench.camera.media(b"\x0cxyz", Codec.OPUS))
    assert isinstance(frame, AudioFrame)
    assert (frame.sample_rate, frame.channels) == (48000, 2)


def test_sound_nobody_asked_for(bench: Bench) -> None:
    bench.start()
    bench.feed(bench.camera.media(H264_KEY))
    assert bench.feed(bench.camera.media(SILENCE, Codec.PCMA)) == []
    assert bench.statistics.unwanted == 1


@pytest.mark.parametrize("size", [0, 65_537])
def test_sound_of_no_sensible_size(bench: Bench, size: int) -> None:
    bench.start(audio=True)
    bench.feed(bench.camera.media(H264_KEY))
    assert bench.feed(bench.camera.media(bytes(size), Codec.PCMA)) == []
    assert bench.statistics.integrity_errors == 1
