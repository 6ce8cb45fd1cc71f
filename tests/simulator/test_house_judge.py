"""The judgement on pictures."""

from __future__ import annotations

import pytest

from simulator.house.judge import HLS_AGE_MS, STILL_AGE_MS, Judge
from simulator.house.pictures import Picture
from simulator.tag import Tag

NOW = 1_800_000_000_000


def picture(
    source: str = "hls",
    *,
    did: int = 1,
    age: float = 1000,
    received: float = NOW,
    requested: float | None = None,
) -> Picture:
    tag = Tag(did, 0, 7, int(received - age))
    return Picture(source, tag, received - 50 if requested is None else requested, received)


def test_the_right_camera_live_is_clean() -> None:
    judge = Judge()
    judge.take(picture(), 1)
    judge.take(picture("display", did=2), 1, 2)
    assert judge.clean
    assert judge.frames_checked == 2
    assert judge.by_source == {"hls": 1, "display": 1}
    assert judge.oldest_ms["hls"] == 1000


def test_another_camera_is_foreign() -> None:
    judge = Judge()
    judge.take(picture(did=2), 1)
    assert (judge.foreign, judge.stale, judge.after_kill) == (1, 0, 0)
    assert not judge.clean
    assert "foreign" in judge.examples[0]


def test_nothing_expected_means_everything_is_foreign() -> None:
    judge = Judge()
    judge.take(picture("display"))
    assert judge.foreign == 1


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("hls", HLS_AGE_MS),
        ("display", HLS_AGE_MS),
        ("browser", HLS_AGE_MS),
        ("still", STILL_AGE_MS),
        ("mjpeg", STILL_AGE_MS),
    ],
)
def test_an_old_picture_is_stale(source: str, limit: float) -> None:
    judge = Judge()
    judge.take(picture(source, age=limit), 1)
    assert judge.clean
    judge.take(picture(source, age=limit + 1), 1)
    assert judge.stale == 1


def test_pictures_of_the_dark_time() -> None:
    judge = Judge()
    judge.killed(NOW)
    judge.take(picture(received=NOW + 20, age=100, requested=NOW - 500), 1)
    assert judge.clean, "taken and asked for before the kill had returned"
    judge.take(picture(received=NOW + 200, age=150, requested=NOW - 500), 1)
    assert judge.after_kill == 1, "taken in the dark"
    judge.take(picture(received=NOW + 200, age=900, requested=NOW + 10), 1)
    assert judge.after_kill == 2, "asked for in the dark"
    judge.allowed(NOW + 1000)
    judge.take(picture(received=NOW + 2000, age=500), 1)
    assert judge.after_kill == 2, "taken and asked for afterwards"
    judge.take(picture(received=NOW + 2000, age=1500), 1)
    assert judge.after_kill == 3, "taken in the dark, shown afterwards"


def test_allowing_twice_changes_nothing() -> None:
    judge = Judge()
    judge.allowed(NOW)
    judge.killed(NOW)
    judge.allowed(NOW + 100)
    judge.allowed(NOW + 9000)
    judge.take(picture(received=NOW + 5000), 1)
    assert judge.clean


def test_a_few_unreadable_pictures_are_no_evidence_but_many_are_a_failure() -> None:
    judge = Judge()
    for _ in range(100):
        judge.take(picture(), 1)
    judge.take(Picture("hls", None, NOW, NOW), 1)
    assert judge.clean
    assert judge.frames_checked == 100
    judge.take(Picture("hls", None, NOW, NOW), 1)
    assert not judge.clean


def test_an_unreadable_picture_in_the_dark_counts_too() -> None:
    judge = Judge()
    judge.killed(NOW)
    judge.take(Picture("still", None, NOW + 5, NOW + 6), 1)
    assert judge.after_kill == 1


def test_one_camera_in_the_dark_is_not_the_others() -> None:
    judge = Judge()
    judge.killed(NOW, 1)
    judge.take(picture(received=NOW + 200, age=100, requested=NOW - 500), 1)
    judge.take(picture(did=2, received=NOW + 200, age=100, requested=NOW - 500), 2)
    assert judge.after_kill == 1
    judge.take(Picture("still", None, NOW + 5, NOW + 6), 1)
    assert judge.after_kill == 2, "whatever it shows, it was asked for in the dark"
    judge.allowed(NOW + 300, 1)
    judge.take(picture(received=NOW + 2000, age=500), 1)
    assert judge.after_kill == 2


def test_what_was_kept_over_a_kill_is_not_live() -> None:
    judge = Judge()
    judge.killed(NOW)
    judge.allowed(NOW + 100)
    judge.take(picture("still", received=NOW + 300, age=400, requested=NOW + 200), 1)
    assert judge.after_kill == 1
    assert "kept over a kill" in judge.examples[0]


def test_a_viewer_of_before_a_kill_sees_nothing_after_it() -> None:
    judge = Judge()
    judge.killed(NOW)
    judge.allowed(NOW + 100)
    fresh = picture("rtsp", received=NOW + 1500, age=20, requested=NOW - 900)
    judge.take(fresh, 1)
    assert judge.clean, "the session is not known"
    judge.take(fresh, 1, session_ms=NOW + 150)
    assert judge.clean, "let in afterwards"
    judge.take(fresh, 1, session_ms=NOW - 900)
    assert judge.after_kill == 1
    assert "viewer of before a kill" in judge.examples[0]
    last = picture("rtsp", received=NOW + 900, age=950, requested=NOW - 900)
    judge.take(last, 1, session_ms=NOW - 900)
    assert judge.after_kill == 1, "on its way as the kill came"


def test_a_leak_counts_and_is_said() -> None:
    judge = Judge()
    judge.leaked("an old address gave 5 bytes")
    assert judge.after_kill == 1
    assert not judge.clean
    assert "old address" in judge.examples[0]


def test_a_kind_of_still_has_the_limit_of_stills() -> None:
    judge = Judge()
    judge.take(picture("still_token", age=STILL_AGE_MS + 1), 1)
    assert judge.stale == 1
    assert judge.by_source == {"still_token": 1}
