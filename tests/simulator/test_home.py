"""A whole simulated home: its description, its control API and its command line."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from simulator.__main__ import DEMO, main
from simulator.camera.miio_packet import PORT, TokenCipher, is_hello, read_header
from simulator.home import DescriptionError, HomeError, HomeSpec, SimHome

from .cast_sender import CastSender

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROOT = Path(__file__).parents[2]
KITCHEN, NURSERY = 1001001001, 1001001002
TOKENS = {KITCHEN: bytes(range(16)), NURSERY: bytes(range(16, 32))}
HELLO = bytes.fromhex("21310020") + b"\xff" * 28


def description() -> dict[str, Any]:
    return {
        "cameras": [
            {
                "did": KITCHEN,
                "model": "chuangmi.camera.ipc019",
                "name": "Kitchen",
                "address": "127.0.41.21",
                "token": TOKENS[KITCHEN].hex(),
            },
            {
                "did": NURSERY,
                "model": "isa.camera.hlc7",
                "name": "Nursery",
                "address": "127.0.41.22",
                "token": TOKENS[NURSERY].hex(),
            },
        ],
        "displays": [{"name": "Hall display", "address": "127.0.41.23"}],
        "cloud": {
            "address": "127.0.41.24",
            "port": 0,
            "username": "demo@example.com",
            "password": "open-sesame",
            "others": [{"did": "9", "model": "m", "name": "Plug", "mac": "50:ec:50:00:00:09"}],
        },
        "control": {"port": 0},
    }


class Api:
    """The control API of a running home."""

    def __init__(self, home: SimHome, http: aiohttp.ClientSession) -> None:
        assert home.control is not None
        self.home = home
        self.http = http
        self.url = home.control.url

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url + path) as response:
            return await response.json() if response.status == 200 else response.status

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, str) else None if body is None else json.dumps(body)
        async with self.http.post(self.url + path, data=data) as response:
            return response.status, await response.json()

    async def camera(self, did: int) -> Any:
        return (await self.get("/state"))["cameras"][str(did)]


@contextlib.asynccontextmanager
async def running(**changes: Any) -> AsyncGenerator[Api]:
    home = SimHome(HomeSpec.parse(description() | changes))
    await home.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Api(home, http)
    finally:
        await home.stop()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.first.done():
            self.first.set_result(data)


async def ask(address: str, data: bytes) -> bytes | None:
    """What a camera's miio port answers, None for silence."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Answers, remote_addr=(address, PORT))
    transport.sendto(data)
    try:
        async with asyncio.timeout(0.3):
            return await protocol.first
    except TimeoutError:
        return None
    finally:
        transport.abort()


async def who_is_at(address: str) -> int | None:
    answer = await ask(address, HELLO)
    return None if answer is None else read_header(answer).device_id


# --- description ---


def test_demo_home() -> None:
    spec = HomeSpec.read(DEMO)
    assert [(camera.did, camera.model, camera.address) for camera in spec.cameras] == [
        (1001001001, "chuangmi.camera.021a04", "127.0.0.11"),
        (1001001002, "chuangmi.camera.046c04", "127.0.0.12"),
        (1001001003, "isa.camera.500dh", "127.0.0.13"),
    ]
    assert [camera.audio for camera in spec.cameras] == ["pcma", "opus", "pcma"]
    assert spec.displays[0].name == "Hall display"
    assert spec.displays[0].address == "127.0.0.21"
    assert spec.cloud is not None
    assert (spec.cloud.address, spec.cloud.port) == ("127.0.0.31", 8130)
    assert (spec.cloud.username, spec.cloud.region) == ("demo@example.com", "de")
    assert spec.control is not None
    assert (spec.control.address, spec.control.port) == ("127.0.0.1", 8120)


