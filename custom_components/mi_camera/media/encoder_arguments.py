"""What ffmpeg is told: how pictures become H.264 that every display shows, by encoder.

The options are those of ffmpeg's own documentation (ffmpeg-codecs: "libx264", "VAAPI encoders",
"QSV encoders"; `ffmpeg -h encoder=NAME` for NVENC, V4L2 and VideoToolbox). They mean the same for
each: main profile, a level of 4.1 at most, no picture that waits for a later one, a bit rate that a
display's Wi-Fi takes. An ffmpeg that does not know one of them fails at once, which is found out
before it is relied on (`encoder_choice`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["HARDWARE", "SOFTWARE", "H264Encoder", "encoder_arguments"]

KEY_SECONDS: Final = 1
"""A key frame as often as this: a player begins at one."""
_RATE: Final = "2000k"
_MAX_RATE: Final = "2500k"
_DECODE: Final = (
    *("-probesize", "32", "-analyzeduration", "0"),
    *("-flags", "low_delay", "-threads", "1"),
)
_RENDER_NODE: Final = "dri/renderD128"


@dataclass(frozen=True, slots=True)
class H264Encoder:
    """An encoder of ffmpeg and how it is used.

    `device` is what must be there below /dev for it, a pattern, None if nothing need. `first` are
    arguments of the whole program, `picture` filters after scaling, `options` the encoder's.
    """

    name: str
    options: str
    device: str | None = None
    first: str = ""
    picture: str = "format=nv12"

    @property
    def hardware(self) -> bool:
        """Whether it is a part of the machine that may be missing or fail."""
        return self is not SOFTWARE


# An encoder of a machine does not always make a key frame where it is told to; then the group's
# length counts, for which a camera's 15 to 20 pictures per second are assumed.
_HARD: Final = f"-b:v {_RATE} -maxrate {_MAX_RATE} -bufsize {_MAX_RATE} -bf 0 -g 30"

SOFTWARE: Final = H264Encoder(
    "libx264",
    "-preset superfast -tune zerolatency -profile:v main -level 4.1 -threads 1"
    f" -crf 23 -maxrate {_MAX_RATE} -bufsize {_MAX_RATE} -g 600 -sc_threshold 0",
    picture="format=yuv420p",
)

HARDWARE: Final = (
    # A part of the graphics card that does nothing else.
    H264Encoder(
        "h264_nvenc",
        "-preset p3 -tune ull -zerolatency 1 -delay 0 -rc vbr -forced-idr 1"
        f" -profile:v main -level 4.1 {_HARD}",
        device="nvidiactl",
        picture="format=yuv420p",
    ),
    # Intel's and AMD's, by the driver the system has anyway.
    H264Encoder(
        "h264_vaapi",
        f"-async_depth 1 -profile:v main -level 41 {_HARD}",
        device=_RENDER_NODE,
        first=f"-vaapi_device /dev/{_RENDER_NODE}",
        picture="format=nv12,hwupload",
    ),
    # Intel's with a library of its own, which is there less often.
    H264Encoder(
        "h264_qsv",
        f"-preset veryfast -async_depth 1 -forced_idr 1 -profile:v main -level 41 {_HARD}",
        device=_RENDER_NODE,
    ),
    # Raspberry Pi up to 4 and other boards. It tries every /dev/video*, so it comes after those
    # that know their device. The driver sets the level; 77 is the main profile.
    H264Encoder(
        "h264_v4l2m2m", f"-profile:v 77 {_HARD}", device="video*", picture="format=yuv420p"
    ),
)
"""In the order they are tried. A Mac's has no device to be seen by, and Home Assistant has no
system for Macs; Rockchip's is in no ffmpeg that Home Assistant comes with."""


def encoder_arguments(width: int, height: int, encoder: H264Encoder = SOFTWARE) -> list[str]:
    """Return ffmpeg's arguments: MPEG-TS on stdin to FLV of H.264 on stdout.

    Main profile, level 4.1 at most, of this size in pixels; no picture waits for a later one,
    and each keeps its time (`-copyts`, in milliseconds).
    """
    return [
        *["-hide_banner", "-nostdin", "-loglevel", "error"],
        *encoder.first.split(),
        *_DECODE,
        *["-f", "mpegts", "-i", "pipe:0", "-map", "0:v:0", "-copyts"],
        *("-vf", f"scale={width}:{height}:flags=bilinear,{encoder.picture}"),
        *("-c:v", encoder.name, *encoder.options.split()),
        *("-force_key_frames", f"expr:gte(t,n_forced*{KEY_SECONDS})"),
        *["-enc_time_base", "1:1000"],
        *["-flush_packets", "1", "-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1"],
    ]
