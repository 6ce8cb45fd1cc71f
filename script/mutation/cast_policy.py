"""A camera is shown on displays, or at hours, where its settings do not allow it."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

POLICY = "tests/test_cast_policy.py"
HOURS = "tests/test_cast_hours.py"

CAST_POLICY: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="policy-unasked-after-opening",
        breaks="a player is told an address although settings were changed while it was made",
        file="casts/sessions.py",
        old="            check_policy(self._hass, target)\n",
        new="",
        tests=(f"{POLICY}::test_a_change_holds_for_casts_whose_pictures_are_being_made",),
    ),
    Mutant(
        name="policy-change-unnoticed",
        breaks="casts that run go on although the settings were changed",
        file="hub.py",
        old="                self.casts.async_policy_changed()\n",
        new="",
        tests=(
            f"{POLICY}::test_a_change_holds_for_casts_that_run",
            f"{POLICY}::test_a_change_holds_for_what_others_show",
        ),
    ),
    Mutant(
        name="foreign-stream-unknown",
        breaks="nobody knows the addresses of Home Assistant's own streams of a camera",
        file="camera.py",
        old="self.hub.casts.foreign.remember(stream.access_token, self.lens, self.entity_id)",
        new="pass",
        tests=(f"{POLICY}::test_others_may_show_it_where_it_is_allowed_only",),
    ),
    Mutant(
        name="foreign-cast-unknown",
        breaks="the address of a cast may be shown by any player",
        file="casts/foreign.py",
        old="address.owner == player:",
        new="address.owner is not None:",
        tests=(f"{POLICY}::test_an_address_that_was_made_for_another_player_is_no_way_around",),
    ),
    Mutant(
        name="hours-always-allowed",
        breaks="a camera is shown at any hour",
        file="casts/policy.py",
        old="""\
        return self.hours is None or self.hours.allows_at(
            dt_util.utcnow(), dt_util.get_default_time_zone()
        )""",
        new="        return True",
        tests=(f"{HOURS}::test_outside_its_hours_a_camera_is_not_cast",),
    ),
    Mutant(
        name="hours-of-running-casts",
        breaks="casts that run do not end with the hours",
        file="casts/sessions.py",
        old="if not policy.allows(session.player) or not policy.allows_now():",
        new="if not policy.allows(session.player):",
        tests=(f"{HOURS}::test_casts_that_run_end_with_the_hours",),
    ),
    Mutant(
        name="hours-of-foreign-casts",
        breaks="what others have begun does not end with the hours",
        file="casts/foreign.py",
        old=" or not policy.allows_now():",
        new=":",
        tests=(f"{HOURS}::test_what_others_show_ends_with_the_hours",),
    ),
    Mutant(
        name="hours-not-looked-at",
        breaks="the hours of cameras that are there at the start are not looked at",
        file="hub.py",
        old="        self.casts.clock.async_wind()\n        for listener",
        new="        for listener",
        tests=(f"{HOURS}::test_hours_are_looked_at_no_longer_than_there_are_any",),
    ),
    Mutant(
        name="hours-clock-set",
        breaks="nobody notices that the machine's clock was set",
        file="casts/clock.py",
        old="min(change - now, LOOK_AGAIN)",
        new="change - now",
        tests=(f"{HOURS}::test_it_is_noticed_when_the_clock_was_set",),
    ),
    Mutant(
        name="hours-of-another-zone",
        breaks="hours go by a time zone of before",
        file="casts/clock.py",
        old="    def _zone_changed(self, _event: Event) -> None:\n        self._on_change()\n",
        new="    def _zone_changed(self, _event: Event) -> None:\n",
        tests=(f"{HOURS}::test_hours_go_by_the_time_zone_of_home_assistant",),
    ),
)
