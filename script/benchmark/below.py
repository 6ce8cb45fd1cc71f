"""Lets the layers below the glue be imported without Home Assistant, which they do not need.

The package they lie in is the glue: importing it would bring in all of Home Assistant, most of a
second and 120 MB that no stream is to blame for. An empty package of the same name takes its
place. Import this first.
"""

from __future__ import annotations

from importlib import import_module
import sys
from types import ModuleType

from .processes import ROOT

_NAME = "custom_components.mi_camera"

if _NAME not in sys.modules:
    import_module("custom_components")
    package = ModuleType(_NAME, __doc__)
    package.__path__ = [str(ROOT / "custom_components" / "mi_camera")]
    sys.modules[_NAME] = package
