"""Pictures are kept and shown when they are not live any more."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

FEED = "tests/media/test_feed.py"
RELAY = "tests/media/test_relay.py"
STILLS = "tests/media/test_stills.py"
VIEWER = "tests/media/test_viewer.py"

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
        old="if unit is not None and self._fresh(max_age):",
        new='if unit is not None and self._fresh(float("inf")):',
        tests=(f"{FEED}::test_keyframe_waits_for_a_fresh_one",),
    ),
    Mutant(
        name="stall-ends-nobody",
        breaks="viewers are left with the last picture when no more come",
        file="media/audience.py",
        old="                viewer.end()\n                stalled = True",
        new="                stalled = True",
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
        old="if self._programme is not None and self._fresh(self.limits.max_lag):",
        new="if self._programme is not None:",
        tests=(f"{FEED}::test_a_machine_that_slept_shows_no_newcomer_what_is_left_of_before",),
    ),
    Mutant(
        name="group-of-any-age-for-newcomers",
        breaks="who joins gets the group that is here, however long ago it began",
        file="media/feed.py",
        old="if self._programme is not None and self._fresh(self.limits.max_lag):",
        new='if self._programme is not None and self._fresh(float("inf")):',
        tests=(f"{FEED}::test_a_newcomer_gets_nothing_old_when_pictures_have_just_stopped",),
    ),
    Mutant(
        name="long-group-kept",
        breaks="a group stays for newcomers when it is longer than pictures are live",
        file="media/programme.py",
        old=" and length <= self._group_seconds():",
        new=":",
        tests=(f"{FEED}::test_a_newcomer_gets_no_group_that_began_too_long_ago",),
    ),
    Mutant(
        name="age-unasked-at-the-exit",
        breaks="what has waited for a reader for long leaves all the same",
        file="media/viewer.py",
        old="        self._drop_old()\n        if not self._queue:",
        new="        if not self._queue:",
        tests=(f"{RELAY}::test_a_reader_that_rests_gets_no_old_picture",),
    ),
    Mutant(
        name="old-pictures-wait-in-memory",
        breaks="what is too old to be shown is kept for who takes nothing",
        file="media/viewer.py",
        old="        if self._queue:\n            self._drop_old()\n",
        new="",
        tests=(f"{VIEWER}::test_who_does_not_take_keeps_nothing_old",),
    ),
    Mutant(
        name="old-group-cut-in-two",
        breaks="after what was too old comes half a group of pictures",
        file="media/viewer.py",
        old="while queue and not (queue[0].keyframe and queue[0].captured >= oldest):",
        new="while queue and not (queue[0].captured >= oldest):",
        tests=(f"{VIEWER}::test_it_goes_on_with_the_first_group_that_is_young_enough",),
    ),
    Mutant(
        name="kernel-keeps-much",
        breaks="many seconds of pictures wait in the socket, where their age is not asked",
        file="media/relay_reader.py",
        old="sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)",
        new="assert sock is not None",
        tests=(f"{RELAY}::test_little_waits_where_nobody_can_judge_its_age",),
    ),
    Mutant(
        name="clock-that-sleeps",
        breaks="pictures get no older while the machine is suspended",
        file="media/clock.py",
        old='getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)',
        new="time.CLOCK_MONOTONIC",
        tests=(
            f"{FEED}::test_what_was_here_before_a_suspend_is_old",
            f"{FEED}::test_what_was_under_way_during_a_suspend_is_late",
        ),
    ),
    Mutant(
        name="suspend-is-no-stall",
        breaks="viewers of before a suspend go on after it, with silence for all of it",
        file="media/feed.py",
        old="if now - self._last_unit > self.limits.stall:\n            self._forget_group()",
        new="if self._last_unit > now:\n            self._forget_group()",
        tests=(
            f"{FEED}::test_the_first_picture_after_a_suspend_finds_that_the_stream_had_stalled",
        ),
    ),
)
