"""Pictures are kept and shown when they are not live any more."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

FEED = "tests/media/test_feed.py"
STILLS = "tests/media/test_stills.py"

FRESHNESS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="still-kept-over-its-age",
        breaks="the last still is given again, however old it is",
        file="media/stills.py",
        old="        async with self._lock:\n            try:",
        new="""\
        if self._last is not None and self._last[0] == permit and permit.valid:
            return self._last[2]
        async with self._lock:
            try:""",
        tests=(f"{STILLS}::test_no_still_rather_than_an_old_one",),
    ),
    Mutant(
        name="still-kept-over-the-epoch",
        breaks="a still of before the dark is given after it, as it is young enough",
        file="media/stills.py",
        old="        async with self._lock:\n            try:",
        new="""\
        if self._last is not None and self._last[2].age <= self.max_age and permit.valid:
            return self._last[2]
        async with self._lock:
            try:""",
        tests=(f"{STILLS}::test_no_still_of_another_epoch",),
    ),
    Mutant(
        name="still-kept-over-a-cut",
        breaks="the last still stays when everything of a camera is to be forgotten",
        file="media/stills.py",
        old='        """Drop the last still."""\n        self._last = None',
        new='        """Drop the last still."""',
        tests=(f"{STILLS}::test_askers_for_one_picture_share_one_decoding",),
    ),
    Mutant(
        name="still-of-an-old-picture",
        breaks="a still is made of a key frame older than stills may be",
        file="media/feed.py",
        old="self._fresh() and time.monotonic() - unit.captured <= max_age:",
        new="self._fresh():",
        tests=(f"{FEED}::test_keyframe_waits_for_a_fresh_one",),
    ),
    Mutant(
        name="stall-ends-nobody",
        breaks="viewers are left with the last picture when no more come",
        file="media/feed.py",
        old="                    viewer.end()\n                    stalled = True",
        new="                    stalled = True",
        tests=(f"{FEED}::test_a_stalled_stream_ends_its_viewers_and_comes_back",),
    ),
    Mutant(
        name="lag-unasked",
        breaks="pictures that were long on their way are shown as live",
        file="media/feed.py",
        old="if now - unit.captured > self.limits.max_lag:",
        new="if unit.captured > now:",
        tests=(f"{FEED}::test_an_old_picture_is_not_live",),
    ),
    Mutant(
        name="old-group-for-newcomers",
        breaks="who joins after pictures have stopped gets the old ones",
        file="media/feed.py",
        old="if self._programme is not None and self._fresh():",
        new="if self._programme is not None:",
        tests=(f"{FEED}::test_a_machine_that_slept_shows_no_newcomer_what_is_left_of_before",),
    ),
)
