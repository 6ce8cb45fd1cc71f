"""One promise broken on purpose."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "custom_components/mi_camera"


class StaleMutant(Exception):
    """The code a mutant was written for is not there any more, or is there twice."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of a few lines of the integration, and the tests that must fail by it.

    `file` is relative to the integration's package, `tests` are node ids for pytest,
    relative to the repository.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> str:
        """The file to change, relative to the repository."""
        return f"{PACKAGE}/{self.file}"

    def apply(self, root: Path) -> str:
        """Change the file below `root` and return its text of before.

        Raises:
            StaleMutant: the lines to change are not there exactly once, or what comes out
                is not Python.
        """
        path = root / self.path
        before = path.read_text("utf-8")
        if (count := before.count(self.old)) != 1:
            raise StaleMutant(f"{self.name}: its lines are {count} times in {self.file}")
        after = before.replace(self.old, self.new)
        try:
            changed = ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))
        except SyntaxError as err:
            raise StaleMutant(f"{self.name}: {err}") from err
        if not changed:
            raise StaleMutant(f"{self.name}: changes nothing")
        path.write_text(after, "utf-8")
        return before
