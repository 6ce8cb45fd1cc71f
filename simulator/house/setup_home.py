"""Setting the simulated home up in Home Assistant as its owner would: by the config flows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
import time
from typing import TYPE_CHECKING

from simulator.house.errors import ApiError, DisplayMissing, SetupFailed
from simulator.house.hass import INTEGRATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.house.client import HassClient, Json
    from simulator.house.home_process import HomePlan

START_TIMEOUT = 60.0
"""Seconds until Home Assistant must be running, and until all entities must be there."""
DISPLAY_TIMEOUT = 10.0
"""Seconds a display may take; Home Assistant finds and connects one within a second."""
MAX_STEPS = 8


@dataclass(frozen=True, slots=True)
class Entities:
    """What the flows have made."""

    entry_id: str
    cameras: dict[int, str]
    """Entity ids by did, in the order of the description."""
    switch: str
    """The kill switch: on lets pictures out."""
    displays: dict[str, str]
    """Entity ids by name."""
    more: dict[int, dict[str, str]] = field(default_factory=dict)
    """By did, what else a camera has: "1" is its second lens, "speaker" what it talks by,
    "ptz_left" and its like turn it; settings have the names of their MIoT properties."""
    hub: dict[str, str] = field(default_factory=dict)
    """What belongs to no camera: "gate" tells what happened to the switch, "casts" counts."""

    @property
    def views(self) -> dict[str, tuple[int, int]]:
        """What the camera entities show: did and lens, by entity id."""
        first = {entity_id: (did, 0) for did, entity_id in self.cameras.items()}
        return first | {parts["1"]: (did, 1) for did, parts in self.more.items() if "1" in parts}


async def wait_running(client: HassClient) -> None:
    """Wait until Home Assistant has started everything."""
    deadline = time.monotonic() + START_TIMEOUT
    while (await client.command("get_config"))["state"] != "RUNNING":
        if time.monotonic() > deadline:
            raise SetupFailed("Home Assistant has not finished starting")
        await asyncio.sleep(0.1)


async def set_up(client: HassClient, plan: HomePlan) -> Entities:
    """Add what is missing: the cameras of the account, and the displays. Idempotent."""
    await wait_running(client)
    if not await client.entries(INTEGRATION):
        await _add_cameras(client, plan)
    if plan.displays and not await client.entries("cast"):
        await _run(client, "cast", {"config": {"known_hosts": list(plan.displays.values())}})
    entities = await wait_entities(client, plan)
    # Voice and infrared parts that every Home Assistant loads have no packages here; what it
    # says about them is no news to whoever looks at a demo.
    await client.call("persistent_notification.dismiss_all")
    return entities


async def _add_cameras(client: HassClient, plan: HomePlan) -> None:
    def cameras(step: Json) -> Json:
        offered = options(step, "cameras")
        missing = {str(did) for did in plan.cameras} - set(offered)
        if missing:
            raise SetupFailed(f"the account does not offer {', '.join(sorted(missing))}")
        return {"cameras": [str(did) for did in plan.cameras]}

    await _run(
        client,
        INTEGRATION,
        {
            "user": {"next_step_id": "account"},
            "account": {
                "username": plan.username,
                "password": plan.password,
                "region": plan.region,
            },
            "cameras": cameras,
        },
    )


def options(step: Json, name: str) -> list[str]:
    """Return the values a form's select field offers."""
    for schema in step.get("data_schema") or []:
        if schema["name"] != name:
            continue
        select = schema.get("selector", {}).get("select")
        offered = select["options"] if select is not None else schema.get("options", [])
        if isinstance(offered, dict):
            return [str(value) for value in offered]
        # A select selector has mappings or plain strings, an old multi-select pairs.
        return [
            str(one["value"] if isinstance(one, dict) else one[0] if isinstance(one, list) else one)
            for one in offered
        ]
    return []


async def _run(
    client: HassClient, handler: str, answers: Mapping[str, Json | Callable[[Json], Json]]
) -> None:
    """Lead a config flow to its entry; each step is answered by its id."""
    step = await client.flow({"handler": handler, "show_advanced_options": False})
    answered: set[str] = set()
    for _ in range(MAX_STEPS):
        if step["type"] == "create_entry":
            return
        if step["type"] not in {"form", "menu"}:
            raise SetupFailed(f"{handler}: the flow ended with {step['type']} {step.get('reason')}")
        name = str(step["step_id"])
        if step.get("errors"):
            raise SetupFailed(f"{handler}, step {name}: {step['errors']}")
        if name not in answers or name in answered:
            raise SetupFailed(f"{handler}: unexpected step {name}")
        answered.add(name)
        answer = answers[name]
        body = answer(step) if callable(answer) else answer
        if step["type"] == "form":
            fields = {schema["name"] for schema in step.get("data_schema") or []}
            body = {key: value for key, value in body.items() if key in fields}
        step = await client.flow(body, step["flow_id"])
    raise SetupFailed(f"{handler}: no end to the flow")


