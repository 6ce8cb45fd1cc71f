"""The house with everything in it: a real Home Assistant, driven by its own API."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from simulator.house import addresses, logs, setup_home, soak_home, watch
from simulator.house.client import HassClient
from simulator.house.hass import ROOT, Hass
from simulator.house.home_process import Control, HomePlan, HomeProcess
from simulator.house.process import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo")]

NETWORK = "127.0.47"
"""Beside a soak that another process may be running meanwhile."""


async def run(*arguments: str, timeout: float) -> tuple[int, str, str]:
    """Run the command line; return its status, the last line of stdout, and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulator.house",
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "CI"},
    )
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    except TimeoutError:
        process.terminate()
        out, err = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode is not None
    return process.returncode, lines[-1] if lines else "", err.decode()


async def test_a_taken_address_is_one_line() -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.31", 8130))
        sock.listen()
        status, line, err = await run("demo", "--port", "8124", timeout=60)
    assert status == 1
    assert not line
    last = err.splitlines()[-1]
    assert last.startswith("demo: 127.0.0.31:8130 is already taken")
    assert "Traceback" not in err


class Running:
    """A simulated home and a Home Assistant in which nothing has been set up."""

    def __init__(self, directory: Path) -> None:
        path = directory / "home.json"
        path.write_text(json.dumps(soak_home.describe(2, NETWORK) | {"displays": []}))
        self.plan = HomePlan.read(path)
        self.home = HomeProcess(self.plan, directory / "home.log")
        self.hass = Hass(directory / "hass", free_port(), cloud=self.plan.cloud_url)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Running]:
    running = Running(tmp_path)
    running.hass.prepare()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(running.home.stop)
        stack.push_async_callback(running.hass.stop)
        await asyncio.gather(running.home.start(), running.hass.start())
        yield running


def by_address(host: str, token: str) -> dict[str, dict[str, Any]]:
    return {"user": {"next_step_id": "camera"}, "camera": {"host": host, "token": token}}


async def test_bad_input_and_a_damaged_gate(running: Running) -> None:
    """Errors in words at every turn, nothing lost, no traceback; in doubt it is dark."""
    plan = running.plan
    account = {"username": plan.username, "password": plan.password, "region": plan.region}
    by_account = {"user": {"next_step_id": "account"}, "account": account}
    wrong_password = by_account | {"account": account | {"password": "guess"}}
    did = next(iter(plan.cameras))
    camera = json.loads(plan.path.read_text())["cameras"][0]
    host, token = camera["address"], camera["token"]

    async with HassClient(running.hass.url) as client, Control(plan.control) as control:
        await setup_home.wait_running(client)

        async def refusal(answers: dict[str, dict[str, Any]]) -> str:
            return await setup_home.expect_refusal(client, answers)

        assert await refusal(wrong_password) == "invalid_auth"
        await control.cloud_down(down=True)
        assert await refusal(by_account) == "cannot_connect"
        await control.cloud_down(down=False)
        assert await refusal(by_address("127.0.41.99", token)) == "cannot_connect_camera"
        assert await refusal(by_address(host, "0" * 32)) == "wrong_token"
        assert await refusal(by_address(host, "no token")) == "invalid_token"
        await control.garbage(did, on=True)
        assert await refusal(by_address(host, token)) == "cannot_connect_camera"
        await control.garbage(did, on=False)

        entities = await setup_home.set_up(client, plan)
        for did, entity_id in entities.cameras.items():
            still = await watch.signed_in_picture(client, entity_id)
            assert still.picture is not None
            assert still.picture.tag is not None
            assert still.picture.tag.did == did
        connections = sum(c["media_connections_total"] for c in (await control.cameras()).values())

    await running.hass.stop()
    assert logs.errors(running.hass.log) == []
    size = running.hass.log_size()
    gate = running.hass.directory / ".storage" / "mi_camera.gate"
    gate.write_bytes(gate.read_bytes()[:-5])
    await running.hass.start()

    async with HassClient(running.hass.url) as client, Control(plan.control) as control:
        await setup_home.wait_running(client)
        entities = await setup_home.wait_entities(client, plan)
        assert (await client.states())[entities.switch]["state"] == "off"
        for entity_id in entities.cameras.values():
            assert await addresses.offers(client, entity_id) == []
            assert (await watch.signed_in_picture(client, entity_id)).picture is None
        now = sum(c["media_connections_total"] for c in (await control.cameras()).values())
        assert now == connections, "no camera was called"

        await client.call("switch.turn_on", target={"entity_id": entities.switch})
        entities = await setup_home.wait_entities(client, plan)
        for entity_id in entities.cameras.values():
            assert (await watch.signed_in_picture(client, entity_id)).picture is not None
    assert logs.errors(running.hass.log, size) == []
