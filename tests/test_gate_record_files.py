"""The two files of the gate: written whole or not at all, and never believed by half."""
# ruff: noqa: ASYNC240 - nothing else runs in these tests that the disk could delay

from __future__ import annotations

import asyncio
import os
from pathlib import Path
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from custom_components.mi_camera import gate_store
from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_journal import MAX_BYTES, JournalLine
from custom_components.mi_camera.gate_record import GateRecord, GateRecordError
from custom_components.mi_camera.gate_store import GateStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

ON = GateRecord(True, 5, "now", "why", hidden=("1",))
OFF = GateRecord(False, 6, "now", "why", hidden=("1",))


def line(record: GateRecord, reason: str | None = None) -> JournalLine:
    return JournalLine(GateEvent.now(GateEventType.DISABLED, reason=reason), record)


@pytest.fixture
def store(hass: HomeAssistant) -> GateStore:
    return GateStore(hass)


@pytest.fixture
def file(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", "mi_camera.gate"))


@pytest.fixture
def journal(hass: HomeAssistant) -> Path:
    return Path(hass.config.path("mi_camera.gate.log"))


async def test_both_files_hold_what_was_written_and_only_their_owner_reads_them(
    store: GateStore, file: Path, journal: Path
) -> None:
    assert await store.read() == (None, None)
    await store.write(line(ON))
    assert await store.read() == (ON, ON)
    for path in (file, journal):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    journal.chmod(0o644)
    await store.write(line(OFF))
    assert await store.read() == (OFF, OFF)
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert len(journal.read_bytes().splitlines()) == 2


async def test_the_journal_is_bounded_and_keeps_the_newest_lines(
    store: GateStore, journal: Path
) -> None:
    await store.write(line(ON, "first"))
    filler = journal.read_bytes().replace(b"first", b"older")
    journal.write_bytes(filler * (MAX_BYTES // len(filler)))
    await store.write(line(OFF, "newest"))
    lines = journal.read_bytes().splitlines()
    assert journal.stat().st_size < MAX_BYTES * 0.6
    assert b"newest" in lines[-1]
    assert b"older" in lines[0]
    assert (await store.read())[1] == OFF
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


async def test_a_huge_journal_is_neither_read_nor_kept_whole(
    store: GateStore, journal: Path
) -> None:
    with journal.open("wb") as sparse:
        sparse.truncate(1 << 34)
    assert (await store.read())[1] is None
    await store.write(line(OFF))
    assert journal.stat().st_size < MAX_BYTES
    assert (await store.read())[1] == OFF


async def test_a_line_cut_short_does_not_spoil_the_next(store: GateStore, journal: Path) -> None:
    await store.write(line(ON))
    with journal.open("ab") as damaged:
        damaged.write(b'{"event": "dis')
    assert (await store.read())[1] is None
    await store.write(line(OFF))
    assert (await store.read())[1] == OFF
    assert len(journal.read_bytes().splitlines()) == 2


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    target = path.with_suffix(".elsewhere")
    shutil.copy(path.with_suffix(".saved"), target)
    path.symlink_to(target)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [_folder, _link, _pipe])
@pytest.mark.parametrize("which", ["file", "journal"])
async def test_what_is_no_regular_file_is_not_believed_and_nothing_hangs(
    store: GateStore,
    file: Path,
    journal: Path,
    make: Callable[[Path], None],
    which: str,
) -> None:
    await store.write(line(ON))
    path = {"file": file, "journal": journal}[which]
    path.rename(path.with_suffix(".saved"))
    make(path)
    async with asyncio.timeout(5):
        read = await store.read()
        assert read == ((None, ON) if which == "file" else (ON, None))
        if make is _folder:
            with pytest.raises(GateRecordError):
                await store.write(line(OFF))
            # What cannot be written does not keep the other from saying off.
            assert await store.read() == ((None, OFF) if which == "file" else (OFF, None))
        else:
            await store.write(line(OFF))
            assert await store.read() == (OFF, OFF)
            assert path.is_file()
            assert not path.is_symlink()


async def test_off_that_cannot_be_written_takes_on_away(
    store: GateStore, file: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nothing can be written, but a file can be deleted."""
    await store.write(line(ON))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gate_store, "write_utf8_file_atomic", full)
    monkeypatch.setattr(gate_store.os, "fsync", full)
    with pytest.raises(GateRecordError) as caught:
        await store.write(line(OFF))
    assert caught.value.translation_key == "gate_not_saved"
    assert await store.read() == (None, None)
    assert not file.exists()
    assert not journal.exists()


async def test_on_that_cannot_be_written_is_tried_no_further(
    store: GateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.write(line(OFF))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gate_store, "write_utf8_file_atomic", full)
    with pytest.raises(GateRecordError):
        await store.write(line(ON))
    assert await store.read() == (OFF, OFF)


@pytest.mark.parametrize("record", [ON, OFF])
async def test_what_does_not_read_back_is_not_saved(
    store: GateStore, file: Path, record: GateRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(path: str, *_: object, **__: object) -> None:
        Path(path).write_bytes(GateRecord(True, 99).as_file("mi_camera.gate"))

    monkeypatch.setattr(gate_store, "write_utf8_file_atomic", lie)
    with pytest.raises(GateRecordError):
        await store.write(line(record))
    assert file.exists() == record.enabled


async def test_a_record_that_could_not_be_read_again_is_an_error(store: GateStore) -> None:
    with pytest.raises(GateRecordError):
        await store.write(line(GateRecord(False, 5, hidden=("not a did",))))


async def test_without_a_storage_folder_one_is_made(store: GateStore, file: Path) -> None:
    if file.parent.exists():
        shutil.rmtree(file.parent)
    await store.write(line(OFF))
    assert await store.read() == (OFF, OFF)


async def test_removing_twice_is_harmless(store: GateStore) -> None:
    await store.write(line(ON))
    await store.remove()
    await store.remove()
    assert await store.read() == (None, None)
