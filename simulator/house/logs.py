"""Reading the log of a ``hass`` process for what should not be there."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z]+) \([^)]*\) \[(?P<logger>[^\]]+)\] "
    r"(?P<message>.*)$"
)
_SETUP = re.compile(
    r"(?:Setup failed for|Unable to set up dependencies of) (?:custom integration )?'(?P<domain>\w+)'"
)
USED = frozenset(
    {
        "api",
        "auth",
        "camera",
        "cast",
        "config",
        "diagnostics",
        "frontend",
        "http",
        "lovelace",
        "media_player",
        "media_source",
        "mi_camera",
        "repairs",
        "stream",
        "switch",
        "websocket_api",
    }
)
"""Domains the house needs. ``hass`` also loads speech, infrared and the like for everybody;
their packages are not installed here and nothing of theirs is used."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record, with the lines of its traceback."""

    level: str
    logger: str
    message: str
    detail: str


def records(text: str) -> Iterator[LogRecord]:
    """Split the text of a log into records; lines of no record (a crash) are level ``RAW``."""
    level, logger, message = "RAW", "", ""
    detail: list[str] = []
    for line in text.splitlines():
        if match := _RECORD.match(line):
            if message or detail:
                yield LogRecord(level, logger, message, "\n".join(detail))
            level, logger, message = match["level"], match["logger"], match["message"]
            detail = []
        else:
            detail.append(line)
    if message or detail:
        yield LogRecord(level, logger, message, "\n".join(detail))


REFUSALS = (
    "Camera is off",
    "Pictures of all cameras are switched off",
)
"""What Home Assistant logs as an error when a user asks for a picture while none may be had."""


def _expected(record: LogRecord) -> bool:
    if record.logger.startswith("homeassistant.components."):
        refused = any(text in record.message for text in REFUSALS)
        # libturbojpeg is an optional C library that only makes resizing stills faster.
        return (refused and not record.detail) or "libturbojpeg" in record.message
    if record.logger.startswith("frontend.js."):
        # The frontend's own slip when a player that is leaving the page is told of the end.
        return "(reading 'srcObject')\nsrcObject (src/components/ha-web-rtc" in record.detail
    if record.logger == "haffmpeg.core":
        # `hass` asks for ffmpeg's version for everybody; nothing here uses it.
        return "No such file or directory: 'ffmpeg'" in record.message
    if record.logger == "homeassistant.setup":
        match = _SETUP.search(record.message)
        return match is not None and match["domain"] not in USED
    if record.logger == "pychromecast.socket_client":
        return "pychromecast.error.NotConnected" in record.detail  # see cast_connection_broke
    if record.logger == "aiohttp.server":
        # Home Assistant's own slip when a stream ends under a blocked playlist request.
        return "stream/hls.py" in record.detail and record.detail.endswith(
            "'NoneType' object has no attribute 'sequence'"
        )
    return False


_RELAY_KEY = re.compile(r"/live\.ts\?auth=[\w-]{16,}")


def relay_keys(path: Path) -> int:
    """Return how often a log gives away an address of pictures with its key."""
    return len(_RELAY_KEY.findall(_read(path, 0)))


def _read(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().decode("utf-8", "replace")


def cast_connection_broke(path: Path, offset: int) -> bool:
    """Whether PyChromecast has spoilt its own connection to a display since ``offset``.

    Two of its threads may write to one TLS connection at the same time, and the display gets
    a damaged record. It takes a display that answers within a millisecond, as one on the same
    machine does.
    """
    return any(
        record.logger == "pychromecast.socket_client"
        and "Error writing to socket" in record.message
        for record in records(_read(path, offset))
    )


def errors(path: Path, offset: int = 0) -> list[LogRecord]:
    """Return the records of level ERROR and worse, and tracebacks, that a good run has not."""
    return [
        record
        for record in records(_read(path, offset))
        if (record.level in {"ERROR", "CRITICAL"} or "Traceback (most" in record.detail)
        and not _expected(record)
    ]
