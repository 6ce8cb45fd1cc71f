"""What a camera says of itself when it is asked, checked before anybody believes it."""

from __future__ import annotations

from dataclasses import dataclass
import re

from .commands import Json, load_json
from .errors import MissProtocolError
from .frames import Codec

_MAX_TEXT = 64
_MAC = re.compile(r"[0-9a-fA-F]{12}")
_MIN_RSSI = -127

_AUDIO_FORMATS = {
    "g711a": Codec.PCMA,
    "pcma": Codec.PCMA,
    "g711u": Codec.PCMU,
    "pcmu": Codec.PCMU,
    "pcm": Codec.PCM,
    "aac": Codec.AAC,
    "opus": Codec.OPUS,
}


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """The answer to `Command.DEVINFO_REQ`; None stands for what is missing or cannot be."""

    did: str | None
    """The device's number at the vendor, decimal."""
    mac: str | None
    """Twelve hexadecimal digits in capitals, with colons."""
    version: str | None
    """Of the firmware."""
    rssi: int | None
    """Strength of the wireless signal at the camera, dBm, -127 to 0."""


def pull_camera_info(body: bytes) -> CameraInfo:
    """Read the body of `Command.DEVINFO_RES`.

    Raises:
        MissProtocolError: it is no JSON object.
    """
    reply = load_json(body)
    if not isinstance(reply, dict):
        raise MissProtocolError("the camera's information is no JSON object")
    return CameraInfo(
        did=_did(reply.get("did")),
        mac=_mac(reply.get("mac")),
        version=_text(reply.get("version")),
        rssi=_rssi(reply.get("rssi")),
    )


def pull_audio_format(body: bytes) -> Codec | None:
    """Read the body of `Command.GET_AUDIO_FORMAT_RES`: text as ``g711a``, NULs may follow."""
    if len(body) > _MAX_TEXT:
        return None
    text = body.rstrip(b"\0 \r\n").decode("ascii", "replace")
    return _AUDIO_FORMATS.get(text.strip('"').lower())


def _did(value: Json) -> str | None:
    if type(value) is int and 0 <= value < 1 << 64:
        return str(value)
    return _text(value)


def _mac(value: Json) -> str | None:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        return None
    digits = value.replace(":", "").replace("-", "")
    if _MAC.fullmatch(digits) is None:
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).upper()


def _text(value: Json) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        return None
    return value if value.isascii() and value.isprintable() else None


def _rssi(value: Json) -> int | None:
    return value if type(value) is int and _MIN_RSSI <= value <= 0 else None
