"""A file that lets the simulated cloud remember who is signed in when it is started again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, content: dict[str, Any]) -> None:
    """Replace the file, readable by its owner only; raises `OSError`."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps({"saved": time.time(), **content}))
    new.replace(path)


def load(path: Path) -> tuple[dict[str, Any], float]:
    """Return what was saved and how many seconds ago; nothing of a file that is no such."""
    try:
        content = json.loads(path.read_text())
    except OSError, ValueError:
        return {}, 0.0
    if not isinstance(content, dict):
        return {}, 0.0
    return content, max(0.0, time.time() - content.get("saved", 0.0))
