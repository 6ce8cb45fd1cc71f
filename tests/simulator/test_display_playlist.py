"""HLS playlists as the display reads them, and what its model can play."""

from __future__ import annotations

from hypothesis import given, strategies as st
import pytest

from simulator.display.models import MODELS, CodedVideo, sound_codec, video_codec
from simulator.display.playlist import MediaPlaylist, PlaylistError, Variant, parse

URL = "http://127.0.42.3:8123/api/hls/abc/playlist.m3u8"
HUB = MODELS["Google Nest Hub"]

# What Home Assistant serves with LL-HLS on: full segments, parts and a hint.
LOW_LATENCY = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init.mp4"
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:4
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-PART-INF:PART-TARGET=1.000
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=2.000
#EXT-X-START:TIME-OFFSET=-2.000,PRECISE=YES
#EXT-X-PROGRAM-DATE-TIME:2026-11-01T10:00:00.000Z
#EXT-X-PART:DURATION=0.999,URI="./segment/4.0.m4s",INDEPENDENT=YES
#EXTINF:6.000,
./segment/4.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-01T10:00:06.000Z
#EXTINF:5.900,
./segment/5.m4s
#EXT-X-PART:DURATION=0.999,URI="./segment/6.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="./segment/6.1.m4s"
"""


def _media(text: str) -> MediaPlaylist:
    playlist = parse(text, URL)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def test_full_segments_of_a_low_latency_playlist() -> None:
    playlist = _media(LOW_LATENCY)
    assert (playlist.target_duration, playlist.media_sequence, playlist.last) == (6, 4, 5)
    assert not playlist.ended
    first, second = playlist.segments
    assert first.url == "http://127.0.42.3:8123/api/hls/abc/segment/4.m4s"
    assert first.init_url == "http://127.0.42.3:8123/api/hls/abc/init.mp4"
    assert (first.duration, first.discontinuity) == (6.0, False)
    assert (second.sequence, second.discontinuity) == (5, True)
    assert playlist.start() == 5


def _window(count: int, *extra: str) -> MediaPlaylist:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:10", *extra]
    for number in range(count):
        lines += ["#EXTINF:2,", f"{number}.ts"]
    return _media("\n".join(lines))


@pytest.mark.parametrize(
    ("playlist", "start"),
    [
        (_window(0), 10),
        (_window(1), 10),
        (_window(3), 10),
        (_window(6), 13),  # three target durations from the end
        (_window(6, "#EXT-X-START:TIME-OFFSET=-3"), 14),
        (_window(6, "#EXT-X-START:TIME-OFFSET=-100"), 10),
        (_window(6, "#EXT-X-START:TIME-OFFSET=5"), 12),
        (_window(6, "#EXT-X-START:TIME-OFFSET=500"), 10),
        (_window(6, "#EXT-X-ENDLIST"), 10),
    ],
)
def test_where_playing_begins(playlist: MediaPlaylist, start: int) -> None:
    assert playlist.start() == start


def test_master_playlist() -> None:
    text = (
        "#EXTM3U\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=1200,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720\n'
        "playlist.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=5\nhttp://b/low.m3u8\n"
    )
    assert parse(text, URL.replace("playlist", "master_playlist")) == [
        Variant(URL, 1200, "avc1.64001f,mp4a.40.2", 1280, 720),
        Variant("http://b/low.m3u8", 5, "", 0, 0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "#EXTM3U",
        "#EXTM3U\n#EXT-X-TARGETDURATION:0",
        "#EXTM3U\n#EXT-X-TARGETDURATION:nan",
        "#EXTM3U\n#EXT-X-TARGETDURATION:x",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\nno-duration.ts",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:-4",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2",
        "#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=1e400x2\na",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + "#EXTINF:2,\na\n" * 1001,
    ],
)
def test_no_playlists(text: str) -> None:
    with pytest.raises(PlaylistError):
        parse(text, URL)


TAGS = "EXT-X-TARGETDURATION: EXTINF: EXT-X-MAP: EXT-X-START: EXT-X-STREAM-INF: EXT-X-ENDLIST"
lines = st.text(max_size=30) | st.builds(
    lambda tag, rest: f"#{tag}{rest}", st.sampled_from(TAGS.split()), st.text(max_size=30)
)


@given(st.lists(lines))
def test_any_text_is_a_playlist_or_an_error(parts: list[str]) -> None:
    text = "\n".join(["#EXTM3U", *parts])
    try:
        playlist = parse(text, URL)
    except PlaylistError:
        return
    if isinstance(playlist, MediaPlaylist):
        assert isinstance(playlist.start(), int)


@pytest.mark.parametrize(
    ("codecs", "found"),
    [
        ("avc1.64001f,mp4a.40.2", CodedVideo("h264", 31, 100)),
        ("avc1", CodedVideo("h264")),
        ("mp4a.40.2, hvc1.1.6.L120.90", CodedVideo("hevc", 40)),
        ("hev1.1.6.H153.B0", CodedVideo("hevc", 51)),
        ("vp09.00.10.08", CodedVideo("vp9")),
        ("mp4a.40.2", None),
        ("", None),
    ],
)
def test_codecs_attribute(codecs: str, found: CodedVideo | None) -> None:
    assert video_codec(codecs) == found


@pytest.mark.parametrize(
    ("codecs", "found"),
    [
        ("avc1.64001f,mp4a.40.2", "aac"),
        ("mp4a.6B, hvc1.1.6.L120.90", "mp3"),
        ("avc1.64001f, alaw", "alaw"),
        ("avc1.64001f,", None),
        ("", None),
    ],
)
def test_sound_of_a_codecs_attribute(codecs: str, found: str | None) -> None:
    assert sound_codec(codecs) == found


def test_what_a_hub_plays() -> None:
    assert HUB.refuses("h264", 1280, 720, 41) is None
    assert HUB.refuses("h264", 640, 360, 30) is None
    assert HUB.refuses("h264", 0, 0, 0) is None
    assert "hevc" in (HUB.refuses("hevc", 1280, 720, 0) or "")
    assert "1920x1080" in (HUB.refuses("h264", 1920, 1080, 40) or "")
    assert "level" in (HUB.refuses("h264", 1280, 720, 51) or "")
    assert "profile" in (HUB.refuses("h264", 1280, 720, 41, 110) or "")
    assert HUB.refuses_sound("aac") is None
    assert "pcm_alaw" in (HUB.refuses_sound("pcm_alaw") or "")
    assert MODELS["Chromecast Ultra"].refuses("hevc", 3840, 2160, 51) is None
    assert "level" in (MODELS["Chromecast Ultra"].refuses("hevc", 3840, 2160, 60) or "")


def test_kinds_that_call_themselves_the_same() -> None:
    first, third = MODELS["Chromecast"], MODELS["Chromecast (3rd generation)"]
    tv = MODELS["Chromecast with Google TV"]
    assert {first.name, third.name, tv.name} == {"Chromecast"}
    assert "level" in (first.refuses("h264", 1920, 1080, 42) or "")
    assert third.refuses("h264", 1920, 1080, 42) is None
    assert "hevc" in (third.refuses("hevc", 1280, 720, 0) or "")
    assert tv.refuses("hevc", 3840, 2160, 51) is None
    assert tv.refuses("h264", 3840, 2160, 51) is None
