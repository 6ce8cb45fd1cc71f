"""What is remembered of the kill switch over a restart.

Two copies are kept: a file of its own, written atomically and read back, and the hub's
options. Pictures are allowed after a restart only if both say so with the same epoch;
whatever is missing, damaged or contradictory means off.
"""

from __future__ import annotations

from collections.abc import Mapping
import contextlib
from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

FILE_NAME = f"{DOMAIN}.gate"
MAX_BYTES = 4096


class GateRecordError(HomeAssistantError):
    """The record could not be written, or does not read back as it was written."""


@dataclass(frozen=True, slots=True)
class GateRecord:
    """One state of the switch: allowed or not, since which epoch, and why."""

    enabled: bool
    epoch: int
    changed_at: str | None = None
    reason: str | None = None

    @classmethod
    def parse(cls, data: object) -> Self | None:
        """Return the record in `data`, or None unless it is well-formed in every field."""
        if not isinstance(data, Mapping):
            return None
        enabled, epoch = data.get("enabled"), data.get("epoch")
        changed_at, reason = data.get("changed_at"), data.get("reason")
        if not isinstance(enabled, bool) or isinstance(epoch, bool) or not isinstance(epoch, int):
            return None
        if not 0 < epoch < 2**53:
            return None
        if not all(text is None or isinstance(text, str) for text in (changed_at, reason)):
            return None
        return cls(enabled, epoch, changed_at, reason)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-able data."""
        return asdict(self)

    def agrees(self, other: GateRecord) -> bool:
        """Whether both copies say the same where it matters."""
        return (self.enabled, self.epoch) == (other.enabled, other.epoch)


class GateRecordFile:
    """The copy in a file of its own."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Keep the record in Home Assistant's storage folder."""
        self._hass = hass
        self._path = Path(hass.config.path(STORAGE_DIR, FILE_NAME))

    async def read(self) -> GateRecord | None:
        """Return the record, or None when there is none that can be trusted."""
        return await self._hass.async_add_executor_job(self._read)

    async def write(self, record: GateRecord) -> None:
        """Write the record and read it back.

        Raises:
            GateRecordError: the file does not hold the record now.
        """
        await self._hass.async_add_executor_job(self._write, record)

    async def remove(self) -> None:
        """Delete the record, which means off."""
        await self._hass.async_add_executor_job(self._remove)

    def _read(self) -> GateRecord | None:
        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
            stored = json.loads(raw) if len(raw) <= MAX_BYTES else None
        except OSError, ValueError, RecursionError:
            return None
        return GateRecord.parse(stored.get("data") if isinstance(stored, dict) else None)

    def _write(self, record: GateRecord) -> None:
        text = json.dumps(
            {"version": 1, "key": FILE_NAME, "data": record.as_dict()}, ensure_ascii=True
        )
        try:
            self._path.parent.mkdir(exist_ok=True)
            write_utf8_file_atomic(str(self._path), text, private=True)
        except (OSError, WriteError) as err:
            raise GateRecordError(
                translation_domain=DOMAIN, translation_key="gate_not_saved"
            ) from err
        if self._read() != record:
            raise GateRecordError(translation_domain=DOMAIN, translation_key="gate_not_saved")

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
