"""Diagnostics: counters and states, no secrets and no pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .options import HubOptions

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .coordinator import CameraCoordinator
    from .gate_record import GateRecord
    from .hub import MiCameraConfigEntry

DAY = 24 * 3600


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
            "saved": hub.kill_switch.saved,
            "violations": hub.kill_switch.violations,
            "record": _record(record) if record else None,
        },
        "options": HubOptions.parse(entry.options).as_dict(),
        "relay": asdict(hub.relay.stats),
        "accounts": len(hub.accounts),
        "casts": len(hub.casts.sessions),
        "encoders": {
            "running": hub.encoder_slots.taken,
            "at_most": hub.encoder_slots.limit,
            "chosen": hub.encoder_choice.name,
            "failed": dict(hub.encoder_choice.failed),
        },
        "cameras": [_camera(coordinator) for coordinator in hub.cameras.values()],
    }


def _record(record: GateRecord) -> dict[str, Any]:
    """Return the record without who changed it, and without device ids."""
    return {
        "enabled": record.enabled,
        "epoch": record.epoch,
        "changed_at": record.changed_at,
        "reason": record.reason,
        "cut": dict(record.cut),
        "hidden": len(record.hidden),
        "quarantined": list(record.quarantined.values()),
        "doubted": record.doubted,
    }


def _camera(coordinator: CameraCoordinator) -> dict[str, Any]:
    kept = coordinator.hub.keys.get(coordinator.config.did)
    return {
        "model": coordinator.config.model,
        "firmware": coordinator.firmware,
        "holds": sorted(coordinator.gate.holds),
        "reachable": coordinator.answers,
        "awake": coordinator.data.power if coordinator.data else None,
        "control": coordinator.control.diagnostics,
        "push": coordinator.push.diagnostics,
        "battery": coordinator.model.wake is not None,
        "motor": coordinator.motor.dialect if coordinator.motor.is_certain else None,
        "events": coordinator.hub.events.diagnostics(coordinator),
        "keys": {"source": kept.source, "age_days": int(kept.age // DAY)} if kept else None,
        "lenses": [
            {
                "number": lens.number,
                "state": lens.feed.state,
                "trouble": lens.trouble,
                "viewers": lens.feed.viewers,
                "violations": lens.feed.violations,
                "low": {
                    "state": lens.low.state,
                    "trouble": lens.low.trouble,
                    "viewers": lens.low.viewers,
                    "violations": lens.low.violations,
                },
                "converted": {
                    "state": lens.rendition.feed.state,
                    "trouble": lens.rendition.feed.trouble,
                    "viewers": lens.rendition.feed.viewers,
                    "encoders": lens.rendition.upstream.kinds,
                },
            }
            for lens in coordinator.lenses
        ],
    }
