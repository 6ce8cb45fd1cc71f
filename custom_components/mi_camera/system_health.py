"""What Home Assistant's system information says about the gate, accounts and cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .kill_switch import DATA_KILL_SWITCH

if TYPE_CHECKING:
    from homeassistant.components.system_health import SystemHealthRegistration
    from homeassistant.core import HomeAssistant

    from .hub import Hub


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Tell where the information comes from and where it can be changed."""
    register.async_register_info(_async_info, f"/config/integrations/integration/{DOMAIN}")


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    kill_switch = hass.data[DATA_KILL_SWITCH]
    record = kill_switch.record
    info: dict[str, Any] = {
        "pictures_allowed": kill_switch.gate.is_open,
        "saved": kill_switch.saved is not False,
        "violations": kill_switch.violations,
    }
    if record is not None:
        info["since"] = dt_util.parse_datetime(record.changed_at or "")
        info["reason"] = record.reason
        info["cut"] = ", ".join(f"{what}: {count}" for what, count in record.cut.items()) or None
        info["hidden"] = len(record.hidden)
        info["quarantined"] = len(record.quarantined)
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        hub: Hub = entry.runtime_data
        cameras = hub.cameras.values()
        info["cameras"] = len(cameras)
        info["reachable"] = sum(one.reachable for one in cameras)
        info["readers"] = hub.relay.stats.connections
        accounts = hub.accounts.values()
        info["accounts"] = len(accounts)
        info["signed_in"] = sum(
            one.session is not None and not one.back_off.expired for one in accounts
        )
        watches = [hub.events.diagnostics(one) or {} for one in cameras]
        info["events"] = sum(
            one.get("watched") is True and one.get("known") is not False for one in watches
        )
    return info
