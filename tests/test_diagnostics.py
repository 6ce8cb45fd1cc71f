"""Diagnostics, logs and states hold no secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.helpers.json import json_dumps

from custom_components.mi_camera.camera_config import AccountConfig
from custom_components.mi_camera.const import SUBENTRY_ACCOUNT
from custom_components.mi_camera.diagnostics import async_get_config_entry_diagnostics

from .conftest import set_up
from .home import PASSWORD

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    import pytest

    from .home import Home


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
    assert len(diagnostics["cameras"]) == 2
    assert set(diagnostics["relay"]) == {"bytes_sent", "last_byte_at", "connections", "refused"}
    await ready.config_entries.async_remove(entry.entry_id)