def test_defaults() -> None:
    spec = HomeSpec.parse(description())
    kitchen = spec.cameras[0]
    assert kitchen.scene == "kitchen"
    assert kitchen.qualities[2] == (1280, 720)
    assert kitchen.mac.startswith("50:ec:50:")
    assert len({camera.mac for camera in spec.cameras}) == 2
    assert HomeSpec.parse({}) == HomeSpec()
    full = description()
    full["cameras"][0] |= {"qualities": {"2": [640, 360]}, "gop_seconds": 1, "codec": "h265"}
    kitchen = HomeSpec.parse(full).cameras[0]
    assert kitchen.qualities == {2: (640, 360)}
    assert (kitchen.gop_seconds, kitchen.codec) == (1.0, "h265")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("cameras.0.token", "00", "cameras[0].token must be 32 hexadecimal digits"),
        ("cameras.0.token", "zz" * 16, "cameras[0].token must be 32 hexadecimal digits"),
        ("cameras.0.token", 5, "cameras[0].token must be 32 hexadecimal digits"),
        ("cameras.1.token", None, "cameras[1].token is missing"),
        ("cameras.0.did", "7", "cameras[0].did must be a whole number from 1 to"),
        ("cameras.0.did", True, "cameras[0].did must be a whole number from 1 to"),
        ("cameras.0.did", 1 << 64, "cameras[0].did must be a whole number from 1 to"),
        ("cameras.0.did", NURSERY, f"did {NURSERY} is there twice"),
        ("cameras.0.address", "127.0.41.22", "address 127.0.41.22 is there twice"),
        ("cameras.0.address", "127.0.41.23", "address 127.0.41.23 is there twice"),
        ("cameras.0.address", "localhost", "cameras[0].address must be an IPv4 address"),
        ("cameras.0.address", 2130706433, "cameras[0].address must be an IPv4 address"),
        ("cameras.0.name", "", "cameras[0].name must be a text, not empty"),
        ("cameras.0.codec", "av1", "cameras[0].codec must be one of h264, h265"),
        ("cameras.0.codec", ["h264"], "cameras[0].codec must be one of h264, h265"),
        ("cameras.0.mac", "50:ec", "cameras[0].mac must be a MAC address"),
        ("cameras.0.lenses", 3, "cameras[0].lenses must be a whole number from 1 to 2"),
        ("cameras.0.gop_seconds", float("nan"), "cameras[0].gop_seconds must be a number of"),
        ("cameras.0.qualities", {}, "cameras[0].qualities must look like"),
        ("cameras.0.qualities", {"x": [640, 360]}, "cameras[0].qualities must look like"),
        ("cameras.0.qualities", {"1": [640]}, "cameras[0].qualities must look like"),
        ("cameras.0.qualities", {"1": [9999, 360]}, "cameras[0].qualities must look like"),
        ("cameras.0.qualities", {"1": [641, 360]}, "cameras[0].qualities must have even sides"),
        ("cameras.0.tokenn", "1", "cameras[0].tokenn is not known here"),
        ("cameras.0", 7, "cameras[0] must be an object"),
        ("cameras", {}, "cameras must be a list"),
        ("displays.0.model", "Fridge", "displays[0].model must be one of Chromecast, "),
        ("cloud", [], "cloud must be an object"),
        ("cloud.port", 65536, "cloud.port must be a whole number from 0 to 65535"),
        ("cloud.region", "xx", "cloud.region must be one of cn, de, i2, ru, sg, us"),
        ("cloud.others.0.mac", "x", "cloud.others[0].mac must be a MAC address"),
        ("control.adress", "127.0.0.1", "control.adress is not known here"),
        ("kameras", [], "kameras is not known here"),
    ],
)
def test_mistakes_are_named(path: str, value: Any, message: str) -> None:
    data = description()
    *parents, last = path.split(".")
    place: Any = data
    for name in parents:
        place = place[int(name) if name.isdecimal() else name]
    if value is None:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    with pytest.raises(DescriptionError) as caught:
        HomeSpec.parse(data)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_secrets_stay_out_of_reprs() -> None:
    shown = repr(HomeSpec.parse(description()))
    assert "open-sesame" not in shown
    assert repr(TOKENS[KITCHEN]) not in shown


def test_bad_files(tmp_path: Path) -> None:
    file = tmp_path / "home.json"
    for content, message in (
        (b'{\n"cameras": [,]}', "home.json, line 2: "),
        (b"\xff\xfe\xfa", "home.json"),
        (b"[]", "description must be an object"),
        (b"[" * 100_000, "not JSON"),
        (b" " * ((1 << 20) + 1), "larger than"),
    ):
        file.write_bytes(content)
        with pytest.raises(DescriptionError) as caught:
            HomeSpec.read(file)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(DescriptionError, match="No such file"):
        HomeSpec.read(tmp_path / "none.json")


# --- running ---


