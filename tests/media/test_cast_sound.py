"""The sound of a cast: always there, unbroken, and where something is said."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.mi_camera.media import AccessUnit, CastSound, HlsSession, Tracks
from custom_components.mi_camera.media.aac import FRAME_SECONDS, AacEncoder, silent_frame
from custom_components.mi_camera.media.mux import SoundPacket
from custom_components.mi_camera.media.sound_timeline import RATE
from custom_components.mi_camera.miss import Codec
from simulator.display.decoder import SegmentDecoder
from simulator.display.models import MODELS

from .pictures import GROUP, coded
from .test_hls_session import ORIGIN, RATE as PICTURES, START, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from custom_components.mi_camera.media.mux import Parts
    from simulator.display.hearing import Hearing

SILENT = b"\xff\xf1silence"


def tone(hertz: float, seconds: float) -> list[bytes]:
    """Return frames with a tone."""
    at = np.arange(int(seconds * RATE)) / RATE
    samples = (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
    encoder = AacEncoder()
    return [frame.data for frame in encoder.encode(samples.tobytes()) + encoder.finish()]


def picture(captured: float, number: int, tracks: Tracks = Tracks.PICTURES) -> AccessUnit:
    data = coded()[0 if number % GROUP == 0 else 1]
    return AccessUnit(
        ORIGIN.source, 3, 1, number, captured, Codec.H264, number % GROUP == 0, data, tracks
    )


def sounds(parts: Iterable[Parts]) -> list[SoundPacket]:
    return [part for chunk in parts for part in chunk if isinstance(part, SoundPacket)]


def assert_unbroken(packets: list[SoundPacket]) -> None:
    starts = [round((one.at - packets[0].at) * RATE, 3) for one in packets]
    assert starts == [1024 * number for number in range(len(packets))]


def microphone(
    frames: Iterable[bytes], start: float, chunks: Iterable[Parts], late: float = 0.1
) -> Iterator[Parts]:
    """Put a camera's frames among the pictures, so much after they were spoken."""
    at = start
    waiting = iter(frames)
    for chunk in chunks:
        yield chunk
        (unit,) = chunk
        while at + FRAME_SECONDS + late <= unit.captured and (frame := next(waiting, None)):
            assert isinstance(unit, AccessUnit)
            yield (SoundPacket(Codec.AAC, at, frame),)
            at += FRAME_SECONDS


def heard(chunks: Iterable[Parts]) -> tuple[Hearing, list[tuple[float, float]]]:
    """Play HLS of these; return what was heard, and the times of each segment by its sound."""
    session = HlsSession()
    decoder = SegmentDecoder(MODELS["Google Nest Hub"], fragmented=True)
    number = 0
    spans: list[tuple[float, float]] = []
    for chunk in chunks:
        if not session.add(chunk, ORIGIN):
            continue
        segment, init = session.segment(number), session.init()
        assert segment is not None
        assert init is not None
        before = decoder.sound.seconds
        decoder.decode(init, segment.data, restart=False)
        spans.append((segment.duration, decoder.sound.seconds - before))
        number += 1
        assert (master := session.master()) is not None
        assert "mp4a.40.2" in master
    return decoder.sound, spans


def pitches(hearing: Hearing) -> list[tuple[float, int]]:
    """Return when which tone began, in seconds from the first picture; silence is 0."""
    found: list[tuple[float, int]] = []
    for one in hearing.tones:
        hertz = round(one.hertz, -1)
        if not found or found[-1][1] != hertz:
            found.append((round(one.at - 1.0, 2), int(hertz)))
    return found


# -- silence -------------------------------------------------------------------------------


def test_without_a_microphone_there_is_silence_for_each_segment() -> None:
    sound = CastSound()
    chunks = [sound.follow((unit,)) for unit, _ in zip(units(), range(12 * GROUP), strict=False)]
    packets = sounds(chunks)
    assert {one.data for one in packets} == {silent_frame()}
    assert packets[0].at == START
    assert_unbroken(packets)
    hearing, spans = heard(chunks)
    assert len(spans) > 8
    for duration, heard_seconds in spans:
        assert heard_seconds == pytest.approx(duration, abs=FRAME_SECONDS + 0.001)
    assert sum(one for _, one in spans) == pytest.approx(
        sum(one for one, _ in spans), abs=FRAME_SECONDS
    )
    assert (hearing.gaps, hearing.damaged) == (0, 0)
    assert {one.hertz for one in hearing.tones} == {0.0}


