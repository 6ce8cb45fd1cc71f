"""HLS of a session: what a player is told and given, and what is kept for it."""

from __future__ import annotations

from itertools import count, pairwise
import re
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.mi_camera.media import AccessUnit, HlsSession, Origin, Source, Tracks
from custom_components.mi_camera.media.fmp4 import codec_string
from custom_components.mi_camera.media.sound import SoundTrack
from custom_components.mi_camera.miss import Codec
from simulator.display.decoder import SegmentDecoder
from simulator.display.models import MODELS
from simulator.display.playlist import MediaPlaylist, parse

from .pictures import GROUP, coded

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN = Origin(Source("1001"), 3)
START = 1000.0
RATE = 15
FILLER = b"\0\0\1\x0c"
"""Start of a NAL unit that decoders pass over."""


def units(
    codec: Codec = Codec.H264,
    tracks: Tracks = Tracks.PICTURES,
    *,
    filler: int = 0,
    start: float = START,
) -> Iterator[AccessUnit]:
    """Pictures of a camera from `start` on, each with so many bytes of `filler`."""
    pictures = coded(codec)
    for number in count():
        data = pictures[number % len(pictures)]
        if filler:
            data += FILLER + b"\xff" * filler
        yield AccessUnit(
            ORIGIN.source,
            ORIGIN.epoch,
            1,
            number,
            start + number / RATE,
            codec,
            number % GROUP == 0,
            data,
            tracks,
        )


def take(session: HlsSession, number: int, **kind: object) -> None:
    for unit, _ in zip(units(**kind), range(number), strict=False):  # type: ignore[arg-type]
        session.add((unit,), ORIGIN)


def media(session: HlsSession) -> MediaPlaylist:
    text = session.playlist()
    assert text is not None
    playlist = parse(text, "http://x/playlist.m3u8")
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def number_of(url: str) -> int:
    found = re.fullmatch(r"http://x/(\d+)\.m4s", url)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("tracks", [Tracks.PICTURES, Tracks.SOUND])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_display_decodes_every_picture_at_its_time(codec: Codec, tracks: Tracks) -> None:
    session = HlsSession()
    sound: SoundTrack | None = None
    for unit, _ in zip(units(codec, tracks), range(4 * GROUP + 1), strict=False):
        session.add((unit,), ORIGIN)
        if tracks is Tracks.SOUND:
            if sound is None:
                sound = SoundTrack(START + 0.01, opus=False)
                session.add(tuple(sound.begin()), ORIGIN)
            session.add(tuple(sound.advance(unit.captured)), ORIGIN)
    init = session.init()
    assert init is not None
    decoder = SegmentDecoder(MODELS["Google TV Streamer"], fragmented=True)
    times: list[float] = []
    for one in media(session).segments:
        segment = session.segment(number_of(one.url))
        assert segment is not None
        frames = decoder.decode(init, segment.data, restart=False)
        assert frames[0].at == pytest.approx(segment.start - START + 1)
        assert len(frames) == pytest.approx(one.duration * RATE, abs=0.1)
        times += [frame.at for frame in frames]
    assert len(times) == 4 * GROUP
    assert [b - a for a, b in pairwise(times)] == pytest.approx([1 / RATE] * (len(times) - 1))
    master = session.master()
    assert master is not None
    (variant,) = parse(master, "http://x/master.m3u8")  # type: ignore[misc]
    assert (variant.width, variant.height) == (320, 180)
    video, *audio = variant.codecs.split(",")
    assert audio == ["mp4a.40.2"]
    assert video == ("avc1.42c00c" if codec is Codec.H264 else "hev1.1.6.L60.90")


def test_a_group_that_is_here_is_a_segment_at_once() -> None:
    session = HlsSession()
    pictures = units()
    for _ in range(8):
        assert not session.add((next(pictures),), ORIGIN)
    assert not session.ready
    assert session.playlist() is session.master() is session.init() is session.segment(0) is None
    assert session.add((next(pictures),), ORIGIN)
    assert [one.duration for one in media(session).segments] == [pytest.approx(8 / RATE, abs=0.01)]


