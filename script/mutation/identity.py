"""Another device, or another entity's address, passes for the right one."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

RIGHT = "tests/test_right_camera.py"
VIOLATIONS = "tests/test_kill_switch_cameras.py"

IDENTITY: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="did-not-compared",
        breaks="a device that says to have another did is asked for the rest of the proof",
        file="identity.py",
        old="if not is_same_did(config.did, hello.did):",
        new="if hello.did < 0:",
        tests=(f"{RIGHT}::test_a_hello_of_another_did_is_enough",),
    ),
    Mutant(
        name="did-not-compared-when-asking",
        breaks="what is sealed with a camera's token is sent to another device",
        file="device/endpoint.py",
        old="if did is not None and expected != hello.did:",
        new="if did is not None and expected is None:",
        tests=("tests/device/test_endpoint.py::test_expected_did",),
    ),
    Mutant(
        name="model-and-mac-not-compared",
        breaks="who has token and did and is another device passes for the camera",
        file="identity.py",
        old="        if not is_same(config, info):\n            raise",
        new="        if info is None:\n            raise",
        tests=(f"{RIGHT}::test_a_camera_replaced_by_another_device_at_its_address[another model]",),
    ),
    Mutant(
        name="proved-once",
        breaks="who a camera is is asked at the beginning and never again",
        file="identity.py",
        old="or self.doubted or now() - proved_at >= PROOF_EVERY",
        new="or self.doubted",
        tests=(f"{RIGHT}::test_the_proof_is_renewed_while_somebody_watches",),
    ),
    Mutant(
        name="doubt-holds-nothing",
        breaks="pictures go on although another device has answered",
        file="identity.py",
        old="            coordinator.gate.hold(Hold.IDENTITY)",
        new="            coordinator.cut()",
        tests=(f"{RIGHT}::test_the_proof_is_renewed_while_somebody_watches",),
    ),
    Mutant(
        name="old-proof-ends-doubt",
        breaks="a proof asked for before another device answered ends the doubt",
        file="identity.py",
        old="changed = coordinator.config is not config or self._doubts != doubts",
        new="changed = coordinator.config is not config or self._doubts < doubts",
        tests=(f"{RIGHT}::test_a_proof_of_before_a_doubt_ends_no_doubt",),
    ),
    Mutant(
        name="hello-believed",
        breaks="whoever says to be a camera is followed to its address",
        file="relocation.py",
        old="if address != config.host and await self._is_ours(address, allowed):",
        new="if address != config.host:",
        tests=("tests/test_relocation.py::test_nobody_else_is_taken_for_it[token]",),
    ),
    Mutant(
        name="did-twice",
        breaks="two stored cameras with one did are both used",
        file="hub.py",
        old="one.config.did == config.did and one is not coordinator for one",
        new="one.config.did == '' and one is not coordinator for one",
        tests=(f"{RIGHT}::test_of_two_stored_cameras_with_one_did_the_second_is_refused",),
    ),
    Mutant(
        name="signed-at-any-time",
        breaks="a path signed for an entity id shows whoever has got the id since",
        file="signed_path.py",
        old="return isinstance(signed_at, int) and self._since < signed_at <= time.time()",
        new="return isinstance(signed_at, int)",
        tests=(f"{RIGHT}::test_a_clock_that_was_ahead_makes_no_old_signature_good",),
    ),
    Mutant(
        name="rename-unasked-after-wait",
        breaks="a still asked for under an id is given although the id is another's by now",
        file="camera.py",
        old="not permit.valid or not self._address.admits(self.entity_id):",
        new="not permit.valid:",
        tests=(f"{RIGHT}::test_a_still_that_is_being_made_while_the_id_changes_is_not_given",),
    ),
    Mutant(
        name="rename-keeps-the-stream",
        breaks="addresses given out under an old entity id go on",
        file="camera.py",
        old="        self._address.moved()\n        self._drop_stream()\n",
        new="        self._address.moved()\n",
        tests=(f"{RIGHT}::test_an_id_that_is_changed_in_place_leaves_nothing_behind",),
    ),
    Mutant(
        name="violation-without-quarantine",
        breaks="a camera of which something foreign was seen goes on",
        file="kill_switch.py",
        old="        run_logged([partial(self._holds.quarantine, did, seen)])\n",
        new="",
        tests=(f"{VIOLATIONS}::test_a_violation_puts_one_camera_in_quarantine",),
    ),
    Mutant(
        name="violation-not-told",
        breaks="what an exit has seen of elsewhere does not reach the kill switch",
        file="hub.py",
        old="self.kill_switch.async_violation(source.did, f",
        new="str(f",
        tests=(f"{RIGHT}::test_a_violation_puts_that_camera_in_quarantine_and_no_other[still]",),
    ),
    Mutant(
        name="violation-holds-all",
        breaks="one camera's violation takes every other one's pictures as well",
        file="kill_switch.py",
        old="run_logged([partial(self._holds.quarantine, did, seen)])",
        new="run_logged([partial(self._holds.quarantine, one, seen) for one in self._holds._gates])",
        tests=(f"{VIOLATIONS}::test_a_violation_puts_one_camera_in_quarantine",),
    ),
    Mutant(
        name="violations-not-counted",
        breaks="violations without end switch nothing off",
        file="kill_switch.py",
        old="        self.violations += 1\n",
        new="",
        tests=(f"{VIOLATIONS}::test_so_many_violations_switch_everything_off",),
    ),
)