def test_silence_does_not_drift_in_hours() -> None:
    sound = CastSound()
    frame = 1 / 15.0037  # no whole number of anything
    count = 0
    end = START
    for number in range(int(4 * 3600 / frame)):
        captured = START + number * frame
        for part in sound.follow((picture(captured, number),)):
            if isinstance(part, SoundPacket):
                assert round((part.at - START) * RATE) == 1024 * count
                count += 1
                end = part.at + FRAME_SECONDS
        assert captured <= end <= captured + FRAME_SECONDS


def test_a_silent_frame_is_silence_between_any_others() -> None:
    speech = tone(1000, 1.0)
    encoder = AacEncoder()
    assert encoder.encode(bytes(8 * 4096))[-1].data == silent_frame()
    sound = CastSound()
    chunks: list[Parts] = []
    for unit, _ in zip(units(), range(6 * PICTURES), strict=False):
        if unit.captured == START + 2:
            sound.say(speech)
        chunks.append(sound.follow((unit,)))
    hearing, _ = heard(chunks)
    assert hearing.gaps == hearing.damaged == 0
    assert pitches(hearing) == [(0.0, 0), (pytest.approx(2.0, abs=0.3), 1000), (3.25, 0)]


# -- a camera with sound ----------------------------------------------------------------------


def test_a_cameras_sound_is_passed_on_as_it_is() -> None:
    sound = CastSound()
    spoken = tone(440, 8.0)
    given_chunks = list(
        microphone(
            spoken,
            START + 0.01,
            ((unit,) for unit, _ in zip(units(tracks=Tracks.SOUND), range(120), strict=False)),
        )
    )
    chunks = [sound.follow(one) for one in given_chunks]
    passed = sounds(chunks)
    assert [one.data for one in passed] == [one.data for one in sounds(given_chunks)]
    assert [one.at for one in passed] == pytest.approx([one.at for one in sounds(given_chunks)])
    hearing, spans = heard(chunks)
    assert (hearing.gaps, hearing.damaged) == (0, 0)
    assert all(seconds > 0 for _, seconds in spans)
    assert {int(round(one.hertz, -1)) for one in list(hearing.tones)[1:]} == {440}


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_each_segment_has_sound_however_late_the_cameras_is(before: float) -> None:
    sound = CastSound()
    pictures = zip(units(tracks=Tracks.SOUND), range(120), strict=False)
    chunks = [
        sound.follow(one)
        for one in microphone(
            tone(440, 8.0 + before),
            START + 0.01 - before,
            ((unit,) for unit, _ in pictures),
            late=0.49,
        )
    ]
    assert_unbroken(sounds(chunks))
    hearing, spans = heard(chunks)
    assert (hearing.gaps, hearing.damaged) == (0, 0)
    assert all(seconds > 0.2 for _, seconds in spans), spans
    assert pitches(hearing)[-1][1] == 440


def test_sound_that_begins_late_and_ends_early_has_silence_around_it() -> None:
    sound = CastSound()
    chunks: list[Parts] = []
    spoken = iter(tone(440, 2.0))
    at = START + 3.02
    for unit, _ in zip(units(tracks=Tracks.SOUND), range(10 * PICTURES), strict=False):
        chunks.append(sound.follow((unit,)))
        while at + FRAME_SECONDS < unit.captured and (frame := next(spoken, None)):
            chunks.append(sound.follow((SoundPacket(Codec.AAC, at, frame),)))
            at += FRAME_SECONDS
    packets = sounds(chunks)
    assert_unbroken(packets)
    assert packets[0].at == START
    hearing, _ = heard(chunks)
    assert hearing.gaps == hearing.damaged == 0
    (zero, _), (began, hertz), (ended, silent) = pitches(hearing)
    assert (zero, hertz, silent) == (0.0, 440, 0)
    assert began == pytest.approx(3.0, abs=0.3)
    assert ended == pytest.approx(5.1, abs=0.3)
    # It is at its time to half a frame.
    loud = [one for one in packets if one.data != silent_frame()]
    assert loud[0].at == pytest.approx(START + 3.02, abs=FRAME_SECONDS / 2)


def test_the_sound_of_one_who_joins_late_begins_with_the_pictures() -> None:
    """What is there already may have sound of before the first picture."""
    sound = CastSound()
    chunks = [sound.follow((picture(START, 0, Tracks.SOUND),))]
    chunks += [
        sound.follow((SoundPacket(Codec.AAC, START - 0.3 + number * FRAME_SECONDS, SILENT),))
        for number in range(10)
    ]
    packets = sounds(chunks)
    assert packets[0].at == pytest.approx(START, abs=FRAME_SECONDS)
    assert_unbroken(packets)