@given(
    gaps=st.lists(
        st.one_of(*[st.floats(0.001, 0.2)] * 4, st.floats(2, 4)),
        min_size=30,
        max_size=90,
    ),
    group=st.integers(min_value=1, max_value=60),
)
@settings(max_examples=30, deadline=None)
def test_a_playlist_is_valid_whenever_it_is_asked_for(gaps: list[float], group: int) -> None:
    session = HlsSession()
    pictures = coded()
    at, first = START, 0
    for number, gap in enumerate(gaps):
        at += gap
        key = number % group == 0
        data = pictures[0 if key else 1]
        unit = AccessUnit(ORIGIN.source, 3, 1, number, at, Codec.H264, key, data)
        session.add((unit,), ORIGIN)
        if not session.ready:
            continue
        playlist = media(session)
        assert playlist.target_duration == 1
        assert playlist.media_sequence >= first
        first = playlist.media_sequence
        numbers = [number_of(one.url) for one in playlist.segments]
        assert numbers == list(range(first, first + len(numbers)))
        kept = [session.segment(one) for one in numbers]
        assert all(round(one.duration) <= 1 for one in playlist.segments)
        keys = [one.number for one in kept if one is not None and one.keyframe]
        if keys:
            assert kept[0] is not None
            assert kept[0].keyframe
            assert playlist.start() == keys[-1]
        for one, following in pairwise(kept):
            assert one is not None
            assert following is not None
            # A hole where no picture came, but never two pictures at a time.
            assert following.start >= one.start + one.duration - 0.002


def test_memory_is_bounded() -> None:
    room = 200_000
    session = HlsSession(room)
    for number, unit in zip(range(600), units(filler=3000), strict=False):
        session.add((unit,), ORIGIN)
        assert session.kept <= room
        if number > 60:
            assert session.ready
    # A group that does not fit is given up, and the next one is as good as before.
    session = HlsSession(room)
    for _, unit in zip(range(100), units(filler=60_000), strict=False):
        session.add((unit,), ORIGIN)
        assert session.kept <= room
    for unit, _ in zip(units(), range(20), strict=False):
        later = AccessUnit(
            ORIGIN.source,
            3,
            1,
            0,
            START + 100 + unit.captured,
            Codec.H264,
            unit.keyframe,
            unit.data,
        )
        session.add((later,), ORIGIN)
    assert session.ready
    session.end()
    assert session.kept == 0
    assert not session.ready


def test_only_the_last_seconds_are_kept() -> None:
    session = HlsSession()
    take(session, 60 * RATE)
    listed = media(session).segments
    assert 5 <= sum(one.duration for one in listed) < 7
    oldest = number_of(listed[-1].url) - 20
    assert session.segment(oldest) is None
    assert session.segment(number_of(listed[0].url) - 1) is not None
    assert session.segment(number_of(listed[-1].url) + 1) is None
    assert session.segment(-1) is None


def test_nothing_of_two_origins_is_in_one_segment() -> None:
    session = HlsSession()
    other = Origin(Source("1002"), 3)
    pictures = units()
    # The first segment, and a part of the second one, which never gets an end.
    for number in range(3 * GROUP + 1):
        session.add((next(pictures),), ORIGIN if number < GROUP + 4 else other)
    found = [session.segment(number) for number in range(3)]
    assert [one and one.origin for one in found] == [ORIGIN, other, None]


def test_rubbish_is_given_up_and_a_key_frame_begins_anew() -> None:
    session = HlsSession()
    for number in range(40):
        unit = AccessUnit(
            ORIGIN.source,
            3,
            1,
            number,
            START + number / RATE,
            Codec.H264,
            number % 10 == 0,
            b"\xff",
        )
        session.add((unit,), ORIGIN)
    assert not session.ready
    assert session.kept < 100
    take(session, 12)
    assert session.ready
    assert codec_string(b"") == ""


def test_what_is_too_old_goes_though_nothing_follows() -> None:
    """The machine slept, for instance."""
    session = HlsSession()
    take(session, 4 * RATE)
    session.forget_old(START + 4 + 2)
    assert session.segment(0) is not None
    session.forget_old(START + 4 + 10)
    assert not session.ready
    assert session.playlist() is session.master() is session.init() is None
