"""Holds of single cameras, violations, and what is told and written of every change."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.mi_camera.camera_config import AccountConfig
from custom_components.mi_camera.const import DOMAIN, OPTION_GATE, SUBENTRY_ACCOUNT
from custom_components.mi_camera.gate.camera_gate import Hold
from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_record import GateRecordError
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH, KillSwitch

from .conftest import settle
from .gate_disk import Disk, gate_file, gate_journal, restart, start, stop

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN, PORCH = "5000000001", "5000000002"


@pytest.fixture
def kill_switch(hass: HomeAssistant, entry: MiCameraConfigEntry) -> KillSwitch:
    return hass.data[DATA_KILL_SWITCH]


@pytest.fixture
def events(kill_switch: KillSwitch) -> list[GateEvent]:
    events: list[GateEvent] = []
    kill_switch.async_on_event(events.append)
    return events


async def journal(hass: HomeAssistant) -> list[dict[str, Any]]:
    raw = await hass.async_add_executor_job(gate_journal(hass).read_bytes)
    return [json.loads(line) for line in raw.splitlines()]


def set_limit(hass: HomeAssistant, entry: MiCameraConfigEntry, limit: int) -> None:
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "violation_limit": limit}
    )


async def test_a_hidden_camera_stays_so_until_it_is_shown(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    permit = kill_switch.camera_gate(KITCHEN).require()
    other = kill_switch.camera_gate(PORCH).require()
    await kill_switch.async_hide(KITCHEN, "asleep")
    assert not permit.valid
    assert other.valid
    for _ in range(2):
        kill_switch = await restart(hass, entry)
        assert kill_switch.gate.is_open
        assert kill_switch.camera_gate(KITCHEN).holds == {Hold.PRIVACY}
        assert kill_switch.camera_gate(PORCH).is_open
    await kill_switch.async_engage()
    await kill_switch.async_release()
    assert not kill_switch.camera_gate(KITCHEN).is_open
    await kill_switch.async_show(KITCHEN)
    assert kill_switch.camera_gate(KITCHEN).is_open
    kill_switch = await restart(hass, entry)
    assert kill_switch.camera_gate(KITCHEN).is_open


async def test_hiding_comes_first_and_is_saved_after(
    kill_switch: KillSwitch, events: list[GateEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    gate = kill_switch.camera_gate(KITCHEN)
    with disk.hanging():
        hiding = asyncio.ensure_future(kill_switch.async_hide(KITCHEN))
        await asyncio.sleep(0)
        assert not gate.is_open
        assert [one.type for one in events] == [GateEventType.HIDDEN]
    await hiding
    with disk.hanging():
        showing = asyncio.ensure_future(kill_switch.async_show(KITCHEN))
        await asyncio.sleep(0.05)
        assert not gate.is_open
    await showing
    assert gate.is_open
    disk.full = True
    with pytest.raises(GateRecordError):
        await kill_switch.async_hide(PORCH)
    assert not kill_switch.camera_gate(PORCH).is_open
    with pytest.raises(GateRecordError):
        await kill_switch.async_show(PORCH)
    assert not kill_switch.camera_gate(PORCH).is_open
    disk.full = False
    await kill_switch.async_show(PORCH)
    assert kill_switch.camera_gate(PORCH).is_open


async def test_hiding_while_showing_is_saved_wins(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await kill_switch.async_hide(KITCHEN)
    disk = Disk(monkeypatch)
    with disk.hanging():
        showing = asyncio.ensure_future(kill_switch.async_show(KITCHEN))
        await asyncio.sleep(0.05)
        hiding = asyncio.ensure_future(kill_switch.async_hide(KITCHEN))
        await asyncio.sleep(0.05)
    await asyncio.gather(showing, hiding)
    assert not kill_switch.camera_gate(KITCHEN).is_open
    kill_switch = await restart(hass, entry)
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate(KITCHEN).is_open


async def test_a_camera_hidden_before_the_hub_is_loaded_stays_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await stop(hass, entry)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_hide(KITCHEN)
    kill_switch = await start(hass, entry)
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate(KITCHEN).is_open
    kill_switch = await restart(hass, entry)
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate(KITCHEN).is_open


async def test_a_violation_puts_one_camera_in_quarantine(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    events: list[GateEvent],
) -> None:
    gate = kill_switch.camera_gate(KITCHEN)
    permit = gate.require()
    for number in range(9):
        kill_switch.async_violation(KITCHEN, f"a picture of another camera ({number})\n")
        assert not permit.valid
    await settle(hass)
    # What else comes of a camera that shows nothing any more is the same violation.
    assert kill_switch.violations == 1
    assert kill_switch.gate.is_open
    assert kill_switch.camera_gate(PORCH).is_open
    assert [(one.type, one.did, one.reason) for one in events] == [
        (GateEventType.QUARANTINED, KITCHEN, "a picture of another camera (0)")
    ]
    kill_switch = await restart(hass, entry)
    assert kill_switch.gate.is_open
    assert kill_switch.camera_gate(KITCHEN).holds == {Hold.QUARANTINE}
    assert kill_switch.record is not None
    assert kill_switch.record.quarantined == {KITCHEN: "a picture of another camera (0)"}
    await kill_switch.async_end_quarantine(KITCHEN, "looked at it")
    assert kill_switch.camera_gate(KITCHEN).is_open
    assert (await restart(hass, entry)).camera_gate(KITCHEN).is_open


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
async def test_so_many_violations_switch_everything_off(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    events: list[GateEvent],
    limit: int,
) -> None:
    set_limit(hass, entry, limit)
    for number, did in enumerate([KITCHEN, PORCH, KITCHEN], 1):
        assert kill_switch.gate.is_open
        kill_switch.async_violation(did, "seen")
        assert kill_switch.gate.is_open == (not 0 < limit <= number)
        await settle(hass)
        if not kill_switch.gate.is_open:
            break
        await kill_switch.async_end_quarantine(did)
    if limit == 0:
        assert kill_switch.gate.is_open
        return
    assert kill_switch.violations == limit
    assert events[-1].type is GateEventType.DISABLED
    assert events[-1].reason == f"{limit} violations"
    assert not (await restart(hass, entry)).gate.is_open


async def test_allowing_again_begins_to_count_anew(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    set_limit(hass, entry, 2)
    kill_switch.async_violation(KITCHEN, "seen")
    await kill_switch.async_engage()
    await kill_switch.async_release()
    assert kill_switch.violations == 0
    kill_switch.async_violation(PORCH, "seen")
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate(KITCHEN).is_open
    await settle(hass)


async def test_violations_while_off_are_kept_and_switch_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    await kill_switch.async_engage("Guests")
    set_limit(hass, entry, 1)
    kill_switch.async_violation(KITCHEN, "seen")
    await settle(hass)
    kill_switch = await restart(hass, entry)
    assert kill_switch.record is not None
    assert kill_switch.record.reason == "Guests"
    assert Hold.QUARANTINE in kill_switch.camera_gate(KITCHEN).holds


async def test_a_removed_camera_is_forgotten_and_comes_back_free(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    gate = kill_switch.camera_gate(KITCHEN)
    permit = gate.require()
    await kill_switch.async_hide(KITCHEN)
    kill_switch.async_violation(KITCHEN, "seen")
    await kill_switch.async_forget_camera(KITCHEN)
    assert gate.is_retired
    again = kill_switch.camera_gate(KITCHEN)
    assert again is not gate
    assert again.is_open
    assert not permit.valid
    assert not gate.is_open
    kill_switch = await restart(hass, entry)
    assert kill_switch.gate.is_open
    assert kill_switch.camera_gate(KITCHEN).is_open


async def test_asking_what_holds_a_camera_makes_no_gate(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    events: list[GateEvent],
) -> None:
    await stop(hass, entry)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    assert kill_switch.holds_of("7") == frozenset()
    await kill_switch.async_hide("7")
    assert kill_switch.holds_of("7") == {Hold.PRIVACY}
    assert "7" not in kill_switch._holds._gates
    # The gate is held from its beginning when there is such a camera.
    gate = kill_switch.camera_gate("7")
    assert gate.holds == {Hold.PRIVACY}
    assert kill_switch.holds_of("7") == gate.holds
    events.clear()
    kill_switch.async_violation("8", "late")
    await settle(hass)
    assert not events
    assert kill_switch.violations == 0
    assert kill_switch.holds_of("8") == frozenset()
    kill_switch = await start(hass, entry)
    assert kill_switch.record is not None
    assert not kill_switch.record.quarantined


async def test_showing_needs_a_hub_and_what_is_not_held_changes_nothing(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    events: list[GateEvent],
) -> None:
    lines = len(await journal(hass))
    await kill_switch.async_show(KITCHEN)
    await kill_switch.async_end_quarantine(KITCHEN)
    await kill_switch.async_release()
    assert not events
    assert len(await journal(hass)) == lines
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError):
        await kill_switch.async_show(KITCHEN)
    with pytest.raises(HomeAssistantError):
        await kill_switch.async_end_quarantine(KITCHEN)


async def test_who_when_why_and_what_was_cut_are_told_and_written(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    events: list[GateEvent],
    hass_admin_user: User,
) -> None:
    kill_switch.async_count(lambda: {"viewers": 4})
    context = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(
        DOMAIN, "disable_all", {"reason": "Guests\x1b[2J\nare here"}, blocking=True, context=context
    )
    reason = "Guests [2J are here"
    (event,) = events
    assert event.type is GateEventType.DISABLED
    assert (event.user_id, event.reason, event.cut["viewers"]) == (hass_admin_user.id, reason, 4)
    assert event.context is context
    record = kill_switch.record
    assert record is not None
    assert (record.user_id, record.reason, record.cut["viewers"], record.changed_at) == (
        hass_admin_user.id,
        reason,
        4,
        event.at,
    )
    assert entry.options[OPTION_GATE] == record.as_dict()
    written = (await journal(hass))[-1]
    assert written["event"] == "disabled"
    assert written["user_id"] == hass_admin_user.id
    assert written["at"] == event.at
    assert written["reason"] == reason
    assert written["cut"]["viewers"] == 4
    await hass.services.async_call(
        DOMAIN, "enable_all", {"reason": "They left"}, blocking=True, context=context
    )
    assert (events[-1].type, events[-1].user_id) == (GateEventType.ENABLED, hass_admin_user.id)
    assert (await journal(hass))[-1]["reason"] == "They left"
    # Holds of single cameras leave alone what is known of the switch of all.
    await kill_switch.async_hide(KITCHEN, "asleep", Context())
    assert kill_switch.record is not None
    assert kill_switch.record.reason == "They left"
    assert {key: (await journal(hass))[-1][key] for key in ("event", "did", "reason")} == {
        "event": "hidden",
        "did": KITCHEN,
        "reason": "asleep",
    }
    restarted = await restart(hass, entry)
    assert restarted.record == kill_switch.record


async def test_a_reason_is_bounded_and_one_line(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    await kill_switch.async_engage("x\n" * 100_000)
    assert kill_switch.record is not None
    assert kill_switch.record.reason is not None
    assert len(kill_switch.record.reason) <= 255
    assert "\n" not in kill_switch.record.reason
    await kill_switch.async_release("\x00\n\t ")
    assert kill_switch.record.reason is None


async def test_neither_file_holds_a_secret(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, home: Home
) -> None:
    lens = entry.runtime_data.cameras[next(iter(entry.runtime_data.cameras))].lenses[0]
    assert lens is not None
    kill_switch.async_violation(KITCHEN, "seen")
    await kill_switch.async_engage("why")
    await kill_switch.async_release()
    secrets = [camera.spec.token.hex() for camera in home.cameras]
    for subentry in entry.get_subentries_of_type(SUBENTRY_ACCOUNT):
        session = AccountConfig.parse(subentry.data).session
        secrets += [session.pass_token, session.ssecurity, session.service_token]
    assert len(secrets) == 5

    def contents(*paths: Path) -> str:
        return "".join(path.read_text() for path in paths)

    text = await hass.async_add_executor_job(contents, gate_file(hass), gate_journal(hass))
    assert "quarantined" in text
    assert not [secret for secret in secrets if secret in text]
