"""Reading playlists as Home Assistant writes them."""

from __future__ import annotations

import contextlib

from hypothesis import given, strategies as st
import pytest

from simulator.house.llhls import MAX_SEGMENTS, PlaylistError, parse, variant

URL = "http://127.0.0.1:8123/api/hls/abc/playlist.m3u8"
# As homeassistant.components.stream renders it: two complete segments, the older one without
# parts, and one that is being written.
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
#EXT-X-PROGRAM-DATE-TIME:2026-11-24T05:00:00.000Z
#EXTINF:6.000,
./segment/4.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-24T05:00:06.000Z
#EXT-X-PART:DURATION=1.000,URI="./segment/5.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.000,URI="./segment/5.1.m4s"
#EXTINF:2.000,
./segment/5.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PART:DURATION=1.000,URI="./segment/6.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.000,URI="./segment/6.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="./segment/6.2.m4s"
"""


def test_low_latency_playlist() -> None:
    playlist = parse(LOW_LATENCY, URL)

    assert playlist.low_latency
    assert playlist.target_duration == 6
    assert playlist.init_url == "http://127.0.0.1:8123/api/hls/abc/init.mp4"
    assert [segment.sequence for segment in playlist.segments] == [4, 5, 6]
    assert [len(segment.parts) for segment in playlist.segments] == [0, 2, 2]
    assert [segment.discontinuity for segment in playlist.segments] == [False, False, True]
    assert playlist.segments[0].url == "http://127.0.0.1:8123/api/hls/abc/segment/4.m4s"
    assert playlist.segments[2].url is None
    assert playlist.find(5) is playlist.segments[1]
    assert playlist.find(7) is None


def test_a_player_begins_at_the_newest_keyframe() -> None:
    assert parse(LOW_LATENCY, URL).edge() == (6, 0)
    complete = LOW_LATENCY[: LOW_LATENCY.index("#EXT-X-DISCONTINUITY\n")]
    assert parse(complete, URL).edge() == (5, 0)


def test_without_parts_a_player_begins_with_the_newest_segment() -> None:
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n7.m4s\n#EXTINF:2,\n8.m4s\n"
    playlist = parse(text, URL)
    assert not playlist.low_latency
    assert playlist.edge() == (1, 0)
    assert parse("#EXTM3U\n", URL).edge() is None


def test_master_playlist() -> None:
    text = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.42C01E"\nplaylist.m3u8\n'
    assert variant(text, URL.replace("playlist", "master_playlist")) == URL
    assert variant(LOW_LATENCY, URL) is None


@pytest.mark.parametrize("text", ["", "hello", "<html>404</html>"])
def test_what_is_no_playlist(text: str) -> None:
    with pytest.raises(PlaylistError):
        parse(text, URL)
    with pytest.raises(PlaylistError):
        variant(text, URL)


def test_too_long_a_playlist() -> None:
    with pytest.raises(PlaylistError, match="too long"):
        parse("#EXTM3U\n" + "#EXTINF:1,\nx.m4s\n" * (MAX_SEGMENTS + 1), URL)
    with pytest.raises(PlaylistError, match="no count"):
        parse("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n", URL)


@given(st.text(max_size=400))
def test_any_text_is_a_playlist_or_an_error(text: str) -> None:
    with contextlib.suppress(PlaylistError):
        parse("#EXTM3U\n" + text, URL)
