"""What the cloud knows of a device's firmware.

Xiaomi's kit for extensions of its app documents the request as the check for Wi-Fi devices;
the answer's fields are those that public clients read. It begins nothing on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import CloudUnavailable

if TYPE_CHECKING:
    from .transport import JsonValue

PATH: Final = "/home/checkversion"
_MAX_VERSION: Final = 64
_MAX_NOTES: Final = 4096


@dataclass(frozen=True, slots=True)
class FirmwareCheck:
    """One answer."""

    latest: str
    current: str | None = None
    """What the device runs, as far as the cloud knows."""
    is_latest: bool = False
    """Whether the cloud says that this is the newest one for the device."""
    notes: str = ""
    """What has changed, in whatever language."""


def firmware_query(did: str) -> dict[str, JsonValue]:
    """Parameters of the request."""
    return {"did": did, "pid": 0}


def parse_firmware(result: JsonValue) -> FirmwareCheck:
    """Read an answer; raises `CloudUnavailable` when it names no version."""
    if not isinstance(result, dict) or (latest := _version(result.get("latest"))) is None:
        raise CloudUnavailable("the answer names no firmware")
    notes = result.get("description")
    return FirmwareCheck(
        latest,
        _version(result.get("curr")),
        result.get("isLatest") is True or result.get("isLatest") == 1,
        notes[:_MAX_NOTES] if isinstance(notes, str) else "",
    )


def _version(value: JsonValue) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= _MAX_VERSION and value.isprintable():
        return value
    return None
