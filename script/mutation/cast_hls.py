"""Breaks of the exit of casts: HLS of their own."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

VIEW = "tests/test_cast_view.py"
SESSION = "tests/media/test_hls_session.py"
SPEECH = "tests/test_announcement.py"

CAST_HLS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="cast-address-not-forgotten",
        breaks="the address of a cast finds its source after the cut",
        file="casts/source.py",
        old="return source if source is not None and source.permitted else None",
        new="return source",
        tests=(f"{VIEW}::test_the_gate_is_asked_again_after_waiting",),
    ),
    Mutant(
        name="cast-unasked-after-wait",
        breaks="a playlist is given although the gate closed while it was waited for",
        file="casts/source.py",
        old="return self._hls.ready and self.permitted",
        new="return self._hls.ready",
        tests=(f"{VIEW}::test_the_gate_is_asked_again_after_waiting",),
    ),
    Mutant(
        name="cast-unasked-before-body",
        breaks="a segment leaves although the gate closed as its answer began",
        file="casts/view.py",
        old="    if not source.permitted:\n        if request",
        new="    if not body:\n        if request",
        tests=(f"{VIEW}::test_the_gate_is_asked_again_before_the_body",),
    ),
    Mutant(
        name="cast-waiting-kept",
        breaks="a player's request goes on waiting after the cut",
        file="casts/source.py",
        old="        self._changed.set()\n        for transport",
        new="        for transport",
        tests=(f"{VIEW}::test_a_request_that_waits_is_woken_empty_at_a_cut",),
    ),
    Mutant(
        name="cast-connection-kept",
        breaks="what a slow player has not been sent yet is sent after the cut",
        file="casts/source.py",
        old="                hard_abort(transport)",
        new="                continue",
        tests=(f"{VIEW}::test_what_a_connection_has_not_sent_is_never_sent",),
    ),
    Mutant(
        name="cast-origin-unasked",
        breaks="pictures of elsewhere are taken into a cast's segments",
        file="casts/source.py",
        old="            if not self._is_granted(origin):",
        new="            if origin is None:",
        tests=(f"{VIEW}::test_what_comes_from_elsewhere_is_a_violation",),
    ),
    Mutant(
        name="cast-segment-origin-unasked",
        breaks="a segment leaves without a look at what it is of",
        file="casts/source.py",
        old="        if not self._is_granted(segment.origin):",
        new="        if not segment.data:",
        tests=(f"{VIEW}::test_a_segment_of_elsewhere_is_a_violation_where_it_leaves",),
    ),
    Mutant(
        name="cast-old-segments-kept",
        breaks="the last segments can be had after pictures stopped coming",
        file="casts/source.py",
        old="            self._hls.end()\n            self._sound.end()\n",
        new="            self._sound.end()\n",
        tests=(f"{VIEW}::test_the_end_of_pictures_is_told_and_nothing_old_is_given",),
    ),
    Mutant(
        name="cast-speech-kept",
        breaks="what is being said is kept for the address that is dead",
        file="casts/source.py",
        old="        self._hls.end()\n        self._sound.end()\n        self._changed",
        new="        self._hls.end()\n        self._changed",
        tests=(f"{SPEECH}::test_an_announcement_dies_with_its_session",),
    ),
    Mutant(
        name="cast-speech-unasked",
        breaks="speech is taken for a cast though the gate closed while it was made",
        file="casts/source.py",
        old="        if not self.permitted or self._viewer.ended:",
        new="        if not speech:",
        tests=(f"{SPEECH}::test_what_is_not_made_yet_when_the_gate_closes_is_never_said",),
    ),
    Mutant(
        name="cast-origins-mixed",
        breaks="one segment holds pictures of two origins",
        file="media/hls_session.py",
        old="            self._drop()\n            self._origin = origin",
        new="            self._origin = origin",
        tests=(f"{SESSION}::test_nothing_of_two_origins_is_in_one_segment",),
    ),
    Mutant(
        name="cast-memory-unbounded",
        breaks="segments are kept whatever room they take",
        file="media/hls_session.py",
        old="        while self._segments and self._bytes + self._pending > self._room:",
        new="        while self._segments and self._bytes < 0:",
        tests=(f"{SESSION}::test_memory_is_bounded",),
    ),
)
