"""The home of the casts: cameras of two codecs, and two displays."""

from __future__ import annotations

from typing import Any, Final

GOP_SECONDS: Final = 2.0
CAMERAS: Final = 4
"""By turns, so that what Home Assistant keeps of one for half a minute is gone the next time."""
LARGE_CAMERAS: Final = 2
"""These send pictures that no Nest Hub shows, so that they are converted."""
SHOWN, OTHER = "Hall display", "Desk display"
_NETWORK: Final = "127.0.62"
_DID: Final = 3003003001
_LARGE_DID: Final = 3003003101


def is_large(did: int) -> bool:
    """Whether a camera's pictures have to be converted."""
    return did >= _LARGE_DID


def describe() -> dict[str, Any]:
    """Return the description of the home."""
    ours: dict[str, Any] = {"codec": "h264", "fps": 15, "size": [1280, 720]}
    # A simulated camera needs a third of a core for these.
    large: dict[str, Any] = {"codec": "h265", "fps": 10, "size": [1920, 1080]}
    return {
        "cameras": [
            *(_camera(index, _DID + index, **ours) for index in range(CAMERAS)),
            *(
                _camera(CAMERAS + index, _LARGE_DID + index, **large)
                for index in range(LARGE_CAMERAS)
            ),
        ],
        "displays": [
            {"name": name, "address": f"{_NETWORK}.{61 + index}", "model": "Google Nest Hub"}
            for index, name in enumerate((SHOWN, OTHER))
        ],
        "cloud": {
            "address": f"{_NETWORK}.3",
            "username": "demo@example.com",
            "password": "open-sesame",
            "region": "de",
        },
        "control": {"address": f"{_NETWORK}.2"},
    }


def _camera(index: int, did: int, *, codec: str, fps: int, size: list[int]) -> dict[str, Any]:
    return {
        "did": did,
        "model": "chuangmi.camera.021a04",
        "name": f"Camera {index + 1}",
        "scene": "kitchen",
        "address": f"{_NETWORK}.{11 + index}",
        "token": f"{0x62656E63 + index:08x}" * 4,
        "transport": "udp",
        "codec": codec,
        "audio": "pcma",
        "fps": fps,
        "gop_seconds": GOP_SECONDS,
        "qualities": {str(quality): size for quality in (1, 2, 3)},
    }
