"""MISS: live pictures and sound from a Xiaomi camera on the local network.

`MissClient` is a session with one camera. Below it everything is sans-IO: `session` speaks
MISS over `cs2`, `discovery` finds the camera. Nothing here knows Home Assistant.
"""

from __future__ import annotations

from .client import MissClient
from .commands import Command
from .errors import (
    MissBusy,
    MissClosed,
    MissError,
    MissProtocolError,
    MissRefused,
    MissUnreachable,
    MissWrongKey,
)
from .frames import AudioFrame, Codec, VideoFrame
from .keys import MissKeys, new_client_key
from .limits import Statistics, Timing

__all__ = [
    "AudioFrame",
    "Codec",
    "Command",
    "MissBusy",
    "MissClient",
    "MissClosed",
    "MissError",
    "MissKeys",
    "MissProtocolError",
    "MissRefused",
    "MissUnreachable",
    "MissWrongKey",
    "Statistics",
    "Timing",
    "VideoFrame",
    "new_client_key",
]