async def test_state() -> None:
    async with running() as api:
        state = await api.get("/state")
        assert state["cameras"].keys() == {str(KITCHEN), str(NURSERY)}
        assert state["cameras"][str(KITCHEN)] == {
            "name": "Kitchen",
            "address": "127.0.41.21",
            "power": True,
            "media_connections": 0,
            "media_connections_total": 0,
            "viewers": 0,
            "media_bytes_sent": 0,
            "frames_sent": 0,
            "rpc_count": 0,
            "miio_packets": 0,
            "miio_bytes": 0,
            "angle": 51,
            "elevation": 51,
            "speaker_seconds": 0.0,
            "sleeping": False,
        }
        display = state["displays"]["Hall display"]
        assert display["address"] == "127.0.41.23"
        assert (display["state"], display["frames"], display["errors"]) == ("IDLE", 0, [])
        assert display["last_tag"] is None
        cloud = state["cloud"]
        assert cloud["address"].startswith("127.0.41.24:")
        assert (cloud["logins"], cloud["requests"], cloud["down"]) == (0, 0, None)
        assert await api.get("/displays/Hall%20display/frames?since=3") == {"frames": []}
        assert await api.get("/displays/Hall%20display/requests") == {"requests": []}
        assert await api.get("/displays/Hall%20display/frames") == {"frames": []}


async def test_miio_requests_are_seen() -> None:
    async with running() as api:
        assert await who_is_at("127.0.41.21") == KITCHEN
        assert (await api.camera(KITCHEN))["rpc_count"] == 0
        cipher = TokenCipher(TOKENS[KITCHEN])
        request = b'{"id":5,"method":"set_power","params":["off"]}'
        answer = await ask("127.0.41.21", cipher.seal(KITCHEN, 0, request))
        assert answer is not None
        assert json.loads(cipher.open(answer)) == {"id": 5, "result": ["ok"]}
        state = await api.camera(KITCHEN)
        assert (state["rpc_count"], state["power"]) == (1, False)
        assert (await api.camera(NURSERY))["power"] is True


async def test_power_silent_and_garbage() -> None:
    async with running() as api:
        path = f"/cameras/{NURSERY}"
        assert await api.post(f"{path}/power", {"on": False}) == (200, {})
        assert (await api.camera(NURSERY))["power"] is False
        assert await api.post(f"{path}/silent", {"on": True}) == (200, {})
        assert api.home.cameras[NURSERY].miss.silent
        assert await who_is_at("127.0.41.22") is None
        assert await who_is_at("127.0.41.21") == KITCHEN
        await api.post(f"{path}/silent", {"on": False})
        assert await who_is_at("127.0.41.22") == NURSERY
        await api.post(f"{path}/garbage", {"on": True})
        answer = await ask("127.0.41.22", HELLO)
        assert answer is not None
        assert not is_hello(answer)
        assert len(answer) != 32 or answer[8:12] != NURSERY.to_bytes(4)
        assert await api.post(f"{path}/network", {"loss": 1.0, "delay": 0.5}) == (200, {})
        assert api.home.cameras[NURSERY].miss.loss == 1.0
        assert await ask("127.0.41.22", HELLO) is None


async def test_reboot_restarts_the_stamp_and_changes_keys() -> None:
    async with running() as api:
        camera = api.home.cameras[KITCHEN]
        camera.miio._booted -= 1000
        key = api.home.keys.device_public(KITCHEN)
        other = api.home.keys.device_public(NURSERY)
        assert await api.post(f"/cameras/{KITCHEN}/reboot") == (200, {})
        assert camera.miio.stamp < 10
        assert api.home.keys.device_public(KITCHEN) != key
        assert api.home.keys.device_public(NURSERY) == other
        before = time.monotonic()
        down = asyncio.create_task(api.post(f"/cameras/{KITCHEN}/reboot", {"downtime": 0.6}))
        await asyncio.sleep(0.1)
        assert await who_is_at("127.0.41.21") is None
        assert await down == (200, {})
        assert time.monotonic() - before >= 0.6
        assert await who_is_at("127.0.41.21") == KITCHEN


async def test_a_display_reboots_and_refuses() -> None:
    path = "/displays/Hall%20display"
    async with running() as api:

        async def senders() -> int:
            _, writer = await asyncio.open_connection("127.0.41.23", 8009)
            writer.close()
            return 1

        assert await senders()
        down = asyncio.create_task(api.post(f"{path}/reboot", {"downtime": 0.6}))
        await asyncio.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            await senders()
        # Cameras need not wait for it.
        assert await api.post(f"/cameras/{KITCHEN}/swap", {"with": NURSERY}) == (200, {})
        assert await down == (200, {})
        assert await senders()
        assert await api.post(f"{path}/refuse", {"loads": 1}) == (200, {})
        async with CastSender("127.0.41.23") as sender:
            await sender.launch()
            failed = await sender.load("http://127.0.41.23:9/a.m3u8")
            assert (failed["type"], failed["detailedErrorCode"]) == ("LOAD_FAILED", 104)
            failed = await sender.load("http://127.0.41.23:9/a.m3u8")
            assert (failed["type"], failed["detailedErrorCode"]) == ("LOAD_FAILED", 311)


