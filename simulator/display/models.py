"""What each kind of display can play, after Google's "Supported Media for Google Cast".

https://developers.google.com/cast/docs/media tells of each kind the video codecs with their
highest profile and level and a video mode; only what a camera's stream can run into is here. A
picture is taken to fit a mode (720p60) when both of its sides do, in either orientation. Sound
has one list for all kinds. Nothing there says that a receiver needs sound, so none of these
does.

| Kind | H.264 | H.265 | others |
| --- | --- | --- | --- |
| Chromecast, 1st and 2nd generation | High 4.1, 720p60 or 1080p30 | - | VP8 |
| 3rd generation | High 4.2, 1080p60 | - | VP8 |
| Ultra | High 4.2, 1080p60 | Main, Main 10, 5.1, 4K60 | VP8, VP9 |
| with Google TV | High 5.1, 4K30 | Main, Main 10, 5.1, 4K60 | VP9 |
| Google TV Streamer | High 5.2, 4K60 | Main, Main 10, 5.1, 4K60 | VP9, AV1 |
| Nest Hub | High 4.1, 720p60 | - | VP9 |
| Nest Hub Max | High 4.1, 720p30 | - | VP9 |

Of Chromecast HD, the smaller one with Google TV, the page has no entry of its own; it shows no
more than its output has. What kinds call themselves was found out by people who have them: 2nd and
3rd generation and the larger one with Google TV are all "Chromecast" (react-native-google-cast,
issue 503). The page gives Ultra 1080p for H.264 and 4K for all else; here a kind
has one size, its largest, and H.264's level does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIGH: Final = 100
"""H.264's profile_idc of the High profile; those above code more colours or depths."""
_SOUNDS: Final = frozenset({"aac", "flac", "mp3", "opus", "pcm_s16le", "vorbis"})
"""FFmpeg's names of the audio codecs that the page lists. G.711 is not there."""


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of display."""

    kind: str
    """What people call it."""
    codecs: frozenset[str]
    """FFmpeg's names of the video codecs it decodes."""
    width: int
    height: int
    h264_level: int
    """Ten times the highest H.264 level."""
    h265_level: int = 51
    """Ten times the highest H.265 level, if it decodes any."""
    called: str = ""
    """The name it gives itself, where that is not its kind."""
    sounds: frozenset[str] = _SOUNDS
    """FFmpeg's names of the audio codecs it decodes."""
    manufacturer: str = "Google Inc."

    @property
    def name(self) -> str:
        """What it calls itself; several kinds may call themselves the same."""
        return self.called or self.kind

    def refuses(
        self, codec: str, width: int, height: int, level: int, profile: int = 0
    ) -> str | None:
        """Say why it cannot play these pictures, or None when it can.

        `level` is ten times the level, `profile` H.264's profile_idc. Zero means not known yet.
        """
        if codec not in self.codecs:
            return f"{self.kind} has no decoder for {codec}"
        if max(width, height) > self.width or min(width, height) > self.height:
            return f"{self.kind} shows {self.width}x{self.height} at most, not {width}x{height}"
        if codec == "h264" and profile > _HIGH:
            return f"{self.kind} decodes H.264 up to the High profile, not {profile}"
        for name, title, limit in (
            ("h264", "H.264", self.h264_level),
            ("hevc", "H.265", self.h265_level),
        ):
            if codec == name and level > limit:
                return f"{self.kind} decodes {title} up to level {limit}, not {level}"
        return None

    def refuses_sound(self, codec: str) -> str | None:
        """Say why it cannot play this sound, or None when it can."""
        return None if codec in self.sounds else f"{self.kind} has no decoder for {codec}"


_BASIC = frozenset({"h264", "vp8"})
_HUB = frozenset({"h264", "vp9"})
_HEVC = frozenset({"h264", "hevc", "vp9"})
_CHROMECAST = "Chromecast"

MODELS: Mapping[str, Model] = {
    model.kind: model
    for model in (
        Model("Chromecast", _BASIC, 1920, 1080, 41),
        Model("Chromecast (3rd generation)", _BASIC, 1920, 1080, 42, called=_CHROMECAST),
        Model("Chromecast Ultra", _HEVC | {"vp8"}, 3840, 2160, 42),
        Model("Chromecast with Google TV", _HEVC, 3840, 2160, 51, called=_CHROMECAST),
        Model("Chromecast HD", _HEVC, 1920, 1080, 51),
        Model("Google TV Streamer", _HEVC | {"av1"}, 3840, 2160, 52),
        Model("Google Nest Hub", _HUB, 1280, 720, 41),
        Model("Google Nest Hub Max", _HUB, 1280, 720, 41),
    )
}
"""By kind. Of two that call themselves the same, the kind tells which is meant."""

_VIDEO = {
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
_SOUND = {
    "mp4a.40.2": "aac",
    "mp4a.40.5": "aac",
    "mp4a.40.29": "aac",
    "mp4a.69": "mp3",
    "mp4a.6b": "mp3",
    "mp3": "mp3",
    "opus": "opus",
    "flac": "flac",
    "vorbis": "vorbis",
}
_AVC = re.compile(r"avc[13]\.([0-9a-fA-F]{2})[0-9a-fA-F]{2}([0-9a-fA-F]{2})")
_HEVC_LEVEL = re.compile(r"\.[LH]([0-9]{1,3})(?:\.|$)")


@dataclass(frozen=True, slots=True)
class CodedVideo:
    """What a CODECS attribute says of the pictures."""

    codec: str
    """FFmpeg's name."""
    level: int = 0
    """Ten times the level of H.264 or H.265; 0 when it is not told."""
    profile: int = 0
    """H.264's profile_idc; 0 when it is not told."""


def video_codec(codecs: str) -> CodedVideo | None:
    """Return what a CODECS attribute (RFC 6381) says of the pictures, None for nothing."""
    for entry in _entries(codecs):
        if name := _VIDEO.get(entry.partition(".")[0]):
            if avc := _AVC.fullmatch(entry):
                return CodedVideo(name, int(avc[2], 16), int(avc[1], 16))
            # general_level_idc is thirty times the level (ISO/IEC 14496-15, annex E).
            hevc = _HEVC_LEVEL.search(entry) if name == "hevc" else None
            return CodedVideo(name, int(hevc[1]) // 3 if hevc else 0)
    return None


def sound_codec(codecs: str) -> str | None:
    """Return FFmpeg's name of the sound in a CODECS attribute, None when there is none.

    What is neither a known video nor a known audio codec is returned as it stands there.
    """
    for entry in _entries(codecs):
        if entry.partition(".")[0] not in _VIDEO:
            return _SOUND.get(entry.lower(), entry)
    return None


def _entries(codecs: str) -> list[str]:
    return [entry for part in codecs.split(",") if (entry := part.strip())]
