"""The dashboard's second view: what each camera can be told, and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulator.house.client import Json
    from simulator.house.home_process import HomePlan
    from simulator.house.setup_home import Entities

PATH: Final = "controls"
SWITCH_LABEL: Final = "Pictures of all cameras"
LIGHT: Final = "indicator-light:on"
LIGHT_LABEL: Final = "Status light"
_OFF = (
    "**Everything is off.** No picture leaves any camera: live views, stills, displays and"
    " recordings are cut, old links are dead, and it stays so over a restart."
)

_WIDE: Final = {"columns": 18, "rows": 1}
_QUARTER: Final = {"columns": 9, "rows": 1}
_HALF: Final = {"columns": 6, "rows": 1}
_WHOLE: Final = {"columns": 12, "rows": 1}
_TOLD: Final = {
    "motion": ("Motion", "mdi:motion-sensor"),
    "detection": ("Last noticed", "mdi:bell-outline"),
}
_SWITCHES: Final = {
    "privacy": "Privacy",
    "camera-control:on": "Lens",
    LIGHT: LIGHT_LABEL,
    "motion-detection:motion-detection": "Motion detection",
    "camera-control:human-tracking": "Follow people",
    "camera-control:wdr-mode": "WDR",
    "camera-control:hdr-mode": "HDR",
    "whatever:hl-filllight-switch": "Lamp",
    "whatever:hl-audible-alarm": "Siren",
}
_CHOICES: Final = {
    "camera-control:night-shot": "Night vision",
    "motion-detection:detection-sensitivity": "Sensitivity",
}


def switch_tile(switch: str) -> Json:
    """Return the one tile that stops everything."""
    return {
        "type": "tile",
        "entity": switch,
        "name": SWITCH_LABEL,
        "icon": "mdi:eye-outline",
        "color": "green",
        "grid_options": _WHOLE,
        "tap_action": {"action": "toggle"},
        "features": [{"type": "toggle"}],
        "features_position": "inline",
    }


def off_note(switch: str) -> Json:
    """Return what stands there while pictures are off."""
    return {
        "type": "markdown",
        "content": _OFF,
        "visibility": [{"condition": "state", "entity": switch, "state": "off"}],
    }


def _toggle(entity_id: str, name: str) -> Json:
    return {
        "type": "tile",
        "entity": entity_id,
        "name": name,
        "hide_state": True,
        "grid_options": _HALF,
        "features": [{"type": "toggle"}],
        "features_position": "inline",
    }


def _choice(entity_id: str, name: str) -> Json:
    return {
        "type": "tile",
        "entity": entity_id,
        "name": name,
        "hide_state": True,
        "grid_options": _WHOLE,
        "features": [{"type": "select-options"}],
        "features_position": "inline",
    }


def _camera(name: str, more: dict[str, str]) -> Json:
    cards: list[Json] = [{"type": "heading", "heading": name, "icon": "mdi:cctv"}]
    cards += [
        {
            "type": "tile",
            "entity": more[key],
            "name": label,
            "icon": icon,
            "grid_options": _HALF,
        }
        for key, (label, icon) in _TOLD.items()
        if key in more
    ]
    cards += [_choice(more[key], label) for key, label in _CHOICES.items() if key in more]
    cards += [_toggle(more[key], label) for key, label in _SWITCHES.items() if key in more]
    if (speaker := more.get("speaker")) is not None:
        cards.append(
            {
                "type": "tile",
                "entity": speaker,
                "name": "Speaker",
                "icon": "mdi:bullhorn",
                "grid_options": _WHOLE,
                "features": [{"type": "media-player-volume-slider"}],
                "features_position": "inline",
            }
        )
    return {"type": "grid", "cards": cards}


def view(plan: HomePlan, entities: Entities) -> Json:
    """Return the view: the switch above all, then a section for each camera."""
    hub = [
        {"type": "tile", "entity": entities.hub[key], "name": label, "grid_options": _QUARTER}
        for key, label in (("gate", "Last change"), ("casts", "On displays now"))
        if key in entities.hub
    ]
    top: Json = {
        "type": "grid",
        "column_span": 3,
        "cards": [
            {"type": "heading", "heading": "Kill switch", "icon": "mdi:shield-lock-outline"},
            switch_tile(entities.switch) | {"grid_options": _WIDE},
            *hub,
            off_note(entities.switch),
        ],
    }
    cameras = [_camera(plan.cameras[did], entities.more.get(did, {})) for did in entities.cameras]
    return {
        "title": "Controls",
        "path": PATH,
        "type": "sections",
        "max_columns": 3,
        "sections": [top, *cameras],
    }