async def test_swapped_addresses() -> None:
    async with running() as api:
        assert await api.post(f"/cameras/{KITCHEN}/swap", {"with": NURSERY}) == (200, {})
        assert await who_is_at("127.0.41.21") == NURSERY
        assert await who_is_at("127.0.41.22") == KITCHEN
        assert (await api.camera(KITCHEN))["address"] == "127.0.41.22"
        assert api.home._listed[KITCHEN].address == "127.0.41.22"
        assert await api.post(f"/cameras/{KITCHEN}/swap", {"with": KITCHEN}) == (200, {})
        assert await who_is_at("127.0.41.22") == KITCHEN


async def test_cloud_down_and_up() -> None:
    async with running() as api:
        assert api.home.cloud is not None
        url = f"{api.home.cloud.url}/pass/serviceLogin?sid=xiaomiio"
        assert await api.post("/cloud", {"down": True}) == (200, {})
        assert (await api.get("/state"))["cloud"]["down"] == "refused"
        with pytest.raises(aiohttp.ClientConnectorError):
            await api.http.get(url)
        await api.post("/cloud", {"down": True, "how": "unavailable"})
        async with api.http.get(url) as response:
            assert response.status == 503
        await api.post("/cloud", {"down": False})
        async with api.http.get(url) as response:
            assert response.status == 200


async def test_cloud_and_cameras_share_state_and_keys() -> None:
    async with running() as api:
        assert api.home.cloud is not None
        device = api.home._listed[KITCHEN]
        assert device.methods is api.home.cameras[KITCHEN].miio.methods
        assert device.online()
        await api.post(f"/cameras/{KITCHEN}/silent", {"on": True})
        assert not device.online()
        assert api.home._listed[NURSERY].online()
        assert api.home.cameras[KITCHEN].keys is api.home.keys


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/cameras/5/power", {"on": True}, 404),
        ("/cameras/x/reboot", None, 404),
        ("/cameras/99999999999999999999999/reboot", None, 404),
        (f"/cameras/{KITCHEN}/power", None, 400),
        (f"/cameras/{KITCHEN}/power", {"on": 1}, 400),
        (f"/cameras/{KITCHEN}/power", "[]", 400),
        (f"/cameras/{KITCHEN}/power", "{", 400),
        (f"/cameras/{KITCHEN}/power", "[" * 3000, 400),
        (f"/cameras/{KITCHEN}/power", " " * 5000, 413),
        (f"/cameras/{KITCHEN}/reboot", {"downtime": -1}, 400),
        (f"/cameras/{KITCHEN}/reboot", {"downtime": 1e9}, 400),
        (f"/cameras/{KITCHEN}/network", {"loss": 2}, 400),
        (f"/cameras/{KITCHEN}/swap", {"with": 4}, 404),
        (f"/cameras/{KITCHEN}/swap", {}, 404),
        (f"/cameras/{KITCHEN}/dance", {}, 404),
        ("/displays/Hall/refuse", {"loads": 1}, 404),
        ("/displays/Hall/reboot", {}, 404),
        ("/cloud", {}, 400),
        ("/cloud", {"down": True, "how": "gently"}, 400),
    ],
)
async def test_bad_control_requests(path: str, body: Any, status: int) -> None:
    async with running(displays=[]) as api:
        got, answer = await api.post(path, body)
        assert got == status
        assert answer["error"]
        assert await who_is_at("127.0.41.21") == KITCHEN


async def test_things_that_are_not_there() -> None:
    data = description()
    async with running(displays=[], cloud=None, cameras=data["cameras"][:1]) as api:
        assert (await api.get("/state"))["cloud"] is None
        assert (await api.post("/cloud", {"down": True}))[0] == 404
        assert await api.get("/displays/Hall%20display/frames") == 404
    async with running() as api:
        assert await api.get("/displays/Hall%20display/frames?since=x") == 400
        assert await api.get("/displays/Hall%20display/frames?since=-1") == 400
        assert await api.get("/displays/Hall%20display/requests?since=x") == 400
        assert await api.get("/displays/nowhere/requests") == 404


