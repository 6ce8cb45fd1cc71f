"""Off means off: engaging, releasing, remembering, and who may do what."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import area_registry as ar, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera.const import DOMAIN, OPTION_GATE
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle
from .gate_disk import gate_file, gate_journal, restart

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

KITCHEN = "camera.kitchen"


def switch_of(hass: HomeAssistant) -> str:
    (entity_id,) = (
        one.entity_id
        for one in er.async_get(hass).entities.values()
        if one.platform == DOMAIN and one.unique_id.endswith("-streaming")
    )
    return entity_id


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


@pytest.mark.parametrize("target", ["all", "area", "scene", "script"])
async def test_no_detour_lets_a_member_allow_pictures(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User, target: str
) -> None:
    """Through everything switches can be reached by, the user behind it is asked for."""
    switch = switch_of(hass)
    registry = er.async_get(hass)
    area = ar.async_get(hass).async_create("Office")
    registry.async_update_entity(switch, area_id=area.id)
    scripts = {"on": {"sequence": [{"action": "mi_camera.enable_all"}]}}
    scenes = [{"name": "On", "entities": {switch: "on"}}]
    assert await async_setup_component(hass, "script", {"script": scripts})
    assert await async_setup_component(hass, "scene", {"scene": scenes})
    await settle(hass)
    call: tuple[str, str, dict[str, object]] = {
        "all": ("switch", "turn_on", {"entity_id": "all"}),
        "area": ("switch", "turn_on", {"area_id": area.id}),
        "scene": ("scene", "turn_on", {"entity_id": "scene.on"}),
        "script": ("script", "on", {}),
    }[target]
    member = await hass.auth.async_create_user("Member", group_ids=["system-users"])
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    # Some of these only log what went wrong.
    with contextlib.suppress(Unauthorized):
        await hass.services.async_call(*call, blocking=True, context=Context(user_id=member.id))
    await settle(hass)
    assert not kill_switch.gate.is_open
    for context in (Context(user_id=hass_admin_user.id), Context()):
        await hass.services.async_call(*call, blocking=True, context=context)
        await settle(hass)
        assert kill_switch.gate.is_open
        await kill_switch.async_engage()


async def test_an_automation_may_do_both_with_a_reason(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    """Even one that a member's change of a state has started: its author decided."""
    actions = [
        {"trigger": trigger, "action": {"action": action, "data": {"reason": reason}}}
        for trigger, action, reason in (
            ({"platform": "event", "event_type": "come"}, "mi_camera.disable_all", "Guests"),
            ({"platform": "event", "event_type": "go"}, "mi_camera.enable_all", "Left"),
        )
    ]
    assert await async_setup_component(hass, "automation", {"automation": actions})
    await settle(hass)
    kill_switch = hass.data[DATA_KILL_SWITCH]
    member = await hass.auth.async_create_user("Member", group_ids=["system-users"])
    for event, is_open, reason in (("come", False, "Guests"), ("go", True, "Left")):
        hass.bus.async_fire(event, context=Context(user_id=member.id))
        await settle(hass)
        assert kill_switch.gate.is_open == is_open
        assert kill_switch.record.reason == reason
        assert kill_switch.record.user_id is None


async def test_removing_the_hub_forgets_that_pictures_were_allowed(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not await hass.async_add_executor_job(gate_file(hass).exists)
    assert not await hass.async_add_executor_job(gate_journal(hass).exists)
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
