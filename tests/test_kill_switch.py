"""Off means off: engaging, releasing, remembering, and who may do what."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest

from custom_components.mi_camera.const import DOMAIN, OPTION_GATE
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN = "camera.kitchen"


def gate_file(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", "mi_camera.gate"))


def switch_of(hass: HomeAssistant) -> str:
    (entity_id,) = (
        one.entity_id
        for one in er.async_get(hass).entities.values()
        if one.platform == DOMAIN and one.domain == "switch"
    )
    return entity_id


async def restart(hass: HomeAssistant, entry: MiCameraConfigEntry) -> None:
    """Load the hub anew, as after a restart, from what is stored."""
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)


async def test_set_up_allows_pictures_and_a_restart_keeps_that(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    switch = switch_of(hass)
    assert hass.states.get(switch).state == "on"
    assert hass.states.get(KITCHEN).state == "idle"
    await restart(hass, entry)
    assert hass.states.get(switch).state == "on"
    assert hass.states.get(KITCHEN).state == "idle"


async def test_off_survives_a_restart_and_cameras_are_left_alone(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    switch = switch_of(hass)
    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    assert hass.states.get(switch).state == "off"
    assert hass.states.get(KITCHEN).state == "unavailable"
    asked = [camera.rpc_count for camera in home.cameras]
    requests = home.cloud.requests
    await restart(hass, entry)
    assert hass.states.get(switch).state == "off"
    assert hass.states.get(KITCHEN).state == "unavailable"
    assert [camera.rpc_count for camera in home.cameras] == asked
    assert home.cloud.requests == requests
    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    await settle(hass)
    assert hass.states.get(switch).state == "on"
    assert hass.states.get(KITCHEN).state == "idle"


async def test_the_reason_is_kept_and_shown(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await hass.services.async_call(
        DOMAIN, "disable_all", {"reason": "Guests are here"}, blocking=True
    )
    state = hass.states.get(switch_of(hass))
    assert state.attributes["reason"] == "Guests are here"
    assert state.attributes["changed_at"]
    stored = json.loads(await hass.async_add_executor_job(gate_file(hass).read_text))
    assert stored["data"]["enabled"] is False
    assert stored["data"]["reason"] == "Guests are here"
    assert entry.options[OPTION_GATE] == stored["data"]


@pytest.mark.parametrize(
    "damage",
    [
        None,
        b"",
        b"{",
        b"\xff\xfe\x00",
        b'{"data": {"enabled": true, "epoch": "1"}}',
        b'{"data": {"enabled": 1, "epoch": 1}}',
        b'{"data": {"enabled": true, "epoch": true}}',
        b'{"data": {"enabled": true, "epoch": 99}}',
        b'{"data": [true]}',
        b"[" * 4000,
        b'{"data": {"enabled": true, "epoch": 1, "reason": "' + b"x" * 5000 + b'"}}',
    ],
)
async def test_a_damaged_record_means_off_and_says_so(
    hass: HomeAssistant, entry: MiCameraConfigEntry, damage: bytes | None
) -> None:
    path = gate_file(hass)
    if damage is None:
        await hass.async_add_executor_job(path.unlink)
    else:
        await hass.async_add_executor_job(path.write_bytes, damage)
    await restart(hass, entry)
    assert hass.states.get(switch_of(hass)).state == "off"
    assert hass.states.get(KITCHEN).state == "unavailable"
    assert ir.async_get(hass).async_get_issue(DOMAIN, "gate_untrusted") is not None
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await settle(hass)
    assert hass.states.get(KITCHEN).state == "idle"
    assert ir.async_get(hass).async_get_issue(DOMAIN, "gate_untrusted") is None
    await restart(hass, entry)
    assert hass.states.get(KITCHEN).state == "idle"


@pytest.mark.parametrize("options", [{}, {OPTION_GATE: None}, {OPTION_GATE: {"enabled": True}}])
async def test_both_copies_must_agree(
    hass: HomeAssistant, entry: MiCameraConfigEntry, options: dict[str, Any]
) -> None:
    hass.config_entries.async_update_entry(entry, options=options)
    await restart(hass, entry)
    assert hass.states.get(switch_of(hass)).state == "off"


async def test_a_restored_backup_of_one_copy_does_not_switch_on(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    old = await hass.async_add_executor_job(gate_file(hass).read_bytes)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    await hass.async_add_executor_job(gate_file(hass).write_bytes, old)
    await restart(hass, entry)
    assert hass.states.get(switch_of(hass)).state == "off"


async def test_when_it_cannot_be_saved_pictures_are_off_all_the_same(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """The file is a folder now, so that no write can succeed, whoever runs this."""
    path = gate_file(hass)
    await hass.async_add_executor_job(path.unlink)
    await hass.async_add_executor_job((path / "in the way").mkdir, 0o777, True)
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call(DOMAIN, "disable_all", blocking=True)
    assert caught.value.translation_key == "gate_not_saved"
    assert hass.states.get(switch_of(hass)).state == "off"
    assert ir.async_get(hass).async_get_issue(DOMAIN, "gate_not_saved") is not None
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    assert hass.states.get(switch_of(hass)).state == "off"
    await hass.async_add_executor_job((path / "in the way").rmdir)
    await hass.async_add_executor_job(path.rmdir)
    await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    assert hass.states.get(switch_of(hass)).state == "on"
    assert ir.async_get(hass).async_get_issue(DOMAIN, "gate_not_saved") is None


async def test_switching_off_during_a_release_wins(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    release = asyncio.ensure_future(kill_switch.async_release())
    await asyncio.sleep(0)
    await kill_switch.async_engage("second thoughts")
    await release
    assert not kill_switch.gate.is_open
    await restart(hass, entry)
    assert not kill_switch.gate.is_open


async def test_switching_off_many_times_at_once_is_harmless(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await asyncio.gather(*(kill_switch.async_engage(f"{number}") for number in range(5)))
    assert not kill_switch.gate.is_open
    await kill_switch.async_release()
    assert kill_switch.gate.is_open


async def test_anybody_with_control_may_switch_off_only_administrators_on(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    hass_admin_user: User,
    hass_read_only_user: User,
) -> None:
    switch = switch_of(hass)
    member = await hass.auth.async_create_user("Member", group_ids=["system-users"])
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "disable_all", blocking=True, context=Context(user_id=hass_read_only_user.id)
        )
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "disable_all", blocking=True, context=Context(user_id="0" * 32)
        )
    assert hass.states.get(switch).state == "on"
    for how in (
        ("switch", "turn_off", {"entity_id": switch}),
        (DOMAIN, "disable_all", {}),
    ):
        await hass.services.async_call(*how, blocking=True, context=Context(user_id=member.id))
        assert hass.states.get(switch).state == "off"
    for how in (
        ("switch", "turn_on", {"entity_id": switch}),
        (DOMAIN, "enable_all", {}),
    ):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(*how, blocking=True, context=Context(user_id=member.id))
        assert hass.states.get(switch).state == "off"
    admin = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": switch}, blocking=True, context=admin
    )
    assert hass.states.get(switch).state == "on"


async def test_removing_the_hub_forgets_that_pictures_were_allowed(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not await hass.async_add_executor_job(gate_file(hass).exists)
    assert not hass.data[DATA_KILL_SWITCH].gate.is_open
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True)


async def test_unloading_closes_the_gate_and_every_socket(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    hub = entry.runtime_data
    await hass.config_entries.async_unload(entry.entry_id)
    assert not hub.gate.is_open
    assert hub.relay.stats.connections == 0
    assert all(camera.media_connections == 0 for camera in home.cameras)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "enable_all", blocking=True)
