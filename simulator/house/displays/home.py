"""The home of the table: cameras that send one kind of picture each, and one display of a kind."""

from __future__ import annotations

from dataclasses import dataclass
import json
from typing import TYPE_CHECKING, Any, Final

from simulator.display.models import MODELS
from simulator.house.home_process import HomePlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.camera.spec import AudioCodec, VideoCodec
    from simulator.display.models import Model

NETWORK: Final = "127.0.48"
"""Beside a demo, a soak and a matrix that may run on this machine at the same time."""
_FPS: Final = 10
_GOP_SECONDS: Final = 2.0
_SOUNDS: Final = {"pcma": "G.711", "opus": "Opus", "aac": "AAC"}
CODECS: Final = {"h264": "H.264", "h265": "H.265", "hevc": "H.265"}


@dataclass(frozen=True, slots=True)
class ShownCamera:
    """A camera that sends pictures of this size in every quality."""

    did: int
    scene: str
    codec: VideoCodec
    width: int
    height: int
    audio: AudioCodec

    @property
    def title(self) -> str:
        """What it sends, in words."""
        return f"{CODECS[self.codec]} {self.width}×{self.height}, {_SOUNDS[self.audio]}"


CAMERAS: Final = (
    ShownCamera(4804804801, "kitchen", "h264", 1280, 720, "pcma"),
    ShownCamera(4804804802, "nursery", "h265", 1920, 1080, "opus"),
    ShownCamera(4804804803, "porch", "h264", 1920, 1080, "pcma"),
    ShownCamera(4804804804, "garden", "h265", 2304, 1296, "aac"),
)
DISPLAYS: Final[dict[str, Model]] = {
    "Nest Hub": MODELS["Google Nest Hub"],
    "Nest Hub Max": MODELS["Google Nest Hub Max"],
    "Chromecast, 1st generation": MODELS["Chromecast"],
    "Chromecast with Google TV": MODELS["Chromecast with Google TV"],
}
"""By the name it has in this home."""


def describe(cameras: Sequence[ShownCamera] = CAMERAS, network: str = NETWORK) -> dict[str, Any]:
    """Return the description of a home with these cameras and one display of each kind."""
    return {
        "cameras": [
            {
                "did": camera.did,
                "model": "chuangmi.camera.021a04",
                "name": camera.scene.capitalize(),
                "scene": camera.scene,
                "address": f"{network}.{11 + index}",
                "token": f"{0x64697370 + index:08x}" * 4,
                "transport": "udp",
                "codec": camera.codec,
                "audio": camera.audio,
                "fps": _FPS,
                "gop_seconds": _GOP_SECONDS,
                "qualities": {str(one): [camera.width, camera.height] for one in (1, 2, 3)},
            }
            for index, camera in enumerate(cameras)
        ],
        "displays": [
            {"name": name, "address": f"{network}.{61 + index}", "model": model.kind}
            for index, (name, model) in enumerate(DISPLAYS.items())
        ],
        "cloud": {
            "address": f"{network}.3",
            "username": "demo@example.com",
            "password": "open-sesame",
            "region": "de",
        },
        "control": {"address": f"{network}.2"},
    }


def write(directory: Path, cameras: Sequence[ShownCamera], network: str) -> HomePlan:
    """Write the description of the home and return what the house has to know of it."""
    path = directory / "home.json"
    path.write_text(json.dumps(describe(cameras, network), indent=2), "utf-8")
    return HomePlan.read(path)
