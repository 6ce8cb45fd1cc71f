"""Every icon that is named exists: those that Home Assistant's frontend brings."""

from __future__ import annotations

from functools import cache
import importlib.util
import json
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[1]
ICON = re.compile(r"mdi:[a-z0-9-]+")
FILES = sorted(
    [
        *(ROOT / "custom_components" / "mi_camera").rglob("*.py"),
        *(ROOT / "custom_components" / "mi_camera").glob("*.json"),
        *(ROOT / "custom_components" / "mi_camera").glob("*.yaml"),
        *(ROOT / "blueprints").rglob("*.yaml"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "simulator" / "house").rglob("*.py"),
        ROOT / "README.md",
    ]
)


@cache
def known() -> frozenset[str]:
    """Return the names of all icons, which the frontend has in files by their beginnings."""
    spec = importlib.util.find_spec("hass_frontend")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "static" / "mdi"
    names: set[str] = set()
    for part in json.loads((folder / "iconList.json").read_text("utf-8")):
        names.add(f"mdi:{part['name']}")
    return frozenset(names)


def named() -> dict[str, set[str]]:
    """Return the icons that a file names, by file."""
    found = {
        str(path.relative_to(ROOT)): set(ICON.findall(path.read_text("utf-8"))) for path in FILES
    }
    return {path: icons for path, icons in found.items() if icons}


def test_the_list_is_whole() -> None:
    assert len(known()) > 7000
    assert {"mdi:cctv", "mdi:eye-off"} <= known()
    assert "mdi:no-such-icon" not in known()
    assert "custom_components/mi_camera/icons.json" in named()


@pytest.mark.parametrize("path", named())
def test_each_icon_exists(path: str) -> None:
    assert named()[path] - known() == set()
