"""What is believed after a restart: on only if file, options and journal agree on it."""

from __future__ import annotations

import fnmatch
import itertools
import json
from pathlib import Path
import shutil
from typing import TYPE_CHECKING, Any

from homeassistant.components.backup.const import EXCLUDE_FROM_BACKUP
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera.const import DOMAIN, OPTION_GATE
from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_journal import JournalLine
from custom_components.mi_camera.gate_record import GateRecord
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH, KillSwitch

from .conftest import settle
from .gate_disk import gate_file, gate_journal, issues, restart, start, stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN = "camera.kitchen"


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _garbage(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00garbage\n")


def _huge(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + b" " * (2 << 20) + raw[-1:])


def _deep(path: Path) -> None:
    path.write_bytes(b"[" * 50_000 + b"\n")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    target = path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(target)


def _wrong_type(path: Path) -> None:
    _change(path, enabled=1)


def _older(path: Path) -> None:
    _change(path, epoch=1)


def _newer(path: Path) -> None:
    _change(path, epoch=99)


def _shows_more(path: Path) -> None:
    _change(path, hidden=[])


DAMAGES: tuple[Callable[[Path], None], ...] = (
    _missing,
    _empty,
    _cut_short,
    _garbage,
    _huge,
    _deep,
    _folder,
    _link,
    _wrong_type,
    _older,
    _newer,
    _shows_more,
)


def _change(path: Path, **changes: Any) -> None:
    if path.suffix == ".log":
        *_, last = path.read_bytes().splitlines()
        stored = json.loads(last)
        stored["record"] |= changes
    else:
        stored = json.loads(path.read_bytes())
        stored["data"] |= changes
    path.write_bytes(json.dumps(stored).encode() + b"\n")


@pytest.fixture
async def on(hass: HomeAssistant, entry: MiCameraConfigEntry) -> MiCameraConfigEntry:
    """The hub, on, not for the first time, with one camera hidden, and stopped."""
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    await kill_switch.async_release()
    await kill_switch.async_hide("5000000002")
    await stop(hass, entry)
    return entry


async def test_with_all_in_order_it_is_on_after_a_restart(
    hass: HomeAssistant, on: MiCameraConfigEntry
) -> None:
    kill_switch = await start(hass, on)
    assert kill_switch.gate.is_open
    assert not issues(hass)
    assert kill_switch.camera_gate("5000000001").is_open
    assert not kill_switch.camera_gate("5000000002").is_open


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("which", [gate_file, gate_journal], ids=["file", "journal"])
async def test_a_damaged_file_means_off_and_says_so(
    hass: HomeAssistant,
    on: MiCameraConfigEntry,
    home: Home,
    which: Callable[[HomeAssistant], Path],
    damage: Callable[[Path], None],
) -> None:
    path = which(hass)
    await hass.async_add_executor_job(damage, path)
    asked = [camera.rpc_count for camera in home.cameras]
    for _ in range(2):
        # The doubt does not go away by itself, even if what was damaged is fine again.
        kill_switch = await start(hass, on)
        assert not kill_switch.gate.is_open
        assert hass.states.get(KITCHEN).state == "unavailable"
        assert "gate_untrusted" in issues(hass)
        assert kill_switch.record is not None
        assert kill_switch.record.changed_at
        await stop(hass, on)
    assert [camera.rpc_count for camera in home.cameras] == asked
    kill_switch = await start(hass, on)
    if damage is _folder:
        await hass.async_add_executor_job(path.rmdir)
    await kill_switch.async_release()
    assert kill_switch.gate.is_open
    assert "gate_untrusted" not in issues(hass)
    assert not kill_switch.camera_gate("5000000002").is_open
    assert (await restart(hass, on)).gate.is_open
    assert "gate_untrusted" not in issues(hass)


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"enabled": "yes"},
        {"enabled": 0},
        {"epoch": 1},
        {"epoch": 99},
        {"epoch": None},
        {"hidden": []},
        {"hidden": ["5000000001", "5000000002"]},
        {"hidden": {}},
        {"quarantined": {"5000000001": "seen"}},
    ],
    ids=repr,
)
async def test_damaged_options_mean_off_and_say_so(
    hass: HomeAssistant, on: MiCameraConfigEntry, change: dict[str, Any] | None
) -> None:
    options = dict(on.options)
    if change is None:
        del options[OPTION_GATE]
    else:
        options[OPTION_GATE] = options[OPTION_GATE] | change
    hass.config_entries.async_update_entry(on, options=options)
    kill_switch = await start(hass, on)
    assert not kill_switch.gate.is_open
    assert "gate_untrusted" in issues(hass)
    assert not kill_switch.camera_gate("5000000002").is_open


