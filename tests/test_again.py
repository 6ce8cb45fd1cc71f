"""The second chance of tests that failed among others."""

from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest

SCRIPT = Path(__file__).parent.parent / "script" / "again.py"
TESTS = """
import pytest

@pytest.mark.parametrize("who", ["a@home", "b"])
def test_well(who): open(f"ran {who}", "w").close()
def test_ill(): assert 1 == 2
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "cache" / "v" / "cache").mkdir(parents=True)
    return tmp_path / "cache"


def again(cache: Path, *failed: str) -> subprocess.CompletedProcess[str]:
    note = cache / "v" / "cache" / "lastfailed"
    if failed:
        note.write_text(json.dumps(dict.fromkeys(failed, True)))
    return subprocess.run(
        [sys.executable, SCRIPT, cache],
        cwd=cache.parent,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_one_that_passes_alone_is_named(cache: Path) -> None:
    ran = again(cache, "test_it.py::test_well[a@home]@a group", "test_it.py::test_well[b]")
    assert ran.returncode == 0, ran.stdout
    assert {"ran a@home", "ran b"} <= {path.name for path in cache.parent.iterdir()}
    assert ran.stdout.endswith(
        "passed alone:\n  test_it.py::test_well[a@home]\n  test_it.py::test_well[b]\n"
    )


def test_one_that_fails_again_is_a_failure(cache: Path) -> None:
    ran = again(cache, "test_it.py::test_well[b]@x", "test_it.py::test_ill")
    assert ran.returncode == 1
    assert "passed alone" not in ran.stdout


@pytest.mark.parametrize(
    "failed", [(), tuple(f"test_it.py::test_well[{number}]" for number in range(6))]
)
def test_none_or_many_are_not_run_again(cache: Path, failed: tuple[str, ...]) -> None:
    ran = again(cache, *failed)
    assert ran.returncode == 1
    assert "passed" not in ran.stdout
