"""Switching off wins: against a disk, a camera or a player that hangs, and every race."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from homeassistant.components.camera import async_get_image
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CoreState
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_camera import kill_switch as kill_switch_module
from custom_components.mi_camera.const import DOMAIN, OPTION_GATE
from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_record import GateRecord, GateRecordError
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH, KillSwitch
from custom_components.mi_camera.media import Relay

from .conftest import settle
from .gate_disk import Disk, gate_file, gate_journal, issues, restart, start, stop

if TYPE_CHECKING:
    from homeassistant.core import Event, HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN = "camera.kitchen"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def kill_switch(hass: HomeAssistant, entry: MiCameraConfigEntry) -> KillSwitch:
    return hass.data[DATA_KILL_SWITCH]


async def stored(hass: HomeAssistant, entry: MiCameraConfigEntry) -> list[bool]:
    """Return what the three witnesses say: allowed or not."""
    file = json.loads(await hass.async_add_executor_job(gate_file(hass).read_bytes))
    lines = (await hass.async_add_executor_job(gate_journal(hass).read_bytes)).splitlines()
    return [
        file["data"]["enabled"],
        entry.options[OPTION_GATE]["enabled"],
        json.loads(lines[-1])["record"]["enabled"],
    ]


async def until_writing(disk: Disk, which: str) -> None:
    """Wait until a write of the file or the journal has begun."""
    seen = len(disk.writes)
    async with asyncio.timeout(5):
        while which not in disk.writes[seen:]:
            await asyncio.sleep(0.005)


async def test_memory_comes_first_and_counts_before_anything_is_cut(
    hass: HomeAssistant, kill_switch: KillSwitch, disk: Disk
) -> None:
    permit = kill_switch.gate.require()
    cameras = kill_switch.camera_gate("5000000001")
    camera_permit = cameras.require()
    order: list[str] = []

    def count() -> dict[str, int]:
        assert not permit.valid
        assert not camera_permit.valid
        order.append("counted")
        return {"viewers": 3, "Not a name": 1}

    def broken() -> dict[str, int]:
        raise RuntimeError("cannot count")

    kill_switch.gate.on_close(lambda: order.append("cut"))
    cameras.on_close(lambda: order.append("camera cut"))
    kill_switch.async_count(broken)
    undo = kill_switch.async_count(count)
    kill_switch.async_listen(lambda: order.append("told"))
    with disk.hanging():
        engaging = asyncio.ensure_future(kill_switch.async_engage())
        await asyncio.sleep(0)
        assert order == ["counted", "cut", "camera cut", "told"]
        assert not kill_switch.gate.is_open
        assert hass.states.get(KITCHEN).state == "unavailable"
    await engaging
    assert kill_switch.record is not None
    assert kill_switch.record.cut["viewers"] == 3
    assert "Not a name" not in kill_switch.record.cut
    undo()
    await kill_switch.async_engage("again")
    # Switching off again cuts nothing: what the first time did stays known.
    assert kill_switch.record.cut["viewers"] == 3
    await kill_switch.async_release()
    assert kill_switch.record.cut == {}


async def test_whatever_fails_in_between_everything_else_is_done(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    def cancelled() -> None:
        raise asyncio.CancelledError

    async def fail_later() -> None:
        raise RuntimeError("broken later")

    cleaned: list[str] = []

    async def clean() -> None:
        cleaned.append("cleaned")

    kill_switch.gate.on_close(fail)
    kill_switch.gate.on_close(cancelled)
    kill_switch.camera_gate("5000000001").on_close(fail)
    kill_switch.async_count(cancelled)  # type: ignore[arg-type]
    kill_switch.async_listen(fail)
    kill_switch.async_listen(cancelled)
    kill_switch.async_on_event(fail)
    kill_switch.async_on_engaged(fail)  # type: ignore[arg-type]
    kill_switch.async_on_engaged(fail_later)
    kill_switch.async_on_engaged(clean)
    await kill_switch.async_engage()
    assert cleaned == ["cleaned"]
    assert not any(await stored(hass, entry))


async def test_a_cleanup_that_hangs_is_left_behind(
    kill_switch: KillSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a `Stream.stop()` does for 29 s, or a go2rtc that does not answer."""
    monkeypatch.setattr(kill_switch_module, "WAIT", 0.2)
    done = asyncio.Event()

    async def hang() -> None:
        await done.wait()

    kill_switch.async_on_engaged(hang)
    began = time.monotonic()
    await kill_switch.async_engage()
    assert time.monotonic() - began < 2
    assert kill_switch.saved
    await kill_switch.async_release()
    assert kill_switch.gate.is_open
    done.set()


