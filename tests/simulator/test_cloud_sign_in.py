"""Signing in to the simulated cloud otherwise than by a password alone, and its control API."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import aiohttp
from PIL import Image
import pytest

from simulator.home import HomeSpec, SimHome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

START = "&&&START&&&"
CLOUD = {"address": "127.0.40.140", "port": 0, "username": "me", "password": "pw"}


class House:
    """A home with nothing but a cloud, and a client of both."""

    def __init__(self, home: SimHome, http: aiohttp.ClientSession) -> None:
        assert home.cloud is not None
        assert home.control is not None
        self.cloud = home.cloud
        self._control = home.control.url
        self._http = http

    async def get(self, path: str, **cookies: str) -> Any:
        """Get a page of the cloud; JSON, or bytes of others, or a status."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        url = path if path.startswith("http") else f"{self.cloud.url}{path}"
        async with self._http.get(url, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                return response.status
            body = await response.read()
            self.cookies = {name: one.value for name, one in response.cookies.items()}
            if body.startswith(START.encode()):
                return json.loads(body.removeprefix(START.encode()))
            return body

    async def control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._http.request(
            method, f"{self._control}{path}", data=None if body is None else json.dumps(body)
        ) as response:
            return response.status, await response.json()


@pytest.fixture
async def house(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[House]:
    home = SimHome(
        HomeSpec.parse({"cloud": CLOUD, "control": {"port": 0}}), memory=tmp_path / "memory.json"
    )
    await home.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield House(home, http)
    await home.stop()


async def test_the_picture_says_what_the_control_api_tells(house: House) -> None:
    assert await house.control("GET", "/cloud") == (
        200,
        {"captcha": "", "codes": {}, "qr": False},
    )
    picture = Image.open(io.BytesIO(await house.get("/pass/getCode?icodeType=login")))
    assert picture.format == "PNG"
    assert len(picture.getcolors(10**6) or ()) > 10
    _, told = await house.control("GET", "/cloud")
    assert len(told["captcha"]) == 5
    challenges = house.cloud.accounts.challenges
    ick = house.cookies["ick"]
    assert not challenges.captcha_solved("other", told["captcha"])
    assert challenges.captcha_solved(ick, f" {told['captcha'].lower()} ")
    assert not challenges.captcha_solved(ick, told["captcha"])  # once only
    assert not challenges.captcha_solved("", "")


async def test_a_qr_code_is_scanned_once_and_in_time(house: House) -> None:
    challenges = house.cloud.accounts.challenges
    challenges.poll_seconds = 0.05
    assert (await house.control("POST", "/cloud/scan"))[0] == 400
    page = await house.get("/pass/serviceLogin?sid=xiaomiio&_json=true")
    query = page["location"].partition("?")[2]
    answer = await house.get(f"/longPolling/loginUrl?{query}&_qrsize=240", deviceId="me")
    assert (await house.control("GET", "/cloud"))[1]["qr"] is True
    assert (await house.get(answer["lp"]))["code"] != 0
    assert b"<button>" in await house.get(answer["loginUrl"])
    assert (await house.control("POST", "/cloud/scan", {"username": "nobody"}))[0] == 400
    assert (await house.control("POST", "/cloud/scan", {"username": "me"}))[0] == 200
    assert (await house.control("POST", "/cloud/scan"))[0] == 400
    welcome = await house.get(answer["lp"])
    assert welcome["code"] == 0
    assert welcome["passToken"]
    assert (await house.get(answer["lp"]))["code"] != 0
    assert await house.get("/longPolling/loginUrl?callback=https://evil.test/") == 400
    # One that is too old is not scanned any more.
    challenges.qr_seconds = 0.0
    answer = await house.get(f"/longPolling/loginUrl?{query}", deviceId="me")
    ticket = answer["lp"].partition("k=")[2]
    assert not house.cloud.accounts.scan(ticket)
    assert (await house.get(answer["lp"]))["code"] != 0


async def test_nobody_gets_past_a_verification(house: House) -> None:
    accounts = house.cloud.accounts
    account = next(iter(accounts._accounts.values()))
    context = accounts.challenges.new_verification(account, "me", f"{house.cloud.url}/sts")
    assert await house.get("/identity/list?context=other") == 400
    listed = await house.get(f"/identity/list?sid=xiaomiio&context={context}")
    assert listed["options"] == [8, 4]
    session = house.cookies["identity_session"]
    assert await house.get("/identity/auth/verifyEmail?_flag=8") == 400
    assert await house.get("/identity/auth/verifyEmail", identity_session="other") == 400
    # The end is reached only with the right code.
    assert await house.get(f"/pass/serviceLoginAuth2/end?context={context}") == 403
    assert await house.get("/pass/serviceLoginAuth2/end?context=other") == 403
    wrong = await house.get("/identity/auth/verifyEmail?ticket=1", identity_session=session)
    assert wrong["code"] == 70014
    accounts.challenges.send(accounts.challenges.by_context(context), 8)  # type: ignore[arg-type]
    _, told = await house.control("GET", "/cloud")
    # A code is good for the way it was sent.
    code = told["codes"]["email"]
    path = f"/identity/auth/verify{{}}?ticket={code}"
    assert (await house.get(path.format("Phone"), identity_session=session))["code"] == 70014
    right = await house.get(path.format("Email"), identity_session=session)
    assert right["code"] == 0
    assert await house.get(right["location"]) == 302
    assert await house.get(f"/pass/serviceLoginAuth2/end?context={context}") == 302
    assert await house.get(f"/pass/serviceLoginAuth2/end?context={context}") == 403


async def test_what_log_ins_are_asked_for(house: House) -> None:
    accounts = house.cloud.accounts
    wanted = {"captcha": True, "verification": True, "captcha_before_code": True}
    assert (await house.control("POST", "/cloud/sign_in", wanted))[0] == 200
    assert accounts.captcha
    assert accounts.verification
    assert accounts.captcha_before_code
    for bad in ({"captcha": 1}, {"password": True}):
        assert (await house.control("POST", "/cloud/sign_in", bad))[0] == 400
    await house.control("POST", "/cloud/sign_in", {"captcha": False})
    assert not accounts.captcha
    assert accounts.verification


async def test_a_home_without_a_cloud(socket_enabled: None) -> None:
    home = SimHome(HomeSpec.parse({"control": {"port": 0}}))
    await home.start()
    assert home.control is not None
    async with aiohttp.ClientSession() as http:
        for method, path in (("GET", "/cloud"), ("POST", "/cloud/scan"), ("POST", "/cloud")):
            async with http.request(method, f"{home.control.url}{path}") as response:
                assert response.status == 404
    await home.stop()
