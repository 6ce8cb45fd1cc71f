"""The mutants still fit the code they break; `script/mutants` runs them."""

from __future__ import annotations

import ast
from pathlib import Path
import shutil

import pytest

from script.mutation import command
from script.mutation.mutant import Mutant, StaleMutant
from script.mutation.mutants import MUTANTS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_fits_the_code_and_names_tests(mutant: Mutant, tmp_path: Path) -> None:
    path = tmp_path / mutant.path
    path.parent.mkdir(parents=True)
    shutil.copy2(ROOT / mutant.path, path)
    before = mutant.apply(tmp_path)
    assert path.read_text("utf-8") != before
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        names = {getattr(node, "name", None) for node in ast.walk(tree)}
        assert not name or name.partition("[")[0] in names


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_tests_with_fixed_addresses_stay_in_one_process() -> None:
    files = ("tests/test_hub.py", "tests/media/test_feed.py", "tests/media/test_link.py")
    mutants = [
        Mutant(name, "nothing", "hub.py", "", "", tests)
        for name, tests in {
            "one": (files[0],),
            "two": (files[1],),
            "three": ("tests/test_ptz.py",),
            "four": (files[2], files[0]),
        }.items()
    ]
    batches = command.batches(mutants)
    assert [sorted(one.name for one in batch) for batch in batches] == [
        ["four", "one", "two"],
        ["three"],
    ]
    everything = [one for batch in command.batches(MUTANTS) for one in batch]
    assert sorted(one.name for one in everything) == sorted(one.name for one in MUTANTS)


def test_stale_lines_are_refused(tmp_path: Path) -> None:
    mutant = Mutant(
        "one", "nothing", "gate/__init__.py", "no such line", "", ("tests/test_hub.py",)
    )
    path = tmp_path / mutant.path
    path.parent.mkdir(parents=True)
    shutil.copy2(ROOT / mutant.path, path)
    with pytest.raises(StaleMutant, match="0 times"):
        mutant.apply(tmp_path)


def test_a_change_nobody_notices_survives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = "tests/gate/test_gate.py::test_a_permit_never_comes_back"
    words = "The gate: may pictures leave"
    caught = next(one for one in MUTANTS if one.name == "permit-of-another-epoch")
    survives = Mutant("survives", "words", "gate/__init__.py", words, "The gate", (test,))
    monkeypatch.setattr(command, "MUTANTS", (caught, survives))
    assert command.main(["--json", "--jobs", "2"]) == 1
    out = capsys.readouterr().out
    assert '"survived": ["survives"]' in out
    assert '"mutants": 2' in out
