"""Sound stays with the pictures, whatever clocks and network do."""

from __future__ import annotations

import random

from hypothesis import given, strategies as st
import numpy as np
import pytest

from custom_components.mi_camera.media.opus_track import OpusTrack, opus_duration
from custom_components.mi_camera.media.sound_timeline import RATE, SAMPLE_BYTES, SoundTimeline

PIECE = 640
SECONDS = PIECE / RATE
START = 1000.0


def marked(number: int) -> bytes:
    """Return a piece whose first sample says which one it is."""
    samples = np.zeros(PIECE, np.float32)
    samples[0] = number + 1
    return samples.tobytes()


@pytest.mark.parametrize("ppm", [200, -200])
@pytest.mark.parametrize(("jitter", "loss"), [(0.0, 0.0), (0.03, 0.01), (0.06, 0.05)])
def test_an_hour_of_drift_loss_and_jitter(ppm: int, jitter: float, loss: float) -> None:
    """A simulated hour: each piece is heard within 100 ms of when it was said."""
    random.seed(ppm)
    line = SoundTimeline(START)
    count = int(3600 / SECONDS)
    written = heard = silences = 0
    worst = 0.0
    outage = 0
    previous = -1
    for number in range(count):
        said = START + number * SECONDS * (1 + ppm / 1e6)
        parts = [line.fill(said - 0.5)]
        if random.random() < loss / 20:
            outage = random.randrange(80)
        outage -= 1
        if outage < 0 and random.random() >= loss:
            stamp = said + random.uniform(-jitter, jitter) / 2
            parts.append(line.place(marked(number), stamp, follows=number == previous + 1))
            previous = number
        else:
            silences += 1
        for part in parts:
            samples = np.frombuffer(part, np.float32)
            for at in np.flatnonzero(samples):
                # A sample doubled or left out for the drift is never the marked one.
                marked_at = START + (int(samples[at]) - 1) * SECONDS * (1 + ppm / 1e6)
                worst = max(worst, abs(START + (written + at) / RATE - marked_at))
                heard += 1
            written += len(samples)
    assert worst < 0.1
    assert heard > 0.97 * (count - silences)
    assert abs(line.end - (START + 3600 * (1 + ppm / 1e6))) < 4.0


def test_pieces_that_follow_each_other_are_joined_as_they_are() -> None:
    line = SoundTimeline(START)
    out = [
        line.place(
            bytes([number + 1]) * PIECE * SAMPLE_BYTES,
            START + number * SECONDS + wobble,
            follows=number > 0,
        )
        for number, wobble in enumerate([0.0, 0.02, -0.02, 0.015, -0.01, 0.03])
    ]
    assert [len(part) for part in out] == [PIECE * SAMPLE_BYTES] * 6


def test_a_gap_is_silence_and_what_comes_too_late_is_cut() -> None:
    line = SoundTimeline(START)
    assert len(line.place(b"\1" * 4000, START, follows=False)) == 4000
    gap = line.place(b"\1" * 4000, START + 1.0, follows=False)
    assert gap == bytes(RATE * SAMPLE_BYTES - 4000) + b"\1" * 4000
    assert line.fill(START + 2.0) == bytes(RATE * SAMPLE_BYTES - 4000)
    assert line.fill(START + 2.0) == b""
    late = line.place(b"\1" * 4000, START + 2.0 - 500 / RATE, follows=True)
    assert late == b"\1" * 2000
    assert line.place(b"\1" * 4000, START, follows=False) == b""


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.floats(-1e9, 1e9) | st.floats(-1, 20), st.booleans()),
        max_size=60,
    )
)
def test_nonsense_stamps_cost_bounded_memory(pieces: list[tuple[int, float, bool]]) -> None:
    line = SoundTimeline(0.0)
    for count, at, follows in pieces:
        end = line.end
        added = line.place(b"\1" * count * SAMPLE_BYTES, at, follows=follows)
        assert len(added) % SAMPLE_BYTES == 0
        assert len(added) // SAMPLE_BYTES <= count + 1 + 10 * RATE
        assert line.end == pytest.approx(end + len(added) / SAMPLE_BYTES / RATE)


# -- Opus as it comes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "seconds"),
    [
        (b"", 0.0),
        (b"\x0b", 0.0),
        (bytes([4 << 3]), 0.010),
        (bytes([9 << 3 | 1]), 0.040),
        (bytes([31 << 3]), 0.020),
        (bytes([31 << 3 | 3, 2]), 0.040),
        (bytes([12 << 3 | 2]), 0.020),
        (bytes([16 << 3]), 0.0025),
    ],
)
def test_a_packet_says_how_long_it_is(packet: bytes, seconds: float) -> None:
    assert opus_duration(packet) == pytest.approx(seconds)


@pytest.mark.parametrize("ppm", [200, -200])
def test_an_hour_of_opus(ppm: int) -> None:
    """A simulated hour: nearly every packet that comes is heard, within 100 ms of its time."""
    random.seed(3)
    track = OpusTrack(START)
    packet = bytes([31 << 3 | 3, 2])
    previous, last = -1, 0.0
    sent = heard = 0
    for number in range(int(3600 / 0.04)):
        said = START + number * 0.04 * (1 + ppm / 1e6)
        out = track.fill(said - 0.5)
        if random.random() > 0.01:
            out += track.add(
                packet, said + random.uniform(-0.02, 0.02), follows=number == previous + 1
            )
            previous = number
            sent += 1
        for one in out:
            assert one.at > last
            last = one.at
            if one.data == packet:
                assert abs(one.at - said) < 0.1
                heard += 1
    assert sent > 0.98 * 3600 / 0.04
    assert heard > 0.95 * sent


@given(st.lists(st.tuples(st.binary(max_size=5), st.floats(-1e9, 1e9), st.booleans()), max_size=40))
def test_nonsense_packets_cost_bounded_memory(
    packets: list[tuple[bytes, float, bool]],
) -> None:
    track = OpusTrack(0.0)
    for data, at, follows in packets:
        out = track.add(data, at, follows=follows)
        assert len(out) <= 501
