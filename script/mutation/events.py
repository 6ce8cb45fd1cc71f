"""What cameras notice is told twice, late, of another device, or asked for while it may not be."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

EVENTS_TESTS: Final = "tests/test_camera_events.py"
ASKED: Final = (
    f"{EVENTS_TESTS}::test_nothing_is_asked_while_pictures_are_off_and_nothing_of_then_told_after"
)
LATE_ANSWER: Final = f"{EVENTS_TESTS}::test_an_answer_that_comes_after_the_switch_tells_nothing"
ONCE: Final = f"{EVENTS_TESTS}::test_an_event_is_told_once_and_the_sensor_is_on_for_a_minute"
BEFORE: Final = f"{EVENTS_TESTS}::test_what_was_before_or_is_too_old_is_not_told"
PAGE: Final = "tests/cloud/test_camera_events.py"

EVENTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="event-told-twice",
        breaks="an event is told as often as the cloud lists it",
        file="camera_watch.py",
        old="or any(name in self._told for name in names)",
        new="or any(name in self._told for name in names[2:])",
        tests=(ONCE,),
    ),
    Mutant(
        name="event-told-again-after-restart",
        breaks="what was told before a restart is told again",
        file="camera_watch.py",
        old="known = event.at_ms <= self._told_until or any(",
        new="known = event.at_ms < 0 or any(",
        tests=(f"{EVENTS_TESTS}::test_nothing_is_told_twice_over_a_restart",),
    ),
    Mutant(
        name="event-of-before",
        breaks="what happened before anybody watched, or while the camera was hidden, is told",
        file="camera_watch.py",
        old="begin, end = max(since, now - FRESH_MS), now + AHEAD_MS",
        new="begin, end = min(since, now - FRESH_MS), now + AHEAD_MS",
        tests=(ASKED,),
    ),
    Mutant(
        name="event-too-old",
        breaks="what comes late misleads",
        file="camera_watch.py",
        old="begin, end = max(since, now - FRESH_MS), now + AHEAD_MS",
        new="begin, end = since, now + AHEAD_MS",
        tests=(BEFORE,),
    ),
    Mutant(
        name="event-not-of-the-time",
        breaks="the cloud may answer with events of any time",
        file="cloud/camera_events.py",
        old=" or not begin_ms <= event.at_ms <= end_ms:",
        new=":",
        tests=(PAGE,),
    ),
    Mutant(
        name="event-of-another-device",
        breaks="an event that names another device is told for this one",
        file="cloud/camera_events.py",
        old='elif unit.get("did") is not None and not _is_of(unit["did"], did):',
        new='elif unit.get("did") is None and did == "":',
        tests=(f"{EVENTS_TESTS}::test_events_of_another_device_and_rubbish_are_left_out",),
    ),
    Mutant(
        name="events-asked-while-closed",
        breaks="the account is asked on although the camera may not be shown any more",
        file="camera_watch.py",
        old="coordinator.gate.on_close(self._rest),",
        new="coordinator.gate.on_close(lambda: None),",
        tests=(ASKED, LATE_ANSWER),
    ),
    Mutant(
        name="event-told-while-closed",
        breaks="an answer that comes after the switch is told",
        file="camera_watch.py",
        old="""            if not allowed():
                raise NotAllowed
            self._count(page.foreign, page.odd)
""",
        new="""            self._count(page.foreign, page.odd)
""",
        tests=(LATE_ANSWER,),
    ),
    Mutant(
        name="events-leave-not-passed-on",
        breaks="a request waits for its session and is sent after the switch all the same",
        file="camera_watch.py",
        old="                    allowed=allowed,\n",
        new="                    allowed=lambda: True,\n",
        tests=(f"{EVENTS_TESTS}::test_leave_is_asked_for_again_before_the_request_itself",),
    ),
    Mutant(
        name="events-begin-while-closed",
        breaks="a watch begins without leave",
        file="camera_watch.py",
        old="elif self._task is None and (permit := self.coordinator.gate.permit()) is not None:",
        new="elif self._task is None and (permit := self.coordinator.gate.permit() or self.coordinator.hub.gate.permit()):",
        tests=(ASKED,),
    ),
    Mutant(
        name="events-asked-by-nobody",
        breaks="the account is asked although nobody listens",
        file="camera_watch.py",
        old="if self._ended or not self._listeners:\n            self._rest()",
        new="if self._ended:\n            self._rest()",
        tests=(f"{EVENTS_TESTS}::test_it_is_asked_for_while_any_of_the_entities_is_enabled",),
    ),
    Mutant(
        name="events-go-on-after-the-camera",
        breaks="a camera that was removed is asked about",
        file="camera_watch.py",
        old="        self._ended = True\n        self._rest()\n",
        new="        self._ended = True\n",
        tests=(f"{EVENTS_TESTS}::test_a_watch_that_has_ended_asks_no_more",),
    ),
    Mutant(
        name="events-without-turns",
        breaks="an account with many cameras is asked without any pause",
        file="camera_events.py",
        old="            self._next = loop.time() + spacing\n",
        new="            self._next = loop.time()\n",
        tests=(f"{EVENTS_TESTS}::test_many_cameras_take_turns",),
    ),
    Mutant(
        name="events-failures-in-a-storm",
        breaks="a cloud that fails is asked as often as one that answers",
        file="camera_watch.py",
        old="        if self._failures:\n            seconds = min(",
        new="        if self._failures < 0:\n            seconds = min(",
        tests=(
            f"{EVENTS_TESTS}::test_the_pauses_grow_to_five_minutes_and_shrink_after_something_happened",
        ),
    ),
    Mutant(
        name="pushed-event-while-closed",
        breaks="what a hidden camera says itself is told",
        file="camera_watch.py",
        old="if self._ended or not self._listeners or not self.coordinator.gate.is_open:",
        new="if self._ended or not self._listeners:",
        tests=(f"{EVENTS_TESTS}::test_what_a_hidden_camera_says_itself_is_not_told",),
    ),
    Mutant(
        name="pushed-event-told-twice",
        breaks="what a camera has said is told again when the cloud lists it",
        file="camera_watch.py",
        old="        if self._is_of(self._pushed, event):\n",
        new="        if self._is_of(self._pushed, event) and event.at_ms < 0:\n",
        tests=("tests/test_push.py::test_an_event_is_told_once_though_the_cloud_lists_it_too",),
    ),
)