async def test_a_camera_that_hangs_and_a_cloud_that_is_down_delay_nothing(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, home: Home
) -> None:
    """The cameras are gone without a word, while a still is being asked for."""
    await home.cloud.stop()
    for camera in home.cameras:
        await camera.stop()
    asking = asyncio.ensure_future(async_get_image(hass, KITCHEN, timeout=10))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert time.monotonic() - began < 2
    with pytest.raises(HomeAssistantError):
        await asking
    assert time.monotonic() - began < 2
    assert not any(await stored(hass, entry))


async def test_a_disk_that_hangs_is_reported_and_saved_to_when_it_wakes(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kill_switch_module, "WAIT", 0.2)
    events: list[GateEvent] = []
    kill_switch.async_on_event(events.append)
    with disk.hanging():
        began = time.monotonic()
        with pytest.raises(GateRecordError):
            await kill_switch.async_engage()
        assert time.monotonic() - began < 2
        assert not kill_switch.gate.is_open
        assert kill_switch.saved is False
        assert "gate_not_saved" in issues(hass)
        assert [one.type for one in events] == [GateEventType.DISABLED, GateEventType.NOT_SAVED]
    await settle(hass)
    assert kill_switch.saved
    assert "gate_not_saved" not in issues(hass)
    assert not any(await stored(hass, entry))


async def test_allowing_is_given_up_when_the_disk_hangs(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kill_switch_module, "LONG_WAIT", 0.2)
    await kill_switch.async_engage()
    with disk.hanging("journal"):
        with pytest.raises(GateRecordError):
            await kill_switch.async_release()
        assert not kill_switch.gate.is_open
    await settle(hass)
    # It has been written by now, but nobody waits for it any more: it does not count.
    assert not kill_switch.gate.is_open
    assert not (await restart(hass, entry)).gate.is_open


async def test_a_full_disk_takes_the_permission_away(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, disk: Disk
) -> None:
    """Even if nothing of the change is found after a power cut."""
    before = dict(entry.options)
    disk.full = True
    with pytest.raises(GateRecordError):
        await kill_switch.async_engage()
    assert not kill_switch.gate.is_open
    with pytest.raises(GateRecordError):
        await kill_switch.async_release()
    assert not kill_switch.gate.is_open
    disk.full = False
    await stop(hass, entry)
    hass.config_entries.async_update_entry(entry, options=before)
    kill_switch = await start(hass, entry)
    assert not kill_switch.gate.is_open
    assert "gate_untrusted" in issues(hass)


@pytest.mark.parametrize("turns", range(1, 13))
async def test_switching_off_wins_at_every_turn_of_a_release(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, turns: int
) -> None:
    await kill_switch.async_engage()
    releasing = asyncio.ensure_future(kill_switch.async_release())
    for _ in range(turns):
        await asyncio.sleep(0)
    await kill_switch.async_engage("second thoughts")
    await releasing
    assert not kill_switch.gate.is_open
    await settle(hass)
    assert not any(await stored(hass, entry))
    assert not (await restart(hass, entry)).gate.is_open
    assert "gate_untrusted" not in issues(hass)


@pytest.mark.parametrize("which", ["file", "journal"])
@pytest.mark.parametrize("how", ["engage", "unload", "cancel", "hide"])
async def test_what_comes_while_a_release_is_being_saved(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    disk: Disk,
    which: str,
    how: str,
) -> None:
    await kill_switch.async_engage()
    with disk.hanging(which):
        releasing = asyncio.ensure_future(kill_switch.async_release())
        await until_writing(disk, which)
        if how == "unload":
            asked: asyncio.Future[object] = asyncio.ensure_future(
                hass.config_entries.async_unload(entry.entry_id)
            )
        elif how == "hide":
            asked = asyncio.ensure_future(kill_switch.async_hide("5000000001"))
        else:
            if how == "cancel":
                releasing.cancel()
                await asyncio.sleep(0)
            asked = asyncio.ensure_future(kill_switch.async_engage("second thoughts"))
        await asyncio.sleep(0.05)
        assert not kill_switch.gate.is_open
    ended = await asyncio.gather(asked, releasing, return_exceptions=True)
    assert [type(one) for one in ended if isinstance(one, BaseException)] == (
        [asyncio.CancelledError] if how == "cancel" else []
    )
    await settle(hass)
    # Hiding one camera does not keep all others from being allowed.
    assert kill_switch.gate.is_open == (how == "hide")
    kill_switch = await restart(hass, entry)
    assert kill_switch.gate.is_open == (how == "hide")
    assert not kill_switch.camera_gate("5000000001").is_open
    assert "gate_untrusted" not in issues(hass)


