"""The fuzzer itself: it must find what is wrong, say how to see it again, and hold bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
import json
import random
import time

import pytest

from script.fuzzing import case as cases, engine
from script.fuzzing.command import main
from script.fuzzing.engine import fuzz
from script.fuzzing.mutation import Mutator
from script.fuzzing.target import Target, Violation, bounded, held

THIS = "test_engine"


def _deep(data: bytes) -> None:
    """Break on three bytes that chance alone would not put together in time."""
    if data[:1] == b"\xf1" and data[1:2] == b"\x65" and data[2:3] == b"\x80":
        raise RuntimeError("found")


def _fragile(data: bytes) -> None:
    if not data:
        raise ValueError("permitted")
    if data[0] == 0xFF:
        raise KeyError("not permitted")


DEEP = Target("deep", lambda: [(b"....",)], lambda: _deep)
FRAGILE = Target("fragile", lambda: [(b"a", b"b")], lambda: _fragile, permits=(ValueError,))
SOUND = Target("sound", lambda: [(b"a",)], lambda: len)


def test_it_goes_deep_by_the_branches_it_reaches() -> None:
    report = fuzz([DEEP], 2, 1, package=THIS)
    (failure,) = report.failures
    assert failure.error == "RuntimeError: found"
    assert cases.read(failure.case) == ("deep", (b"\xf1\x65\x80",))


def test_a_failure_can_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["1", "--seed", "7", "--json"], [FRAGILE, SOUND])
    assert status == 1
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["seed"] == 7
    assert figures["inputs"] == sum(one["inputs"] for one in figures["targets"].values()) > 1000
    (failure,) = figures["failures"]
    assert failure["error"].startswith("KeyError")
    assert failure["case"] == "fragile:ff"
    assert main(["--replay", failure["case"]], [FRAGILE]) == 1
    assert "not permitted" in capsys.readouterr().err
    assert main(["--replay", "fragile:00"], [FRAGILE]) == 0
    assert main(["--replay", "fragile"], [FRAGILE]) == 2
    assert main(["--replay", "sound:00"], [FRAGILE]) == 2


def test_a_sound_target_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["0.3"], [SOUND]) == 0
    assert "fuzz: ok" in capsys.readouterr().out.splitlines()[-1]


def test_a_case_that_hangs_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HANG", 0.2)

    def wait(_data: bytes) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pass

    started = time.monotonic()
    report = fuzz([Target("slow", lambda: [(b"a",)], lambda: wait)], 0.1, 1)
    assert report.failures[0].error.startswith("Hang")
    assert time.monotonic() - started < 10


@dataclass(slots=True)
class _Slotted:
    _kept: list[bytes] = field(default_factory=list)


@dataclass
class _Plain:
    inner: _Slotted
    table: dict[str, bytearray]
    again: object = None


def test_what_an_object_holds_is_counted() -> None:
    one = _Plain(_Slotted([b"x" * 1000]), {"ab": bytearray(500)})
    one.again = one
    assert 1502 <= held(one) < 1800
    bounded(one, 2000)
    one.inner._kept += [b""] * 100
    with pytest.raises(Violation, match="more than 2000"):
        bounded(one, 2000)


def test_a_target_that_keeps_too_much_is_a_failure() -> None:
    kept: list[bytes] = []

    def keep(data: bytes) -> None:
        kept.append(data)
        bounded(kept, 100_000)

    report = fuzz([Target("greedy", lambda: [(b"a" * 100,)], lambda: keep)], 1, 1)
    assert report.failures[0].error.startswith("Violation: holds")


@pytest.mark.parametrize("seed", range(20))
def test_mutations_stay_within_bounds(seed: int) -> None:
    target = Target("t", list, lambda: len, json=True)
    mutator = Mutator(target, random.Random(seed))
    pool: list[cases.Case] = [(b'{"a":[1,{"b":null}]}\0', b"\0" * 40), (b"",), ()]
    for _ in range(300):
        one = mutator.case(pool)
        assert len(one) <= cases.MAX_INPUTS
        assert all(len(part) <= cases.MAX_INPUT_BYTES for part in one)
        pool.append(one)


def test_cases_as_text() -> None:
    for case in [(b"",), (b"\0", b""), (b"ab", b"\xff")]:
        assert cases.read(cases.show("x", case)) == ("x", case)
    with pytest.raises(ValueError, match="target"):
        cases.read("00.11")
    with pytest.raises(ValueError, match="non-hexadecimal"):
        cases.read("x:0g")
