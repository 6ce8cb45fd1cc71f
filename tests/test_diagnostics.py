"""Diagnostics, logs and states hold no secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.core import Context
from homeassistant.helpers.json import json_dumps

from custom_components.mi_camera.camera_config import AccountConfig
from custom_components.mi_camera.const import SUBENTRY_ACCOUNT
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import set_up, settle
from .home import PASSWORD

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    import pytest

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


async def test_diagnostics_tell_of_the_gate_but_not_who(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home, hass_admin_user: User
) -> None:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    kitchen, porch = (str(camera.spec.did) for camera in home.cameras)
    context = Context(user_id=hass_admin_user.id)
    undo = kill_switch.async_count(lambda: {"viewers": 2})
    await kill_switch.async_hide(kitchen, context=context)
    kill_switch.async_violation(porch, "picture of another camera")
    await kill_switch.async_engage("Guests", context)
    undo()
    await settle(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "stall": 8})
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    gate = diagnostics["gate"]
    assert gate["open"] is False
    assert gate["saved"] is True
    assert gate["violations"] == 1
    record = gate["record"]
    assert record.pop("changed_at")
    assert record.pop("epoch") == gate["epoch"]
    assert record == {
        "enabled": False,
        "reason": "Guests",
        "cut": {"viewers": 2, "casts": 0, "webrtc": 0, "cameras": 0},
        "hidden": 1,
        "quarantined": ["picture of another camera"],
        "doubted": False,
    }
    assert [camera["holds"] for camera in diagnostics["cameras"]] == [["privacy"], ["quarantine"]]
    assert diagnostics["options"] == {
        "sleep_lenses": False,
        "violation_limit": 3,
        "still_max_age": 10,
        "stall": 8,
        "cloud_control": False,
    }
    text = json_dumps(diagnostics)
    for private in (hass_admin_user.id, kitchen, porch, "Kitchen"):
        assert private not in text


async def test_no_secret_is_in_diagnostics_states_or_the_debug_log(
    ready: HomeAssistant, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    entry = await set_up(ready)
    assert await async_get_image(ready, "camera.kitchen", timeout=10)
    source = await async_get_stream_source(ready, "camera.kitchen")
    diagnostics = await async_get_config_entry_diagnostics(ready, entry)

    (account,) = entry.get_subentries_of_type(SUBENTRY_ACCOUNT)
    session = AccountConfig.parse(account.data).session
    keys = [kept.keys for kept in entry.runtime_data.keys._kept.values()]
    secrets = {
        PASSWORD,
        session.pass_token,
        session.ssecurity,
        session.service_token,
        source.partition("auth=")[2],
        *(camera.spec.token.hex() for camera in home.cameras),
        *(key.client_private.hex() for key in keys),
        *(key.sign for key in keys),
    }
    assert all(len(secret) > 8 for secret in secrets)
    states = json_dumps([state.as_dict() for state in ready.states.async_all()])
    shown = {
        "diagnostics": json_dumps(diagnostics),
        "states": states,
        "log": caplog.text,
        "repr": repr([entry.runtime_data.cameras, keys, entry.runtime_data.accounts]),
    }
    for place, text in shown.items():
        for secret in secrets:
            assert secret not in text, place
    assert diagnostics["gate"]["open"] is True
    assert diagnostics["gate"]["record"]["enabled"] is True
    assert len(diagnostics["cameras"]) == 2
    assert set(diagnostics["relay"]) == {"bytes_sent", "last_byte_at", "connections", "refused"}
    await ready.config_entries.async_remove(entry.entry_id)
