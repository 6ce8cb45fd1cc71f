"""MISS: live pictures and sound from a Xiaomi camera on the local network.

`MissClient` is a session with one camera. Below it nearly everything is sans-IO: `session`
speaks MISS over a `transport.Connection`; `cs2` is one, and `discovery` finds the camera for
it. Nothing here knows Home Assistant.
"""

from __future__ import annotations

from .camera_info import CameraInfo
from .client import MissClient
from .commands import Command
from .errors import (
    MissBusy,
    MissClosed,
    MissError,
    MissProtocolError,
    MissRefused,
    MissSpeakerRefused,
    MissUnanswered,
    MissUnreachable,
    MissUnsupported,
    MissWrongKey,
)
from .frames import AudioFrame, Codec, VideoFrame
from .keys import MissKeys, Vendor, new_client_key
from .limits import Statistics, Timing
from .motor import MotorDialect, MotorMove, MotorOperation, MotorPosition

__all__ = [
    "AudioFrame",
    "CameraInfo",
    "Codec",
    "Command",
    "MissBusy",
    "MissClient",
    "MissClosed",
    "MissError",
    "MissKeys",
    "MissProtocolError",
    "MissRefused",
    "MissSpeakerRefused",
    "MissUnanswered",
    "MissUnreachable",
    "MissUnsupported",
    "MissWrongKey",
    "MotorDialect",
    "MotorMove",
    "MotorOperation",
    "MotorPosition",
    "Statistics",
    "Timing",
    "Vendor",
    "VideoFrame",
    "new_client_key",
]
