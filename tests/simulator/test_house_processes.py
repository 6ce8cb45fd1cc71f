"""Child processes, addresses, logs, descriptions and the command line around a house."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from simulator.description import HomeSpec
from simulator.house import __main__ as command_line, demo, logs, soak_home
from simulator.house.errors import HassFailed, HomeFailed, PortTaken
from simulator.house.hass import INTEGRATION, ROOT, Hass
from simulator.house.home_process import HomePlan, HomeProcess
from simulator.house.process import Child, free_port, require_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = "127.0.41.2"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_taken_address_is_one_line(taken: int) -> None:
    with pytest.raises(PortTaken) as error:
        require_free(ADDRESS, taken, "the frontend")
    assert str(error.value).startswith(f"{ADDRESS}:{taken} is already taken")
    assert "\n" not in str(error.value)
    require_free(ADDRESS, free_port(ADDRESS), "nobody")


async def test_a_child_is_stopped_and_its_output_kept(tmp_path: Path) -> None:
    child = Child(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        log=tmp_path / "logs" / "child.log",
        cwd=tmp_path,
    )
    assert not child.running
    await child.start()
    async with asyncio.timeout(10):
        while "up" not in child.tail():
            await asyncio.sleep(0.05)
    assert child.running
    assert child.pid is not None
    assert await child.stop() == -15
    assert not child.running
    assert await child.stop() == 0


async def test_a_child_is_not_asked_when_there_is_no_patience(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('up', flush=True); time.sleep(60)"
    )
    child = Child([sys.executable, "-c", stubborn], log=tmp_path / "child.log", cwd=tmp_path)
    for patience in (0.0, 0.3):
        await child.start()
        async with asyncio.timeout(10):
            while "up" not in child.tail():
                await asyncio.sleep(0.05)
        assert await child.stop(patience) == -9
        child.log.unlink()


async def test_a_child_that_ends_by_itself(tmp_path: Path) -> None:
    child = Child(
        [sys.executable, "-c", "import sys; sys.exit('no such thing')"],
        log=tmp_path / "child.log",
        cwd=tmp_path,
    )
    await child.start()
    assert await child.wait() == 1
    assert not child.running
    assert child.tail() == "no such thing"
    await child.stop()


async def test_a_home_that_cannot_start_says_why(tmp_path: Path, taken: int) -> None:
    path = tmp_path / "home.json"
    description = soak_home.describe(1)
    description["control"] = {"address": ADDRESS, "port": free_port(ADDRESS)}
    description["cloud"] |= {"address": ADDRESS, "port": taken}
    path.write_text(json.dumps(description))
    with pytest.raises(PortTaken, match="the simulated cloud"):
        await HomeProcess(HomePlan.read(path), tmp_path / "home.log").start()


@pytest.mark.parametrize("text", ["", "{}", '{"cameras": []}', '{"cameras": [{}]}', "[1]"])
def test_a_bad_description_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    path.write_text(text)
    with pytest.raises(HomeFailed) as error:
        HomePlan.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_demo_home() -> None:
    plan = HomePlan.read(demo.DESCRIPTION)
    assert list(plan.cameras.values()) == ["Kitchen", "Nursery", "Porch"]
    assert plan.displays == {"Hall display": "127.0.0.21"}
    assert plan.cloud_url == "http://127.0.0.31:8130"
    assert plan.password not in repr(plan)


@pytest.mark.parametrize("cameras", [1, 3, 8])
def test_homes_for_a_soak(cameras: int, tmp_path: Path) -> None:
    path = soak_home.write(cameras, tmp_path / "deep" / "home.json")
    spec = HomeSpec.read(path)
    assert len(spec.cameras) == cameras
    assert len(spec.displays) == 2
    demo_addresses = re.findall(r"127\.0\.0\.\d+", path.read_text())
    assert not demo_addresses, "a demo may run at the same time"


# --- Home Assistant's configuration ---


def test_configuration_is_rewritten_and_storage_kept(tmp_path: Path) -> None:
    hass = Hass(tmp_path, 8199, cloud="http://127.0.0.31:8130")
    hass.prepare()
    text = (tmp_path / "configuration.yaml").read_text()
    assert "default_config:" not in text.replace("No default_config:", "")
    assert "account_url: http://127.0.0.31:8130" in text
    link = tmp_path / "custom_components" / INTEGRATION
    assert link.resolve() == ROOT / "custom_components" / INTEGRATION
    network = tmp_path / ".storage" / "core.network"
    network.write_text("changed by Home Assistant")

    Hass(tmp_path, 8198, cloud="http://127.0.0.31:8130").prepare()
    assert network.read_text() == "changed by Home Assistant"
    http = json.loads((tmp_path / ".storage" / "http").read_text())
    assert http["data"]["stable"]["server_port"] == 8198
    assert http["data"]["stable"]["server_host"] == ["127.0.0.1"]


def test_without_the_integration(tmp_path: Path) -> None:
    Hass(tmp_path, 8199, cloud=None, extra_yaml="input_boolean:\n").prepare()
    assert "mi_camera" not in (tmp_path / "configuration.yaml").read_text()
    assert not (tmp_path / "custom_components").exists()


def test_missing_packages_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.house.hass.NEEDED", ("json", "no_such_package"))
    with pytest.raises(HassFailed, match="not installed: no_such_package; run script/setup"):
        Hass(tmp_path, 8199, cloud=None).prepare()


# --- logs ---

LOG = """\
2026-11-24 05:00:00.000 WARNING (MainThread) [homeassistant.loader] We found a custom integration
2026-11-24 05:00:01.000 ERROR (MainThread) [homeassistant.setup] Setup failed for 'tts': no mutagen
Traceback (most recent call last):
ModuleNotFoundError: No module named 'mutagen'
2026-11-24 05:00:01.500 ERROR (MainThread) [homeassistant.components.camera] Camera is off
"""
BAD = """\
2026-11-24 05:00:02.000 ERROR (MainThread) [homeassistant.setup] Setup failed for 'stream': no av
2026-11-24 05:00:03.000 ERROR (MainThread) [custom_components.mi_camera] Camera is off
2026-11-24 05:00:04.000 WARNING (MainThread) [asyncio] Task exception was never retrieved
Traceback (most recent call last):
KeyError: 'x'
"""


def test_a_good_log_has_no_errors(tmp_path: Path) -> None:
    path = tmp_path / "hass.log"
    path.write_text(LOG)
    assert logs.errors(path) == []
    path.write_text(LOG + BAD)
    found = [record.logger for record in logs.errors(path)]
    assert found == ["homeassistant.setup", "custom_components.mi_camera", "asyncio"]
    assert logs.errors(path, len((LOG + BAD).encode())) == []


def test_a_crash_before_the_log_begins(tmp_path: Path) -> None:
    path = tmp_path / "hass.log"
    path.write_text("Traceback (most recent call last):\nImportError: no\n" + LOG)
    assert [record.level for record in logs.errors(path)] == ["RAW"]


# --- command line ---


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["demo", "--port", "0"],
        ["demo", "--port", "http"],
        ["soak", "--minutes", "0"],
        ["soak", "--minutes", "long"],
        ["soak", "--cameras", "9"],
    ],
)
def test_arguments_that_make_no_sense(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_connection_that_pychromecast_has_spoilt(tmp_path: Path) -> None:
    path = tmp_path / "hass.log"
    path.write_text(LOG)
    size = path.stat().st_size
    assert not logs.cast_connection_broke(path, 0)
    path.write_text(
        LOG
        + "2026-11-24 05:00:05.000 WARNING (Thread-5) [pychromecast.socket_client]"
        + " [(127.0.0.21):8009] Error writing to socket: [Errno 32] Broken pipe\n"
        + "2026-11-24 05:00:05.001 ERROR (Thread-5) [pychromecast.socket_client] Unhandled\n"
        + "Traceback (most recent call last):\n"
        + "pychromecast.error.NotConnected: Chromecast 127.0.0.21:8009 is connecting...\n"
    )
    assert logs.cast_connection_broke(path, size)
    assert logs.errors(path) == []
