"""Measures speed and cost of this integration and of its peers, side by side, in one run.

The layers below the glue do without Home Assistant, but the package they lie in is the glue:
importing that would bring in all of Home Assistant, seconds and 120 MB that no stream is to blame
for. So an empty package of the same name takes its place here.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
_GLUE = "custom_components.mi_camera"


def _without_home_assistant() -> None:
    if _GLUE in sys.modules:
        return
    import_module(_GLUE.partition(".")[0])
    package = ModuleType(_GLUE)
    package.__path__ = [str(ROOT.joinpath(*_GLUE.split(".")))]
    sys.modules[_GLUE] = package


_without_home_assistant()
