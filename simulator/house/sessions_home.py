"""The home of the sessions' soak: a few cameras, one of H.265, and many displays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator.house import probe_client, soak_home

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORK: Final = "127.0.49"
"""Beside everything else that may run on this machine at the same time."""
CAMERAS: Final = 4
DISPLAYS: Final = 8
H265: Final = 3
"""Which of them no display plays as it is."""
FPS: Final = 15
MODELS: Final = ("Google Nest Hub", "Google Nest Hub Max")
PROBE: Final = Path(__file__).parent / "probe"
COMPONENTS: Final[Mapping[str, Path]] = {probe_client.DOMAIN: PROBE}
YAML: Final = f"\n{probe_client.DOMAIN}:\n"


def describe(network: str = NETWORK) -> dict[str, Any]:
    """Return the description of the home."""
    home = soak_home.describe(CAMERAS, network)
    for number, camera in enumerate(home["cameras"]):
        camera["fps"] = FPS
        if number == H265:
            camera["codec"] = "h265"
    home["displays"] = [
        {
            "name": f"Display {number + 1}",
            "address": f"{network}.{61 + number}",
            "model": MODELS[number % len(MODELS)],
        }
        for number in range(DISPLAYS)
    ]
    return home


def write(path: Path, network: str = NETWORK) -> Path:
    """Write the description and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(describe(network), indent=2), "utf-8")
    return path
