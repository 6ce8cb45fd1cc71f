"""The matrix as data, and how it is written: a Markdown table, JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Column(StrEnum):
    """The moments at which every path is tried, in the order they are printed."""

    BEFORE = "before"
    KILLED = "killed"
    RESTARTED = "restarted"
    RELEASED = "released"


HEADINGS = {
    Column.BEFORE: "Before the kill",
    Column.KILLED: "After the kill",
    Column.RESTARTED: "After a restart, still off",
    Column.RELEASED: "After the release",
}


class Kind(StrEnum):
    """What is asked of a row."""

    CLOSED = "closed"
    """Nothing may come out while pictures are off."""
    RESIDUAL = "residual"
    """Somebody else keeps a copy: nothing taken after the kill may come out, the copy may."""
    SKIPPED = "skipped"
    """Cannot run here."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one path did at one moment."""

    text: str
    ok: bool = True
    last_ms: float | None = None
    """Milliseconds from the call that kills to the last byte, of a path that was open then."""


@dataclass(slots=True)
class Row:
    """One path."""

    group: str
    path: str
    kind: Kind = Kind.CLOSED
    cells: dict[Column, Cell] = field(default_factory=dict)
    reason: str = ""
    """Why it cannot run here, or why a copy is out of reach."""

    @property
    def wrong(self) -> list[Column]:
        """The moments at which it did what it must not; a missing cell is as bad."""
        if self.kind is Kind.SKIPPED:
            return []
        return [one for one in Column if one not in self.cells or not self.cells[one].ok]

    @property
    def last_ms(self) -> float | None:
        """Milliseconds from the kill to the last byte."""
        cell = self.cells.get(Column.KILLED)
        return None if cell is None else cell.last_ms


@dataclass(slots=True)
class Matrix:
    """All rows of one run."""

    rows: list[Row]

    @property
    def wrong(self) -> list[str]:
        """Each wrong cell in words."""
        return [
            f"{row.path}, {HEADINGS[column].lower()}:"
            f" {row.cells[column].text if column in row.cells else 'not looked at'}"
            for row in self.rows
            for column in row.wrong
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "ok": not self.wrong,
            "wrong": self.wrong,
            "rows": [
                {
                    "group": row.group,
                    "path": row.path,
                    "kind": row.kind,
                    "reason": row.reason,
                    "last_byte_ms": None if row.last_ms is None else round(row.last_ms),
                    **{name: _json(row.cells.get(name)) for name in Column},
                }
                for row in self.rows
            ],
        }

    def markdown(self) -> str:
        """Return the tables, one for each group, and the list of what could not run."""
        lines: list[str] = []
        heads = ["Path", HEADINGS[Column.BEFORE], HEADINGS[Column.KILLED], "Last byte"]
        heads += [HEADINGS[Column.RESTARTED], HEADINGS[Column.RELEASED]]
        ran = [row for row in self.rows if row.kind is not Kind.SKIPPED]
        for group in dict.fromkeys(row.group for row in ran):
            lines += [f"### {group}", "", _line(heads), _line(["---"] * len(heads))]
            lines += [_line(_columns(row)) for row in ran if row.group == group]
            lines.append("")
        reasons = [row for row in ran if row.reason]
        if reasons:
            lines += ["### Residual", ""]
            lines += [f"- {row.path}: {row.reason}." for row in reasons]
            lines.append("")
        skipped = [row for row in self.rows if row.kind is Kind.SKIPPED]
        if skipped:
            lines += ["### Not run", ""]
            lines += [f"- {row.path}: {row.reason}." for row in skipped]
            lines.append("")
        return "\n".join(lines)


def _json(cell: Cell | None) -> dict[str, Any] | None:
    return None if cell is None else {"ok": cell.ok, "text": cell.text}


def _columns(row: Row) -> list[str]:
    last = "" if row.last_ms is None else f"{row.last_ms:.0f} ms"
    name = row.path if row.kind is Kind.CLOSED else f"{row.path} **({row.kind})**"
    cells = {column: _text(row.cells.get(column)) for column in Column}
    return [
        name,
        cells[Column.BEFORE],
        cells[Column.KILLED],
        last,
        cells[Column.RESTARTED],
        cells[Column.RELEASED],
    ]


def _text(cell: Cell | None) -> str:
    if cell is None:
        return "**not looked at**"
    return cell.text if cell.ok else f"**WRONG: {cell.text}**"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
