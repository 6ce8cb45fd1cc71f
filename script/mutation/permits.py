"""Permits outlive what they were given for, and gates open although something holds them."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

GATE = "tests/gate/test_gate.py"
CAMERA_GATE = "tests/gate/test_camera_gate.py"

PERMITS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="permit-of-another-epoch",
        breaks="a permit dies with its epoch: after off and on it would be valid again",
        file="gate/__init__.py",
        old="return self.gate.is_open and self.gate.epoch == self.epoch",
        new="return self.gate.is_open",
        tests=(f"{GATE}::test_a_permit_never_comes_back",),
    ),
    Mutant(
        name="callbacks-before-permits",
        breaks="what cuts pictures runs while permits are still given out",
        file="gate/__init__.py",
        old="""\
        if self._open:
            self._open = False
            self._next_epoch()
        if errors""",
        new="""\
        run_all([one for gate in self._tree() for one in gate._on_close])
        if self._open:
            self._open = False
            self._next_epoch()
        if errors""",
        tests=(f"{GATE}::test_closing_kills_permits_before_callbacks_run",),
    ),
    Mutant(
        name="camera-open-below-closed-gate",
        breaks="a camera's gate stays open when all pictures are switched off",
        file="gate/__init__.py",
        old="return self._open and (self._parent is None or self._parent.is_open)",
        new="return self._open",
        tests=(f"{CAMERA_GATE}::test_it_is_open_only_while_the_gate_of_all_is",),
    ),
    Mutant(
        name="camera-keeps-its-epoch",
        breaks="a camera's permits come back when all pictures were off and are on again",
        file="gate/__init__.py",
        old="        for gate in self._tree():\n            gate._epoch += 1",
        new="        self._epoch += 1",
        tests=(f"{CAMERA_GATE}::test_it_is_open_only_while_the_gate_of_all_is",),
    ),
    Mutant(
        name="camera-callbacks-forgotten",
        breaks="what belongs to one camera is not cut when all pictures are switched off",
        file="gate/__init__.py",
        old="run_all([one for gate in self._tree() for one in gate._on_close])",
        new="run_all(self._on_close)",
        tests=(
            f"{CAMERA_GATE}::test_all_permits_die_before_any_callback_and_the_order_is_downwards",
        ),
    ),
    Mutant(
        name="hold-without-closing",
        breaks="hiding a camera, or doubting it, leaves its pictures going",
        file="gate/camera_gate.py",
        old="        self._holds.add(why)\n        self.close()",
        new="        self._holds.add(why)",
        tests=(f"{CAMERA_GATE}::test_a_hold_closes_one_camera_and_no_other",),
    ),
    Mutant(
        name="release-over-another-hold",
        breaks="a hidden camera is shown when its quarantine ends, or the other way round",
        file="gate/camera_gate.py",
        old="return self._epoch if self._holds or self._retired else",
        new="return self._epoch if self._retired else",
        tests=(f"{CAMERA_GATE}::test_it_opens_in_a_new_epoch_when_no_hold_is_left",),
    ),
)
