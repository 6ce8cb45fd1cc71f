"""Whoever was cut off sees who did it, when, why, and what was cut."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context, Event
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate_events import GateEventType
from custom_components.mi_camera.gate_news import EVENT_MI_CAMERA, async_camera_name
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


def entity_of(hass: HomeAssistant, entry: MiCameraConfigEntry) -> str:
    entity_id = er.async_get(hass).async_get_entity_id("event", DOMAIN, f"{entry.entry_id}-gate")
    assert entity_id is not None
    return entity_id


def heard(hass: HomeAssistant) -> list[Event[dict[str, Any]]]:
    """Return the list that fills with the integration's events."""
    events: list[Event[dict[str, Any]]] = []
    hass.bus.async_listen(EVENT_MI_CAMERA, events.append)
    return events


async def test_the_entity_belongs_to_the_hub_and_knows_all_types(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    entity_id = entity_of(hass, entry)
    registered = er.async_get(hass).async_get(entity_id)
    assert registered.device_id == entry.runtime_data.device_id
    state = hass.states.get(entity_id)
    assert state.state == "unknown"
    assert state.attributes["event_types"] == [one.value for one in GateEventType]
    assert state.attributes["friendly_name"] == "Mi Camera Events"


async def test_it_tells_who_when_why_and_what_was_cut(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User
) -> None:
    kill_switch, events = hass.data[DATA_KILL_SWITCH], heard(hass)
    undo = kill_switch.async_count(lambda: {"viewers": 3, "casts": 1, "webrtc": 0})
    context = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(
        DOMAIN, "disable_all", {"reason": "Guests"}, blocking=True, context=context
    )
    undo()
    await settle(hass)
    state = hass.states.get(entity_of(hass, entry))
    assert state.attributes["event_type"] == "disabled"
    assert state.attributes["by"] == hass_admin_user.name
    assert state.attributes["reason"] == "Guests"
    assert state.attributes["camera"] is None
    assert state.attributes["cut_viewers"] == 3
    assert state.attributes["cut_casts"] == 1
    assert "cut_webrtc" not in state.attributes
    assert datetime.fromisoformat(state.attributes["at"]).utcoffset() is not None
    assert state.context is context
    (event,) = events
    assert event.context is context
    assert event.data["type"] == "disabled"
    assert event.data["device_id"] == entry.runtime_data.device_id
    for key in ("by", "reason", "camera", "at", "cut_viewers", "cut_casts"):
        assert event.data[key] == state.attributes[key]


async def test_an_automation_has_no_name_and_is_not_taken_for_the_user_before_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User
) -> None:
    admin = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(DOMAIN, "disable_all", blocking=True, context=admin)
    await hass.data[DATA_KILL_SWITCH].async_release()
    await settle(hass)
    state = hass.states.get(entity_of(hass, entry))
    assert state.attributes["event_type"] == "enabled"
    assert state.attributes["by"] is None
    assert state.context.user_id is None


async def test_what_happens_to_one_camera_names_it_as_the_user_does(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, hass_admin_user: User
) -> None:
    events, did = heard(hass), str(home.cameras[0].spec.did)
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier((DOMAIN, did), entry.entry_id)
    devices.async_update_device(device.id, name_by_user="Cuisine")
    kill_switch = hass.data[DATA_KILL_SWITCH]
    context = Context(user_id=hass_admin_user.id)
    await kill_switch.async_hide(did, "Dinner", context)
    await kill_switch.async_show(did, context=context)
    kill_switch.async_violation(did, "A picture of another camera")
    await settle(hass)
    await kill_switch.async_end_quarantine(did)
    await settle(hass)
    assert [event.data["type"] for event in events] == [
        "hidden",
        "shown",
        "quarantined",
        "quarantine_ended",
    ]
    assert {event.data["camera"] for event in events} == {"Cuisine"}
    assert {event.data["device_id"] for event in events} == {device.id}
    assert events[0].data["reason"] == "Dinner"
    assert events[0].data["by"] == hass_admin_user.name
    assert events[2].data["by"] is None
    assert events[2].data["reason"] == "A picture of another camera"


async def test_events_of_one_moment_come_in_their_order(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    kill_switch, events, types = hass.data[DATA_KILL_SWITCH], heard(hass), []
    entity_id = entity_of(hass, entry)

    def follow(event: Event[dict[str, Any]]) -> None:
        if event.data["entity_id"] == entity_id:
            types.append(event.data["new_state"].attributes["event_type"])

    undo = hass.bus.async_listen("state_changed", follow)
    for _ in range(5):
        await kill_switch.async_engage()
        await kill_switch.async_release()
    await settle(hass)
    undo()
    assert types == ["disabled", "enabled"] * 5
    assert [event.data["type"] for event in events] == types


@pytest.mark.parametrize("how", ["unloaded", "removed"])
async def test_switching_off_without_a_hub_is_told_on_the_bus(
    hass: HomeAssistant, entry: MiCameraConfigEntry, how: str
) -> None:
    events = heard(hass)
    if how == "unloaded":
        await hass.config_entries.async_unload(entry.entry_id)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
    await hass.services.async_call(DOMAIN, "disable_all", {"reason": "Early"}, blocking=True)
    await hass.async_block_till_done()
    (event,) = events
    assert event.data["type"] == "disabled"
    assert event.data["reason"] == "Early"


async def test_what_was_switched_off_before_the_hub_was_there_is_shown_by_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.services.async_call(
        DOMAIN,
        "disable_all",
        {"reason": "Early"},
        blocking=True,
        context=Context(user_id=hass_admin_user.id),
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    attributes = hass.states.get(entity_of(hass, entry)).attributes
    assert attributes["event_type"] == "disabled"
    assert attributes["reason"] == "Early"
    assert attributes["by"] == hass_admin_user.name
    # It is told once, however often the hub is loaded.
    before = hass.states.get(entity_of(hass, entry)).state
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert hass.states.get(entity_of(hass, entry)).state == before


async def test_a_camera_has_a_name_also_without_a_device_or_an_entry(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    did = str(home.cameras[0].spec.did)
    assert async_camera_name(hass, did) == "Kitchen"
    await hass.config_entries.async_unload(entry.entry_id)
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier((DOMAIN, did), entry.entry_id)
    devices.async_remove_device(device.id)
    assert async_camera_name(hass, did) == "Kitchen"
    assert async_camera_name(hass, "4711") == "4711"


async def test_a_user_who_is_gone_has_no_name(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User
) -> None:
    member = await hass.auth.async_create_user("Member", group_ids=["system-users"])
    await hass.auth.async_remove_user(member)
    events = heard(hass)
    await hass.data[DATA_KILL_SWITCH].async_engage(context=Context(user_id=member.id))
    assert events[0].data["by"] is None
