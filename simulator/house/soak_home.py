"""Descriptions of homes for a soak: as many cameras as wanted, on addresses of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "127.0.40"
"""Beside a demo that may run on this machine at the same time."""
_MODELS = (
    ("chuangmi.camera.021a04", "pcma"),
    ("chuangmi.camera.046c04", "opus"),
    ("isa.camera.hlc7", "pcma"),
)
_SCENES = ("kitchen", "nursery", "porch", "garden")
# Small pictures at every quality and many of them, on two cores; a key frame each second, so
# that a picture comes soon after each kill.
_SIZE = [320, 180]
_FPS = 25
_GOP_SECONDS = 1.0


def describe(cameras: int, network: str = NETWORK) -> dict[str, Any]:
    """Return the description of a home with this many cameras and two displays."""
    return {
        "cameras": [_camera(index, network) for index in range(cameras)],
        "displays": [
            {"name": name, "address": f"{network}.{61 + index}", "model": "Google Nest Hub"}
            for index, name in enumerate(("Hall display", "Desk display"))
        ],
        "cloud": {
            "address": f"{network}.3",
            "username": "demo@example.com",
            "password": "open-sesame",
            "region": "de",
        },
        "control": {"address": f"{network}.2"},
    }


def _camera(index: int, network: str) -> dict[str, Any]:
    model, audio = _MODELS[index % len(_MODELS)]
    scene = _SCENES[index % len(_SCENES)]
    return {
        "did": 2002002001 + index,
        "model": model,
        "name": f"{scene.capitalize()} {index + 1}",
        "scene": scene,
        "address": f"{network}.{11 + index}",
        "token": f"{0x736F616B + index:08x}" * 4,
        "transport": "tcp" if index % 3 == 1 else "udp",
        "codec": "h264",
        "audio": audio,
        "fps": _FPS,
        "gop_seconds": _GOP_SECONDS,
        "qualities": {str(quality): _SIZE for quality in (1, 2, 3)},
    }


def write(cameras: int, path: Path) -> Path:
    """Write a description and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(describe(cameras), indent=2), "utf-8")
    return path
