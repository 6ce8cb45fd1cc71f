"""The kill switch waits, forgets, or believes what it should not."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

KILL_SWITCH = "tests/test_kill_switch.py"
RACES = "tests/test_kill_switch_races.py"
PRIVACY = "tests/test_privacy.py"

SWITCH: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="gate-closed-later",
        breaks="whoever switches off is not dark at once but in a turn of the loop",
        file="kill_switch.py",
        old="""\
        self._counted = {}
        run_logged([self.gate.close])""",
        new="""\
        self._counted = {}
        self.hass.loop.call_soon(run_logged, [self.gate.close])""",
        tests=(f"{RACES}::test_memory_comes_first_and_counts_before_anything_is_cut",),
    ),
    Mutant(
        name="hidden-after-saving",
        breaks="a camera is hidden only when that has been saved",
        file="kill_switch.py",
        old="""\
        run_logged([partial(self._holds.hide, did)])
        event = GateEvent.now(
            GateEventType.HIDDEN, reason=clean_text(reason), did=did, context=context
        )
        saving = self._async_held(event)
        await asyncio.wait({saving}, timeout=WAIT)""",
        new="""\
        event = GateEvent.now(
            GateEventType.HIDDEN, reason=clean_text(reason), did=did, context=context
        )
        saving = self._async_held(event)
        await asyncio.wait({saving}, timeout=WAIT)
        run_logged([partial(self._holds.hide, did)])""",
        tests=("tests/test_kill_switch_cameras.py::test_hiding_comes_first_and_is_saved_after",),
    ),
    Mutant(
        name="one-witness-suffices",
        breaks="pictures are on after a restart although a copy is missing or damaged",
        file="gate_record.py",
        old="complete = first is not None and len(known) == len(witnesses)",
        new="complete = first is not None",
        tests=("tests/test_gate_record.py::test_on_is_believed_only_when_all_agree",),
    ),
    Mutant(
        name="journal-unasked",
        breaks="a restored backup of when pictures were on allows them again",
        file="gate_memory.py",
        old="witnesses = (stored, self._copy_of(entry), journal)",
        new="witnesses = (stored, self._copy_of(entry))",
        tests=("tests/test_kill_switch_restart.py::test_a_restored_backup_means_off",),
    ),
    Mutant(
        name="damage-means-on",
        breaks="when nothing can be believed, pictures are on",
        file="gate_record.py",
        old="record = GateRecord(enabled=False, epoch=1, doubted=True)",
        new="record = GateRecord(enabled=True, epoch=1, doubted=True)",
        tests=("tests/test_gate_record.py::test_on_is_believed_only_when_all_agree",),
    ),
    Mutant(
        name="damaged-field-means-on",
        breaks="a record whose state is no truth value is taken for one that says on",
        file="gate_record.py",
        old="if not isinstance(enabled, bool) or not isinstance(doubted, bool):",
        new="enabled = bool(enabled)\n        if not isinstance(doubted, bool):",
        tests=("tests/test_gate_record.py::test_what_no_record_holds_is_no_record",),
    ),
    Mutant(
        name="switch-on-by-anybody",
        breaks="who is no administrator allows pictures by the switch",
        file="switch.py",
        old="""\
            await self._kill_switch.async_require_admin(context)
        await self._kill_switch.async_release(context=context)""",
        new="""\
            pass
        await self._kill_switch.async_release(context=context)""",
        tests=(f"{KILL_SWITCH}::test_anybody_with_control_may_switch_off_only_administrators_on",),
    ),
    Mutant(
        name="action-on-by-anybody",
        breaks="who is no administrator allows pictures by the action",
        file="services.py",
        old="    await kill_switch.async_require_admin(call.context)\n",
        new="",
        tests=(f"{KILL_SWITCH}::test_anybody_with_control_may_switch_off_only_administrators_on",),
    ),
    Mutant(
        name="privacy-ended-by-anybody",
        breaks="who is no administrator shows a hidden camera",
        file="switch.py",
        old="""\
            await self._kill_switch.async_require_admin(context)
        await self._kill_switch.async_show(self._did, context=context)""",
        new="""\
            pass
        await self._kill_switch.async_show(self._did, context=context)""",
        tests=(
            f"{PRIVACY}::test_anybody_with_control_may_hide_only_administrators_and_automations_show",
        ),
    ),
    Mutant(
        name="not-read-back",
        breaks="a state that is not on the disk counts as saved",
        file="gate_store.py",
        old="if self._read_file() != line.record:",
        new="if not self._file:",
        tests=("tests/test_gate_record_files.py::test_what_does_not_read_back_is_not_saved",),
    ),
    Mutant(
        name="engage-lost-during-release",
        breaks="who switches off while switching on is being saved is overruled by it",
        file="gate_memory.py",
        old="if self.record is base and change(base) is not None:",
        new="if base is not None:",
        tests=(f"{RACES}::test_what_comes_while_a_release_is_being_saved[engage-file]",),
    ),
    Mutant(
        name="failed-cleanup-ends-all",
        breaks="one thing that cannot be cleaned up keeps all after it from being cleaned up",
        file="gate_followers.py",
        old="for error in await asyncio.gather(*map(run, cleanups), return_exceptions=True):",
        new="for one in cleanups:\n            await run(one)\n        for error in ():",
        tests=(f"{RACES}::test_whatever_fails_in_between_everything_else_is_done",),
    ),
    Mutant(
        name="unload-leaves-the-gate-open",
        breaks="pictures go on when the integration is unloaded",
        file="kill_switch.py",
        old="""\
        self._engagements += 1
        run_logged([self.gate.close])
        self._async_changed()

    async def async_forget""",
        new="""\
        self._engagements += 1
        self._async_changed()

    async def async_forget""",
        tests=(f"{KILL_SWITCH}::test_unloading_closes_the_gate_and_every_socket",),
    ),
    Mutant(
        name="dead-casts-forgotten",
        breaks="a player out of reach at the dark goes on when it comes back",
        file="casts/sessions.py",
        old="        self.remember_dead(session.token, reason)\n",
        new="",
        tests=("tests/test_casting.py::test_a_player_out_of_reach_is_stopped_when_it_comes_back",),
    ),
    Mutant(
        name="cast-stop-cancelled",
        breaks="players go on with a dead address if who stops them gives up waiting",
        file="casts/sessions.py",
        old="await asyncio.wait(stopping)",
        new="await asyncio.gather(*stopping)",
        tests=(
            "tests/test_cast_sessions.py::test_players_are_stopped_even_if_nobody_waits_for_it",
        ),
    ),
)
