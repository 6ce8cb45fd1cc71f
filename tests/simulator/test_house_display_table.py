"""The table of displays: what it calls wrong, and how it is written."""

from __future__ import annotations

from dataclasses import replace
import json

import pytest

from simulator.description import HomeSpec
from simulator.house.displays import document
from simulator.house.displays.home import CAMERAS, DISPLAYS, describe
from simulator.house.displays.table import OLD_MS, SOON_MS, Pair, Showing, Table

H264, H265 = CAMERAS[0], CAMERAS[1]
HUB, TV = "Nest Hub", "Chromecast with Google TV"
PLAYS = Showing(
    pictures=40,
    codec="h264",
    width=1280,
    height=720,
    first_ms=1234.0,
    age_ms=900.0,
    sound_seconds=3.9,
)
REFUSED = Showing(error="no decoder for hevc")


def table(*pairs: Pair) -> Table:
    return Table(dict(DISPLAYS), list(pairs))


def test_the_home_is_one() -> None:
    home = HomeSpec.parse(describe())
    assert [camera.codec for camera in home.cameras] == [one.codec for one in CAMERAS]
    assert [display.model for display in home.displays] == [
        "Google Nest Hub",
        "Google Nest Hub Max",
        "Chromecast",
        "Chromecast with Google TV",
    ]


def test_what_plays_is_right() -> None:
    found = table(Pair(H264, HUB, PLAYS, PLAYS), Pair(H265, HUB, PLAYS, REFUSED))
    assert found.wrong == []
    assert [pair.converted for pair in found.pairs] == [False, True]
    result = json.loads(json.dumps(found.as_dict()))
    assert result["ok"] is True
    first, second = result["pairs"]
    assert (first["display"], first["model"], first["converted"]) == (HUB, "Google Nest Hub", False)
    assert (first["cast"]["plays"], first["cast"]["first_ms"]) == (True, 1234)
    assert (second["play_stream"]["plays"], second["play_stream"]["age_ms"]) == (False, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"error": "refused"}, "refused"),
        ({"pictures": 3}, "3 pictures"),
        ({"foreign": (7,)}, "pictures of 7"),
        ({"unreadable": 2}, "2 of 40 pictures"),
        ({"first_ms": SOON_MS + 1}, "first picture after 15.0 s"),
        ({"age_ms": OLD_MS + 1}, "old"),
        ({"age_ms": None}, "old"),
        ({"sound_seconds": 0.9}, "0.9 s of sound"),
    ],
)
def test_anything_else_is_wrong(change: dict[str, object], said: str) -> None:
    ours = replace(PLAYS, **change)  # type: ignore[arg-type]
    found = table(Pair(H264, TV, ours, PLAYS))
    (wrong,) = found.wrong
    assert wrong.startswith("H.264 1280×720, G.711 on Chromecast with Google TV: ")
    assert said in wrong
    assert found.as_dict()["ok"] is False
    assert f"**WRONG: {ours.wrong}**" in found.markdown()
    assert "**1 of 1 pairs are wrong:**" in document.whole(found, 4.0)


def test_the_other_way_is_not_judged() -> None:
    stranger = replace(PLAYS, foreign=(9,))
    found = table(Pair(H265, HUB, PLAYS, REFUSED), Pair(H264, HUB, PLAYS, stranger))
    assert found.wrong == []
    assert "does not play: no decoder for hevc" in found.markdown()


def test_the_document() -> None:
    found = table(Pair(H264, HUB, PLAYS, PLAYS), Pair(H265, HUB, PLAYS, REFUSED))
    text = document.whole(found, 4.0)
    assert (
        "2 pairs play by `mi_camera.cast`, 1 of them converted, the first picture after 1.2 s at"
        in text
    )
    assert "| Chromecast with Google TV | Chromecast | 3840×2160, level 5.1 | 3840×2160" in text
    assert "| Nest Hub | Google Nest Hub | 1280×720, level 4.1 | – |" in text
    assert "had moved for 4 seconds" in text
    first, second = (line for line in text.splitlines() if "after 1.2 s |" in line)
    seen = "after 1.2 s | right camera, 0.9 s old | 3.9 s"
    sent = "H.264 1280×720"
    theirs = f"{sent}, after 1.2 s; 3.9 s of sound"
    assert first == f"| {sent}, G.711 | Nest Hub | {sent}, as it is | {seen} | {theirs} |"
    refused = "does not play: no decoder for hevc"
    assert second == (
        f"| H.265 1920×1080, Opus | Nest Hub | {sent}, converted | {seen} | {refused} |"
    )
