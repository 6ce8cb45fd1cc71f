"""Helpers for tests of what is remembered of the gate: its disk, its witnesses, a restart."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
import threading
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import issue_registry as ir

from custom_components.mi_camera import async_setup, gate_store
from custom_components.mi_camera.const import CONF_DEVELOPER, DATA_ENDPOINTS, DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Generator

    from homeassistant.core import HomeAssistant
    import pytest

    from custom_components.mi_camera.hub import MiCameraConfigEntry
    from custom_components.mi_camera.kill_switch import KillSwitch


def gate_file(hass: HomeAssistant) -> Path:
    """Return the record's own file."""
    return Path(hass.config.path(".storage", "mi_camera.gate"))


def gate_journal(hass: HomeAssistant) -> Path:
    """Return the journal."""
    return Path(hass.config.path("mi_camera.gate.log"))


def issues(hass: HomeAssistant) -> set[str]:
    """Return the ids of our issues."""
    return {issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN}


async def stop(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    """End all that would not outlive Home Assistant's process."""
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    for issue in issues(hass):
        ir.async_delete_issue(hass, DOMAIN, issue)
    developer = hass.data[DATA_ENDPOINTS]
    assert await async_setup(hass, {DOMAIN: {CONF_DEVELOPER: developer}})


async def start(hass: HomeAssistant, entry: MiCameraConfigEntry) -> KillSwitch:
    """Set the hub up from what is stored, and return the new kill switch."""
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return hass.data[DATA_KILL_SWITCH]


async def restart(hass: HomeAssistant, entry: MiCameraConfigEntry) -> KillSwitch:
    """Stop and start again."""
    await stop(hass, entry)
    return await start(hass, entry)


class Disk:
    """Home Assistant's disk, as far as the gate's two files go, with faults on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.writes: list[str] = []
        self._holds = {"file": threading.Event(), "journal": threading.Event()}
        for hold in self._holds.values():
            hold.set()
        for name in ("_write_atomic", "_append"):
            monkeypatch.setattr(gate_store, name, self._wrapped(getattr(gate_store, name)))

    @contextmanager
    def hanging(self, *which: str) -> Generator[None]:
        """Let writes of the file, the journal or both hang meanwhile."""
        held = [self._holds[one] for one in which or self._holds]
        for one in held:
            one.clear()
        try:
            yield
        finally:
            for one in held:
                one.set()

    def resume(self) -> None:
        """Let writes that hang go on."""
        for one in self._holds.values():
            one.set()

    def _wrapped(self, write):  # type: ignore[no-untyped-def]
        def wrapped(path: Path, text: bytes) -> None:
            which = "journal" if path.suffix == ".log" else "file"
            self.writes.append(which)
            assert self._holds[which].wait(20)
            if self.full:
                raise OSError(28, "No space left on device")
            write(path, text)

        return wrapped
