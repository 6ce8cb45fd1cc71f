"""python-miio, loaded when it is first needed and never on the event loop.

`import miio` pulls in every device integration it has: 0.7 s and 57 MB.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
import threading
from typing import Any, Final
import warnings

_IMPORTING: Final = threading.Lock()
"""`warnings.catch_warnings` is one for all threads; two imports at once would tangle it."""


@dataclass(frozen=True, slots=True)
class MiioLibrary:
    """What this package uses of python-miio 0.5.12; the library has no types."""

    message: Any
    """`miio.protocol.Message`, a construct Struct that seals and opens datagrams."""
    camera: Any
    """`miio.ChuangmiCamera`, the class."""
    legacy_models: frozenset[str]
    """Models that class was written for: properties by `get_prop`, no MIoT."""
    errors: tuple[type[Exception], ...]
    """What the packet codec and the camera class raise."""


def import_library() -> MiioLibrary:
    """Import python-miio in this thread: blocks for most of a second the first time."""
    with _IMPORTING, warnings.catch_warnings():
        # click's MultiCommand and naive UTC clocks, at import only.
        warnings.simplefilter("ignore", DeprecationWarning)
        miio = import_module("miio")
        protocol = import_module("miio.protocol")
        models = import_module("miio.chuangmi_camera").SUPPORTED_MODELS
        construct = import_module("construct")
    return MiioLibrary(
        message=protocol.Message,
        camera=miio.ChuangmiCamera,
        legacy_models=frozenset(models),
        errors=(miio.DeviceException, construct.ConstructError),
    )


async def load_library() -> MiioLibrary:
    """python-miio, imported in an executor thread."""
    return await asyncio.get_running_loop().run_in_executor(None, import_library)