async def test_who_engages_may_be_cancelled(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, disk: Disk
) -> None:
    with disk.hanging():
        engaging = asyncio.ensure_future(kill_switch.async_engage())
        await asyncio.sleep(0.02)
        engaging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await engaging
    await settle(hass)
    assert not any(await stored(hass, entry))


async def test_a_release_asked_for_while_switching_off_is_saved_comes_after(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, disk: Disk
) -> None:
    with disk.hanging():
        engaging = asyncio.ensure_future(kill_switch.async_engage())
        await asyncio.sleep(0.02)
        releasing = asyncio.ensure_future(kill_switch.async_release())
        await asyncio.sleep(0.02)
        assert not kill_switch.gate.is_open
    await asyncio.gather(engaging, releasing)
    assert kill_switch.gate.is_open
    assert all(await stored(hass, entry))
    assert (await restart(hass, entry)).gate.is_open


async def test_of_two_releases_one_opens(kill_switch: KillSwitch) -> None:
    await kill_switch.async_engage()
    epoch = kill_switch.gate.epoch
    events: list[GateEvent] = []
    kill_switch.async_on_event(events.append)
    await asyncio.gather(kill_switch.async_release("one"), kill_switch.async_release("other"))
    assert kill_switch.gate.epoch == epoch + 1
    assert [(one.type, one.reason) for one in events] == [(GateEventType.ENABLED, "one")]


