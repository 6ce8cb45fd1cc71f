"""What a simulated part has handed out that nobody else should ever see.

A real cloud keeps no such list. This one is there for a test that looks for each of these
values wherever it does not belong.
"""

from __future__ import annotations

from typing import Final

_LIMIT: Final = 256


class Ledger:
    """Secrets by kind, in the order they were handed out; the oldest go first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._texts: dict[str, list[str]] = {}
        self._raw: dict[str, list[str]] = {}

    def note(self, kind: str, secret: str | bytes) -> None:
        """Remember one; bytes are told as hexadecimal digits."""
        if isinstance(secret, str):
            kept, value = self._texts.setdefault(kind, []), secret
        else:
            kept, value = self._raw.setdefault(kind, []), secret.hex()
        if value and value not in kept:
            kept.append(value)
            del kept[:-_LIMIT]

    def told(self) -> dict[str, dict[str, list[str]]]:
        """Return all, as the control API tells them."""
        return {"texts": self._texts, "bytes": self._raw}
