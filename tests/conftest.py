"""Set-up shared by all tests."""

from __future__ import annotations

import asyncio
from functools import cache
import os
import re
from typing import TYPE_CHECKING, Any

from homeassistant.components.camera import async_get_image
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
import pytest_socket

# Imported before Home Assistant looks for custom integrations: the test plugin brings a
# package of that name, which would win.
from custom_components.mi_camera.const import DOMAIN
from custom_components.mi_camera.gate import Gate

from . import own_network
from .home import PASSWORD, REGION, USERNAME, Home, spec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from custom_components.mi_camera.hub import MiCameraConfigEntry


# The Home Assistant test plugin switches sockets off before each test. The simulators
# need them, so instead connections are confined to loopback.
_allow_hosts = pytest_socket.socket_allow_hosts


def _allow_loopback(*_: Any, **__: Any) -> None:
    _allow_hosts(["127.0.0.0/8", "::1"], allow_unix_socket=True)


def _leave_sockets_on(*_: Any, **__: Any) -> None:
    """Do nothing in place of switching them off."""


pytest_socket.socket_allow_hosts = _allow_loopback
pytest_socket.disable_socket = _leave_sockets_on


# Test files that use the same addresses, so that they stay in one process.
SHARED_ADDRESSES = {
    "house": "small homes",
    "cloud": "small homes",
    "miio": "small homes",
    "home": "small homes",
    "display": "displays",
}
# Those beside this file have a network for each process, unless they name addresses; and one
# brings a recorder, which is better not begun in each process.
NAMED_ADDRESS = re.compile(r"127\.0\.(?!0\b)[0-9]+")
WITH_RECORDER = "test_logbook"
# Set while each process of a run with several has a network of its own.
OWN_NETWORK = "MI_CAMERA_TESTS_OWN_NETWORK"


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of a run with several a network of its own."""
    if hasattr(config, "workerinput"):
        if os.environ.get(OWN_NETWORK):
            own_network.enter()
    elif getattr(config.option, "numprocesses", None) and own_network.available():
        os.environ[OWN_NETWORK] = "1"


@cache
def _stays_together(path: Path) -> bool:
    return path.stem == WITH_RECORDER or bool(NAMED_ADDRESS.search(path.read_text("utf-8")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests may not run beside each other in several processes."""
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        folder, name = item.path.parent.name, item.path.stem
        if os.environ.get(OWN_NETWORK) and not item.get_closest_marker("e2e"):
            if name == WITH_RECORDER:
                item.add_marker(pytest.mark.xdist_group(name))
            continue
        if folder == "tests" and not _stays_together(item.path):
            # One at a time to whoever is free: no process is left with a long file at the end.
            continue
        if folder in {"tests", "e2e"}:
            group = name
        elif folder == "simulator":
            group = SHARED_ADDRESSES.get(name.split("_")[1], "cameras")
        elif folder in {"cloud", "device"}:
            group = "clients"
        else:
            group = folder
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """On the CI machine everything can be had, so there a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the loop find calls from other threads, as the plugin's fixture of this name does.

    The stack of every future and callback, which debug mode notes too, is half of all that a
    run costs; futures and callbacks ask `get_debug` whether it is wanted.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    monkeypatch.setattr(loop, "get_debug", lambda: False)


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find this integration wherever a test uses `hass`."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give each test a folder of its own, so that nothing stored outlives it."""
    return hass_tmp_config_dir


@pytest.fixture
def gate() -> Gate:
    """A gate of the test's own, open."""
    gate = Gate()
    gate.open()
    return gate


@pytest.fixture
async def home() -> AsyncGenerator[Home]:
    """Two simulated cameras and their cloud."""
    home = await Home.start(spec(1), spec(2))
    yield home
    await home.stop()


@pytest.fixture
async def ready(hass: HomeAssistant, home: Home) -> HomeAssistant:
    """Home Assistant that knows the simulated cloud, before anything is set up."""
    hass.config.internal_url = "http://127.0.0.1:8123"
    assert await async_setup_component(hass, "http", {"http": {"server_host": ["127.0.0.1"]}})
    assert await async_setup_component(hass, DOMAIN, home.developer)
    await hass.async_block_till_done()
    return hass


@pytest.fixture
async def entry(ready: HomeAssistant) -> AsyncGenerator[MiCameraConfigEntry]:
    """The hub with both cameras, set up through its flow as a user would."""
    entry = await set_up(ready)
    yield entry
    if entry.entry_id in {one.entry_id for one in ready.config_entries.async_entries()}:
        await ready.config_entries.async_remove(entry.entry_id)
        await ready.async_block_till_done()


async def set_up(hass: HomeAssistant) -> MiCameraConfigEntry:
    """Sign in, take all cameras, and wait until they have answered."""
    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await flows.async_configure(result["flow_id"], {"next_step_id": "account"})
    result = await flows.async_configure(
        result["flow_id"],
        {CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD, CONF_REGION: REGION},
    )
    assert result["type"] is FlowResultType.FORM, result
    assert result["step_id"] == "cameras", result
    result = await flows.async_configure(
        result["flow_id"],
        result["data_schema"]({}),  # type: ignore[misc]
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY, result
    entry: MiCameraConfigEntry = result["result"]
    await settle(hass)
    return entry


async def settle(hass: HomeAssistant) -> None:
    """Wait until what was begun is done, first polls of cameras included."""
    while True:
        await hass.async_block_till_done()
        begun = [
            task
            for task in asyncio.all_tasks()
            if "first poll" in task.get_name() or "what a model can do" in task.get_name()
        ]
        if not begun:
            return
        await asyncio.wait(begun, timeout=20)


async def image_soon(hass: HomeAssistant, entity_id: str, seconds: float = 15) -> bytes:
    """Return a still, trying again while the camera is being found again."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return (await async_get_image(hass, entity_id, timeout=10)).content
            except HomeAssistantError:
                await asyncio.sleep(0.2)
