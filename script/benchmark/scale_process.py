"""A whole Home Assistant as a process that can be told what to do and asked what it cost.

A line in, a line out. The first, {"folder": path, "port": number, "cloud": url or null}, starts
it there and is answered by {"seconds": until it had started, "cpu": seconds}; without a cloud the
integration is left out. Then {"add": {username, password, region}} signs in and adds all cameras;
{"answered": number} waits until as many have answered; {"cost": seconds} tells {"cpu": seconds,
"polls", "datagrams", "entities"} of so long; {"off": true} switches pictures off. It ends with
its input.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from homeassistant import bootstrap
from homeassistant.runner import RuntimeConfig, create_event_loop

from simulator.house.hass import Hass

from .lines import lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import Hub

_DOMAIN: Final = "mi_camera"
_PATIENCE: Final = 50.0
_REST: Final = 3.0
"""Seconds until what has been begun does not count any more."""


async def _start(folder: Path, port: int, cloud: str | None) -> HomeAssistant:
    # Not the empty package that stands in its place: here all of it is wanted.
    sys.modules.pop(f"custom_components.{_DOMAIN}", None)
    Hass(folder, port, cloud=cloud).prepare()
    hass = await bootstrap.async_setup_hass(RuntimeConfig(str(folder), skip_pip=True))
    if hass is None or hass.config.recovery_mode:
        raise RuntimeError("Home Assistant does not start")
    await hass.async_start()
    return hass


async def _add(hass: HomeAssistant, account: Mapping[str, str]) -> None:
    """Go through the flow as a user would, with all cameras that it offers."""
    flows = hass.config_entries.flow
    step = await flows.async_init(_DOMAIN, context={"source": "user"})
    step = await flows.async_configure(step["flow_id"], {"next_step_id": "account"})
    step = await flows.async_configure(step["flow_id"], dict(account))
    schema = step.get("data_schema")
    if step.get("step_id") != "cameras" or schema is None:
        raise RuntimeError(f"no cameras are offered: {step.get('errors') or step['type']}")
    await flows.async_configure(step["flow_id"], schema({}))


def _hub(hass: HomeAssistant) -> Hub:
    (entry,) = hass.config_entries.async_entries(_DOMAIN)
    hub: Hub = entry.runtime_data
    return hub


async def _answered(hub: Hub, cameras: int) -> None:
    """Wait until so many have answered, and specifications have been fetched."""
    async with asyncio.timeout(_PATIENCE):
        while sum(one.answers for one in hub.cameras.values()) < cameras:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await asyncio.sleep(_REST)
    await hub.hass.async_block_till_done()


def _polls(hub: Hub) -> int:
    return sum(one.polling.polls for one in hub.cameras.values())


async def _cost(hub: Hub, seconds: float) -> dict[str, float]:
    await asyncio.sleep(_REST)
    polls, sent, cpu = _polls(hub), hub.miio.counters.sent, time.process_time()
    await asyncio.sleep(seconds)
    return {
        "cpu": time.process_time() - cpu,
        "polls": _polls(hub) - polls,
        "datagrams": hub.miio.counters.sent - sent,
        "entities": len(hub.hass.states.async_all()),
    }


async def _answer(hass: HomeAssistant, question: Mapping[str, Any]) -> dict[str, float]:
    if (account := question.get("add")) is not None:
        await _add(hass, account)
    hub = _hub(hass)
    if (cameras := question.get("answered")) is not None:
        await _answered(hub, cameras)
    if question.get("off", False):
        await hub.kill_switch.async_engage()
    if (seconds := question.get("cost")) is not None:
        return await _cost(hub, seconds)
    return {}


async def _serve() -> None:
    hass: HomeAssistant | None = None
    try:
        async for question in lines():
            answer: dict[str, float] = {}
            if hass is None:
                began, cpu = time.monotonic(), time.process_time()
                hass = await _start(Path(question["folder"]), question["port"], question["cloud"])
                answer = {
                    "seconds": time.monotonic() - began,
                    "cpu": time.process_time() - cpu,
                }
            else:
                answer = await _answer(hass, question)
            print(json.dumps(answer), flush=True)
    finally:
        if hass is not None:
            await hass.async_stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=create_event_loop) as runner:
        runner.run(_serve())
    sys.exit()
