"""Gates of single cameras, below the gate of all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
import pytest

from custom_components.mi_camera.gate import Gate
from custom_components.mi_camera.gate.camera_gate import CameraGate, Hold

if TYPE_CHECKING:
    from custom_components.mi_camera.gate import Permit


def opened() -> Gate:
    gate = Gate()
    gate.open()
    return gate


def test_it_is_open_only_while_the_gate_of_all_is() -> None:
    gate = Gate()
    camera = CameraGate(gate, "1")
    assert not camera.is_open
    assert camera.permit() is None
    gate.open()
    permit = camera.require()
    assert permit.valid
    assert permit.gate is camera
    gate.close()
    assert not permit.valid
    gate.open()
    assert not permit.valid
    assert camera.require().valid


def test_a_hold_closes_one_camera_and_no_other() -> None:
    gate = opened()
    one, other = CameraGate(gate, "1"), CameraGate(gate, "2")
    mine, theirs, ours = one.require(), other.require(), gate.require()
    one.hold(Hold.PRIVACY)
    assert not mine.valid
    assert one.holds == {Hold.PRIVACY}
    assert theirs.valid
    assert ours.valid


def test_it_opens_in_a_new_epoch_when_no_hold_is_left() -> None:
    camera = CameraGate(opened(), "1")
    old = camera.require()
    camera.hold(Hold.PRIVACY)
    camera.hold(Hold.QUARANTINE)
    camera.release(Hold.PRIVACY)
    assert not camera.is_open
    camera.open()
    assert not camera.is_open
    camera.release(Hold.QUARANTINE)
    assert camera.is_open
    assert not old.valid
    assert camera.epoch > old.epoch


def test_releasing_what_is_not_held_changes_nothing() -> None:
    camera = CameraGate(opened(), "1")
    permit = camera.require()
    camera.release(Hold.IDENTITY)
    assert permit.valid


def test_a_held_camera_stays_dark_when_all_are_allowed_again() -> None:
    gate = Gate()
    camera = CameraGate(gate, "1", [Hold.QUARANTINE])
    gate.open()
    assert not camera.is_open
    gate.close()
    gate.open()
    assert camera.permit() is None


def test_a_picture_of_between_two_openings_has_an_epoch_of_neither() -> None:
    gate = opened()
    camera = CameraGate(gate, "1")
    first = camera.epoch
    gate.close()
    between = camera.epoch
    gate.open()
    assert first < between < camera.epoch


def test_all_permits_die_before_any_callback_and_the_order_is_downwards() -> None:
    gate = opened()
    cameras = [CameraGate(gate, str(did)) for did in range(3)]
    permits: list[Permit] = [one.require() for one in (gate, *cameras)]
    ran: list[str] = []

    def callback(name: str) -> None:
        assert not any(permit.valid for permit in permits)
        assert all(one.permit() is None for one in (gate, *cameras))
        ran.append(name)

    for camera in cameras:
        camera.on_close(lambda did=camera.did: callback(did))  # type: ignore[misc]
    gate.on_close(lambda: callback("all"))
    gate.close()
    assert ran == ["all", "0", "1", "2"]


def test_errors_of_every_level_are_collected() -> None:
    gate = opened()
    camera, other = CameraGate(gate, "1"), CameraGate(gate, "2")
    ran: list[str] = []

    def fail() -> None:
        raise RuntimeError("broken")

    def cancelled() -> None:
        raise asyncio.CancelledError

    gate.on_close(fail)
    camera.on_close(cancelled)
    other.on_close(lambda: ran.append("cut"))
    with pytest.raises(ExceptionGroup) as caught:
        gate.close()
    assert len(caught.value.exceptions) == 2
    assert ran == ["cut"]


def test_a_callback_may_hold_a_camera_and_take_back_itself() -> None:
    gate = opened()
    camera = CameraGate(gate, "1")
    ran: list[str] = []

    def once() -> None:
        ran.append("once")
        remove()
        camera.hold(Hold.IDENTITY)

    remove = gate.on_close(once)
    gate.close()
    gate.open()
    assert ran == ["once"]
    assert not camera.is_open


def test_a_retired_camera_never_opens_again_and_is_forgotten() -> None:
    gate = opened()
    camera = CameraGate(gate, "1")
    permit = camera.require()
    ran: list[str] = []
    camera.on_close(lambda: ran.append("cut"))
    camera.retire()
    assert not permit.valid
    assert camera.is_retired
    assert ran == ["cut"]
    camera.release(Hold.PRIVACY)
    camera.open()
    gate.close()
    gate.open()
    assert camera.permit() is None
    assert ran == ["cut"]
    again = CameraGate(gate, "1")
    assert again.is_open
    assert not permit.valid


class Gates(RuleBasedStateMachine):
    """A gate of all with two cameras: only permits of the present openings are valid."""

    cameras = st.integers(0, 1)

    def __init__(self) -> None:
        super().__init__()
        self.all = Gate()
        self.cameras_ = [CameraGate(self.all, "0"), CameraGate(self.all, "1")]
        self.present: list[list[Permit]] = [[], []]
        self.dead: list[Permit] = []
        self.model_open = False
        self.model_holds: list[set[Hold]] = [set(), set()]

    def kill(self, *numbers: int) -> None:
        for number in numbers:
            self.dead += self.present[number]
            self.present[number] = []

    @rule()
    def open(self) -> None:
        self.all.open()
        self.model_open = True

    @rule()
    def close(self) -> None:
        self.all.close()
        self.model_open = False
        self.kill(0, 1)

    @rule(number=cameras, why=st.sampled_from(Hold))
    def hold(self, number: int, why: Hold) -> None:
        self.cameras_[number].hold(why)
        self.model_holds[number].add(why)
        self.kill(number)

    @rule(number=cameras, why=st.sampled_from(Hold))
    def release(self, number: int, why: Hold) -> None:
        self.cameras_[number].release(why)
        self.model_holds[number].discard(why)

    @rule(number=cameras)
    def permit(self, number: int) -> None:
        if (permit := self.cameras_[number].permit()) is not None:
            self.present[number].append(permit)

    @invariant()
    def holds_true(self) -> None:
        for number, camera in enumerate(self.cameras_):
            assert camera.is_open == (self.model_open and not self.model_holds[number])
            assert camera.holds == self.model_holds[number]
            assert all(permit.valid for permit in self.present[number])
        assert not any(permit.valid for permit in self.dead)


TestGates = Gates.TestCase
