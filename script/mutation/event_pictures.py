"""Pictures of events are shown that may be another camera's, or at a time at which none may."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_TESTS: Final = "tests/test_event_pictures.py"

EVENT_PICTURES: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="event-picture-enabled-at-first",
        breaks="pictures that rest on the cloud's word are there without anybody's wish",
        file="image.py",
        old="_attr_entity_registry_enabled_default = False",
        new="_attr_entity_registry_enabled_default = True",
        tests=(f"{_TESTS}::test_it_is_disabled_at_first",),
    ),
    Mutant(
        name="event-picture-of-nobody",
        breaks="an event that names no camera has a picture",
        file="cloud/camera_events.py",
        old='if not _is_of(unit.get("did"), did) or not file_id:',
        new="if not file_id:",
        tests=(f"{_TESTS}::test_only_an_item_that_names_the_camera_has_a_picture",),
    ),
    Mutant(
        name="event-picture-without-permit",
        breaks="the picture of an event is shown after pictures were switched off and on",
        file="image.py",
        old="            and shown.permit.valid\n",
        new="",
        tests=(f"{_TESTS}::test_the_permit_is_looked_at_even_if_nobody_was_told",),
    ),
    Mutant(
        name="event-picture-survives-the-gate",
        breaks="the gate's closing leaves the picture of an event",
        file="image.py",
        old="        self.async_on_remove(self.coordinator.gate.on_close(self._cut))\n",
        new="",
        tests=(f"{_TESTS}::test_whatever_closes_the_gate_ends_it",),
    ),
    Mutant(
        name="event-picture-keeps-its-token",
        breaks="an address of an event's picture outlives the gate's closing",
        file="image.py",
        old="        self._drop()\n        self._rotate_tokens()\n        self._address.end()\n",
        new="        self._drop()\n        self._address.end()\n",
        tests=(f"{_TESTS}::test_whatever_closes_the_gate_ends_it",),
    ),
    Mutant(
        name="event-picture-is-sent-to-its-end",
        breaks="a series of an event's pictures is not broken off",
        file="image.py",
        old="        self._address.end()\n        self._abort_streams()\n",
        new="        self._address.end()\n",
        tests=(f"{_TESTS}::test_whatever_closes_the_gate_ends_it",),
    ),
    Mutant(
        name="event-picture-for-ever",
        breaks="the picture of an event is shown however old it is",
        file="image.py",
        old="            and clock.now() < shown.until\n",
        new="",
        tests=(f"{_TESTS}::test_it_is_shown_for_ten_minutes_and_kept_nowhere",),
    ),
    Mutant(
        name="event-picture-without-account",
        breaks="the picture of an event is shown after its account was removed",
        file="image.py",
        old="            and owner is not None\n            and owner[0] == shown.account\n",
        new="",
        tests=(f"{_TESTS}::test_it_ends_with_the_account_the_lens_and_the_entity_id",),
    ),
    Mutant(
        name="event-picture-with-the-lens-asleep",
        breaks="the picture of an event is shown after the lens was put to sleep",
        file="image.py",
        old="            and (status is None or status.power)\n",
        new="",
        tests=(f"{_TESTS}::test_it_ends_with_the_account_the_lens_and_the_entity_id",),
    ),
    Mutant(
        name="event-picture-of-an-older-event",
        breaks="a newer event without a picture leaves the older one's",
        file="image.py",
        old="        self._newest_ms = event.at_ms\n        self._drop()\n",
        new="        self._newest_ms = event.at_ms\n",
        tests=(f"{_TESTS}::test_it_is_fetched_when_somebody_looks_and_is_this_cameras",),
    ),
    Mutant(
        name="event-picture-asked-for-without-end",
        breaks="whoever looks at an event without a picture makes the cloud be asked each time",
        file="image.py",
        old="if shown.attempts >= ATTEMPTS or clock.now() < shown.not_before:",
        new="if shown.attempts >= 99 * ATTEMPTS or clock.now() < shown.not_before:",
        tests=(f"{_TESTS}::test_what_the_cloud_must_not_answer",),
    ),
    Mutant(
        name="event-picture-of-any-size",
        breaks="a few bytes that claim to be a gigapixel are decoded",
        file="cloud/event_pictures.py",
        old="if not (0 < image.width <= MAX_SIDE and 0 < image.height <= MAX_SIDE):",
        new="if not (image.width and image.height):",
        tests=(f"{_TESTS}::test_what_is_a_picture",),
    ),
)