async def test_nothing_starts_while_the_gate_closes(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    hub = entry.runtime_data
    found: list[object] = []

    def start_something() -> None:
        found.append(kill_switch.gate.permit())
        found.extend(camera.permit() for camera in hub.cameras.values())

    kill_switch.gate.on_close(start_something)
    await kill_switch.async_engage()
    assert len(found) == 3
    assert not any(found)


async def test_unloading_while_switching_off_is_saved(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, disk: Disk
) -> None:
    with disk.hanging():
        engaging = asyncio.ensure_future(kill_switch.async_engage())
        await asyncio.sleep(0.02)
        await hass.config_entries.async_unload(entry.entry_id)
    await engaging
    assert not any(await stored(hass, entry))
    assert not (await restart(hass, entry)).gate.is_open


async def test_reloading_while_off_stays_off(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    await kill_switch.async_engage("Guests")
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not kill_switch.gate.is_open
    assert kill_switch.record is not None
    assert kill_switch.record.reason == "Guests"
    assert "gate_untrusted" not in issues(hass)


@pytest.mark.parametrize("saved", [True, False])
async def test_switching_off_before_the_hub_is_loaded(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    kill_switch: KillSwitch,
    disk: Disk,
    saved: bool,
) -> None:
    """While Home Assistant starts; cameras hidden before stay so."""
    await kill_switch.async_hide("5000000001", "asleep")
    epoch = kill_switch.gate.epoch
    before, files = dict(entry.options), (gate_file(hass), gate_journal(hass))
    await stop(hass, entry)
    contents = [await hass.async_add_executor_job(file.read_bytes) for file in files]
    disk.full = not saved
    if saved:
        await hass.services.async_call(DOMAIN, "disable_all", {"reason": "now"}, blocking=True)
        assert not any(await stored(hass, entry))
    else:
        with pytest.raises(GateRecordError):
            await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
        # Even if not even what was there could be taken away: who switched off is believed.
        for file, raw in zip(files, contents, strict=True):
            await hass.async_add_executor_job(file.write_bytes, raw)
        hass.config_entries.async_update_entry(entry, options=before)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    disk.full = False
    kill_switch = await start(hass, entry)
    assert not kill_switch.gate.is_open
    assert "gate_untrusted" not in issues(hass)
    assert not any(await stored(hass, entry))
    assert kill_switch.record is not None
    assert kill_switch.record.epoch > epoch
    assert kill_switch.record.reason == ("now" if saved else None)
    await kill_switch.async_release()
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate("5000000001").is_open
    assert kill_switch.camera_gate("5000000002").is_open


@pytest.mark.parametrize("lost", ["options", "files"])
async def test_switching_off_before_the_hub_is_loaded_forgets_no_hidden_camera(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch, lost: str
) -> None:
    """Whichever copy still knows of it."""
    await kill_switch.async_hide("5000000001")
    await stop(hass, entry)
    if lost == "options":
        hass.config_entries.async_update_entry(entry, options={})
    else:
        for path in (gate_file(hass), gate_journal(hass)):
            await hass.async_add_executor_job(path.unlink)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    told: list[tuple[str, ...]] = []
    kill_switch.async_listen(
        lambda: told.append(kill_switch.record.hidden if kill_switch.record else ())
    )
    await kill_switch.async_engage()
    assert told[-1] == ("5000000001",)
    kill_switch = await restart(hass, entry)
    assert "gate_untrusted" not in issues(hass)
    await kill_switch.async_release()
    assert kill_switch.gate.is_open
    assert not kill_switch.camera_gate("5000000001").is_open


async def test_switching_off_while_what_is_remembered_is_read(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stop(hass, entry)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    read = kill_switch._memory._store.read

    async def slow() -> object:
        found = await read()
        await kill_switch_module.asyncio.sleep(0.3)
        return found

    monkeypatch.setattr(kill_switch._memory._store, "read", slow)
    starting = asyncio.ensure_future(hass.config_entries.async_setup(entry.entry_id))
    async with asyncio.timeout(5):
        while not kill_switch._memory._writing.locked():
            await asyncio.sleep(0.005)
    await kill_switch.async_engage("while starting")
    await starting
    await settle(hass)
    assert not kill_switch.gate.is_open
    assert kill_switch.record is not None
    assert kill_switch.record.reason == "while starting"
    assert not any(await stored(hass, entry))
    assert "gate_untrusted" not in issues(hass)


@pytest.mark.parametrize("how", ["engage", "unload"])
async def test_switching_off_between_reading_and_opening(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    await stop(hass, entry)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    recall = kill_switch._memory.async_recall

    async def recall_then_off(hub: MiCameraConfigEntry) -> GateRecord:
        believed = await recall(hub)
        assert believed.enabled
        if how == "engage":
            await kill_switch.async_engage()
        else:
            kill_switch.async_unload()
        return believed

    monkeypatch.setattr(kill_switch._memory, "async_recall", recall_then_off)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert not kill_switch.gate.is_open


async def test_switching_off_while_the_hub_cannot_start(
    hass: HomeAssistant, entry: MiCameraConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stop(hass, entry)
    with monkeypatch.context() as broken:

        async def no_port(_: Relay) -> None:
            raise OSError("no port")

        broken.setattr(Relay, "start", no_port)
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        await hass.services.async_call(DOMAIN, "disable_all", {"reason": "now"}, blocking=True)
    assert not any(await stored(hass, entry))
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert not hass.data[DATA_KILL_SWITCH].gate.is_open
    assert "gate_untrusted" not in issues(hass)


async def test_switching_off_while_a_hub_is_being_created(
    hass: HomeAssistant, entry: MiCameraConfigEntry, disk: Disk
) -> None:
    """Between what its flow saves and the first load."""
    await hass.config_entries.async_remove(entry.entry_id)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage("without a hub")
    with disk.hanging():
        preparing = asyncio.ensure_future(kill_switch.async_prepare())
        await until_writing(disk, "file")
        engaging = asyncio.ensure_future(kill_switch.async_engage("in between"))
        await asyncio.sleep(0.02)
    record = await preparing
    await engaging
    assert record.enabled
    entry = MockConfigEntry(domain=DOMAIN, options={OPTION_GATE: record.as_dict()})
    entry.add_to_hass(hass)
    await kill_switch.async_load(entry)
    assert not kill_switch.gate.is_open
    assert not any(await stored(hass, entry))
    await kill_switch.async_forget()
    # And without: what was said of another hub, or of none, is not held against a new one.
    await kill_switch.async_engage("without a hub")
    record = await kill_switch.async_prepare()
    hass.config_entries.async_update_entry(entry, options={OPTION_GATE: record.as_dict()})
    await kill_switch.async_load(entry)
    assert kill_switch.gate.is_open
    kill_switch.async_unload()


async def test_switching_off_while_home_assistant_stops(
    hass: HomeAssistant, entry: MiCameraConfigEntry, kill_switch: KillSwitch
) -> None:
    """In the very last stage before everything is written for good."""
    engaged: list[bool] = []

    async def engage(_: Event) -> None:
        await kill_switch.async_engage("too late?")
        engaged.append(not any(await stored(hass, entry)))

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, engage)
    await hass.async_stop()
    assert engaged == [True]
    assert not kill_switch.gate.is_open


async def test_nothing_opens_while_home_assistant_stops(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await stop(hass, entry)
    hass.set_state(CoreState.stopping)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_load(entry)
    assert not kill_switch.gate.is_open
    hass.set_state(CoreState.running)
    kill_switch.async_unload()