def test_a_hole_in_the_pictures_is_one_in_the_sound() -> None:
    for tracks in (Tracks.PICTURES, Tracks.SOUND):
        sound = CastSound()
        chunks: list[Parts] = []
        for number, unit in zip(range(60), units(tracks=tracks), strict=False):
            moved = picture(unit.captured + (30 if number >= 30 else 0), number, tracks)
            chunks.append(sound.follow((moved,)))
        packets = sounds(chunks)
        jumps = [
            b.at - a.at for a, b in pairwise(packets) if abs(b.at - a.at - FRAME_SECONDS) > 1e-6
        ]
        assert len(jumps) == 1
        assert 28 < jumps[0] < 32
        # No burst for the time that was lost.
        assert len(packets) * FRAME_SECONDS < 4.2


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.001, 3.0),
            st.sampled_from(["picture", "picture", "sound", "sound", "both"]),
            st.floats(-3.0, 3.0),
        ),
        max_size=80,
    ),
    tracks=st.sampled_from([Tracks.PICTURES, Tracks.SOUND]),
)
@settings(max_examples=100, deadline=None)
def test_whatever_comes_frames_never_overlap_and_are_bounded(
    steps: list[tuple[float, str, float]], tracks: Tracks
) -> None:
    sound = CastSound()
    now = START
    chunks: list[Parts] = []
    for number, (gap, kind, off) in enumerate(steps):
        now += gap
        if kind != "sound":
            chunks.append(sound.follow((picture(now, number, tracks),)))
        if kind != "picture":
            chunks.append(sound.follow((SoundPacket(Codec.AAC, now + off, SILENT),)))
        assert len(chunks[-1]) < 60
    for one, following in pairwise(sounds(chunks)):
        assert following.at - one.at >= FRAME_SECONDS - 1e-6


@given(jitter=st.lists(st.floats(-0.0005, 0.0005), min_size=200, max_size=200), off=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_no_frame_is_lost_or_added_by_jitter(jitter: list[float], off: float) -> None:
    sound = CastSound()
    sound.follow((picture(START, 0, Tracks.SOUND),))
    sound.follow((picture(START + 0.26, 1, Tracks.SOUND),))  # some silence, so there is a grid
    given_at = [START + 0.3 + (number + off) * FRAME_SECONDS for number in range(len(jitter))]
    packets = sounds(
        sound.follow((SoundPacket(Codec.AAC, at + error, SILENT),))
        for at, error in zip(given_at, jitter, strict=True)
    )
    assert [one.data for one in packets].count(SILENT) == len(jitter)
    assert_unbroken(packets)


# -- an announcement ----------------------------------------------------------------------------


def test_an_announcement_takes_the_place_of_the_cameras_sound() -> None:
    sound = CastSound()
    speech = tone(1000, 2.0)
    chunks: list[Parts] = []
    said = 0.0
    for chunk in microphone(
        tone(440, 9.0),
        START + 0.01,
        ((unit,) for unit, _ in zip(units(tracks=Tracks.SOUND), range(9 * PICTURES), strict=False)),
    ):
        (part,) = chunk
        if isinstance(part, AccessUnit) and not said and part.captured >= START + 3:
            sound.say(speech)
            said = part.captured
            assert sound.speaking
        chunks.append(sound.follow(chunk))
    assert not sound.speaking
    packets = sounds(chunks)
    assert_unbroken(packets)
    spoken = [number for number, one in enumerate(packets) if one.data in speech]
    assert spoken == list(range(spoken[0], spoken[0] + len(speech)))
    # From the next frame on: no more behind the pictures than the camera's sound itself.
    assert packets[spoken[0]].at == pytest.approx(said, abs=0.3)
    hearing, _ = heard(chunks)
    assert (hearing.gaps, hearing.damaged) == (0, 0)
    middle = [(at, hertz) for at, hertz in pitches(hearing) if hertz in {440, 1000}]
    assert [hertz for _, hertz in middle] == [440, 1000, 440]
    assert middle[2][0] - middle[1][0] == pytest.approx(2.0, abs=0.3)


def test_an_announcement_that_is_cut_is_not_heard_on() -> None:
    sound = CastSound()
    sound.follow((picture(START, 0),))
    sound.say(tone(1000, 5.0))
    assert silent_frame() not in {
        one.data for one in sounds([sound.follow((picture(START + 0.2, 1),))])
    }
    sound.end()
    assert not sound.speaking
    assert {one.data for one in sounds([sound.follow((picture(START + 0.4, 2),))])} == {
        silent_frame()
    }
