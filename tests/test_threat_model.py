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


def _numbers(text: str) -> set[str]:
    """Return P1, P2 … of a text such as `P1–P3, P7`."""
    found: set[str] = set()
    for kind, first, last in re.findall(r"\b([PR])(\d+)(?:–[PR](\d+))?", text):
        found |= {f"{kind}{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def test_each_promise_holds_some_attacker_and_each_number_is_one() -> None:
    attackers = TEXT.partition("## Who attacks")[2].partition("\n## ")[0]
    named = _numbers(attackers)
    numbers = {row.split("|")[1].strip() for row in ROW.findall(TEXT)}
    assert named <= numbers
    assert {number for number in numbers if number[0] == "P"} <= named
