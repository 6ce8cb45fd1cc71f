"""A whole Home Assistant as a process that can be told what to do and asked what it cost.

A line in, a line out. The first, {"folder": path, "port": number, "cloud": url or null}, starts
it there and is answered by {"seconds": until it had started, "cpu": seconds}; without a cloud the
integration is left out. Then {"add": {username, password, region}} signs in and adds all cameras;
{"answered": number} waits until as many have answered; {"off": true} switches pictures off;
{"cost": seconds} tells {"seconds", "cpu": seconds, "polls", "datagrams", "entities"} of so long,
and so do {"begin": true} and {"end": true} of the time between them. {"rest": seconds} has all
cameras be as they are when nothing has happened for long, and waits at most so long until they
are. It ends with its input.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
import json
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from homeassistant import bootstrap
from homeassistant.helpers import entity_registry as er
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


def _entities(hub: Hub) -> int:
    """Count the entities of cameras that are there; neither the hub's own nor another's."""
    entries = er.async_entries_for_config_entry(er.async_get(hub.hass), hub.entry.entry_id)
    return sum(
        one.config_subentry_id in hub.cameras and hub.hass.states.get(one.entity_id) is not None
        for one in entries
    )


class _Cost:
    """What Home Assistant has cost since this was made."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._before = self._now()

    def _now(self) -> tuple[float, float, int, int]:
        hub = self._hub
        return time.monotonic(), time.process_time(), _polls(hub), hub.miio.counters.sent

    def told(self) -> dict[str, float]:
        pairs = zip(self._before, self._now(), strict=True)
        seconds, cpu, polls, sent = (after - before for before, after in pairs)
        return {
            "seconds": seconds,
            "cpu": cpu,
            "polls": polls,
            "datagrams": sent,
            "entities": _entities(self._hub),
        }


async def _rest(hub: Hub, seconds: float) -> None:
    """Have cameras be asked as seldom as after minutes in which nothing has changed.

    Each gets there with its next poll.
    """
    cameras = hub.cameras.values()
    for one in cameras:
        one.polling.pace = replace(one.polling.pace, active_for=0.0)
    until = time.monotonic() + seconds
    active = timedelta(seconds=max((one.polling.pace.active for one in cameras), default=0.0))
    while time.monotonic() < until and any(  # noqa: ASYNC110
        one.update_interval is None or one.update_interval <= active for one in cameras
    ):
        await asyncio.sleep(0.1)


class _Server:
    """Answers what is asked of a Home Assistant that runs."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._begun: _Cost | None = None

    async def answer(self, question: Mapping[str, Any]) -> dict[str, float]:
        if (account := question.get("add")) is not None:
            await _add(self._hass, account)
        hub = _hub(self._hass)
        if (cameras := question.get("answered")) is not None:
            await _answered(hub, cameras)
        if question.get("off", False):
            await hub.kill_switch.async_engage()
            await asyncio.sleep(_REST)
        if (seconds := question.get("rest")) is not None:
            await _rest(hub, seconds)
        if (seconds := question.get("cost")) is not None:
            cost = _Cost(hub)
            await asyncio.sleep(seconds)
            return cost.told()
        if question.get("begin", False):
            self._begun = _Cost(hub)
        if question.get("end", False) and self._begun is not None:
            return self._begun.told()
        return {}


async def _serve() -> None:
    hass: HomeAssistant | None = None
    server: _Server | None = None
    try:
        async for question in lines():
            if server is None:
                began, cpu = time.monotonic(), time.process_time()
                hass = await _start(Path(question["folder"]), question["port"], question["cloud"])
                answer = {
                    "seconds": time.monotonic() - began,
                    "cpu": time.process_time() - cpu,
                }
                server = _Server(hass)
            else:
                answer = await server.answer(question)
            print(json.dumps(answer), flush=True)
    finally:
        if hass is not None:
            await hass.async_stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=create_event_loop) as runner:
        runner.run(_serve())
    sys.exit()
