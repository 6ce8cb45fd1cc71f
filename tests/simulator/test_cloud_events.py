"""The simulated service that lists what cameras have noticed."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from simulator.cloud import SimCloud
from simulator.cloud.events import PATH, TYPES
from simulator.cloud.signing import rc4, sha1_signature, sign_nonce
from simulator.keys import KeyBook

from .test_cloud_server import ADDRESS, DEMO, Clock, House, Session, camera, new_nonce
from .test_home import KITCHEN, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DID = "1001001001"


@pytest.fixture
async def house(socket_enabled: None) -> AsyncGenerator[House]:
    keys, clock = KeyBook(), Clock()
    cloud = SimCloud(ADDRESS, 0, [DEMO], keys, clock=clock)
    device, state = camera(int(DID), "isa.camera.hlc7")
    cloud.add_device(DEMO.username, device)
    await cloud.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield House(cloud, keys, clock, http, state, device)
    await cloud.stop()


async def ask(
    house: House,
    session: Session,
    *,
    signed: str = "GET",
    base: str = "",
    without: str = "",
    **changes: Any,
) -> Any:
    """The `data` that is answered, the code of an error, or the status."""
    now = int(time.time() * 1000)
    data = {"did": DID, "beginTime": now - 60_000, "endTime": now + 60_000, "limit": 2} | changes
    nonce = new_nonce()
    key = sign_nonce(session.ssecurity, nonce)
    plain = {"data": json.dumps(data)}
    plain["rc4_hash__"] = sha1_signature(PATH, plain, key, signed)
    sent = {name: base64.b64encode(rc4(key, v.encode())).decode() for name, v in plain.items()}
    sent["signature"] = sha1_signature(PATH, sent, key, signed)
    sent["_nonce"] = base64.b64encode(nonce).decode()
    cookies = {
        "userId": session.user_id,
        "serviceToken": session.service_token,
        "yetAnotherServiceToken": session.service_token,
    }
    cookies.pop(without, None)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    url = house.cloud.url + base + PATH
    async with house.http.get(url, params=sent, headers={"Cookie": cookie}) as response:
        if response.status != 200:
            return response.status
        body = json.loads(rc4(key, base64.b64decode(await response.read())))
        return body["data"] if body["code"] == 0 else body["code"]


async def test_newest_first_and_page_by_page(house: House) -> None:
    session = await house.login()
    now = int(time.time() * 1000)
    for age in range(3):
        house.cloud.events.add(DID, "Face", now - age)
    first = await ask(house, session, base="/de")
    assert [unit["createTime"] for unit in first["thirdPartPlayUnits"]] == [now, now - 1]
    assert first["isContinue"] is True
    assert first["nextTime"] == now - 2
    assert "did" not in first["thirdPartPlayUnits"][0]
    second = await ask(house, session, endTime=first["nextTime"])
    assert [unit["createTime"] for unit in second["thirdPartPlayUnits"]] == [now - 2]
    assert second["isContinue"] is False
    assert house.cloud.requests_by_path == {PATH: 2}


async def test_who_is_refused(house: House) -> None:
    session = await house.login()
    for cookie in ("userId", "serviceToken", "yetAnotherServiceToken"):
        assert await ask(house, session, without=cookie) == 401
    assert await ask(house, session, signed="POST") == 401
    assert await ask(house, session, did="4711") == -4
    assert await ask(house, session, base="/us") == -4
    assert await ask(house, session, base="/xx") == 404
    house.cloud.events.refuse = -8
    assert await ask(house, session) == -8


async def test_knobs(house: House) -> None:
    session = await house.login()
    house.cloud.events.add(DID, "Face")
    house.cloud.events.foreign_did = "8"
    answer = await ask(house, session)
    assert [unit["did"] for unit in answer["thirdPartPlayUnits"]] == ["8"]
    house.cloud.events.garbage = True
    answer = await ask(house, session)
    assert None in answer["thirdPartPlayUnits"]
    assert await ask(house, session, limit="many") == {
        "thirdPartPlayUnits": [],
        "isContinue": False,
        "nextTime": 0,
    }


async def test_a_home_is_told_what_a_camera_notices() -> None:
    async with running() as api:
        assert api.home.cloud is not None
        for name in TYPES:
            assert await api.post(f"/cameras/{KITCHEN}/event", {"type": name}) == (200, {})
        status, answer = await api.post(f"/cameras/{KITCHEN}/event", {"type": "Rain"})
        assert status == 400
        assert "ObjectMotion" in answer["error"]
        assert (await api.post("/cameras/7/event", {"type": "Face"}))[0] == 404
        now = int(time.time() * 1000)
        listed: Any = api.home.cloud.events.answer(
            str(KITCHEN), {"beginTime": now - 10_000, "endTime": now + 10_000, "limit": 50}
        )
        assert {unit["eventType"] for unit in listed["thirdPartPlayUnits"]} == set(TYPES)
    async with running(cloud=None) as api:
        assert (await api.post(f"/cameras/{KITCHEN}/event", {"type": "Face"}))[0] == 404