async def wait_entities(client: HassClient, plan: HomePlan, *, available: bool = True) -> Entities:
    """Wait until every camera, the switch and every display is there and available.

    Unless they must be ``available``, cameras and displays need only be known.

    Raises :class:`SetupFailed`, and its kind :class:`DisplayMissing` when only a display is.
    """
    began = time.monotonic()
    deadline = began + START_TIMEOUT
    missing = "nothing was looked for"
    while time.monotonic() < deadline:
        found = await _find(client, plan, available=available)
        if isinstance(found, Entities):
            return found
        if found.startswith("display") and time.monotonic() > began + DISPLAY_TIMEOUT:
            raise DisplayMissing(f"after {DISPLAY_TIMEOUT:.0f} s there is still no {found}")
        missing = found
        await asyncio.sleep(0.25)
    raise SetupFailed(f"after {START_TIMEOUT:.0f} s there is still no {missing}")


async def _find(client: HassClient, plan: HomePlan, *, available: bool) -> Entities | str:
    registry = await client.registry()
    states = await client.states()
    cameras: dict[int, str] = {}
    switch = ""
    players: dict[str, str] = {}
    more: dict[int, dict[str, str]] = {}
    hub: dict[str, str] = {}
    for entity in registry:
        entity_id = str(entity["entity_id"])
        domain = entity_id.partition(".")[0]
        digits, _, part = str(entity["unique_id"]).partition("-")
        if entity["platform"] == INTEGRATION and digits.isdigit():
            if domain == "camera" and part == "0":
                cameras[int(digits)] = entity_id
            elif entity_id in states:
                more.setdefault(int(digits), {})[part] = entity_id
        elif entity["platform"] == INTEGRATION and domain == "switch":
            if entity.get("translation_key") == "streaming":
                switch = entity_id
        elif entity["platform"] == INTEGRATION:
            hub[part] = entity_id
        elif entity["platform"] == "cast" and domain == "media_player" and entity_id in states:
            players[str(states[entity_id]["attributes"].get("friendly_name"))] = entity_id
    for did, name in plan.cameras.items():
        if did not in cameras or cameras[did] not in states:
            return f"camera {name} ({did})"
    if switch not in states:
        return "kill switch"
    # With pictures off cameras are unavailable, and rightly so.
    if available and states[switch]["state"] == "on":
        for did, name in plan.cameras.items():
            if states[cameras[did]]["state"] in {"unavailable", "unknown"}:
                return f"picture of camera {name}: it is unavailable"
    for name in plan.displays:
        player = players.get(name)
        if available and (player is None or states[player]["state"] in {"unavailable", "unknown"}):
            return f"display {name}"
    entries = await client.entries(INTEGRATION)
    return Entities(
        str(entries[0]["entry_id"]),
        {did: cameras[did] for did in plan.cameras},
        switch,
        {name: players[name] for name in plan.displays if name in players},
        more,
        hub,
    )


async def sign_in_again(client: HassClient, plan: HomePlan) -> bool:
    """Answer the integration when it asks for the account's password again; True if it did.

    The simulated cloud may have lost its memory, and a demo is started again with what Home
    Assistant has stored.
    """
    done = False
    for flow in await client.command("config_entries/flow/progress"):
        if flow["handler"] == INTEGRATION and flow["context"]["source"] == "reauth":
            answer = {"username": plan.username, "password": plan.password}
            if flow["step_id"] == "reauth_confirm":
                await client.flow({"next_step_id": "account"}, flow["flow_id"])
            step = await client.flow(answer, flow["flow_id"])
            done |= step.get("reason") == "reauth_successful"
    return done


async def expect_refusal(client: HassClient, answers: Mapping[str, Json]) -> str:
    """Lead the integration's flow into an error and return its key; leaves no flow behind."""
    step = await client.flow({"handler": INTEGRATION})
    flow_id = step["flow_id"]
    try:
        while step["type"] in {"form", "menu"} and not step.get("errors"):
            step = await client.flow(dict(answers[step["step_id"]]), flow_id)
    except ApiError as error:
        return error.message
    finally:
        if step["type"] in {"form", "menu"}:
            await client.rest("DELETE", f"/api/config/config_entries/flow/{flow_id}")
    return str((step.get("errors") or {}).get("base") or step.get("reason"))
