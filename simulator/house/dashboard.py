"""The demo's dashboard: a picture and a cast button for each camera, and the kill switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.house.client import HassClient, Json
    from simulator.house.home_process import HomePlan
    from simulator.house.setup_home import Entities

URL_PATH = "mi-cameras"
TITLE = "Cameras"
CAST_LABEL = "Show on"
SWITCH_LABEL = "Pictures of all cameras"
_CAST_MINUTES = 5
_OFF = (
    "**Everything is off.** No picture leaves any camera: live views, stills, displays and"
    " recordings are cut, old links are dead, and it stays so over a restart."
)


def _camera_section(name: str, entity_id: str, displays: dict[str, str]) -> Json:
    cards: list[Json] = [
        {"type": "heading", "heading": name.capitalize(), "icon": "mdi:cctv"},
        {
            "type": "picture-entity",
            "entity": entity_id,
            "camera_view": "live",
            "show_name": False,
            "show_state": False,
            "aspect_ratio": "16:9",
        },
    ]
    for display, player in displays.items():
        button = {
            "type": "tile",
            "entity": player,
            "hide_state": True,
            "icon_tap_action": {"action": "none"},
        }
        cards += [
            {
                **button,
                "name": f"{CAST_LABEL} {display}",
                "icon": "mdi:cast",
                "grid_options": {"columns": 8, "rows": 1},
                "tap_action": {
                    "action": "perform-action",
                    "perform_action": "mi_camera.cast",
                    "target": {"entity_id": entity_id},
                    "data": {"media_player": [player], "duration": {"minutes": _CAST_MINUTES}},
                },
            },
            {
                **button,
                "name": "Stop",
                "icon": "mdi:cast-off",
                "grid_options": {"columns": 4, "rows": 1},
                "tap_action": {
                    "action": "perform-action",
                    "perform_action": "mi_camera.stop_cast",
                    "target": {"entity_id": entity_id},
                    "data": {"media_player": [player]},
                },
            },
        ]
    return {"type": "grid", "cards": cards}


def layout(plan: HomePlan, entities: Entities) -> Json:
    """Return the dashboard's configuration."""
    switch: Json = {
        "type": "grid",
        "column_span": 3,
        "cards": [
            {"type": "heading", "heading": "Kill switch", "icon": "mdi:shield-lock-outline"},
            {
                "type": "tile",
                "entity": entities.switch,
                "name": SWITCH_LABEL,
                "icon": "mdi:eye-outline",
                "color": "green",
                "grid_options": {"columns": 12, "rows": 1},
                "tap_action": {"action": "toggle"},
                "features": [{"type": "toggle"}],
                "features_position": "inline",
            },
            *(
                {
                    "type": "tile",
                    "entity": player,
                    "name": display,
                    "grid_options": {"columns": 12, "rows": 1},
                }
                for display, player in entities.displays.items()
            ),
            {
                "type": "markdown",
                "content": _OFF,
                "visibility": [{"condition": "state", "entity": entities.switch, "state": "off"}],
            },
        ],
    }
    return {
        "title": TITLE,
        "views": [
            {
                "title": TITLE,
                "path": "live",
                "type": "sections",
                "max_columns": 3,
                "sections": [
                    *(
                        _camera_section(plan.cameras[did], entity_id, entities.displays)
                        for did, entity_id in entities.cameras.items()
                    ),
                    switch,
                ],
            }
        ],
    }


async def save(client: HassClient, plan: HomePlan, entities: Entities) -> str:
    """Store the dashboard, make it what a browser opens with, and return its address."""
    dashboards = await client.command("lovelace/dashboards/list")
    if not any(one["url_path"] == URL_PATH for one in dashboards):
        await client.command(
            "lovelace/dashboards/create",
            url_path=URL_PATH,
            title=TITLE,
            icon="mdi:cctv",
            mode="storage",
            require_admin=False,
            show_in_sidebar=True,
        )
    await client.command("lovelace/config/save", url_path=URL_PATH, config=layout(plan, entities))
    await client.command("frontend/set_system_data", key="core", value={"default_panel": URL_PATH})
    return f"{client.url}/{URL_PATH}/live"
