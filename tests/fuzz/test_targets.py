"""Every target with inputs that hypothesis chooses, and so can make small when one breaks it."""

from __future__ import annotations

import ast
from pathlib import Path
import re
import sys
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from script.fuzzing.mutation import Mutator
from script.fuzzing.targets import TARGETS

if TYPE_CHECKING:
    import random
    from types import FrameType

    from script.fuzzing.case import Case
    from script.fuzzing.target import Target

PACKAGE = Path(__file__).parents[2] / "custom_components" / "mi_camera"
PARSER = re.compile(r"(parse|read|pull)(_\w+)?|of_(zeroconf|dhcp)")
OWN = {
    "cloud/back_off.py: parse": "reads what Home Assistant has stored for this integration",
    "miss/cs2_packets.py: pull_media_run": "runs of packets, fed to it by the connection's target",
}
"""Parsers that the valid messages of no target reach."""
EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
QUICK = settings(
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def parsers() -> set[str]:
    """Return all public functions that read what others have sent."""
    files = [PACKAGE / "discovery.py", PACKAGE / "kept_keys.py"]
    for folder in ("cloud", "device", "miss"):
        files += (PACKAGE / folder).glob("*.py")
    return {
        f"{file.relative_to(PACKAGE)}: {node.name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and PARSER.fullmatch(node.name)
    }


def test_every_parser_has_a_target() -> None:
    reached: set[str] = set()
    root = f"{PACKAGE}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(root):
            reached.add(f"{file.removeprefix(root)}: {frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for target in TARGETS:
            for case in target.seeds():
                target.run(case)
    finally:
        sys.setprofile(before)
    assert len(parsers()) > 25
    assert parsers() - reached - OWN.keys() == set()


@st.composite
def mutated(draw: st.DrawFn, target: Target) -> Case:
    """A valid case, changed: hypothesis makes the choices the long runs leave to chance."""
    chance: random.Random = draw(st.randoms(use_true_random=False))
    return Mutator(target, chance).case(target.seeds())


@EVERY
def test_valid_messages_are_taken(target: Target) -> None:
    for case in target.seeds():
        assert target.run(case) >= 1


@EVERY
def test_changed_messages_do_no_harm(target: Target) -> None:
    @QUICK
    @given(mutated(target))
    def check(case: Case) -> None:
        target.run(case)

    check()


@EVERY
def test_any_bytes_do_no_harm(target: Target) -> None:
    @QUICK
    @given(st.lists(st.binary(max_size=80), max_size=6).map(tuple))
    def check(case: Case) -> None:
        target.run(case)

    check()