@pytest.mark.parametrize(
    ("address", "port", "udp", "who"),
    [
        ("127.0.41.21", 54321, True, "Kitchen"),
        ("127.0.41.22", 32108, True, "Nursery"),
        ("127.0.41.23", 8009, False, "Hall display"),
        ("127.0.41.24", 8141, False, "cloud"),
        ("127.0.0.1", 8142, False, "control"),
    ],
)
async def test_port_already_taken(address: str, port: int, udp: bool, who: str) -> None:
    data = copy.deepcopy(description())
    data["cloud"]["port"] = 8141
    data["control"]["port"] = 8142
    home = SimHome(HomeSpec.parse(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as taken:
        taken.bind((address, port))
        if not udp:
            taken.listen()
        with pytest.raises(HomeError) as caught:
            await home.start()
    kind = "udp" if udp else "tcp"
    assert str(caught.value) == f"{who}: port already taken: {address}:{port}/{kind}"
    # Nothing was left behind, and it starts once the port is free.
    await home.start()
    assert await who_is_at("127.0.41.21") == KITCHEN
    await home.stop()
    assert await who_is_at("127.0.41.21") is None


async def test_late_failure_stops_what_had_started(monkeypatch: pytest.MonkeyPatch) -> None:
    home = SimHome(HomeSpec.parse(description()))
    assert home.cloud is not None

    async def refuse() -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(home.cloud, "start", refuse)
    with pytest.raises(HomeError, match=r"cloud at 127\.0\.41\.24:0: Address already in use"):
        await home.start()
    assert await who_is_at("127.0.41.21") is None


async def test_foreign_address() -> None:
    home = SimHome(HomeSpec.parse({"control": {"address": "192.0.2.1", "port": 8142}}))
    with pytest.raises(HomeError, match=r"^control: not an address of this machine: 192\.0\.2\.1$"):
        await home.start()


# --- command line ---


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "simulator", *map(str, arguments)]


async def ended(*arguments: str | Path) -> tuple[int, str, str]:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )

    done = await asyncio.to_thread(run)
    return done.returncode, done.stdout, done.stderr


async def first_line_then_signal(
    number: signal.Signals, *arguments: str | Path
) -> tuple[list[str], int, str]:
    """Lines until 'ready', exit status and errors of a command ended by a signal."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(30):
        while not lines or not lines[-1].startswith("ready"):
            line = (await process.stdout.readline()).decode()
            assert line, lines
            lines.append(line.rstrip("\n"))
        process.send_signal(number)
        _, errors = await process.communicate()
    assert process.returncode is not None
    return lines, process.returncode, errors.decode()


async def test_home_command(tmp_path: Path) -> None:
    file = tmp_path / "home.json"
    data = description()
    data["cloud"]["port"], data["control"]["port"] = 8143, 8144
    file.write_text(json.dumps(data))
    ready = (
        "ready: control http://127.0.0.1:8144, cloud http://127.0.41.24:8143, "
        "Kitchen 127.0.41.21, Nursery 127.0.41.22, Hall display 127.0.41.23"
    )
    assert await first_line_then_signal(signal.SIGTERM, "home", file) == ([ready], 0, "")


async def test_single_parts() -> None:
    lines, status, errors = await first_line_then_signal(
        *(signal.SIGINT, "camera", "--address", "127.0.41.25", "--go2rtc", "--did", "77")
    )
    assert (status, errors) == (0, "")
    assert lines[0].startswith(
        "xiaomi://127.0.41.25?vendor=cs2&model=chuangmi.camera.021a04&did=77"
    )
    assert lines[1] == "ready: Camera 127.0.41.25"
    lines, status, errors = await first_line_then_signal(
        *(signal.SIGTERM, "cloud", "--address", "127.0.41.26", "--port", "8145")
    )
    assert (lines, status, errors) == (["ready: cloud http://127.0.41.26:8145"], 0, "")
    lines, status, errors = await first_line_then_signal(
        *(signal.SIGTERM, "display", "--address", "127.0.41.27", "--name", "Shelf")
    )
    assert (lines, status, errors) == (["ready: Shelf 127.0.41.27"], 0, "")


async def test_port_taken_on_the_command_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.41.28", 8146))
        taken.listen()
        result = await ended("cloud", "--address", "127.0.41.28", "--port", "8146")
    assert result == (1, "", "simulator: cloud: port already taken: 127.0.41.28:8146/tcp\n")


def test_mistakes_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "home.json"
    file.write_text('{"cameras": [{"did": 1}]}')
    assert main(["home", str(file)]) == 2
    assert capsys.readouterr() == ("", f"simulator: {file}: cameras[0].name is missing\n")
    assert main(["camera", "--token", "12"]) == 2
    assert capsys.readouterr().err == "simulator: cameras[0].token must be 32 hexadecimal digits\n"
    with pytest.raises(SystemExit) as ended_with:
        main(["house"])
    assert ended_with.value.code == 2


@pytest.mark.parametrize("arguments", [[], ["home"], ["camera"], ["cloud"], ["display"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended_with:
        main([*arguments, "--help"])
    assert ended_with.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m simulator")
