"""The two files the gate's state is kept in, written so that it is known to be there.

Home Assistant's `Store` is not used: it writes late, not while stopping, and swallows
errors. Files are read only if they are regular ones, so that nothing can hang.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
import stat
from typing import TYPE_CHECKING

from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from . import gate_journal
from .const import DOMAIN
from .gate_journal import newest_lines, newest_record
from .gate_record import MAX_BYTES, GateRecord, GateRecordError

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .gate_journal import JournalLine

FILE_NAME = f"{DOMAIN}.gate"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class GateStore:
    """The record's own file and the journal, in Home Assistant's folder."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Touch nothing yet."""
        self._hass = hass
        self._file = Path(hass.config.path(STORAGE_DIR, FILE_NAME))
        self._journal = Path(hass.config.path(gate_journal.FILE_NAME))

    async def read(self) -> tuple[GateRecord | None, GateRecord | None]:
        """Return what the file and the journal say; None is nothing that can be trusted."""
        return await self._hass.async_add_executor_job(self._read)

    async def write(self, line: JournalLine) -> None:
        """Write the record of `line` and the line, and read both back.

        An "on" that fails is not tried any further. An "off" is tried in both places, and
        where it fails what stands there is deleted, for the same effect after a restart.

        Raises:
            GateRecordError: one of the two does not hold it now.
        """
        try:
            await self._hass.async_add_executor_job(self._write, line)
        except RuntimeError as err:
            # Home Assistant has stopped so far that it starts nothing any more.
            raise _not_saved() from err

    async def remove(self) -> None:
        """Delete both, which means off."""
        await self._hass.async_add_executor_job(self._remove)

    def _read(self) -> tuple[GateRecord | None, GateRecord | None]:
        return self._read_file(), self._read_journal()

    def _read_file(self) -> GateRecord | None:
        try:
            return GateRecord.parse_file(_read_end(self._file, MAX_BYTES + 1))
        except OSError:
            return None

    def _read_journal(self) -> GateRecord | None:
        try:
            return newest_record(_read_end(self._journal, gate_journal.MAX_LINE + 2))
        except OSError:
            return None

    def _write(self, line: JournalLine) -> None:
        failed: Exception | None = None
        for write, path in ((self._write_file, self._file), (self._append, self._journal)):
            try:
                write(line)
            except (OSError, WriteError, ValueError) as err:
                failed = err
                if line.record.enabled:
                    break
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        if failed is not None:
            raise _not_saved() from failed

    def _write_file(self, line: JournalLine) -> None:
        self._file.parent.mkdir(exist_ok=True)
        _write_atomic(self._file, line.record.as_file(FILE_NAME))
        if self._read_file() != line.record:
            raise OSError("the file does not read back as it was written")

    def _append(self, line: JournalLine) -> None:
        try:
            raw = _read_end(self._journal, gate_journal.MAX_BYTES + 1)
        except FileNotFoundError, IrregularFileError:
            raw = b""
        text = bytes(line)
        if not raw or not raw.endswith(b"\n") or len(raw) + len(text) > gate_journal.MAX_BYTES:
            _write_atomic(self._journal, newest_lines(raw) + text)
        else:
            _append(self._journal, text)
        record = self._read_journal()
        if record is None or not record.agrees(line.record):
            raise OSError("the journal does not read back as it was written")

    def _remove(self) -> None:
        for path in (self._file, self._journal):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class IrregularFileError(OSError):
    """Where a file should be there is a link, a pipe or the like."""


def _write_atomic(path: Path, text: bytes) -> None:
    """Replace a file, synchronised to the disk."""
    write_utf8_file_atomic(str(path), text, private=True, mode="wb")


def _append(path: Path, text: bytes) -> None:
    descriptor = os.open(path, _APPEND, 0o600)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        os.fchmod(descriptor, 0o600)
        if file.write(text) != len(text):
            raise OSError("the journal could not be written whole")
        os.fsync(descriptor)


def _read_end(path: Path, limit: int) -> bytes:
    """Return at most the last `limit` bytes of a regular file.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as err:
        if path.is_symlink():
            raise IrregularFileError(str(err)) from err
        raise
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise IrregularFileError("not a regular file")
        file.seek(max(0, found.st_size - limit))
        return file.read(limit)


def _not_saved() -> GateRecordError:
    return GateRecordError(translation_domain=DOMAIN, translation_key="gate_not_saved")
