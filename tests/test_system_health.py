"""Home Assistant's system information tells of the gate, with and without the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.system_health import get_info
from homeassistant.core import Context
from homeassistant.setup import async_setup_component
import pytest

from custom_components.mi_camera.cloud import SessionExpired
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.kill_switch import DATA_KILL_SWITCH

from .conftest import settle

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry

    from .home import Home


async def info(hass: HomeAssistant) -> dict[str, Any]:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    return (await get_info(hass))[DOMAIN]  # type: ignore[return-value]


async def test_it_tells_of_the_gate_and_the_cameras(
    hass: HomeAssistant,
    entry: MiCameraConfigEntry,
    home: Home,
    hass_admin_user: User,
) -> None:
    told = await info(hass)
    assert told.pop("since").startswith("20")
    assert told == {
        "pictures_allowed": True,
        "saved": True,
        "violations": 0,
        "reason": "set up",
        "cut": None,
        "hidden": 0,
        "quarantined": 0,
        "cameras": 2,
        "reachable": 2,
        "readers": 0,
        "accounts": 1,
        "signed_in": 1,
        "events": 2,
    }
    kill_switch = hass.data[DATA_KILL_SWITCH]
    kitchen, porch = (str(camera.spec.did) for camera in home.cameras)
    await kill_switch.async_hide(kitchen)
    kill_switch.async_violation(porch, "picture of another camera")
    await settle(hass)
    told = await info(hass)
    assert (told["hidden"], told["quarantined"], told["violations"]) == (1, 1, 1)
    # Nothing is asked about a camera that may not be shown.
    assert told["events"] == 0
    kill_switch.async_count(lambda: {"viewers": 2, "casts": 1})
    await kill_switch.async_engage("Guests", Context(user_id=hass_admin_user.id))
    told = await info(hass)
    assert told["pictures_allowed"] is False
    assert told["reachable"] == 0
    assert told["reason"] == "Guests"
    assert "viewers: 2" in told["cut"]
    assert "casts: 1" in told["cut"]
    # Who it was is in the events only.
    assert hass_admin_user.id not in str(told)
    await kill_switch.async_release()
    told = await info(hass)
    assert (told["reason"], told["cut"]) == (None, None)


async def test_it_tells_that_an_account_is_signed_out(
    hass: HomeAssistant, entry: MiCameraConfigEntry, home: Home
) -> None:
    home.cloud.accounts.expire_service_tokens()
    home.cloud.accounts.revoke_pass_tokens()
    (account,) = entry.runtime_data.accounts.values()
    with pytest.raises(SessionExpired):
        await account.devices()
    told = await info(hass)
    assert (told["accounts"], told["signed_in"]) == (1, 0)


async def test_it_tells_what_there_is_without_the_hub(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    told = await info(hass)
    assert told["pictures_allowed"] is False
    assert "cameras" not in told
