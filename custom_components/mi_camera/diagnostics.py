"""Diagnostics: counters and states, no secrets and no pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .hub import MiCameraConfigEntry


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: MiCameraConfigEntry
) -> dict[str, Any]:
    """Return what is picked here by name; nothing is dumped as a whole."""
    hub = entry.runtime_data
    record = hub.kill_switch.record
    return {
        "gate": {
            "open": hub.gate.is_open,
            "epoch": hub.gate.epoch,
            "changed_at": record.changed_at if record else None,
        },
        "relay": asdict(hub.relay.stats),
        "accounts": len(hub.accounts),
        "casts": len(hub.casts.sessions),
        "cameras": [
            {
                "model": coordinator.config.model,
                "firmware": coordinator.firmware,
                "reachable": coordinator.last_update_success,
                "awake": coordinator.data.power if coordinator.data else None,
                "feed": {
                    "state": coordinator.feed.state,
                    "trouble": coordinator.feed.trouble,
                    "viewers": coordinator.feed.viewers,
                    "violations": coordinator.feed.violations,
                },
            }
            for coordinator in hub.cameras.values()
        ],
    }
