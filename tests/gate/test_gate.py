"""The gate and its permits."""

from __future__ import annotations

from hypothesis import given, strategies as st
import pytest

from custom_components.mi_camera.gate import Gate, GateClosedError


def test_a_new_gate_is_closed() -> None:
    gate = Gate()
    assert not gate.is_open
    assert gate.permit() is None
    with pytest.raises(GateClosedError):
        gate.require()


def test_closing_kills_permits_before_callbacks_run() -> None:
    gate = Gate()
    gate.open()
    permit = gate.require()
    seen: list[bool] = []
    gate.on_close(lambda: seen.append(permit.valid))
    gate.close()
    assert seen == [False]


def test_a_permit_never_comes_back() -> None:
    gate = Gate()
    gate.open()
    permit = gate.require()
    gate.close()
    gate.open()
    assert not permit.valid
    assert gate.require() != permit


def test_a_failing_callback_does_not_keep_others_from_running() -> None:
    gate = Gate()
    gate.open()
    ran: list[str] = []

    def fail() -> None:
        raise RuntimeError("broken")

    gate.on_close(fail)
    gate.on_close(lambda: ran.append("second"))
    with pytest.raises(ExceptionGroup):
        gate.close()
    assert ran == ["second"]
    assert not gate.is_open


def test_callbacks_can_be_taken_back() -> None:
    gate = Gate()
    ran: list[int] = []
    remove = gate.on_close(lambda: ran.append(1))
    remove()
    remove()
    gate.close()
    assert ran == []


@given(st.lists(st.sampled_from(["open", "close", "permit"]), max_size=60), st.integers(0, 1000))
def test_only_permits_of_the_present_opening_are_valid(steps: list[str], epoch: int) -> None:
    gate = Gate()
    old = []
    present = []
    last_epoch = gate.epoch
    for step in steps:
        if step == "open":
            if not gate.is_open:
                old += present
                present = []
            gate.open(epoch)
        elif step == "close":
            gate.close()
            old += present
            present = []
        elif (permit := gate.permit()) is not None:
            present.append(permit)
        assert gate.epoch >= last_epoch
        last_epoch = gate.epoch
        assert not any(permit.valid for permit in old)
        assert all(permit.valid for permit in present)
