"""What each kind of display can play, after Google's "Supported media" page.

Only what a camera's stream can run into is here: the video codec, its H.264 level and the size
of the picture. The page gives sizes as video modes (720p60); a picture is taken to fit a mode
when both of its sides do, in either orientation.
"""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of display."""

    name: str
    codecs: frozenset[str]
    """FFmpeg's names of the video codecs it decodes."""
    width: int
    height: int
    h264_level: int
    """Ten times the highest H.264 level."""
    manufacturer: str = "Google Inc."

    def refuses(self, codec: str, width: int, height: int, level: int) -> str | None:
        """Say why it cannot play this, or None when it can. Zero means not known yet."""
        if codec not in self.codecs:
            return f"{self.name} has no decoder for {codec}"
        if max(width, height) > self.width or min(width, height) > self.height:
            return f"{self.name} shows {self.width}x{self.height} at most, not {width}x{height}"
        if codec == "h264" and level > self.h264_level:
            return f"{self.name} decodes H.264 up to level {self.h264_level}, not {level}"
        return None


_BASIC = frozenset({"h264", "vp8"})
_HUB = frozenset({"h264", "vp8", "vp9"})
_HEVC = frozenset({"h264", "hevc", "vp8", "vp9"})

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model("Chromecast", _BASIC, 1920, 1080, 42),
        Model("Chromecast Ultra", _HEVC, 3840, 2160, 42),
        Model("Chromecast HD", _HEVC, 1920, 1080, 51),
        Model("Google TV Streamer", _HEVC | {"av1"}, 3840, 2160, 52),
        Model("Google Nest Hub", _HUB, 1280, 720, 41),
        Model("Google Nest Hub Max", _HUB, 1280, 720, 41),
    )
}

_RFC6381 = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "vp08": "vp8",
    "vp8": "vp8",
    "vp09": "vp9",
    "vp9": "vp9",
    "av01": "av1",
}
_AVC = re.compile(r"avc[13]\.[0-9a-fA-F]{4}([0-9a-fA-F]{2})")


def video_codec(codecs: str) -> tuple[str, int] | None:
    """Return (FFmpeg's name, H.264 level x 10 or 0) of the video in a CODECS attribute."""
    for entry in codecs.split(","):
        entry = entry.strip()
        if name := _RFC6381.get(entry.partition(".")[0]):
            avc = _AVC.fullmatch(entry)
            return name, int(avc[1], 16) if avc else 0
    return None
