"""The demo's dashboard: a picture and a cast button for each camera, and the kill switch."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator.house import controls

if TYPE_CHECKING:
    from simulator.house.client import HassClient, Json
    from simulator.house.home_process import HomePlan
    from simulator.house.setup_home import Entities

URL_PATH = "mi-cameras"
TITLE = "Cameras"
CAST_LABEL = "Show on"
_CAST_MINUTES = 5
_DARK_PICTURE = "data:image/svg+xml," + quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640 360'>"
    "<rect width='640' height='360' fill='#1c1c1e'/>"
    "<g fill='none' stroke='#8e8e93' stroke-width='8' stroke-linecap='round'>"
    "<rect x='262' y='118' width='84' height='64' rx='12'/><path d='M346 142l36-18v52l-36-18'/>"
    "<path d='M252 106l140 92'/></g>"
    "<text x='320' y='250' fill='#8e8e93' font-family='sans-serif' font-size='26'"
    " text-anchor='middle'>Stream unavailable</text></svg>"
)


_TURNS = {
    "ptz_left": "mdi:arrow-left",
    "ptz_up": "mdi:arrow-up",
    "ptz_down": "mdi:arrow-down",
    "ptz_right": "mdi:arrow-right",
}


def _live(entity_id: str, switch: str) -> list[Json]:
    """Return the picture, and what is in its place while pictures are off."""
    # The frontend's player keeps its last picture on the screen for some seconds after a stream
    # has been cut. A card that goes with the switch is dark at once.
    return [
        {
            "type": "picture-entity",
            "entity": entity_id,
            "camera_view": "live",
            "show_name": False,
            "show_state": False,
            "aspect_ratio": "16:9",
            "visibility": [{"condition": "state", "entity": switch, "state": "on"}],
        },
        {
            "type": "picture",
            "image": _DARK_PICTURE,
            "alt_text": "Stream unavailable",
            "tap_action": {"action": "none"},
            "visibility": [{"condition": "state", "entity": switch, "state_not": "on"}],
        },
    ]


def _controls(more: dict[str, str]) -> list[Json]:
    """Return the buttons that turn a camera, and its speaker."""
    cards: list[Json] = [
        {
            "type": "button",
            "entity": more[key],
            "icon": icon,
            "show_name": False,
            "icon_height": "24px",
            "grid_options": {"columns": 3, "rows": 1},
            "tap_action": {
                "action": "perform-action",
                "perform_action": "button.press",
                "target": {"entity_id": more[key]},
            },
        }
        for key, icon in _TURNS.items()
        if key in more
    ]
    if (speaker := more.get("speaker")) is not None:
        cards.append(
            {
                "type": "tile",
                "entity": speaker,
                "name": "Speaker",
                "icon": "mdi:bullhorn",
                "grid_options": {"columns": 12, "rows": 1},
            }
        )
    return cards


def _camera_section(
    name: str, entity_id: str, switch: str, displays: dict[str, str], more: dict[str, str]
) -> Json:
    cards: list[Json] = [
        {"type": "heading", "heading": name, "icon": "mdi:cctv"},
        *_live(entity_id, switch),
    ]
    if (second := more.get("1")) is not None:
        cards += _live(second, switch)
    cards += _controls(more)
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
                "grid_options": {"columns": 6, "rows": 1},
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
                "grid_options": {"columns": 6, "rows": 1},
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
    """Return the dashboard's configuration: pictures first, then all controls."""
    switch: Json = {
        "type": "grid",
        "column_span": 3,
        "cards": [
            {"type": "heading", "heading": "Kill switch", "icon": "mdi:shield-lock-outline"},
            controls.switch_tile(entities.switch),
            *(
                {
                    "type": "tile",
                    "entity": player,
                    "name": display,
                    "grid_options": {"columns": 12, "rows": 1},
                }
                for display, player in entities.displays.items()
            ),
            controls.off_note(entities.switch),
        ],
    }
    live: Json = {
        "title": TITLE,
        "path": "live",
        "type": "sections",
        "max_columns": 3,
        "sections": [
            switch,
            *(
                _camera_section(
                    plan.cameras[did],
                    entity_id,
                    entities.switch,
                    entities.displays,
                    entities.more.get(did, {}),
                )
                for did, entity_id in entities.cameras.items()
            ),
        ],
    }
    return {"title": TITLE, "views": [live, controls.view(plan, entities)]}


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
