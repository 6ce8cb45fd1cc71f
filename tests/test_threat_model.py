"""Every promise of the threat model names the tests that prove it, and these exist."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| [PR]\d+ \|.*$", re.MULTILINE)


@cache
def _functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(TEXT))))
def test_the_tests_it_names_are_there(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    assert not name or name in _functions(path)


def test_each_promise_has_a_test_and_each_risk_a_reason() -> None:
    rows = ROW.findall(TEXT)
    promises = [row for row in rows if row.startswith("| P")]
    risks = [row for row in rows if row.startswith("| R")]
    assert len(promises) >= 20
    assert len(risks) >= 8
    for row in promises:
        assert TEST.search(row), row
    for row in risks:
        number, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert all(cells), number
    numbers = [row.split("|")[1].strip() for row in rows]
    assert len(set(numbers)) == len(numbers)
