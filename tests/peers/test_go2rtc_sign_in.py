"""go2rtc signs in to the simulated cloud: password, captcha, code; then it lists the devices.

It has Xiaomi's addresses in its code and is left as it is; see `xiaomi_hosts`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from simulator.camera.miio_methods import MiioMethods
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.cloud import Account, CloudDevice, SimCloud
from simulator.cloud.challenges import EMAIL, PHONE
from simulator.keys import KeyBook

from .go2rtc_peer import Go2rtc, running_go2rtc
from .xiaomi_hosts import Proxy, xiaomi_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.peer

USER, PASSWORD = "demo@example.com", "open-sesame"


@pytest.fixture
async def cloud(socket_enabled: None) -> AsyncGenerator[SimCloud]:
    cloud = SimCloud("127.0.41.61", 0, [Account(username=USER, password=PASSWORD)], KeyBook())
    spec = CameraSpec(
        did=1001001001,
        model="chuangmi.camera.ipc019",
        name="Kitchen",
        scene="kitchen",
        address="127.0.41.62",
        mac="50:ec:50:00:00:01",
        token=bytes(range(16)),
    )
    cloud.add_device(USER, CloudDevice.camera(spec, MiioMethods(spec, CameraState(spec))))
    await cloud.start()
    yield cloud
    await cloud.stop()


@pytest.fixture
async def proxy(
    cloud: SimCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Proxy]:
    async with xiaomi_hosts(cloud, "127.0.41.63", tmp_path) as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy
        assert not proxy.refused


@pytest.fixture
async def go2rtc(proxy: Proxy, tmp_path: Path) -> AsyncGenerator[Go2rtc]:
    async with running_go2rtc(tmp_path) as running:
        yield running


async def say(go2rtc: Go2rtc, **form: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{go2rtc.api}/xiaomi", data=form) as response,
    ):
        text = await response.text()
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else text


async def listed(go2rtc: Go2rtc) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{go2rtc.api}/xiaomi", params={"id": "2000000001", "region": "de"}) as response,
    ):
        return await response.text()


async def test_password(go2rtc: Go2rtc, cloud: SimCloud) -> None:
    status, _ = await say(go2rtc, username=USER, password="wrong")
    assert status == 500
    status, answer = await say(go2rtc, username=USER, password=PASSWORD)
    assert status == 200, answer
    assert cloud.accounts.password_logins == 1
    assert "chuangmi.camera.ipc019" in await listed(go2rtc)


@pytest.mark.parametrize(("way", "name"), [(EMAIL, "email"), (PHONE, "phone")])
async def test_captcha_and_code(go2rtc: Go2rtc, cloud: SimCloud, way: int, name: str) -> None:
    accounts = cloud.accounts
    accounts.captcha = accounts.verification = True
    accounts.ways = (way,)
    status, answer = await say(go2rtc, username=USER, password=PASSWORD)
    assert status == 401, answer
    assert base64.b64decode(answer["captcha"]).startswith(b"\x89PNG")
    status, answer = await say(go2rtc, captcha="WRONG")
    assert status == 401
    assert "captcha" in answer
    status, answer = await say(go2rtc, captcha=accounts.challenges.captcha)
    assert status == 401, answer
    assert answer[f"verify_{name}"]
    status, answer = await say(go2rtc, verify=accounts.challenges.codes[name])
    assert status == 200, answer
    assert "chuangmi.camera.ipc019" in await listed(go2rtc)
