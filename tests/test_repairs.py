"""The gate's repair issues, fixed through Home Assistant's own API as a user would."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from homeassistant.core import Context
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera.const import DOMAIN, SUBENTRY_CAMERA
from custom_components.mi_camera.gate_events import GateEvent, GateEventType
from custom_components.mi_camera.gate_issues import plain
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        WebSocketGenerator,
    )

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home

FIX = "/api/repairs/issues/fix"


@pytest.fixture
async def admin(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_client: ClientSessionGenerator
) -> TestClient:
    """A client of Home Assistant's API, signed in as an administrator."""
    for component in ("repairs", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    return await hass_client()


def issue(hass: HomeAssistant, issue_id: str) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id)


async def begin(client: TestClient, issue_id: str) -> dict[str, Any]:
    response = await client.post(FIX, json={"handler": DOMAIN, "issue_id": issue_id})
    assert response.status == HTTPStatus.OK, await response.text()
    return await response.json()


async def confirm(client: TestClient, flow: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(f"{FIX}/{flow['flow_id']}", json={})
    assert response.status == HTTPStatus.OK, await response.text()
    return await response.json()


# -- pictures are off --------------------------------------------------------------------


async def test_while_pictures_are_off_an_issue_says_who_when_and_why(
    hass: HomeAssistant, entry: MiCameraConfigEntry, hass_admin_user: User
) -> None:
    assert issue(hass, "pictures_off") is None
    kill_switch = hass.data[DATA_KILL_SWITCH]
    undo = kill_switch.async_count(lambda: {"viewers": 3, "cameras": 2})
    await kill_switch.async_engage("Guests", Context(user_id=hass_admin_user.id))
    undo()
    found = issue(hass, "pictures_off")
    assert found.is_fixable
    assert not found.is_persistent
    assert found.severity is ir.IssueSeverity.WARNING
    told = found.translation_placeholders
    assert told.pop("since").startswith("20")
    assert told == {
        "by": plain(hass_admin_user.name),
        "reason": "Guests",
        "viewers": "3",
        "webrtc": "0",
        "casts": "0",
        "cameras": "2",
    }
    await kill_switch.async_release()
    assert issue(hass, "pictures_off") is None


async def test_an_administrator_allows_pictures_again_in_repairs(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    admin: TestClient,
    hass_admin_user: User,
    hass_ws_client: WebSocketGenerator,
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage("Guests")
    websocket = await hass_ws_client(hass)
    await websocket.send_json_auto_id({"type": "repairs/list_issues"})
    listed = (await websocket.receive_json())["result"]["issues"]
    assert "pictures_off" in {one["issue_id"] for one in listed if one["domain"] == DOMAIN}

    flow = await begin(admin, "pictures_off")
    assert flow["type"] == "form"
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"]["reason"] == "Guests"
    assert not kill_switch.gate.is_open, "asking alone changes nothing"
    heard: list[GateEvent] = []
    kill_switch.async_on_event(heard.append)
    assert (await confirm(admin, flow))["type"] == "create_entry"
    await settle(hass)
    assert kill_switch.gate.is_open
    assert kill_switch.record.user_id == hass_admin_user.id
    assert [(one.type, one.user_id) for one in heard] == [
        (GateEventType.ENABLED, hass_admin_user.id)
    ]
    assert issue(hass, "pictures_off") is None
    assert hass.states.get("camera.kitchen").state == "idle"


@pytest.mark.parametrize("group", ["system-users", "system-read-only"])
async def test_others_are_refused_at_each_step(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    admin: TestClient,
    hass_admin_user: User,
    group: str,
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage()
    flow = await begin(admin, "pictures_off")
    # The same session, of a user who has lost these rights meanwhile.
    await hass.auth.async_update_user(hass_admin_user, group_ids=[group])
    answers = [
        await admin.post(FIX, json={"handler": DOMAIN, "issue_id": "pictures_off"}),
        await admin.post(f"{FIX}/{flow['flow_id']}", json={}),
    ]
    assert [answer.status for answer in answers] == [HTTPStatus.UNAUTHORIZED] * 2
    assert not kill_switch.gate.is_open
    assert issue(hass, "pictures_off") is not None


async def test_without_a_hub_nothing_can_be_allowed(
    hass: HomeAssistant, entry: MiCameraConfigEntry, admin: TestClient
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.data[DATA_KILL_SWITCH].async_engage()
    result = await confirm(admin, await begin(admin, "pictures_off"))
    assert result["type"] == "abort"
    assert result["reason"] == "hub_not_loaded"
    assert issue(hass, "pictures_off") is not None


async def test_what_cannot_be_saved_stays_off_and_the_issue_stays(
    hass: HomeAssistant, entry: MiCameraConfigEntry, admin: TestClient, tmp_path: Any
) -> None:
    from .test_kill_switch import gate_file

    await hass.data[DATA_KILL_SWITCH].async_engage()
    flow = await begin(admin, "pictures_off")
    path = gate_file(hass)
    await hass.async_add_executor_job(path.unlink)
    await hass.async_add_executor_job((path / "in the way").mkdir, 0o777, True)
    result = await confirm(admin, flow)
    assert result["type"] == "abort"
    assert result["reason"] == "gate_not_saved"
    assert issue(hass, "pictures_off") is not None
    assert not hass.data[DATA_KILL_SWITCH].gate.is_open


async def test_whoever_switches_off_during_the_fix_wins(
    hass: HomeAssistant, entry: MiCameraConfigEntry, admin: TestClient
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    await kill_switch.async_engage("first")
    flow = await begin(admin, "pictures_off")
    undo = []

    def engage_again() -> None:
        if kill_switch.gate.is_open:
            undo.pop()()
            hass.async_create_task(kill_switch.async_engage("second thoughts"))

    undo.append(kill_switch.async_listen(engage_again))
    result = await confirm(admin, flow)
    await settle(hass)
    assert not kill_switch.gate.is_open
    assert result["type"] == "abort"
    assert result["reason"] == "again"
    assert issue(hass, "pictures_off").translation_placeholders["reason"] == "second thoughts"


async def test_a_restart_while_off_makes_the_issue_anew_and_unloading_alone_makes_none(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert issue(hass, "pictures_off") is None, "nobody has switched off"
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await hass.data[DATA_KILL_SWITCH].async_engage("Guests")
    ir.async_delete_issue(hass, DOMAIN, "pictures_off")
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert issue(hass, "pictures_off").translation_placeholders["reason"] == "Guests"
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert issue(hass, "pictures_off") is None


# -- one camera ------------------------------------------------------------------------------


async def test_an_administrator_ends_a_quarantine_in_repairs(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    admin: TestClient,
    home: Home,
    hass_admin_user: User,
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    kitchen, porch = (str(camera.spec.did) for camera in home.cameras)
    kill_switch.async_violation(kitchen, "picture of another camera")
    await settle(hass)
    assert not kill_switch.camera_gate(kitchen).is_open
    assert kill_switch.camera_gate(porch).is_open
    found = issue(hass, f"quarantined_{kitchen}")
    assert found.is_fixable
    assert found.severity is ir.IssueSeverity.ERROR
    assert found.translation_placeholders == {
        "camera": "Kitchen",
        "detail": "picture of another camera",
    }
    assert issue(hass, f"quarantined_{porch}") is None
    # A restart changes nothing.
    ir.async_delete_issue(hass, DOMAIN, found.issue_id)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert issue(hass, found.issue_id) is not None
    assert not kill_switch.camera_gate(kitchen).is_open

    flow = await begin(admin, found.issue_id)
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"]["camera"] == "Kitchen"
    heard: list[GateEvent] = []
    kill_switch.async_on_event(heard.append)
    assert (await confirm(admin, flow))["type"] == "create_entry"
    await settle(hass)
    assert kill_switch.camera_gate(kitchen).is_open
    assert issue(hass, found.issue_id) is None
    assert [(one.type, one.did, one.user_id) for one in heard] == [
        (GateEventType.QUARANTINE_ENDED, kitchen, hass_admin_user.id)
    ]


async def test_issues_of_a_camera_go_with_it(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kill_switch, did = hass.data[DATA_KILL_SWITCH], str(home.cameras[0].spec.did)
    kill_switch.async_violation(did, "picture of another camera")
    kill_switch.report(GateEvent.now(GateEventType.IDENTITY_DOUBTED, did=did))
    await settle(hass)
    assert issue(hass, f"quarantined_{did}") is not None
    assert issue(hass, f"identity_{did}") is not None
    (subentry,) = (
        one for one in entry.get_subentries_of_type(SUBENTRY_CAMERA) if one.unique_id == did
    )
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await settle(hass)
    assert issue(hass, f"quarantined_{did}") is None
    assert issue(hass, f"identity_{did}") is None


async def test_a_doubt_about_a_camera_is_an_issue_until_it_has_proved_itself(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    kill_switch, did = hass.data[DATA_KILL_SWITCH], str(home.cameras[1].spec.did)
    kill_switch.report(GateEvent.now(GateEventType.IDENTITY_DOUBTED, did=did))
    found = issue(hass, f"identity_{did}")
    assert not found.is_fixable
    assert found.severity is ir.IssueSeverity.WARNING
    assert found.translation_placeholders == {"camera": "Porch"}
    kill_switch.report(GateEvent.now(GateEventType.IDENTITY_PROVED, did=did))
    assert issue(hass, f"identity_{did}") is None


async def test_another_device_at_the_address_is_an_issue_until_the_camera_is_back(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    """A router gives each camera the other's address, and later gives them back."""

    async def swap() -> None:
        first, second = home.cameras
        for camera in home.cameras:
            await camera.stop()
        first.spec.address, second.spec.address = second.spec.address, first.spec.address
        home.cameras = await home.restarted_cameras()
        for coordinator in entry.runtime_data.cameras.values():
            await coordinator.async_refresh()
        await settle(hass)

    dids = [camera.spec.did for camera in home.cameras]
    await swap()
    for did in dids:
        assert issue(hass, f"identity_{did}") is not None
    await swap()
    for did in dids:
        assert issue(hass, f"identity_{did}") is None
    assert hass.states.get("camera.kitchen").state == "idle"


def test_what_others_have_written_is_shown_as_it_is() -> None:
    """Administrators read reasons that anybody may have given: no links, pictures or lines."""
    assert plain("![x](https://example.com/x.png)") == (r"\!\[x\]\(https\://example\.com/x\.png\)")
    assert plain("a\n\n# b <img src=x>") == r"a \# b \<img src=x\>"
    assert plain("Küche – 厨房 {1}") == r"Küche – 厨房 \{1\}"
