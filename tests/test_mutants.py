"""The mutants still fit the code they break; `script/mutants` runs them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
import shutil

import pytest

from script.mutation import command
from script.mutation.mutant import PACKAGE, Mutant, StaleMutant
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


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one module with one test, quick to run."""
    package, tests = tmp_path / PACKAGE, tmp_path / "tests"
    for folder in (package, tests, tmp_path / "simulator", tmp_path / "script"):
        folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (package / "one.py").write_text("def may(is_open: bool) -> bool:\n    return is_open\n")
    (tests / "test_one.py").write_text(
        "from custom_components.mi_camera.one import may\n"
        "def test_may():\n    assert may(True)\n    assert not may(False)\n"
    )
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return tmp_path


def change(name: str, old: str, new: str, test: str = "tests/test_one.py") -> Mutant:
    return Mutant(name, "something", "one.py", old, new, (test,))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_change_nobody_notices_survives(
    little: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    jobs: str,
) -> None:
    mutants = (
        change("caught", "return is_open", "return True", "tests/test_one.py::test_may"),
        change("survives", "return is_open", "return bool(is_open)"),
    )
    monkeypatch.setattr(command, "MUTANTS", mutants)
    assert command.main(["--json", "--jobs", jobs]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("seconds") > 0
    assert answer == {
        "mutants": 2,
        "caught": {"caught": "tests/test_one.py::test_may"},
        "survived": ["survives"],
    }
    assert command.main(["caught"]) == 0
    assert capsys.readouterr().out.startswith("1 mutants, 1 caught")
    assert (little / PACKAGE / "one.py").read_text().endswith("return is_open\n")


@pytest.mark.parametrize(
    ("mutant", "word"),
    [
        (change("gone", "return closed", ""), "0 times"),
        (change("no Python", "return is_open", "return ("), "no Python"),
        (change("cannot run", "def may", "def might"), "could not run"),
        (change("no test", "return is_open", "", "tests/test_two.py"), "do not pass as it is"),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_what_proves_nothing_is_told_apart(
    little: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mutant: Mutant,
    word: str,
) -> None:
    monkeypatch.setattr(command, "MUTANTS", (mutant,))
    assert command.main([]) == 2
    assert word in capsys.readouterr().err


def test_choosing_and_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(MUTANTS)
    for wrong in (["no such mutant"], ["--jobs", "0"], ["--jobs", "many"]):
        with pytest.raises(SystemExit):
            command.main(wrong)
