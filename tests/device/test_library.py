"""python-miio is loaded late, off the loop, and quietly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from custom_components.mi_camera.device import library as library_module
from custom_components.mi_camera.device.library import MiioLibrary, load_library

if TYPE_CHECKING:
    import pytest

LAZY = """
import sys, warnings
warnings.simplefilter("error")
import asyncio
import importlib.util, pathlib, types
package = types.ModuleType("device")
package.__path__ = [sys.argv[1]]
sys.modules["device"] = package
spec = importlib.util.spec_from_file_location(
    "device", pathlib.Path(sys.argv[1]) / "__init__.py", submodule_search_locations=[sys.argv[1]]
)
device = importlib.util.module_from_spec(spec)
sys.modules["device"] = device
spec.loader.exec_module(device)
assert "miio" not in sys.modules and "construct" not in sys.modules

async def main():
    before = list(warnings.filters)
    libraries = await asyncio.gather(*(device.load_library() for _ in range(4)))
    assert warnings.filters == before
    assert "chuangmi.camera.ipc019" in libraries[0].legacy_models
    assert len({id(library.camera) for library in libraries}) == 1

asyncio.run(main())
print("done")
"""


def test_import_is_late_and_leaves_the_warnings_alone() -> None:
    folder = library_module.__file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", LAZY, folder],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr


async def test_import_runs_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def import_library() -> str:
        threads.append(threading.current_thread())
        return "library"

    monkeypatch.setattr(library_module, "import_library", import_library)
    assert await load_library() == "library"  # type: ignore[comparison-overlap]
    assert threads[0] is not threading.current_thread()
    await asyncio.get_running_loop().shutdown_default_executor()


def test_what_is_used_of_it(library: MiioLibrary) -> None:
    assert library.legacy_models == {
        "chuangmi.camera.ipc009",
        "chuangmi.camera.ipc019",
        "chuangmi.camera.038a2",
    }
    assert library.camera.__name__ == "ChuangmiCamera"