@pytest.mark.parametrize("which", ["file", "options", "journal"])
async def test_one_that_says_off_suffices_quietly(
    hass: HomeAssistant, on: MiCameraConfigEntry, which: str
) -> None:
    """As after a power cut in the middle of a change; the others are brought to agree."""
    options = dict(on.options)
    if which == "options":
        options[OPTION_GATE] = options[OPTION_GATE] | {"enabled": False, "epoch": 2}
        hass.config_entries.async_update_entry(on, options=options)
    else:
        path = gate_file(hass) if which == "file" else gate_journal(hass)
        await hass.async_add_executor_job(lambda: _change(path, enabled=False))
    kill_switch = await start(hass, on)
    assert not kill_switch.gate.is_open
    assert "gate_untrusted" not in issues(hass)
    stored = json.loads(await hass.async_add_executor_job(gate_file(hass).read_bytes))
    assert stored["data"]["enabled"] is False
    assert on.options[OPTION_GATE] == stored["data"]
    last = (await hass.async_add_executor_job(gate_journal(hass).read_bytes)).splitlines()[-1]
    assert json.loads(last)["record"]["enabled"] is False
    before = await hass.async_add_executor_job(gate_journal(hass).read_bytes)
    await restart(hass, on)
    assert await hass.async_add_executor_job(gate_journal(hass).read_bytes) == before


async def test_every_combination_of_damages_is_off(hass: HomeAssistant) -> None:
    """All ways two and three witnesses can be wrong at once, in this very order of reading."""

    def variants(record: GateRecord) -> list[GateRecord | None]:
        return [
            record,
            None,
            GateRecord(True, record.epoch - 1),
            GateRecord(True, record.epoch, hidden=("1",)),
            GateRecord(False, record.epoch),
        ]

    on = GateRecord(True, 7)
    file, journal = gate_file(hass), gate_journal(hass)
    file.parent.mkdir(exist_ok=True)
    event = GateEvent.now(GateEventType.ENABLED)
    opened = []
    for witnesses in itertools.product(variants(on), repeat=3):
        stored, copy, last = witnesses
        file.write_bytes(stored.as_file("mi_camera.gate") if stored else b"{")
        journal.write_bytes(bytes(JournalLine(event, last)) if last else b"{")
        entry = MockConfigEntry(
            domain=DOMAIN, options={OPTION_GATE: copy.as_dict() if copy else None}
        )
        entry.add_to_hass(hass)
        kill_switch = KillSwitch(hass)
        await kill_switch.async_load(entry)
        if kill_switch.gate.is_open:
            opened.append(witnesses)
        said_off = any(one is not None and not one.enabled for one in witnesses)
        agreed = all(one is not None and one.agrees(witnesses[0] or on) for one in witnesses)
        assert ("gate_untrusted" in issues(hass)) == (not said_off and not agreed)
        await kill_switch.async_forget()
        await hass.config_entries.async_remove(entry.entry_id)
    assert opened == [(one,) * 3 for one in variants(on) if one is not None and one.enabled]


async def test_a_restored_backup_means_off(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """A backup from when pictures were allowed, as Home Assistant makes and restores it."""
    config = Path(hass.config.config_dir)
    backup = config.with_name("backup")

    def left_out(folder: str, names: list[str]) -> set[str]:
        relative = Path(folder).relative_to(config)
        return {
            name
            for name in names
            for pattern in EXCLUDE_FROM_BACKUP
            if (relative / name).match(pattern) or fnmatch.fnmatch(name, pattern)
        }

    def back_up() -> None:
        shutil.copytree(config, backup, ignore=left_out)

    def restore() -> None:
        shutil.rmtree(config)
        shutil.copytree(backup, config)

    assert hass.data[DATA_KILL_SWITCH].gate.is_open
    await hass.async_add_executor_job(back_up)
    options = dict(entry.options)
    await hass.services.async_call(DOMAIN, "disable_all", {"reason": "Guests"}, blocking=True)
    await stop(hass, entry)
    await hass.async_add_executor_job(restore)
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.async_add_executor_job(gate_file(hass).exists)
    kill_switch = await start(hass, entry)
    assert not kill_switch.gate.is_open
    assert hass.states.get(KITCHEN).state == "unavailable"
    assert "gate_untrusted" in issues(hass)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    assert hass.states.get(KITCHEN).state == "idle"
    assert "gate_untrusted" not in issues(hass)


async def test_a_copy_of_an_older_time_with_its_journal_left_is_off(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """Somebody puts back only the storage folder: the journal knows better."""
    old = await hass.async_add_executor_job(gate_file(hass).read_bytes)
    options = dict(entry.options)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_hide("5000000001")
    await stop(hass, entry)
    await hass.async_add_executor_job(gate_file(hass).write_bytes, old)
    hass.config_entries.async_update_entry(entry, options=options)
    kill_switch = await start(hass, entry)
    assert not kill_switch.gate.is_open
    assert "gate_untrusted" in issues(hass)
    assert not kill_switch.camera_gate("5000000001").is_open


async def test_an_epoch_never_comes_again(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    epochs = [kill_switch.record.epoch]
    for _ in range(3):
        await kill_switch.async_engage()
        epochs.append(kill_switch.record.epoch)
        kill_switch = await restart(hass, entry)
        assert kill_switch.record.epoch == epochs[-1]
        await kill_switch.async_release()
        epochs.append(kill_switch.record.epoch)
        assert kill_switch.gate.epoch >= epochs[-1]
        kill_switch = await restart(hass, entry)
    assert epochs == sorted(set(epochs))
